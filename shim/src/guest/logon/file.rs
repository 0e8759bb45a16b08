//! Reads `etc/logon.json` of a home. Its owner wrote it, so this follows no links, never blocks, and limits the size.

use rustix::{
    fd::{AsFd, BorrowedFd},
    io::Errno,
};

use crate::{guest::place, layout, logon_file::LogonFile};

/// The logon settings of the home `name` in `/tmp`; an error text if the file exists but is invalid.
pub fn of(name: &str) -> core::result::Result<LogonFile, &'static str> {
    let users = place::open(layout::USERS).map_err(place::why)?;
    below(place::folder_at(&users, name).map_err(place::why)?.as_fd())
}

/// The same, below an open home.
pub fn below(home: BorrowedFd<'_>) -> core::result::Result<LogonFile, &'static str> {
    let file = match place::regular(home, layout::LOGON_FILE) {
        Err(Errno::NOENT) => return Ok(LogonFile::default()),
        file => file.map_err(place::why)?,
    };
    let mut bytes = [0; layout::MAX_LOGON_FILE + 1];
    let content = place::content(&file, &mut bytes).map_err(place::why)?;
    LogonFile::parse(content).ok_or("it is malformed")
}
