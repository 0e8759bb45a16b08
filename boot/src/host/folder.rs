//! The folder of a file, and the user's own folders for our files (XDG Base Directory Specification 0.8).

use super::error::{Error, Result};
use std::path::{Path, PathBuf};

/// The folder that a path is in: the current one, if the path is only a name.
#[must_use]
pub fn above(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The kind of files that a program keeps for a user.
#[derive(Clone, Copy, Debug)]
pub enum Kept {
    /// Files that can be made again.
    Cache,
    /// Files that cannot.
    State,
}

/// Our folder: below the one in the variable, else below `HOME`.
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
