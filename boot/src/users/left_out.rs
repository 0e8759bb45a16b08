//! What of an app's folder stays on the host: see docs/decisions/0032.
//!
//! Only `.nodeosignore` leaves anything out that is not named here. A `.gitignore` or a `.dockerignore` usually names
//! what a build made, and the app needs that.

use super::build_context::in_modules;
use super::home::{Content, Entry, Home};
use super::packages;
use crate::host::error::{Error, Result};
use crate::host::foreign;
use crate::host::size;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Stays on the host: the history of the sources, and the settings of package managers, which may hold a token. Then what
/// managers note for themselves in `node_modules`: paths of this host, and times.
const LEFT_OUT: [&str; 13] = [
    ".git",
    ".hg",
    ".svn",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    IGNORE,
    packages::OF_NPM,
    ".modules.yaml",
    ".pnpm-workspace-state.json",
    ".pnpm-workspace-state-v1.json",
    ".yarn-state.yml",
    ".yarn-integrity",
];
/// What else stays on the host, in the form of a .gitignore.
const IGNORE: &str = ".nodeosignore";
/// A folder that git ignores is named if it is larger.
const LARGE: u64 = 50 << 20;

/// Whether a file or a folder of that name stays on the host.
pub fn always(path: &Path) -> bool {
    LEFT_OUT.iter().any(|name| path.ends_with(name))
}

/// What the `.nodeosignore` of a folder leaves out.
#[derive(Debug)]
pub struct Ignored(Gitignore);

impl Ignored {
    /// Packages are left out only by a line that names `node_modules`: a `test` or a `*.md` is meant for the app.
    pub fn leaves_out(&self, path: &Path, folder: bool) -> bool {
        let inside = path.strip_prefix(self.0.path()).unwrap_or(path);
        match self.0.matched(path, folder) {
            ignore::Match::Ignore(glob) if in_modules(inside) => {
                !path.ends_with("node_modules") && glob.original().contains("node_modules/")
            }
            matched => matched.is_ignore(),
        }
    }

    /// How many lines it has that leave something out.
    pub fn lines(&self) -> u64 {
        self.0.num_ignores()
    }
}

/// Reads the `.nodeosignore` of a folder, if there is one.
pub fn ignored(folder: &Path) -> Result<Ignored> {
    read(folder, IGNORE).map(Ignored)
}

fn read(folder: &Path, name: &str) -> Result<Gitignore> {
    let (path, mut builder) = (folder.join(name), GitignoreBuilder::new(folder));
    let Some(text) = foreign::text_if_there(&path)? else { return Ok(Gitignore::empty()) };
    let wrong = |error: ignore::Error| Error::new(format!("read {}", path.display()), error);
    for line in text.trim_start_matches('\u{feff}').lines() {
        builder.add_line(None, line).map_err(wrong)?;
    }
    builder.build().map_err(wrong)
}

/// Names large folders and files of the app that its `.gitignore` names: they may be meant to stay on the host, as data
/// of a test, or not, as what a build made.
pub fn large(home: &Home, app: &Path) -> Vec<String> {
    // it is git's file, so nothing depends on whether we can read it
    let Ok(ignored) = read(app, ".gitignore") else { return Vec::new() };
    let mut sizes: BTreeMap<PathBuf, u64> = BTreeMap::new();
    for (path, entry) in home.entries() {
        let path = Path::new(OsStr::from_bytes(path));
        let (Ok(inside), Entry::File(Content::File(file), _)) = (path.strip_prefix("app"), entry) else { continue };
        if in_modules(inside) {
            continue;
        }
        let mut above: Vec<_> = inside.ancestors().filter(|above| *above != Path::new("")).collect();
        above.reverse();
        let is = |path: &&&Path| ignored.matched(app.join(path), **path != inside).is_ignore();
        if let Some(top) = above.iter().find(is) {
            *sizes.entry((*top).to_owned()).or_default() += fs::metadata(file).map_or(0, |found| found.len());
        }
    }
    let large = sizes.into_iter().filter(|(_, bytes)| *bytes >= LARGE);
    large
        .map(|(path, bytes)| {
            let (path, size) = (path.display(), size::shown(bytes));
            format!("/app/{path} is in the image, {size}, and git ignores it\n  next: if the app does not need it, a line /{path} in {IGNORE}")
        })
        .collect()
}

