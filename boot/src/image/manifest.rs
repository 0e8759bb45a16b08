//! `nodeos.toml`: the user's settings for a machine. All keys are optional; unknown keys are refused.
//!
//! ```toml
//! node = "24"                       # a version, or the path of a binary
//! include = ["/usr/bin/sqlite3", { from = "build/tool", to = "/bin/tool" }]
//! cmdline = "LANG=es_ES.UTF-8 TZ=Europe/Madrid"
//! users = "users.img"
//! memory = "256M"
//! start = "node dist/server.js"
//! [env]
//! PORT = "8000"
//! [kernel]
//! options = ["CONFIG_USB_SERIAL=y"]
//! ```
//!
//! Paths are relative to the manifest's folder.

pub mod apps;

use self::apps::Table;
use crate::host::error::{Error, Result};
use crate::host::foreign;
use crate::parts::closure::normal;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file's name in an app's folder.
pub const FILE: &str = "nodeos.toml";

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manifest {
    /// Which node: `24`, `24.21.0`, or a path.
    pub node: Option<String>,
    /// Files and folders for the carbon copy.
    pub include: Vec<Include>,
    /// More words for the kernel's command line.
    pub cmdline: String,
    /// An image of a users partition.
    pub users: Option<PathBuf>,
    /// The RAM of the machine in QEMU, unparsed: the code that starts QEMU parses it like the command-line option.
    pub memory: Option<String>,
    /// The command that starts an app, in the form of `"start"` in package.json.
    pub start: Option<String>,
    /// Whether an app can make files in its own folder.
    pub writable: bool,
    /// Whether an app has a `/bin/sh`.
    pub shell: bool,
    /// Packages of an app whose install scripts run on this host, in a copy.
    #[serde(rename = "allow-scripts")]
    pub allow_scripts: Vec<String>,
    /// Whether packages that only the app's development needs are in the image too.
    pub dev: bool,
    /// Environment variables of an app.
    pub env: BTreeMap<String, String>,
    // keys of an app's policy, as `Policy` reads them
    pub restart: Option<Value>,
    pub backoff: Option<Value>,
    #[serde(rename = "on-crash-loop")]
    pub on_crash_loop: Option<Value>,
    pub grace: Option<Value>,
    pub wait: Option<Value>,
    #[serde(rename = "wait-limit")]
    pub wait_limit: Option<Value>,
    pub log: Option<Value>,
    pub machine: Option<Value>,
    /// Several apps on one machine.
    pub app: Vec<Table>,
    pub kernel: Kernel,
}

/// `[kernel]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kernel {
    /// `CONFIG_X=value`, merged last.
    pub options: Vec<KernelOption>,
}

/// One option of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KernelOption(pub String);

/// A host file or folder, and its place in the carbon copy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Include {
    /// On the host.
    pub from: PathBuf,
    /// In the guest: absolute.
    pub to: String,
}

/// An include in the form in which it is written.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a path, or { from = \"…\", to = \"/…\" }")]
enum Written {
    Path(String),
    Pair(Pair),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    from: PathBuf,
    to: String,
}

impl TryFrom<String> for KernelOption {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        // make and a shell read the file with the options, so characters that they interpret are refused
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.,:=@+%/ \"".contains(c);
        let setting = text.strip_prefix("CONFIG_").and_then(|rest| rest.split_once('='));
        match setting {
            Some((name, value)) if !name.is_empty() && name.chars().all(good) && value.chars().all(plain) => {
                Ok(Self(text))
            }
            _ => Err(format!("`{text}` is not a kernel option, write CONFIG_NAME=value")),
        }
    }
}

impl TryFrom<Written> for Include {
    type Error = String;

    fn try_from(written: Written) -> std::result::Result<Self, String> {
        let (from, to) = match written {
            Written::Path(path) => {
                (PathBuf::from(&path), if path.starts_with('/') { path } else { format!("/{path}") })
            }
            Written::Pair(Pair { from, to }) => (from, to),
        };
        let climbs = to.split('/').any(|part| part == "..");
        let normal = normal(&to);
        if !to.starts_with('/') || climbs || normal == "/" {
            return Err(format!("`{to}` is not a place in the guest: write an absolute path without `..`"));
        }
        Ok(Self { from, to: normal })
    }
}

