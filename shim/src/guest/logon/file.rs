//! Reads `etc/logon.json` of a home, which its owner wrote: never through a link, never for ever, never too much.

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{FileType, OFlags},
    io::{Errno, Result},
};

use crate::{errno, guest::place, layout, logon_file::LogonFile};

/// How the owner of the home `name` in `/tmp` may log on; an error text for a file that is there and no good.
pub fn of(name: &str) -> core::result::Result<LogonFile, &'static str> {
    let users = place::open(layout::USERS).map_err(text)?;
    below(&place::folder_at(&users, name).map_err(text)?)
}

/// The same, below a home that is open.
pub fn below(home: &OwnedFd) -> core::result::Result<LogonFile, &'static str> {
    let file = match open_regular(home.as_fd(), layout::LOGON_FILE) {
        Err(Errno::NOENT) => return Ok(LogonFile::default()),
        file => file.map_err(text)?,
    };
    let mut bytes = [0; layout::MAX_LOGON_FILE + 1];
    let mut length = 0_usize;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match rustix::io::read(&file, rest).map_err(text)? {
            0 => break,
            more => length = length.saturating_add(more),
        }
    }
    let content = bytes.get(..length).filter(|content| content.len() < bytes.len()).ok_or("it is too long")?;
    LogonFile::parse(content).ok_or("it is malformed")
}

fn text(errno: Errno) -> &'static str {
    errno::name(errno.raw_os_error())
}

/// Opens a file of a user's for reading, if it is a regular one: a FIFO would block, a device would act.
fn open_regular(home: BorrowedFd<'_>, path: &str) -> Result<OwnedFd> {
    let file = place::open_at(home, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile { Ok(file) } else { Err(Errno::INVAL) }
}
