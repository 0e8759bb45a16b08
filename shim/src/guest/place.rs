//! Opening places that others own: never through a symbolic link.

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, Mode, OFlags, ResolveFlags},
    io::Result,
};

/// A handle on a place, for mounting on it or making things in it.
pub fn open(path: &str) -> Result<OwnedFd> {
    open_at(CWD, path, OFlags::PATH)
}

/// A handle on a folder below another, by a name that is no path of its own.
pub fn folder_at(dir: impl AsFd, name: &str) -> Result<OwnedFd> {
    open_at(dir, name, OFlags::PATH | OFlags::DIRECTORY)
}

/// Opens below `dir` with no symbolic link on the way, for a user may own any part of it.
pub fn open_at(dir: impl AsFd, path: &str, flags: OFlags) -> Result<OwnedFd> {
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(dir, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
}

/// A path's folder, opened, and its last name.
pub fn parent(path: &str) -> Result<(OwnedFd, &str)> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = if folder.is_empty() { "/" } else { folder };
    Ok((open_at(CWD, folder, OFlags::PATH | OFlags::DIRECTORY)?, name))
}
