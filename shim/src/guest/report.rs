//! What PID 1's own children tell it, through one pipe that keeps each message whole (`O_DIRECT`, pipe(2)).

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::OFlags,
    io::Result,
    pipe::{PipeFlags, pipe_with},
};

use crate::{cut, say, say::Text};

/// One message.
#[derive(Clone, Copy)]
pub enum Report<'a> {
    /// The sandbox of this user has its root.
    Ready(&'a str),
    /// Somebody logged on: the console's name and the user's.
    LoggedOn(&'a str, &'a str),
    /// Somebody failed to, by that name.
    Refused(&'a str, &'a str),
}

/// Both ends. The children inherit them and close them before they run anything of a user's.
pub struct Reports {
    read: OwnedFd,
    write: OwnedFd,
}

impl Reports {
    pub fn new() -> Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::DIRECT)?;
        // PID 1 never waits here; its children do, for the pipe holds sixteen messages and none may be lost
        rustix::fs::fcntl_setfl(&read, OFlags::NONBLOCK)?;
        Ok(Self { read, write })
    }

    /// What to poll.
    pub fn descriptor(&self) -> &OwnedFd {
        &self.read
    }

    /// Where to send to.
    pub fn sender(&self) -> &OwnedFd {
        &self.write
    }

    /// Gives the next message, if one is there, to `take`.
    pub fn next(&self, take: impl FnOnce(Report<'_>)) -> Option<()> {
        let mut bytes = [0; 512];
        let length = rustix::io::read(&self.read, &mut bytes).ok()?;
        let text = core::str::from_utf8(bytes.get(..length)?).ok()?;
        let (console, name) = cut::once(text, b':')?;
        take(match (console, name.strip_prefix(':')) {
            ("", _) => Report::Ready(name),
            (console, Some(name)) => Report::Refused(console, name),
            (console, None) => Report::LoggedOn(console, name),
        });
        Some(())
    }
}

/// Sends one: `console:user`, `console::what was typed`, or `:user`. No name of a user's has a colon.
pub fn send(pipe: impl AsFd, report: Report<'_>) {
    let mut text = Text::new();
    match report {
        Report::Ready(name) => say!(&mut text, ":", name),
        Report::LoggedOn(console, name) => say!(&mut text, console, ":", name),
        Report::Refused(console, name) => say!(&mut text, console, "::", name),
    }
    let _ = rustix::io::write(pipe, text.as_bytes());
}
