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
        program::become_it,
        terminal::{State, Terminal},
    },
    handover::HomeId,
    programs, say,
    say::Text,
    stopping::PRINTED,
    supervise::{MAX_SANDBOXES, Pid},
    sys::{self, Start, terminal},
};

/// The longest wait, in seconds, before `/log` is started again. It doubles while `/log` lives shorter than that.
const MAX_WAIT: u64 = 60;

/// The pseudo terminal on which the init of a home prints.
pub struct InitTerminal {
    home: HomeId,
    master: OwnedFd,
    /// Whether `/log` has it.
    given: bool,
}

/// A running `/log`.
struct Running {
    pid: Pid,
    child: OwnedFd,
    socket: OwnedFd,
    since: u64,
}

impl Running {
    fn start(words: Start) -> Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let Some((pid, child)) = sys::fork()? else {
            let mut arguments = Text::new();
            say!(&mut arguments, "log\0");
            let _ = rustix::stdio::dup2_stdin(&theirs);
            let console = place::file("/dev/console", OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK);
            let _ = console.and_then(|console| rustix::stdio::dup2_stdout(&console));
            become_it(programs::LOG.path, &arguments, words)
        };
        Ok(Self { pid, child, socket, since: uptime() })
    }
}

/// `/log`, which is started with the first init.
pub struct LogProgram {
    running: Option<Running>,
    /// When it is given what it lacks.
    pub due: Option<u64>,
    wait: u64,
    /// PID 1 holds them too: an init goes on if `/log` ends, and the next one reads what it prints.
    held: Vec<InitTerminal, MAX_SANDBOXES>,
}

impl LogProgram {
    pub const fn new() -> Self {
        Self { running: None, due: None, wait: 1, held: Vec::new() }
    }

    /// Makes a new terminal for the init of that home. It looks like the console.
    pub fn open(&mut self, home: HomeId, console: Option<&Terminal>) -> Result<()> {
        self.forget(home);
        let master = place::file("/dev/ptmx", OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK)?;
        terminal::unlock(&master)?;
        console.map_or(Ok(()), |console| console.line.restore(&master, State::Init))?;
        self.held.push(InitTerminal { home, master, given: false }).map_err(|_| Errno::NFILE)?;
        self.due.get_or_insert(0);
        Ok(())
    }

    /// The terminal of that home's init.
    pub fn terminal(&self, home: HomeId) -> Option<&InitTerminal> {
        self.held.iter().find(|terminal| terminal.home == home)
    }

    /// The sandbox of that home has ended.
    pub fn forget(&mut self, home: HomeId) {
        self.held.retain(|terminal| terminal.home != home);
    }

    /// Gives `/log` the terminals that it lacks, each with its user's name. Starts it if it does not
    /// run. If that fails, it is due again later.
    pub fn give<'a>(&mut self, words: Start, user: impl Fn(HomeId) -> &'a str) -> Result<()> {
        let given = self.give_all(words, user);
        self.due = None;
        given.inspect_err(|_| self.later())
    }

    fn give_all<'a>(&mut self, words: Start, user: impl Fn(HomeId) -> &'a str) -> Result<()> {
        if self.running.is_none() {
            self.running = Some(Running::start(words)?);
        }
        let Running { socket, .. } = self.running.as_ref().ok_or(Errno::SRCH)?;
        self.held.iter_mut().filter(|terminal| !terminal.given).try_for_each(|terminal| {
            sys::send_with(socket, user(terminal.home), terminal.master.as_fd())?;
            terminal.given = true;
            Ok(())
        })
    }

    fn later(&mut self) {
        self.due = Some(uptime().saturating_add(self.wait));
        self.wait = self.wait.saturating_mul(2).min(MAX_WAIT);
    }

    /// A process has ended. If it was `/log`, the next one needs all terminals.
    pub fn buried(&mut self, pid: Pid) {
        let Some(running) = self.running.take_if(|running| running.pid == pid) else { return };
        if uptime().saturating_sub(running.since) >= MAX_WAIT {
            self.wait = 1;
        }
        self.held.iter_mut().for_each(|terminal| terminal.given = false);
        self.later();
    }

    /// Lets `/log` print what it holds.
    pub fn finish(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = shutdown(&running.socket, Shutdown::Write);
            // what a console does not take by then is lost
            let _ = sys::ends_within(running.child.as_fd(), PRINTED);
        }
    }
}

impl InitTerminal {
    /// The end on which the init prints.
    pub fn end(&self) -> Result<OwnedFd> {
        terminal::other_end(&self.master)
    }
}
