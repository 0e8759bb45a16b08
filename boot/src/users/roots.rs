//! Files of a users partition that only root may write: policies, and the machine's own settings.

use crate::host::shown::Shown;
use shim::machine_file::{self, MachineFile, NO_FILE, NOT_ROOTS};
use shim::policy::{self, Policy};

/// A policy, or what is wrong with its file.
pub type Judged = Result<Policy, String>;
/// The machine's own settings in JSON, or what is wrong with their file.
pub type Settings = Result<String, String>;

/// Such a file, and what of it is needed to judge it.
pub struct RootsFile<'a> {
    /// Whether it is a regular file.
    pub is_file: bool,
    /// Its owner.
    pub uid: u32,
    /// Its permissions.
    pub mode: u32,
    /// Its size in bytes.
    pub size: u64,
    /// Its content, as far as it is not too long.
    pub text: &'a [u8],
}

impl RootsFile<'_> {
    /// What a machine makes of the file of a policy: the shim's own conditions.
    pub fn policy(&self) -> Judged {
        self.check(policy::MAX_FILE)?;
        Policy::parse(self.text).map_err(|why| self.said(why))
    }

    /// The same for `.machine.json`.
    pub fn settings(&self) -> Settings {
        self.check(machine_file::MAX_FILE)?;
        MachineFile::parse(self.text).map(|file| file.to_string()).map_err(|why| self.said(why))
    }

    fn check(&self, most: usize) -> Result<(), String> {
        if !self.is_file {
            return Err(NO_FILE.to_owned());
        } else if self.uid != 0 || self.mode & 0o022 != 0 {
            return Err(NOT_ROOTS.to_owned());
        } else if self.size >= most as u64 {
            return Err("it is too long".to_owned());
        }
        Ok(())
    }

    fn said(&self, why: &str) -> String {
        let text = String::from_utf8_lossy(self.text).split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{why}: {}", Shown::of(&text))
    }
}
