//! The services: programs that PID 1 keeps running. Each has a socket to PID 1 as its standard input, and ends when PID
//! 1 closes it.

use heapless::Vec;
use rustix::{
    fd::OwnedFd,
    io::{Errno, Result},
    net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair},
};

use crate::{
    guest::{machine::uptime, pid1::watchdog, program::become_it},
    programs::{self, Program},
    report::Says,
    say,
    say::Text,
    supervise::{MAX_BACKOFF, Pid},
    sys::{self, Start},
};

/// The services whose work nothing of PID 1's is part of.
pub type Others = Vec<Service, { programs::SERVICES.len() }>;

/// All but `/log`.
pub fn others() -> Others {
    let others = programs::SERVICES.iter().filter(|row| row.program != programs::LOG);
    others.map(|row| Service::new(row, Some(row.starts))).collect()
}

/// A service.
pub struct Service {
    pub row: &'static programs::Service,
    running: Option<Running>,
    /// When it is started, or given what it lacks.
    pub due: Option<u64>,
    /// Seconds before it is started again. They double while it lives shorter than `MAX_BACKOFF`.
    wait: u64,
    /// Whether it has said what is its last.
    said: bool,
}

struct Running {
    pid: Pid,
    child: OwnedFd,
    socket: OwnedFd,
    since: u64,
}

impl Service {
    pub const fn new(row: &'static programs::Service, due: Option<u64>) -> Self {
        Self { row, running: None, due, wait: 1, said: false }
    }

    /// Whether it is due now.
    pub fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= uptime())
    }

    /// The socket to the service, which is started if it does not run. If that fails, it is due again later.
    pub fn start(&mut self, words: Start) -> Result<&OwnedFd> {
        if self.running.is_none() {
            let started = start(&self.row.program, words);
            self.running = Some(started.inspect_err(|_| self.later())?);
        }
        self.due = None;
        self.socket().ok_or(Errno::SRCH)
    }

    /// Our end of its socket. PID 1 never blocks there.
    pub fn socket(&self) -> Option<&OwnedFd> {
        self.running.as_ref().map(|running| &running.socket)
    }

    /// What to poll until it has said its last. PID 1 listens no longer: such a service cannot keep it busy.
    pub fn news(&self) -> Option<&OwnedFd> {
        self.socket().filter(|_| !self.said)
    }

    /// What it says now, if anything, and may say. The record of what it says of users is in `packet`.
    pub fn hear(&mut self, packet: &mut [u8]) -> Option<Says> {
        let read = rustix::io::read(self.news()?, &mut *packet);
        if read == Err(Errno::AGAIN) {
            return None;
        }
        let says = read.ok().filter(|length| *length > 0).and_then(|_| Says::parse(*packet.first()?));
        let says = says.filter(|says| self.row.says.contains(says));
        self.said = says.is_none_or(Says::is_last);
        says
    }

    /// It is due again, after a while that grows.
    pub fn later(&mut self) {
        self.due = Some(uptime().saturating_add(self.wait));
        self.wait = self.wait.saturating_mul(2).min(MAX_BACKOFF);
    }

    /// A process has ended. Returns whether it was this service, which is then started again.
    pub fn buried(&mut self, pid: Pid) -> bool {
        let Some(running) = self.running.take_if(|running| running.pid == pid) else { return false };
        if uptime().saturating_sub(running.since) >= MAX_BACKOFF {
            self.wait = 1;
        }
        self.said = false;
        self.later();
        true
    }

    /// Tells it to finish its work.
    pub fn finish(&self) {
        if let Some(running) = &self.running {
            let _ = shutdown(&running.socket, Shutdown::Write);
        }
    }

    /// Waits for it, for at most that many seconds. Returns whether it has ended.
    pub fn ends_within(&self, seconds: u8) -> bool {
        self.running.as_ref().is_none_or(|running| watchdog::ends_within(&running.child, seconds))
    }
}

fn start(program: &Program, words: Start) -> Result<Running> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    let Some((pid, child)) = sys::fork()? else {
        let mut arguments = Text::new();
        say!(&mut arguments, program.name, "\0");
        let _ = rustix::stdio::dup2_stdin(&theirs);
        become_it(program.path, &arguments, words)
    };
    Ok(Running { pid, child, socket, since: uptime() })
}
