//! Enters a user's sandbox, with all capabilities until it becomes the user.
//!
//! PID 1 has started this process in the sandbox's pid namespace and cgroup. Its standard input is the pidfd of the
//! sandbox's first process; its standard output may be the terminal on which an init prints.

use core::mem::{ManuallyDrop, forget};

use linux_raw_sys::general::{CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUTS};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Gid, Mode, OFlags, Uid},
    io::{Errno, Result},
    mount::open_tree,
    process::DumpableBehavior,
};

use crate::{
    cmdline::{Options, Pipes},
    entrance::Entrance,
    guards::{Guard, Guards},
    guest::{
        execute::{CLONE, attach},
        log::Log,
        logon::session,
        place::{self, Name},
        privilege,
        terminal::{Line, State},
    },
    layout, say,
    say::Text,
    supervise::KILLED,
    sys::{self, Signals, Start, Stream, terminal::take_terminal},
};

/// Tenths of a second in which the ports for pipes have to appear.
const PORTS_WITHIN: u8 = 50;

/// Enters the sandbox, and becomes the program. Returns a status if it cannot.
pub fn enter<'a>(words: &mut impl Iterator<Item = &'a str>, options: &Options<'_>, start: Start) -> u8 {
    let log = Log::held();
    let Some(entrance) = Entrance::parse(words) else { return 64 };
    let user = &entrance.user;
    let mut limit = place::of_user(layout::CGROUPS, user.uid);
    say!(&mut limit, "/memory.max");
    let limit = place::text(&limit).unwrap_or_default();
    match prepare(&entrance, options) {
        Ok(()) => session::run(user.name, entrance.path, limit.trim_ascii_end(), options, start),
        // the sandbox is ending: this is reported as killed with it, which would happen in a moment
        Err(Errno::SRCH) => KILLED,
        Err(errno) => {
            error!(log, "cannot run a program of ", user.name, ": ", errno);
            126
        }
    }
}

/// What this opens stays open until the program is executed, which closes it: a call less for each.
fn prepare(entrance: &Entrance<'_, &str>, options: &Options<'_>) -> Result<()> {
    let (user, guards) = (&entrance.user, options.guards);
    if guards.hold(Guard::Dumpable) {
        // until it executes the program, other processes of the sandbox that run as root cannot inspect it
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    let pipes = if entrance.path == layout::APP_INIT { options.pipes } else { Pipes::default() };
    let mut ports = [const { None }; 3];
    for (descriptor, (place, path)) in (0..).zip(ports.iter_mut().zip(layout::PIPES)) {
        *place = pipes.has(descriptor).then(|| port(path)).transpose()?;
    }
    let ports = ManuallyDrop::new(ports);
    let owner = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    let input = ManuallyDrop::new(match entrance.terminal {
        None => {
            let own = guards.hold(Guard::Console);
            let console = (!own).then(|| place::file("/dev/console", OFlags::RDWR | OFlags::NOCTTY)).transpose()?;
            join_rest(guards)?;
            rustix::process::setsid()?;
            // the sandbox's own: users who shared PID 1's could block each other with a lock, and root could change it
            console.map_or_else(|| place::file("/dev/null", OFlags::RDWR), Ok)?
        }
        Some((name, line)) => {
            let (line, is_init) = (Line::parse(line).ok_or(Errno::INVAL)?, !entrance.path.is_empty());
            user_terminal(name, line, owner, is_init, guards)?
        }
    });
    if entrance.prints {
        // the terminal on which an init prints, as its user's
        rustix::fs::fchown(Stream(1), Some(owner.0), Some(owner.1))?;
    }
    let own = Stream(1);
    for (descriptor, port) in [2, 1, 0].into_iter().zip(ports.iter().rev()) {
        match port {
            Some(port) => sys::put_at(port.as_fd(), descriptor)?,
            None if descriptor == 0 || !entrance.prints => sys::put_at(input.as_fd(), descriptor)?,
            None if descriptor == 1 => {}
            None => sys::put_at(own.as_fd(), descriptor)?,
        }
    }
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    Signals::NONE.block();
    privilege::become_user(user, guards)?;
    if guards.hold(Guard::Descriptors) {
        sys::close_at_exec(3)?;
    }
    Ok(())
}

/// The terminal of a session, or of an init that is alone. Its node belongs to the user; the next logon, if there is
/// one, takes it back. A session has it as its controlling terminal. An init stays in PID 1's session, and becomes the
/// foreground there (`Terminal::own`).
fn user_terminal(name: &str, line: Line, (uid, gid): (Uid, Gid), is_init: bool, guards: Guards<'_>) -> Result<OwnedFd> {
    let mut path = Text::new();
    say!(&mut path, "/dev/", name);
    rustix::fs::chown(Name::new(&path)?.c(), Some(uid), Some(gid))?;
    let outside = ManuallyDrop::new(place::open(&path)?);
    let node = open_tree(&*outside, c"", CLONE)?;
    join_rest(guards)?;
    let _ = rustix::mount::unmount(Name::new(&path)?.c(), rustix::mount::UnmountFlags::DETACH);
    let place = place::open(&path)?;
    attach(&node, &place)?;
    forget(node);
    forget(place);
    let terminal = place::file(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK)?;
    rustix::fs::fcntl_setfl(&terminal, OFlags::empty())?;
    let mut state = State::Session;
    if is_init {
        rustix::process::setpgid(None, None)?;
        // SIGTTOU is blocked here, as all signals are
        if rustix::termios::tcsetpgrp(&terminal, rustix::process::getpid()).is_err() {
            // PID 1 has lost the console: the init runs without signals from keys
            state = State::Name;
        }
    } else {
        rustix::process::setsid()?;
        take_terminal(&terminal)?;
    }
    line.restore(&terminal, state)?;
    Ok(terminal)
}

/// A port in place of a standard stream. The kernel makes it a moment after it finds the device.
fn port(path: &str) -> Result<OwnedFd> {
    for _ in 0..PORTS_WITHIN {
        match place::file(path, OFlags::RDWR) {
            Err(Errno::NOENT) => sys::pause(100),
            result => return result,
        }
    }
    Err(Errno::TIMEDOUT)
}

/// Joins the remaining namespaces; the process started in the pid namespace already. Its root and its working folder
/// become the user's root (fs/namespace.c, `mntns_install`).
fn join_rest(guards: Guards<'_>) -> Result<()> {
    let sandbox = Stream(0);
    sys::join(sandbox.as_fd(), CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNET)?;
    if guards.hold(Guard::Pivot) {
        return Ok(());
    }
    rustix::process::chdir(Name::new(layout::ROOT)?.c())?;
    rustix::process::chroot(c".")
}
