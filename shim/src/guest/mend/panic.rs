//! Logs the kernel's text of a panic before this boot, and removes it.

use core::ffi::CStr;

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, OFlags},
    io::Result,
    mount::{MountFlags, UnmountFlags},
};

use crate::{
    guest::{log::Log, place},
    last_panic::{MAX_RECORD, PARTS, lines, text},
    layout::PANICS,
};

/// Does it. Most boots find nothing.
pub fn tell(log: &Log) {
    let flags = MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
    let mounted = rustix::mount::mount(c"none", PANICS, c"pstore", flags, c"");
    if let Err(errno) = mounted.and_then(|()| tell_all(log)) {
        error!(log, "cannot read or remove what the kernel said before it panicked: ", errno);
    }
    let _ = rustix::mount::unmount(PANICS, UnmountFlags::DETACH);
}

fn tell_all(log: &Log) -> Result<()> {
    let mut any = false;
    each(|_, _| {
        any = true;
        Ok(())
    })?;
    if !any {
        return Ok(());
    }
    error!(log, "the kernel panicked before this boot; its last words:");
    // the oldest part has the highest number
    for part in (1..=PARTS).rev() {
        each(|folder, name| tell_part(folder, name, part, log))?;
    }
    each(|folder, name| rustix::fs::unlinkat(folder, name, AtFlags::empty()))
}

fn tell_part(folder: &OwnedFd, name: &CStr, part: u32, log: &Log) -> Result<()> {
    let mut buffer = [0; MAX_RECORD];
    let record = place::regular(folder.as_fd(), name.to_str().unwrap_or_default())?;
    let length = rustix::io::read(&record, &mut buffer)?;
    let record = buffer.get(..length).unwrap_or_default();
    let record = core::str::from_utf8(record)
        .or_else(|bad| core::str::from_utf8(record.get(..bad.valid_up_to()).unwrap_or_default()));
    lines(record.ok().and_then(|record| text(record, part)).unwrap_or_default())
        .for_each(|line| error!(log, "| ", line));
    Ok(())
}

/// Calls `with` for each record: the folder, and its name.
fn each(mut with: impl FnMut(&OwnedFd, &CStr) -> Result<()>) -> Result<()> {
    let folder = place::file(PANICS, OFlags::RDONLY | OFlags::DIRECTORY)?;
    place::kernel_entries(&folder, &[], |name, _| with(&folder, name))
}
