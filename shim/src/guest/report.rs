//! How PID 1's own children report to it: through one pipe that keeps each message whole (`O_DIRECT`, pipe(2)).

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::OFlags,
    io::Result,
    pipe::{PipeFlags, pipe_with},
};

use crate::{
    report::{ROOM, Report},
    say,
    say::Text,
};

/// Both ends. The children inherit them and close them before they run anything of a user's.
pub struct Reports {
    read: OwnedFd,
    write: OwnedFd,
}

impl Reports {
    pub fn new() -> Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::DIRECT)?;
        // PID 1 never blocks here. Its children do, because the pipe holds sixteen messages and none may be lost
        rustix::fs::fcntl_setfl(&read, OFlags::NONBLOCK)?;
        Ok(Self { read, write })
    }

    /// The descriptor to poll.
    pub fn descriptor(&self) -> &OwnedFd {
        &self.read
    }

    /// The end to which reports are sent.
    pub fn sender(&self) -> &OwnedFd {
        &self.write
    }

    /// Passes the next message to `take`; `None` if there is none. Invalid data does not hide messages that follow it.
    pub fn next(&self, take: impl FnOnce(Report<'_>)) -> Option<()> {
        let mut bytes = [0; ROOM];
        let length = rustix::io::read(&self.read, &mut bytes).ok().filter(|length| *length > 0)?;
        if let Some(report) = bytes.get(..length).and_then(Report::parse) {
            take(report);
        }
        Some(())
    }
}

/// Sends one report.
pub fn send(pipe: impl AsFd, report: Report<'_>) {
    let mut text = Text::new();
    say!(&mut text, report);
    let _ = rustix::io::write(pipe, text.as_bytes());
}
