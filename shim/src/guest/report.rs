//! What PID 1's own children tell it, through one pipe: messages of four bytes, which a pipe never splits.

use rustix::{
    fd::OwnedFd,
    io::Result,
    pipe::{PipeFlags, pipe_with},
};
use shim::{supervise::ConsoleId, users::HomeId};

/// One message.
#[derive(Clone, Copy)]
pub enum Report {
    /// The sandbox of this home has its root.
    Ready(HomeId),
    /// This user logged on at this console.
    LoggedOn(ConsoleId, HomeId),
}

/// Both ends. The children inherit them and close them before they run anything of a user's.
pub struct Reports {
    read: OwnedFd,
    write: OwnedFd,
}

impl Reports {
    pub fn new() -> Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Self { read, write })
    }

    /// What to poll.
    pub fn descriptor(&self) -> &OwnedFd {
        &self.read
    }

    pub fn send(&self, report: Report) {
        let (kind, console, home) = match report {
            Report::Ready(home) => (b'R', 0, home),
            Report::LoggedOn(console, home) => (b'L', console, home),
        };
        let [low, high] = home.to_le_bytes();
        let _ = rustix::io::write(&self.write, &[kind, console, low, high]);
    }

    /// The next message, if one is there.
    pub fn next(&self) -> Option<Report> {
        let mut bytes = [0; 4];
        rustix::io::read(&self.read, &mut bytes).ok()?;
        let [kind, console, low, high] = bytes;
        let home = HomeId::from_le_bytes([low, high]);
        match kind {
            b'R' => Some(Report::Ready(home)),
            b'L' => Some(Report::LoggedOn(console, home)),
            _ => None,
        }
    }
}
