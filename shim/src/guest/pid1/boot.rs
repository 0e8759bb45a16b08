//! The boot: from the first instruction to the state that `run` supervises.

use heapless::Vec;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::Mode,
    io::Errno,
    mount::open_tree,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    pipe::{PipeFlags, pipe_with},
    process::{Signal, WaitOptions, WaitStatus},
};

use crate::{
    guards::{Guard, Guards},
    guest::{
        execute::{CLONE, Stopped, attach},
        log::Log,
        pid1::stop,
        place, privilege,
        program::{Program, become_it},
        terminal::{Line, Terminal},
    },
    handover::{ROOM, Reader, Record, Settings, Users},
    layout::MAX_CONSOLES,
    op::{Attr, Upper},
    plan::{self, First, Run, Step},
    programs, say,
    say::Text,
    supervise::{MAX_SANDBOXES, Pid, State},
    sys::{self, Signals, Start},
};

/// The maximum number of seconds for a program that reads files in the homes.
pub const CHECK: u8 = 60;

/// The result of the boot.
pub struct Machine<'a> {
    pub words: Start,
    pub single: bool,
    pub unattended: bool,
    /// Whether some users may have code on the medium.
    pub apps: bool,
    pub guards: Guards<'a>,
    pub homes: Users<'a>,
    pub upper: Upper,
    pub consoles: Vec<Terminal<'a>, MAX_CONSOLES>,
}

/// Boots until users can run; `Stopped` if there is no carbon copy.
pub fn boot(start: Start, log: &Log) -> Result<Machine<'static>, Stopped> {
    // from here on, ctrl-alt-del sends SIGINT to PID 1, and the kernel does not restart the machine by itself
    let _ = rustix::system::reboot(rustix::system::RebootCommand::CadOff);
    // files get exactly the given modes; users' programs get the usual mask
    rustix::process::umask(Mode::empty());
    let guards = Guards::of(start.arguments().skip(1).chain(start.environment()));
    plan::first(&mut Begin(guards))?;
    let (read, write) = pipe().map_err(|errno| unread(errno, log))?;
    let upper = setup(start, write, log)?;
    let told = sys::room(ROOM).and_then(|room| rustix::io::read(&read, room)).map_err(|errno| unread(errno, log))?;
    let (Settings { single, apps, unattended, consoles: count, users }, mut rest) =
        Reader::new(told.0).ok_or_else(|| cut_short(log))?;
    let mut consoles = Vec::new();
    for Record { numbers, name } in (0..count).filter_map(|_| rest.take()) {
        let _ = consoles.push(Terminal { name, line: Line::of_numbers(numbers) });
    }
    let room = sys::room(1).map_err(|errno| unread(errno, log))?.first_mut().ok_or_else(|| cut_short(log))?;
    let homes = Users::new(rest, users, room.write(Vec::new())).ok_or_else(|| cut_short(log))?;
    info!(log, users, " users");
    Ok(Machine { words: start, single, apps, unattended, guards, homes, upper, consoles })
}

/// A pipe for the records of `handover`. Nobody blocks there: PID 1 reads when `/setup` has ended, whoever still has the
/// other end, and `/setup` must not wait for room, because PID 1 waits for it.
fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
}

fn unread(errno: Errno, log: &Log) -> Stopped {
    error!(log, "cannot read what /setup found: ", errno);
    Stopped
}

fn cut_short(log: &Log) -> Stopped {
    error!(log, "what /setup found did not arrive whole, perhaps because memory ran out");
    Stopped
}

/// PID 1's own first steps. There is no log yet.
struct Begin<'a>(Guards<'a>);

impl Run<First> for Begin<'_> {
    type Error = Stopped;

    #[inline(always)]
    fn run(&mut self, step: Step<First>) -> Result<(), Stopped> {
        match step.op {
            First::BoundingSet => {
                if self.0.hold(Guard::Capabilities) && privilege::seal().is_err() {
                    sys::Stream(2).put("nodeos: the kernel cannot drop capabilities, so no user can be restricted\n");
                    return Err(Stopped);
                }
            }
            First::OwnRoot(attr) => {
                if let Err(errno) = own_root(attr) {
                    let mut why = Text::new();
                    say!(&mut why, "nodeos: cannot make a root to pivot from: ", errno, "\n");
                    sys::Stream(2).put(&why);
                    return Err(Stopped);
                }
            }
        }
        Ok(())
    }
}

/// Replaces the rootfs as the root by a mount of the same files, because before Linux 7.0 no process can pivot away
/// from the rootfs. All later mounts are below the new one, so a sandbox drops all of them at once. After this, nothing
/// is written through the rootfs.
fn own_root(attr: Attr) -> Result<(), Errno> {
    let rootfs = place::open("/")?;
    let root = open_tree(&rootfs, c"", CLONE)?;
    sys::mount_attributes(rootfs.as_fd(), attr)?;
    attach(&root, &rootfs)?;
    rustix::process::fchdir(&root)?;
    rustix::process::chroot(c".")
}