/// Names links of the app that lead out of its folder to something of the host, which is not copied. Absolute links, and
/// those that lead to nothing here, may be meant for the machine.
pub fn links(home: &Home, app: &Path) -> Option<String> {
    let leads = |(path, entry): (&[u8], &Entry)| {
        let (Entry::Link(says), path) = (entry, Path::new(OsStr::from_bytes(path)).strip_prefix("app").ok()?) else {
            return None;
        };
        let says = Path::new(OsStr::from_bytes(says));
        let host = app.join(path);
        let real = fs::canonicalize(&host).ok().filter(|real| !real.starts_with(app))?;
        let meant = says.is_absolute() || in_modules(path);
        (!meant).then(|| format!("/app/{} leads to {}", path.display(), real.display()))
    };
    let found: Vec<String> = home.entries().filter_map(leads).collect();
    let first = found.first()?;
    let more = if found.len() > 1 { format!(" and {} more", found.len() - 1) } else { String::new() };
    Some(format!(
        "{first}{more}, outside of the folder, and what is there is not copied\n  next: put it into the folder, or include it in nodeos.toml"
    ))
}

#[cfg(test)]
mod tests {
    use super::{Home, LARGE, ignored, large, links};
    use std::fs::{self, File};
    use std::path::Path;

    #[test]
    fn packages_are_left_out_only_by_a_line_that_names_them() {
        let folder = tempfile::tempdir().unwrap();
        let text = "node_modules\ntest/\n*.md\nnode_modules/big/docs\n/data\n!keep.md\n";
        fs::write(folder.path().join(".nodeosignore"), text).unwrap();
        let ignored = ignored(folder.path()).unwrap();
        for (path, is_folder, left_out) in [
            ("node_modules", true, false),
            ("lib/node_modules", true, false),
            ("node_modules/x/test", true, false),
            ("node_modules/x/README.md", false, false),
            ("node_modules/big/docs", true, true),
            ("test", true, true),
            ("README.md", false, true),
            ("keep.md", false, false),
            ("data", true, true),
            ("lib/data", true, false),
        ] {
            assert_eq!(ignored.leaves_out(&folder.path().join(path), is_folder), left_out, "{path}");
        }
        assert_eq!(ignored.lines(), 5);
        assert!(!super::ignored(Path::new("/no/such")).unwrap().leaves_out(Path::new("/no/such/x"), false));
    }

    #[test]
    fn a_link_out_of_the_folder_is_named_if_it_leads_to_something_of_the_host() {
        let folder = tempfile::tempdir().unwrap();
        let (base, of) = (fs::canonicalize(folder.path()).unwrap(), |app: &Path| {
            let mut home = Home::new("app", 1000);
            home.copy(app, "app", &[]).unwrap();
            links(&home, app)
        });
        let app = base.join("app");
        fs::create_dir_all(app.join("node_modules")).unwrap();
        fs::write(base.join("shared.json"), "").unwrap();
        fs::write(app.join("own.json"), "").unwrap();
        for (name, target) in
            [("own", "own.json"), ("data", "../data"), ("etc", "/etc"), ("node_modules/x", "../../shared.json")]
        {
            std::os::unix::fs::symlink(target, app.join(name)).unwrap();
        }
        assert_eq!(of(&app), None);
        std::os::unix::fs::symlink("../shared.json", app.join("config")).unwrap();
        let text = of(&app).unwrap();
        let expected = format!("/app/config leads to {}, outside of the folder", base.join("shared.json").display());
        assert!(text.starts_with(&expected), "{text}");
    }

    #[test]
    fn a_large_folder_that_git_ignores_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let of = |path: &str, bytes: u64| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            File::create(path).unwrap().set_len(bytes).unwrap();
        };
        fs::write(folder.path().join(".gitignore"), "/data\ndist\nnode_modules\n").unwrap();
        of("data/a/1", LARGE / 2);
        of("data/2", LARGE / 2);
        of("dist/x.js", 100);
        of("node_modules/x/large", LARGE);
        of("public/video", LARGE);
        let mut home = Home::new("app", 1000);
        home.copy(folder.path(), "app", &[]).unwrap();
        let found = large(&home, folder.path());
        let [text] = found.as_slice() else { panic!("{found:?}") };
        assert!(text.starts_with("/app/data is in the image, 52.4 MB, and git ignores it\n  next: "), "{text}");
        assert!(text.ends_with("a line /data in .nodeosignore"), "{text}");
    }
}
