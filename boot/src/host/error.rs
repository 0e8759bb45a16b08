//! The only error type of this crate: what was tried, on what, why it failed, what to do next.
//!
//! Texts are in lower case, without a full stop. Only the command prints it, in one place, with `Display`.

use std::fmt;
use std::io;
use std::path::Path;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What was tried, why it failed, and the next thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What was tried, and on what: `read /etc/hosts`.
    pub tried: String,
    /// Why it failed: the errno's name, or a sentence.
    pub why: String,
    /// The next thing to do, if there is one: `apt-get install erofs-utils`.
    pub next: Option<String>,
}

impl Error {
    /// An error without a hint.
    pub fn new(tried: impl Into<String>, why: impl fmt::Display) -> Self {
        Self { tried: tried.into(), why: why.to_string(), next: None }
    }

    /// An error of the operating system, with the errno's name.
    pub fn io(tried: impl Into<String>, error: &io::Error) -> Self {
        Self::new(tried, errno(error))
    }

    /// The same, with the next thing to do.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The same, seen from the caller: the caller's action comes first, and the rest becomes the reason.
    #[must_use]
    pub fn within(self, tried: impl Into<String>) -> Self {
        Self { tried: tried.into(), why: format!("{}: {}", self.tried, self.why), next: self.next }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.tried, self.why)?;
        match &self.next {
            Some(next) => write!(f, "\n  next: {next}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// The errno's name if it is in the shim's table, else the system's text.
fn errno(error: &io::Error) -> String {
    let name = error.raw_os_error().map(shim::errno::name).filter(|name| name.starts_with('E'));
    name.map_or_else(|| error.to_string(), str::to_owned)
}

/// The hint for a write that failed because there was no space.
const FULL: &str = "free some space there; nothing half-written was kept";

/// The error of a program that found no space to write, recognized by its output: the C library's texts for ENOSPC,
/// EDQUOT and EFBIG (`ulimit -f`), and xorriso's own.
#[must_use]
pub fn full(tried: impl Into<String>, said: &str) -> Option<Error> {
    let words = ["no space left on device", "quota exceeded", "file too large", "exceeds free space"];
    let is_full = |line: &&str| words.iter().any(|word| line.to_lowercase().contains(word));
    said.lines().find(is_full).map(|line| Error::new(tried, line.trim()).next(FULL))
}

/// Adds what was tried to an error of another library.
pub trait Tried<T> {
    /// `verb` and the path it was done to: `fs::read(p).tried("read", p)`.
    fn tried(self, verb: &str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T> Tried<T> for io::Result<T> {
    fn tried(self, verb: &str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|error| {
            let at = Error::io(format!("{verb} {}", path.as_ref().display()), &error);
            match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                    at.next(FULL)
                }
                _ => at,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Tried, full};
    use std::io;

    #[test]
    fn a_system_error_names_the_attempt_the_path_and_the_errno() {
        let error = std::fs::read("/no/such").tried("read", "/no/such").unwrap_err();
        assert_eq!(error.to_string(), "read /no/such: ENOENT (no such file)");
    }

    #[test]
    fn a_full_disk_error_says_what_to_do() {
        let full: io::Result<()> = Err(io::Error::from_raw_os_error(28));
        let text = full.tried("write", "/x").unwrap_err().to_string();
        assert_eq!(
            text,
            "write /x: ENOSPC (no space left)\n  next: free some space there; nothing half-written was kept"
        );
    }

    #[test]
    fn a_full_disk_is_recognised_in_the_output_of_a_program() {
        let said = "    warning: x\n    cp: error writing 'a': No space left on device\n";
        let text = full("run cp", said).unwrap().to_string();
        let next = "free some space there; nothing half-written was kept";
        assert_eq!(text, format!("run cp: cp: error writing 'a': No space left on device\n  next: {next}"));
        assert_eq!(full("run cp", "cp: error writing 'a': Input/output error"), None);
    }

    #[test]
    fn the_caller_adds_what_it_tried_and_keeps_the_hint() {
        let error = Error::new("run mkfs.erofs", "not found").next("apt-get install erofs-utils").within("make x");
        assert_eq!(error.to_string(), "make x: run mkfs.erofs: not found\n  next: apt-get install erofs-utils");
    }
}