/// Runs `/setup` and waits for it; it logs its own failures, and writes a `handover`. Returns where users' writes go.
fn setup(words: Start, handover: OwnedFd, log: &Log) -> Result<Upper, Stopped> {
    let mut arguments = Text::new();
    say!(&mut arguments, "setup\0");
    let ended = match sys::fork() {
        Ok(Some((pid, _))) => ended(pid, log),
        Ok(None) => {
            // a SIGTERM ends `/setup` and everything that it runs
            Signals::NONE.block();
            let _ = rustix::stdio::dup2_stdout(&handover);
            let _ = Program::open(programs::SETUP.path).map(|program| program.exec(&arguments, words));
            // there is no log yet
            sys::Stream(2).put("nodeos: the initramfs has no /setup that runs: build the image again\n");
            sys::exit(Upper::FAILED)
        }
        Err(errno) => Err(errno),
    };
    let status = ended.ok().flatten().and_then(|(_, status)| status.exit_status());
    if status.is_none() {
        error!(log, "/setup ended too early, perhaps because memory ran out");
    }
    status.and_then(|status| Upper::of_status(u8::try_from(status).ok()?)).ok_or(Stopped)
}

/// Waits until that child has ended. If the machine is told to stop meanwhile, it stops at once.
fn ended(pid: Pid, log: &Log) -> Result<Option<(rustix::process::Pid, WaitStatus)>, Errno> {
    let news = Signals::of(&[Signal::CHILD, Signal::INT, Signal::TERM]);
    loop {
        if let Some(word) = news.wait().ok().and_then(stop::ordered) {
            stop::stop_booting(word, log);
        }
        let ended = rustix::process::waitpid(rustix::process::Pid::from_raw(pid), WaitOptions::NOHANG);
        if !matches!(ended, Ok(None)) {
            return ended;
        }
    }
}

impl Machine<'_> {
    /// The first state of the supervisor: which users have an `/init` (root first), and whether anybody may log on.
    pub fn state(&self, log: &Log) -> State {
        let root = self.homes.root();
        let mut state = State::new(self.consoles.len(), root, self.interactive(log));
        state.unattended = self.unattended;
        if self.single {
            error!(log, "single: no init runs, and only root may log on");
            self.idle(&mut state, log);
            return state;
        }
        let others = self.homes.ids().filter(|home| Some(*home) != root);
        let known = |home: &u16| self.homes.get(*home).is_some() && self.homes.has_init(*home);
        for home in root.into_iter().chain(others).filter(known) {
            if !state.want_init(home) {
                let name = self.homes.get(home).map_or("?", |user| user.name);
                error!(log, "home ", name, ": its init does not run: there are ", MAX_SANDBOXES, " sandboxes already");
            }
        }
        self.idle(&mut state, log);
        state
    }

    /// Logs why a machine with nothing to run powers off.
    fn idle(&self, state: &mut State, log: &Log) {
        if state.idle() && self.apps && !self.single {
            state.fail();
            error!(log, "no app runs, for the reason above, and nobody may log on: powering off");
        } else if state.idle() {
            let who = if self.single { "root" } else { "USER" };
            error!(
                log,
                "nobody may log on and no init runs: powering off; give somebody a password: nodeos users passwd FILE ",
                who
            );
        }
    }

    /// Whether anybody may log on. `/logon` reads the logon files, and logs a line for each invalid one.
    fn interactive(&self, log: &Log) -> bool {
        self.check(log).unwrap_or_else(|errno| {
            error!(log, "cannot read the logon files: ", errno);
            false
        })
    }

    fn check(&self, log: &Log) -> Result<bool, Errno> {
        let mut arguments = Text::new();
        say!(&mut arguments, "logon\0check\0");
        let (ended, _) = self.told_of_users(programs::LOGON.path, &arguments)?;
        if ended.is_none() {
            error!(log, "the logon files are still being read after ", CHECK, " s; going on without");
        }
        Ok(ended.is_none_or(|status| status == 0))
    }

    /// Runs a program that reads the records of all users from its standard input. Returns its status, or `None` if it
    /// takes too long (a disk that hangs must not keep the others from booting), and our end of the socket that is its
    /// standard output.
    pub fn told_of_users(&self, program: &str, arguments: &Text) -> Result<(Option<i32>, OwnedFd), Errno> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let (read, write) = pipe()?;
        rustix::io::write(&write, self.homes.records())?;
        drop(write);
        let Some((pid, child)) = sys::fork()? else {
            let _ = rustix::stdio::dup2_stdin(&read);
            let _ = rustix::stdio::dup2_stdout(&theirs);
            become_it(program, arguments, self.words)
        };
        let pid = rustix::process::Pid::from_raw(pid).ok_or(Errno::SRCH)?;
        if !sys::ends_within(child.as_fd(), CHECK) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            return Ok((None, ours));
        }
        // it has ended: only a tracer could delay this
        let ended = rustix::process::waitpid(Some(pid), WaitOptions::empty())?;
        Ok((ended.and_then(|(_, status)| status.exit_status()).or(Some(1)), ours))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipe_from_setup_blocks_nobody() {
        let (read, write) = pipe().unwrap();
        for end in [&read, &write] {
            assert!(rustix::fs::fcntl_getfl(end).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
        }
        assert_eq!(rustix::io::read(&read, &mut [0]), Err(Errno::AGAIN), "the other end is open");
        assert_eq!(rustix::io::write(&write, &[1; ROOM]), Ok(ROOM), "there is room for everything");
    }
}
