//! Reads `.policy/USER.json` and `.policy/USER.env`, if only root can write to them, and policies of apps.

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::OFlags,
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
    read_in(&folder(), user, true)
}

/// The same for one of many: the folder with the policies is open, and whether the machine has apps is known.
pub fn read_in(folder: &Result<OwnedFd>, user: &str, apps: bool) -> core::result::Result<Policy, &'static str> {
    let file = match open(folder, user, layout::POLICY_SUFFIX) {
        // a name that is too long for a policy file has no policy
        Err(Errno::NOENT | Errno::NAMETOOLONG) if apps => {
            place::app(user).and_then(|code| place::regular(code.as_fd(), layout::APP_POLICY))
        }
        file => file,
    };
    let file = match file {
        // also a user that is no app
        Err(Errno::NOENT | Errno::NAMETOOLONG) => return Ok(Policy::default()),
        file => file.map_err(place::why)?,
    };
    let mut bytes = [0; MAX_FILE];
    Policy::parse(place::content(&file, &mut bytes).map_err(place::why)?)
}

/// Copies the file with the user's variables to a new file, if there is one.
pub fn copy_variables(user: &str, to: &str) -> Result<()> {
    let file = match open(&folder(), user, layout::VARIABLES_SUFFIX) {
        Err(Errno::NOENT | Errno::NAMETOOLONG) => return Ok(()),
        file => file?,
    };
    copy(&file, to)
}

/// A function of its own, because its stack takes pages.
#[inline(never)]
fn copy(file: &OwnedFd, to: &str) -> Result<()> {
    let mut bytes = [0; layout::MAX_ENVIRONMENT];
    let text = place::content(file, &mut bytes)?;
    let copy = place::file(to, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?;
    rustix::io::write(&copy, text).map(drop)
}

/// The folder with the policies.
pub fn folder() -> Result<OwnedFd> {
    place::open(layout::POLICIES)
}

/// Opens the file if it is a regular file. Only root may write to it and to its folder.
fn open(folder: &Result<OwnedFd>, user: &str, suffix: &str) -> Result<OwnedFd> {
    let folder = folder.as_ref().map_err(|errno| *errno)?;
    let mut name = Text::new();
    say!(&mut name, user, suffix);
    // most users have none, and to look costs less than to open
    place::at(folder, &name)?;
    let file = place::regular(folder.as_fd(), &name)?;
    place::roots_alone(folder)?;
    place::roots_alone(&file)?;
    Ok(file)
}
