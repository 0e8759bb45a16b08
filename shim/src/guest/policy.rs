//! Reads `.policy/USER.json`, if only root can write to it.

use rustix::{
    fd::{AsFd, OwnedFd},
    io::{Errno, Result},
};

use crate::{
    guest::{log::Log, place},
    layout,
    policy::{MAX_FILE, Policy},
    say,
    say::Text,
};

/// The policy of a user. If the file is invalid, this logs a line and returns the strictest policy.
pub fn of(user: &str, log: &Log) -> Policy {
    read(user).unwrap_or_else(|why| {
        error!(log, layout::POLICY, "/", user, layout::POLICY_SUFFIX, ": ", why, "; the strictest policy counts");
        Policy::STRICTEST
    })
}

/// The same, but returns an error and logs nothing.
pub fn read(user: &str) -> core::result::Result<Policy, &'static str> {
    let file = match open(user) {
        // a name that is too long for a policy file has no policy
        Err(Errno::NOENT | Errno::NAMETOOLONG) => return Ok(Policy::default()),
        file => file.map_err(place::why)?,
    };
    let mut bytes = [0; MAX_FILE];
    Policy::parse(place::content(&file, &mut bytes).map_err(place::why)?)
}

/// Opens the file if it is a regular file. Only root may write to it and to its folder.
fn open(user: &str) -> Result<OwnedFd> {
    let mut name = Text::new();
    say!(&mut name, user, layout::POLICY_SUFFIX);
    let folder = place::open(layout::POLICIES)?;
    let file = place::regular(folder.as_fd(), &name)?;
    place::roots_alone(&folder)?;
    place::roots_alone(&file)?;
    Ok(file)
}
