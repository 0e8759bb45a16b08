//! PID 1's side of `/log`: makes the terminals on which inits print, and gives them to it.

use heapless::Vec;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::OFlags,
    io::{Errno, IoSlice, Result},
};

use crate::{
    guest::{
        pid1::services::Service,
        place,
        terminal::{State, Terminal},
    },
    handover::HomeId,
    init_news::InitNews,
    programs,
    stopping::PRINTED,
    supervise::{MAX_SANDBOXES, Pid},
    sys::{self, Start, terminal},
};

/// The pseudo terminal on which the init of a home prints.
pub struct InitTerminal {
    home: HomeId,
    master: OwnedFd,
    /// Whether `/log` has it.
    given: bool,
}

/// `/log`, which is started at once: it keeps the kernel's messages too.
pub struct LogProgram {
    pub service: Service,
    /// PID 1 holds them too: an init goes on if `/log` ends, and the next one reads what it prints.
    held: Vec<InitTerminal, MAX_SANDBOXES>,
}

impl LogProgram {
    pub const fn new() -> Self {
        Self { service: Service::new(&programs::LOGGER, Some(0)), held: Vec::new() }
    }

    /// Makes a new terminal for the init of that home. It looks like the console.
    pub fn open(&mut self, home: HomeId, console: Option<&Terminal>) -> Result<()> {
        self.forget(home);
        let master = place::file("/dev/ptmx", OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK)?;
        terminal::unlock(&master)?;
        console.map_or(Ok(()), |console| console.line.restore(&master, State::Init))?;
        self.held.push(InitTerminal { home, master, given: false }).map_err(|_| Errno::NFILE)?;
        self.service.due.get_or_insert(0);
        Ok(())
    }

    /// The terminal of that home's init.
    pub fn terminal(&self, home: HomeId) -> Option<&InitTerminal> {
        self.held.iter().find(|terminal| terminal.home == home)
    }

    /// The sandbox of that home has ended.
    pub fn forget(&mut self, home: HomeId) {
        // a home has at most one; `retain` takes 112 bytes more of PID 1
        if let Some(at) = self.held.iter().position(|terminal| terminal.home == home) {
            drop(self.held.swap_remove(at));
        }
    }

    /// Gives `/log` the terminals that it lacks, each with its user's name. Starts it if it does not
    /// run. If that fails, it is due again later.
    pub fn give<'a>(&mut self, words: Start, user: impl Fn(HomeId) -> &'a str) -> Result<()> {
        let socket = self.service.start(words)?;
        let given = self.held.iter_mut().filter(|terminal| !terminal.given).try_for_each(|terminal| {
            sys::send_with(socket, user(terminal.home), terminal.master.as_fd())?;
            terminal.given = true;
            Ok(())
        });
        given.inspect_err(|_| self.service.later())
    }

    /// Tells `/log` what people should know of an init. If it does not run now, nobody is told.
    pub fn tell(&self, news: InitNews, name: &str) {
        if let Some(socket) = self.service.socket() {
            let _ = rustix::io::writev(socket, &[IoSlice::new(&news.bytes()), IoSlice::new(name.as_bytes())]);
        }
    }

    /// A process has ended. If it was `/log`, the next one needs all terminals.
    pub fn buried(&mut self, pid: Pid) {
        if self.service.buried(pid) {
            self.held.iter_mut().for_each(|terminal| terminal.given = false);
        }
    }

    /// Lets `/log` print what it holds. What a console does not take in that time is lost.
    pub fn finish(&mut self) {
        self.service.finish();
        let _ = self.service.ends_within(PRINTED);
    }
}

impl InitTerminal {
    /// The end on which the init prints.
    pub fn end(&self) -> Result<OwnedFd> {
        terminal::other_end(&self.master)
    }
}
