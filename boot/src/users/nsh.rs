//! The shell: `nsh`, a Node.js program that is also `/bin/sh`. People have it, and apps with `shell = true`.
//!
//! Its sources are in `examples/demo/shell`. They are compiled in, so that the command does not need a clone; npm fetches
//! the one package that they use.

use super::home::{Entry, Home};
use super::packages;
use crate::host::Host;
use crate::host::digest::Key;
use crate::host::error::{Error, Result};
use std::path::{Path, PathBuf};

/// A file of the shell.
macro_rules! source {
    ($path:literal) => {
        ($path, include_str!(concat!("../../../examples/demo/shell/", $path)))
    };
}

const MANIFEST: (&str, &str) = source!("package.json");
const LOCK: (&str, &str) = source!("package-lock.json");
const FILES: [(&str, &str); 44] = [
    MANIFEST,
    source!("arithmetic.js"),
    source!("commands/accounts.js"),
    source!("commands/beneath.js"),
    source!("commands/date.js"),
    source!("commands/files.js"),
    source!("commands/grep.js"),
    source!("commands/help.js"),
    source!("commands/homes.js"),
    source!("commands/language.js"),
    source!("commands/less.js"),
    source!("commands/logon.js"),
    source!("commands/ls.js"),
    source!("commands/machine.js"),
    source!("commands/names.js"),
    source!("commands/options.js"),
    source!("commands/passwd.js"),
    source!("commands/password.js"),
    source!("commands/printf.js"),
    source!("commands/processes.js"),
    source!("commands/ps.js"),
    source!("commands/sed.js"),
    source!("commands/settings.js"),
    source!("commands/system.js"),
    source!("commands/table.js"),
    source!("commands/test.js"),
    source!("commands/text.js"),
    source!("commands/useradd.js"),
    source!("commands/userdel.js"),
    source!("commands/users.js"),
    source!("ends.js"),
    source!("expand.js"),
    source!("glob.js"),
    source!("grammar.js"),
    source!("machine.js"),
    source!("memory.js"),
    source!("nsh.js"),
    source!("pipe.js"),
    source!("program.js"),
    source!("reason.js"),
    source!("redirect.js"),
    source!("run.js"),
    source!("shell.js"),
    source!("terminal.js"),
];

/// The program of a session.
pub const PATH: &str = "/bin/nsh";
/// What programs start that need a shell, and what they start to find the children of a process.
const OTHERS: [&str; 2] = ["/bin/ps", "/bin/sh"];
/// Where the shell is in a root.
const AT: &str = "lib/node_modules/nodeos-shell";

/// The shell, with the packages that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nsh(PathBuf);

impl Nsh {
    /// From the cache; npm fetches the packages the first time.
    pub fn fetch(host: &Host) -> Result<Self> {
        packages::install(host, "the shell", MANIFEST.1, LOCK.1).map(Self)
    }

    /// With packages in the `node_modules` of this folder.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Puts the shell into a root: `/bin/nsh`, `/bin/sh` and `/bin/ps`. A program of that name that is there already stays.
    pub fn put(&self, home: &mut Home) -> Result<()> {
        let other = |path: &&&str| home.get(path).is_some_and(|entry| *entry != Entry::Folder);
        if let Some(path) = ["bin", "lib", "lib/node_modules"].iter().find(other) {
            let tried = format!("give {} the shell", home.name);
            return Err(
                Error::new(tried, format!("/{path} is not a folder")).next("--shell /bin/node takes node's own")
            );
        }
        for (name, text) in FILES {
            home.file(&format!("{AT}/{name}"), text);
        }
        home.runnable(&format!("{AT}/nsh.js"));
        home.copy(&self.0.join("node_modules"), &format!("{AT}/node_modules"), &[packages::OF_NPM])?;
        for program in [PATH].iter().chain(&OTHERS).map(|path| path.trim_start_matches('/')) {
            if home.get(program).is_none() {
                home.link(program, &format!("../{AT}/nsh.js"));
            }
        }
        Ok(())
    }
}

/// Adds the shell's sources to a key.
#[must_use]
pub fn key(key: Key) -> Key {
    FILES.iter().fold(key.with("lock", LOCK.1), |key, (name, text)| key.with(name, text))
}

#[cfg(test)]
mod tests {
    use super::{FILES, Nsh};
    use crate::users::home::Home;
    use std::fs;
    use std::path::Path;

    #[test]
    fn a_root_with_the_shell_has_its_programs() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("node_modules/unbash")).unwrap();
        let mut home = Home::new("guest", 1001);
        Nsh::at(folder.path()).put(&mut home).unwrap();
        let text = home.to_string();
        for program in ["nsh", "ps", "sh"] {
            let link = format!("bin/{program} -> ../lib/node_modules/nodeos-shell/nsh.js\n");
            assert!(text.contains(&link), "{text}");
        }
        assert!(text.contains("100755 lib/node_modules/nodeos-shell/nsh.js\n"), "{text}");
        assert!(text.contains("040755 lib/node_modules/nodeos-shell/node_modules/unbash\n"), "{text}");
    }

    #[test]
    fn what_a_user_brought_stays() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("node_modules")).unwrap();
        let mut home = Home::new("ana", 1000);
        home.program("bin/sh", "mine");
        Nsh::at(folder.path()).put(&mut home).unwrap();
        assert!(home.to_string().contains("100755 bin/sh\n") && home.get("bin/nsh").is_some(), "{home}");
        let mut home = Home::new("bo", 1001);
        home.link("bin", "programs");
        let error = Nsh::at(folder.path()).put(&mut home).unwrap_err().to_string();
        assert!(error.contains("give bo the shell: /bin is not a folder"), "{error}");
    }

    #[test]
    fn each_file_of_the_shell_is_compiled_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/demo/shell");
        for below in ["", "commands"] {
            for entry in fs::read_dir(folder.join(below)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "js") {
                    let name = path.strip_prefix(&folder).unwrap().to_str().unwrap();
                    assert!(FILES.iter().any(|(file, _)| *file == name), "{name} is missing in FILES");
                }
            }
        }
    }
}
