//! Reads `.policy/USER.json`: root's word about a user, if it is root's.

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{FileType, OFlags},
    io::{Errno, Result},
};

use crate::{
    errno,
    guest::{log::Log, place},
    layout,
    policy::{MAX_FILE, Policy},
    say,
    say::Text,
};

/// The policy of a user; the strictest, with a line in the log, where the file is there and no good.
pub fn of(user: &str, log: &Log) -> Policy {
    read(user).unwrap_or_else(|why| {
        error!(log, layout::POLICY, "/", user, ".json: ", why, "; the strictest policy counts");
        Policy::STRICTEST
    })
}

fn read(user: &str) -> core::result::Result<Policy, &'static str> {
    let text = |errno: Errno| errno::name(errno.raw_os_error());
    let file = match open(user) {
        // a name that is too long for a file of its own has no policy
        Err(Errno::NOENT | Errno::NAMETOOLONG) => return Ok(Policy::default()),
        file => file.map_err(text)?,
    };
    let mut bytes = [0; MAX_FILE];
    let length = rustix::io::read(&file, &mut bytes).map_err(text)?;
    Policy::parse(bytes.get(..length).filter(|content| content.len() < MAX_FILE).ok_or("it is too long")?)
}

/// Opens it if it is a regular file that only root writes, in a folder that only root writes.
fn open(user: &str) -> Result<OwnedFd> {
    let mut name = Text::new();
    say!(&mut name, user, ".json");
    let users = place::open(layout::USERS)?;
    let folder = place::folder_at(&users, layout::POLICY)?;
    let file = place::open_at(folder.as_fd(), &name, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
    place::roots_alone(&folder)?;
    place::roots_alone(&file)?;
    let regular = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) == FileType::RegularFile;
    if regular { Ok(file) } else { Err(Errno::INVAL) }
}
