//! How PID 1 handles sandboxes: a child that becomes `/sandbox` makes a sandbox, and each program of the user enters
//! it.

use core::mem::{ManuallyDrop, forget};

use linux_raw_sys::general::{CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS};
use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{Gid, Mode, OFlags, Uid},
    io::{Errno, Result},
    mount::open_tree,
    process::DumpableBehavior,
};

use crate::{
    cmdline::Pipes,
    guards::{Guard, Guards},
    guest::{
        execute::{CLONE, attach},
        log::Log,
        pid1::{boot::Machine, output::InitTerminal, stop},
        place::{self, Name},
        privilege,
        program::Program,
        terminal::{State, Terminal},
    },
    layout,
    op::{Upper, User},
    programs, say,
    say::Text,
    supervise::{KILLED, Pid},
    sys::{self, Signals, terminal::take_terminal},
};

/// The namespaces that separate the processes of a sandbox from all others.
fn namespaces(guards: Guards<'_>) -> u32 {
    let own = |guard, namespace| if guards.hold(guard) { namespace } else { 0 };
    let named = own(Guard::Pids, CLONE_NEWPID) | own(Guard::Ipc, CLONE_NEWIPC) | own(Guard::Uts, CLONE_NEWUTS);
    CLONE_NEWNS | CLONE_NEWCGROUP | named
}

/// Makes the sandbox: a child in new namespaces becomes `/sandbox`, which reports on `reports`.
pub fn build(user: &User<'_>, machine: &Machine<'_>, reports: &OwnedFd) -> Result<(Pid, OwnedFd)> {
    let cgroup = cgroup_of(user)?;
    if let Some(made) = sys::fork_into(namespaces(machine.guards), &cgroup)? {
        return Ok(made);
    }
    let errno = become_sandbox(user, machine, reports).err().unwrap_or(Errno::INVAL);
    error!(Log::PID1, "cannot make the sandbox of ", user.name, ": ", errno);
    sys::exit(1)
}

fn become_sandbox(user: &User<'_>, machine: &Machine<'_>, reports: &OwnedFd) -> Result<()> {
    let mut arguments = Text::new();
    let upper = if machine.upper == Upper::Ram { "ram" } else { "home" };
    say!(&mut arguments, "sandbox\0", user.name, "\0", user.uid, "\0", user.gid, "\0", upper, "\0");
    say!(&mut arguments, machine.homes.count(), "\0");
    rustix::stdio::dup2_stdout(reports)?;
    Err(Program::open(programs::SANDBOX.path)?.exec(&arguments, machine.words))
}

/// The cgroup of a user's sandbox; it is made if it does not exist.
fn cgroup_of(user: &User<'_>) -> Result<OwnedFd> {
    let folder = place::of_user(layout::CGROUPS, user.uid);
    // `/control`, which is not root, reads files in it
    match rustix::fs::mkdir(Name::new(&folder)?.c(), Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => place::file(&folder, OFlags::RDONLY | OFlags::DIRECTORY),
        Err(errno) => Err(errno),
    }
}

/// Removes the cgroup of a sandbox that has ended. If the sandbox is built again meanwhile, the cgroup stays.
pub fn remove(user: &User<'_>) {
    if let Ok(folder) = Name::new(&place::of_user(layout::CGROUPS, user.uid)) {
        let _ = rustix::fs::rmdir(folder.c());
    }
}

/// Tenths of a second in which the ports for pipes have to appear.
const PORTS_WITHIN: u8 = 50;

/// The standard streams of a program.
#[derive(Clone, Copy)]
pub enum Streams<'a> {
    /// Nothing to read: an init among others.
    NoInput,
    /// This terminal, as the controlling terminal of the session.
    Terminal(&'a Terminal<'a>),
}

/// A program to run in a sandbox.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    pub user: &'a User<'a>,
    /// Empty for the user's shell.
    pub path: &'a str,
    pub streams: Streams<'a>,
    /// Where an init prints.
    pub output: Option<&'a InitTerminal>,
    /// Which of them are pipes instead.
    pub pipes: Pipes,
    pub machine: &'a Machine<'a>,
}

/// Runs a program in the sandbox of `pidfd`, as a child of PID 1: no process with privileges stays between them.
pub fn enter(pidfd: BorrowedFd<'_>, own: BorrowedFd<'_>, session: Session<'_>) -> Result<Pid> {
    let cgroup = cgroup_of(session.user)?;
    let forked = inside(pidfd, own, || {
        let forked = sys::fork_into(0, &cgroup);
        if let Ok(None) = forked {
            let log = Log::held();
            let errno = become_session(pidfd, session).err().unwrap_or(Errno::INVAL);
            if errno == Errno::SRCH {
                // the sandbox is ending: report this as killed with it, which would happen in a moment
                sys::exit(KILLED);
            }
            error!(log, "cannot run a program of ", session.user.name, ": ", errno);
            sys::exit(126);
        }
        forked
    })?;
    Ok(forked.ok_or(Errno::SRCH)?.0)
}

/// Calls `work` while PID 1's next child would start in the pid namespace of the sandbox of `pidfd`. PID 1 itself stays
/// in its own. `ESRCH` if that sandbox is ending.
pub fn inside<T>(pidfd: BorrowedFd<'_>, own: BorrowedFd<'_>, work: impl FnOnce() -> Result<T>) -> Result<T> {
    sys::join(pidfd, CLONE_NEWPID)?;
    let result = work();
    if sys::join(own, CLONE_NEWPID).is_err() {
        // otherwise each later child would start in a user's sandbox
        stop::give_up(&Log::PID1);
    }
    result
}