impl Manifest {
    /// Parses the text of a manifest; `name` is the file's name in errors.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let before = text.get(..start).unwrap_or(text);
            let number = before.matches('\n').count() + 1;
            let line = text.lines().nth(number - 1).unwrap_or_default().trim();
            let why = error.message().trim_end_matches('.').replace('\n', ", ");
            Error::new(format!("read {name}, line {number}"), format!("{why}, in `{line}`"))
        })?;
        match manifest.cmdline.chars().find(|c| c.is_control()) {
            Some(_) => {
                Err(Error::new(format!("read {name}, cmdline"), "it has more than one line, or a control character"))
            }
            None => Ok(manifest),
        }
    }

    /// The manifest of a folder, or the defaults if there is no file. Its paths become absolute, or relative to our
    /// folder.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let Some(text) = foreign::text_if_there(&path)? else { return Ok(Self::default()) };
        Ok(Self::parse(&path.to_string_lossy(), &text)?.below(folder))
    }

    /// The same, with paths below `folder`.
    fn below(mut self, folder: &Path) -> Self {
        for include in &mut self.include {
            include.from = folder.join(&include.from);
        }
        for app in &mut self.app {
            let path = if app.path.as_os_str().is_empty() { Path::new(&app.name) } else { &app.path };
            app.path = folder.join(path);
        }
        self.users = self.users.map(|users| folder.join(users));
        self.node = self.node.map(|node| match node.contains('/') {
            true => folder.join(node).to_string_lossy().into_owned(),
            false => node,
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Include, Kernel, KernelOption, Manifest};
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    fn refusal(text: &str) -> String {
        Manifest::parse("nodeos.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_manifest_is_the_default() {
        assert_eq!(Manifest::parse("nodeos.toml", "").unwrap(), Manifest::default());
        assert_eq!(Manifest::load(Path::new("/no/such/folder")).unwrap(), Manifest::default());
    }

    #[test]
    fn a_manifest_that_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join(super::FILE)).unwrap();
        let error = Manifest::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("nodeos.toml: it is not a regular file, nor a link to one"), "{error}");
    }

    #[test]
    fn every_key_is_parsed_and_paths_are_relative_to_the_folder() {
        let text = r#"
            node = "./node"
            include = ["/usr/bin/sqlite3", "share/x", { from = "build/tool", to = "/bin//tool" }]
            cmdline = "TZ=UTC"
            users = "users.img"
            memory = "1G"
            writable = true
            shell = true
            allow-scripts = ["better-sqlite3"]
            dev = true
            start = "node x.js"
            [env]
            PORT = "8000"
            [kernel]
            options = ["CONFIG_USB=y"]"#;
        let include = |from: &str, to: &str| Include { from: PathBuf::from(from), to: to.to_owned() };
        let manifest = Manifest::parse("nodeos.toml", text).unwrap().below(Path::new("/app"));
        let expected = Manifest {
            node: Some("/app/./node".to_owned()),
            include: vec![
                include("/usr/bin/sqlite3", "/usr/bin/sqlite3"),
                include("/app/share/x", "/share/x"),
                include("/app/build/tool", "/bin/tool"),
            ],
            cmdline: "TZ=UTC".to_owned(),
            users: Some(PathBuf::from("/app/users.img")),
            memory: Some("1G".to_owned()),
            writable: true,
            shell: true,
            allow_scripts: vec!["better-sqlite3".to_owned()],
            dev: true,
            start: Some("node x.js".to_owned()),
            env: BTreeMap::from([("PORT".to_owned(), "8000".to_owned())]),
            app: Vec::new(),
            kernel: Kernel { options: vec![KernelOption("CONFIG_USB=y".to_owned())] },
            ..Manifest::default()
        };
        assert_eq!(manifest, expected);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let text = refusal("node = \"24\"\nmemroy = \"1G\"\n");
        assert!(text.starts_with("read nodeos.toml, line 2: unknown field `memroy`, expected one of"), "{text}");
        let text = refusal("[kernel]\nextra = []\n");
        assert!(text.starts_with("read nodeos.toml, line 2: unknown field `extra`"), "{text}");
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        let text = refusal("node = \"24\"\ninclude = [\"a\"\nmemory = \"1G\"\n");
        assert!(text.starts_with("read nodeos.toml, line ") && text.contains(", in `"), "{text}");
        let text = refusal("\n\nnode = 24.1.2\n");
        assert!(text.starts_with("read nodeos.toml, line 3: "), "{text}");
    }

    #[test]
    fn a_bad_value_names_its_line_and_what_to_write() {
        for (text, says) in [
            ("\nmemory = 1", "line 2: invalid type: integer `1`, expected a string, in `memory = 1`"),
            ("[kernel]\noptions = [\"USB=y\"]", "line 2: `USB=y` is not a kernel option, write CONFIG_NAME=value"),
            (
                "[kernel]\noptions = ['CONFIG_X=\"$(shell id)\"']",
                "line 2: `CONFIG_X=\"$(shell id)\"` is not a kernel option",
            ),
            ("[kernel]\noptions = ['CONFIG_X=`id`']", "line 2: `CONFIG_X=`id`` is not a kernel option"),
            ("[kernel]\noptions = [\"CONFIG_X=y\\nCONFIG_Y=y\"]", "is not a kernel option"),
            ("include = [{ from = \"a\", to = \"b\" }]", "line 1: `b` is not a place in the guest"),
            ("include = [\"../a\"]", "line 1: `/../a` is not a place in the guest"),
            ("include = [{ from = \"a\" }]", "line 1: expected a path, or { from ="),
            ("node = 24", "line 1: invalid type: integer `24`, expected a string, in `node = 24`"),
            ("cmdline = \"a\\nb\"", "cmdline: it has more than one line"),
        ] {
            assert!(refusal(text).contains(says), "{}", refusal(text));
        }
    }
}
