//! Where a person's own files of a kind lie (XDG Base Directory Specification 0.8).

use super::error::{Error, Result};
use std::path::PathBuf;

/// What a program keeps for a person.
#[derive(Clone, Copy, Debug)]
pub enum Kept {
    /// What can be made again.
    Cache,
    /// What cannot.
    State,
}

/// Our folder: below the variable's, else below `HOME`.
pub fn own(kept: Kept) -> Result<PathBuf> {
    let (what, variable, below) = match kept {
        Kept::Cache => ("cache", "XDG_CACHE_HOME", ".cache"),
        Kept::State => ("state", "XDG_STATE_HOME", ".local/state"),
    };
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = folder(variable).or_else(|| Some(folder("HOME")?.join(below))).ok_or_else(|| {
        Error::new(format!("find the {what} folder"), format!("neither {variable} nor HOME is an absolute path"))
            .next("export HOME=/some/folder")
    })?;
    Ok(base.join("nodeos"))
}