/// Runs in the child, with all capabilities until it becomes the user. Returns only an error.
fn become_session(pidfd: BorrowedFd<'_>, session: Session<'_>) -> Result<()> {
    if session.machine.guards.hold(Guard::Dumpable) {
        // until it executes another program, other processes of the sandbox that run as root cannot inspect it
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    let logon = Program::open(programs::LOGON.path)?;
    #[cfg(feature = "weak")]
    core::mem::forget(rustix::fs::open(c"/", OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?); // a simulated mistake
    let mut limit = place::of_user(layout::CGROUPS, session.user.uid);
    say!(&mut limit, "/memory.max");
    let limit = place::text(&limit).unwrap_or_default();
    prepare(pidfd, session)?;
    if session.machine.guards.hold(Guard::Descriptors) {
        sys::close_at_exec(3)?;
    }
    let mut arguments = Text::new();
    say!(&mut arguments, "logon\0run\0", session.user.name, "\0", session.path, "\0", limit.trim_ascii_end(), "\0");
    Err(logon.exec(&arguments, session.machine.words))
}

/// What this opens stays open until the program is executed, which closes it: a call less for each.
fn prepare(pidfd: BorrowedFd<'_>, session: Session<'_>) -> Result<()> {
    let user = session.user;
    let pipe = |descriptor: u8| session.pipes.has(descriptor);
    for (descriptor, path) in (0..).zip(layout::PIPES).filter(|(descriptor, _)| pipe(*descriptor)) {
        sys::put_at(&port(path)?, descriptor)?;
    }
    let input = match session.streams {
        Streams::NoInput => {
            let own = session.machine.guards.hold(Guard::Console);
            let console = (!own).then(|| place::file("/dev/console", OFlags::RDWR | OFlags::NOCTTY)).transpose()?;
            join_rest(pidfd, session.machine.guards)?;
            rustix::process::setsid()?;
            // the sandbox's own: users who shared PID 1's could block each other with a lock, and root could change it
            console.map_or_else(|| place::file("/dev/null", OFlags::RDWR), Ok)?
        }
        Streams::Terminal(Terminal { name, line }) => {
            let mut path = Text::new();
            say!(&mut path, "/dev/", name);
            // the node belongs to the user of the session, until the next logon takes it back
            let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
            rustix::fs::chown(Name::new(&path)?.c(), Some(uid), Some(gid))?;
            let node = open_tree(place::open(&path)?, c"", CLONE)?;
            join_rest(pidfd, session.machine.guards)?;
            let _ = rustix::mount::unmount(Name::new(&path)?.c(), rustix::mount::UnmountFlags::DETACH);
            let place = place::open(&path)?;
            attach(&node, &place)?;
            forget(node);
            forget(place);
            rustix::process::setsid()?;
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK;
            let terminal = place::file(&path, flags)?;
            rustix::fs::fcntl_setfl(&terminal, OFlags::empty())?;
            take_terminal(&terminal)?;
            line.restore(&terminal, State::Session)?;
            terminal
        }
    };
    let input = ManuallyDrop::new(input);
    let output = ManuallyDrop::new(session.output.map(|output| prints(session, output)).transpose()?);
    let output = output.as_ref().unwrap_or(&input);
    for (descriptor, stream) in (0..).zip([&*input, output, output]).filter(|(descriptor, _)| !pipe(*descriptor)) {
        sys::put_at(stream, descriptor)?;
    }
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    Signals::NONE.block();
    privilege::become_user(user, session.machine.guards)
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

/// The terminal on which an init prints, as its user's.
fn prints(session: Session<'_>, output: &InitTerminal) -> Result<OwnedFd> {
    let end = output.end()?;
    rustix::fs::fchown(&end, Some(Uid::from_raw(session.user.uid)), Some(Gid::from_raw(session.user.gid)))?;
    Ok(end)
}

/// Joins the remaining namespaces; the process started in the pid namespace already. Its root and its working folder
/// become the user's root (fs/namespace.c, `mntns_install`).
fn join_rest(pidfd: BorrowedFd<'_>, guards: Guards<'_>) -> Result<()> {
    sys::join(pidfd, CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNET)?;
    if guards.hold(Guard::Pivot) {
        return Ok(());
    }
    rustix::process::chdir(Name::new(layout::ROOT)?.c())?;
    rustix::process::chroot(c".")
}

/// Mounts a sandbox's own root over the raw home at `/home/NAME` in root's sandbox. Changes that root makes there go
/// through the live overlay. A short-lived child does it, because it changes namespaces.
pub fn show(of: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &str) -> Result<Pid> {
    aside(|| {
        sys::join(of, CLONE_NEWNS)?;
        let root = open_tree(place::open("/")?, c"", CLONE)?;
        sys::join(to, CLONE_NEWNS)?;
        let homes = place::open("/home")?;
        attach(&root, &place::folder_at(&homes, name)?)
    })
}

/// Unmounts it again.
pub fn hide(from: BorrowedFd<'_>, name: &str) -> Result<Pid> {
    aside(|| {
        sys::join(from, CLONE_NEWNS)?;
        let homes = place::open("/home")?;
        rustix::process::fchdir(&homes)?;
        let flags = rustix::mount::UnmountFlags::DETACH | rustix::mount::UnmountFlags::NOFOLLOW;
        rustix::mount::unmount(Name::new(name)?.c(), flags)
    })
}

fn aside(work: impl FnOnce() -> Result<()>) -> Result<Pid> {
    match sys::fork()? {
        Some((pid, _)) => Ok(pid),
        None => {
            let log = Log::held();
            let result = work();
            if let Err(errno) = result {
                error!(log, "root's view of a home: ", errno);
            }
            sys::exit(u8::from(result.is_err()))
        }
    }
}

/// A handle on PID 1's own pid namespace, to return to it.
pub fn own() -> Result<OwnedFd> {
    rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty())
}
