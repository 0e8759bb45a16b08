//! The homes of apps. What an app writes lies in its home, its code on the medium: so a new medium's app has none yet.

use core::{ffi::CStr, mem::MaybeUninit};

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, Gid, Mode, OFlags, RawDir, Uid},
    io::{Errno, Result},
};

use crate::{
    guest::{log::Log, place},
    layout,
    users::is_ours,
};

/// Makes a home for each app that has none. One that cannot be made keeps no other from its own.
pub fn make(apps: &str, homes: &str, log: &Log) -> Result<()> {
    let homes = place::file(homes, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let apps = place::file(apps, OFlags::RDONLY | OFlags::DIRECTORY)?;
    each(&apps, &mut |name| {
        if let Err(errno) = home(&homes, name) {
            let name = name.to_str().unwrap_or("?");
            error!(log, "cannot make the home of ", name, ": ", errno, "; the app does not run");
        }
        Ok(())
    })
}

/// A home is made under a name that is no user's, and renamed when it has its owner: a power cut leaves none of root's.
fn home(homes: &OwnedFd, name: &CStr) -> Result<()> {
    const NEW: &CStr = c".new";
    match rustix::fs::statat(homes, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => {}
        found => return found.map(drop),
    }
    match rustix::fs::mkdirat(homes, NEW, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    // no link that a partition brought is followed
    let new = place::open_at(homes.as_fd(), ".new", OFlags::RDONLY | OFlags::DIRECTORY)?;
    let uid = free(homes)?;
    rustix::fs::fchown(&new, Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid)))?;
    rustix::fs::fchmod(&new, Mode::from_raw_mode(0o755))?;
    rustix::fs::renameat(homes, NEW, homes, name)
}

/// The first uid that owns no home.
fn free(homes: &OwnedFd) -> Result<u32> {
    let mut uid = layout::FIRST_UID;
    loop {
        let mut taken = false;
        each(homes, &mut |name| {
            taken |= rustix::fs::statat(homes, name, AtFlags::SYMLINK_NOFOLLOW)?.st_uid == uid;
            Ok(())
        })?;
        if !taken {
            return Ok(uid);
        }
        uid = uid.saturating_add(1);
    }
}

/// Every entry but our own.
fn each(folder: &OwnedFd, each: &mut dyn FnMut(&CStr) -> Result<()>) -> Result<()> {
    rustix::fs::seek(folder, rustix::fs::SeekFrom::Start(0))?;
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(folder, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if !is_ours(entry.file_name().to_bytes()) {
            each(entry.file_name())?;
        }
    }
    Ok(())
}
