//! PID 1's side of `/log`: makes the terminals on which inits print, and gives them to it.

use heapless::Vec;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::OFlags,
    io::{Errno, Result},
    net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair},
};

use crate::{
    guest::{
        machine::uptime,
        place,
        program::Program,
        terminal::{State, Terminal},
    },
    handover::HomeId,
    programs, say,
    say::Text,
    stopping::PRINTED,
    supervise::{MAX_SANDBOXES, Pid},
    sys::{self, Start, terminal},
};

/// Seconds until `/log` is started again after it ended.
const AGAIN: u64 = 1;

/// The terminal of an init.
pub struct Printed {
    pub home: HomeId,
    master: OwnedFd,
}

/// `/log`, which is started with the first init.
#[derive(Default)]
pub struct Output {
    program: Option<(Pid, OwnedFd, OwnedFd)>,
    /// When it is started again.
    pub due: Option<u64>,
    /// PID 1 holds them too: a program goes on if `/log` ends, and a new one reads what it prints.
    held: Vec<Printed, MAX_SANDBOXES>,
}

impl Output {
    /// Starts `/log` if it does not run. Returns whether it has to be given the terminals that are held.
    pub fn start(&mut self, words: Start) -> Result<bool> {
        if self.program.is_some() {
            return Ok(false);
        }
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let Some((pid, child)) = sys::fork()? else {
            let mut arguments = Text::new();
            say!(&mut arguments, "log\0");
            let _ = rustix::stdio::dup2_stdin(&theirs);
            let _ = Program::open(programs::LOG.path).map(|program| program.exec(&arguments, words));
            sys::exit(1)
        };
        self.program = Some((pid, child, ours));
        self.due = None;
        Ok(true)
    }

    /// Makes a new terminal for the init of that home. It looks like the console.
    pub fn open(&mut self, home: HomeId, console: Option<&Terminal>) -> Result<()> {
        self.forget(home);
        let master = place::file("/dev/ptmx", OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK)?;
        terminal::unlock(&master)?;
        console.map_or(Ok(()), |console| console.line.restore(&master, State::Init))?;
        self.held.push(Printed { home, master }).map_err(|_| Errno::NFILE)
    }

    /// Gives a terminal to `/log`, with the user's name and the console.
    pub fn give(&self, printed: &Printed, user: &str) -> Result<()> {
        let (_, _, socket) = self.program.as_ref().ok_or(Errno::SRCH)?;
        let console = place::file("/dev/console", OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK)?;
        sys::send_with(socket, user, [printed.master.as_fd(), console.as_fd()])
    }

    /// The terminals that are held.
    pub fn held(&self) -> impl Iterator<Item = &Printed> {
        self.held.iter()
    }

    /// The sandbox of that home has ended.
    pub fn forget(&mut self, home: HomeId) {
        self.held.retain(|printed| printed.home != home);
    }

    /// A process has ended: `/log` is started again if it was that one.
    pub fn buried(&mut self, pid: Pid) {
        if self.program.take_if(|(log, ..)| *log == pid).is_some() {
            self.due = Some(uptime().saturating_add(AGAIN));
        }
    }

    /// Lets `/log` print what it has.
    pub fn finish(&mut self) {
        if let Some((_, child, socket)) = self.program.take() {
            let _ = shutdown(&socket, Shutdown::Write);
            // what a console does not take by then is lost
            let _ = sys::ends_within(child.as_fd(), PRINTED);
        }
    }
}

impl Printed {
    /// The end on which the init prints.
    pub fn end(&self) -> Result<OwnedFd> {
        terminal::other_end(&self.master)
    }
}
