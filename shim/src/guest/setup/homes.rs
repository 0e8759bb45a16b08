//! The homes of apps. What an app writes lies in its home, its code on the medium: so a new medium's app has none yet.

use core::{ffi::CStr, mem::MaybeUninit};

use rustix::{
    fd::OwnedFd,
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

/// A home is made under a temporary name, and renamed when it has its owner: a power cut leaves none of root's.
fn home(homes: &OwnedFd, name: &CStr) -> Result<()> {
    const NEW: &CStr = c".new";
    match rustix::fs::statat(homes, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => {}
        found => return found.map(drop),
    }
    // from a boot that was cut short, or brought by a partition that anybody may have written
    let _ = rustix::fs::unlinkat(homes, NEW, AtFlags::REMOVEDIR);
    let _ = rustix::fs::unlinkat(homes, NEW, AtFlags::empty());
    rustix::fs::mkdirat(homes, NEW, Mode::RWXU)?;
    let uid = free(homes)?;
    let (owner, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
    rustix::fs::chownat(homes, NEW, Some(owner), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
    rustix::fs::chmodat(homes, NEW, Mode::from_raw_mode(0o755), AtFlags::empty())?;
    rustix::fs::renameat(homes, NEW, homes, name)
}

/// The first uid that owns no home. A partition with more homes than a machine takes may have none left.
fn free(homes: &OwnedFd) -> Result<u32> {
    let mut taken = [false; layout::MAX_HOMES];
    each(homes, &mut |name| {
        let uid = rustix::fs::statat(homes, name, AtFlags::SYMLINK_NOFOLLOW)?.st_uid;
        let place = uid.checked_sub(layout::FIRST_UID).and_then(|place| usize::try_from(place).ok());
        if let Some(taken) = place.and_then(|place| taken.get_mut(place)) {
            *taken = true;
        }
        Ok(())
    })?;
    let place = taken.iter().position(|taken| !taken).and_then(|place| u32::try_from(place).ok());
    place.and_then(|place| layout::FIRST_UID.checked_add(place)).ok_or(Errno::MFILE)
}

/// All entries but the system's.
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
