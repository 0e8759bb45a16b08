//! Opening places that others own: never through a symbolic link.
//!
//! Not generic, and names become C strings here alone: each call that does it by itself costs 200 bytes of PID 1.

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{CWD, Mode, OFlags, ResolveFlags},
    io::Result,
};

/// A handle on a place, for mounting on it or making things in it.
pub fn open(path: &str) -> Result<OwnedFd> {
    open_at(CWD, path, OFlags::PATH)
}

/// A handle on a folder below another, by a name that is no path of its own.
pub fn folder_at(dir: &OwnedFd, name: &str) -> Result<OwnedFd> {
    open_at(dir.as_fd(), name, OFlags::PATH | OFlags::DIRECTORY)
}

/// Opens below `dir` with no symbolic link on the way, for a user may own any part of it.
pub fn open_at(dir: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd> {
    open_with(dir, path, flags, ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS)
}

/// A file that is made is for its owner to write and for all to read.
#[inline(never)]
fn open_with(dir: BorrowedFd<'_>, path: &str, flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd> {
    let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o644) } else { Mode::empty() };
    rustix::fs::openat2(dir, path, flags | OFlags::CLOEXEC, mode, resolve)
}

/// Opens a file of the kernel's or of PID 1's own, through links: sysfs is made of them.
pub fn file(path: &str, flags: OFlags) -> Result<OwnedFd> {
    open_with(CWD, path, flags, ResolveFlags::empty())
}

/// A path's folder, opened, and its last name.
#[inline(never)]
pub fn parent(path: &str) -> Result<(OwnedFd, &str)> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = if folder.is_empty() { "/" } else { folder };
    Ok((open_at(CWD, folder, OFlags::PATH | OFlags::DIRECTORY)?, name))
}
