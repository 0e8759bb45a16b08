//! debugfs(8) writes files with any owner into a filesystem that is not mounted.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};

use tempfile::NamedTempFile;

use super::epoch::epoch;
use crate::host::error::{Error, Result, Tried};
use crate::host::run::{find, package_of};

/// Runs commands on an image, which is a path or `path?offset=N`. Returns debugfs' error messages: after an error,
/// debugfs continues with the next command, and exits with status 0.
pub fn write(image: impl AsRef<OsStr>, commands: &[u8]) -> Result<String> {
    let mut file = NamedTempFile::new().tried("make a file in", std::env::temp_dir())?;
    file.write_all(commands).tried("write", file.path())?;
    run(&[OsStr::new("-w"), OsStr::new("-f"), file.path().as_os_str(), image.as_ref()])
        .map(|(_, complaints)| complaints)
}

/// The answer to one command that changes nothing. What debugfs complains about is an error: the answer would be only a
/// part of one.
pub fn ask(image: impl AsRef<OsStr>, command: &str) -> Result<String> {
    let image = image.as_ref();
    let (answer, complaints) = run(&[OsStr::new("-R"), OsStr::new(command), image])?;
    match complaints.lines().next() {
        None => Ok(answer),
        Some(line) => Err(Error::new(format!("ask debugfs for `{command}` of {}", image.display()), line)
            .next("e2fsck -fn FILE shows what is damaged; e2fsck -f repairs it")),
    }
}

/// Its output, and its error messages.
fn run(words: &[&OsStr]) -> Result<(String, String)> {
    let missing = || {
        Error::new("run debugfs", "not found")
            .next(package_of("debugfs").map_or_else(String::new, |package| format!("apt-get install {package}")))
    };
    let mut command = Command::new(find("debugfs").ok_or_else(missing)?);
    command.args(words).env("E2FSPROGS_FAKE_TIME", epoch()).env("LC_ALL", "C").stdin(Stdio::null());
    let done = command.output().map_err(|error| Error::io("run debugfs", &error))?;
    let said = String::from_utf8_lossy(&done.stderr);
    // the first line is debugfs' version
    let complaints: Vec<_> = said.lines().filter(|line| !line.starts_with("debugfs 1.")).collect();
    match done.status.success() || !complaints.is_empty() {
        true => Ok((String::from_utf8_lossy(&done.stdout).into_owned(), complaints.join("\n"))),
        false => Err(Error::new("run debugfs", format!("it ended with {}", done.status))),
    }
}

#[cfg(test)]
mod tests {
    use super::ask;

    #[test]
    fn what_debugfs_complains_about_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display();
        let error = ask(file.path(), "stats -h").unwrap_err().to_string();
        assert!(error.starts_with(&format!("ask debugfs for `stats -h` of {path}: ")), "{error}");
        assert!(error.contains("while trying to open") && error.contains("next: e2fsck -fn"), "{error}");
    }
}
