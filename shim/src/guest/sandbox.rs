//! A user's sandbox: made by a process that ends as its reaper, entered by each program that runs there.

use core::ffi::CStr;

use crate::{
    op::User,
    plan, say,
    say::Text,
    supervise::Pid,
    sys::{self, Signals, Start},
};
use heapless::Vec;
use linux_raw_sys::general::{CLONE_NEWIPC, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS};
use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{Gid, Mode, OFlags, Uid},
    io::{Errno, Result},
    mount::open_tree,
    process::{DumpableBehavior, Signal, WaitOptions},
};

use crate::guest::{
    execute::{self, CLONE},
    log::Log,
    logon,
    place::{self, Name},
    privilege,
};

/// What tells a sandbox's processes from all others.
const NAMESPACES: u32 = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;

/// Makes the sandbox. The child has all capabilities until the user's root stands, then none of them and the user's
/// uid; `ready` is called in between.
pub fn build(sandbox: &plan::Sandbox<'_>, ready: impl FnOnce()) -> Result<(Pid, OwnedFd)> {
    if let Some(made) = sys::fork(NAMESPACES)? {
        return Ok(made);
    }
    let log = Log::held();
    let name = sandbox.user.name;
    if execute::steps(&plan::root(sandbox), &log).is_err() {
        error!(log, "no sandbox for ", name);
        sys::exit(1);
    }
    ready();
    if let Err(errno) = privilege::become_user(sandbox.user) {
        error!(log, name, ": cannot give up privileges: ", errno);
        sys::exit(1);
    }
    // root's reaper does not change its uid, which alone would forbid ptrace
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    sys::close_from(0);
    reap()
}

/// The first process of a sandbox: buries orphans, and ends when it is alone, which ends the sandbox. It is poked when
/// a program that PID 1 started there has ended, for those are not its children.
fn reap() -> ! {
    let poked = Signals::of(&[Signal::CHILD, Signal::USR1, Signal::TERM]);
    loop {
        poked.wait();
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        if sys::signal_all(None) == Err(Errno::SRCH) {
            sys::exit(0);
        }
    }
}

/// What a program gets for its standard streams.
#[derive(Clone, Copy)]
pub enum Streams<'a> {
    /// The system console, for writing.
    Log,
    /// This terminal, as the session's own: a name below /dev.
    Terminal(&'a str),
}

/// A program to run in a sandbox.
pub struct Program<'a> {
    pub user: &'a User<'a>,
    /// Without one, the user's shell.
    pub path: Option<&'a CStr>,
    pub streams: Streams<'a>,
    /// The kernel's words, for the environment.
    pub words: Start,
}

/// Runs a program in the sandbox behind `pidfd`, as a child of PID 1.
///
/// PID 1 itself points its next child into the pid namespace and then points back, so that the kernel makes the child
/// right there: no process with privileges lingers. An error means that the sandbox has ended.
pub fn enter(pidfd: BorrowedFd<'_>, own: BorrowedFd<'_>, program: &Program<'_>) -> Result<Pid> {
    sys::join(pidfd, CLONE_NEWPID)?;
    let forked = sys::fork(0);
    if let Ok(None) = forked {
        let log = Log::held();
        let errno = become_program(pidfd, program).err().unwrap_or(Errno::INVAL);
        error!(log, "no program of ", program.user.name, " runs: ", errno);
        sys::exit(126);
    }
    sys::join(own, CLONE_NEWPID)?;
    Ok(forked?.ok_or(Errno::SRCH)?.0)
}

/// Runs in the child, with all capabilities until the user's uid is taken; comes back only with an error.
fn become_program(pidfd: BorrowedFd<'_>, program: &Program<'_>) -> Result<()> {
    let logon = logon::Program::open()?;
    prepare(pidfd, program)?;
    let user = Name::new(program.user.name)?;
    let arguments = [c"logon", c"run", user.c(), program.path.unwrap_or_default()];
    let given = if program.path.is_some() { &arguments[..] } else { arguments.get(..3).unwrap_or_default() };
    Err(logon.exec(given, program.words))
}

fn prepare(pidfd: BorrowedFd<'_>, program: &Program<'_>) -> Result<()> {
    let user = program.user;
    let streams = match program.streams {
        Streams::Log => {
            let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK;
            let console = place::file("/dev/console", flags)?;
            rustix::fs::fcntl_setfl(&console, OFlags::empty())?;
            join_rest(pidfd)?;
            rustix::process::setsid()?;
            Vec::<OwnedFd, 2>::from_iter([place::file("/dev/null", OFlags::RDONLY)?, console])
        }
        Streams::Terminal(name) => {
            let mut path = Text::new();
            say!(&mut path, "/dev/", name);
            // the node's owner is the session's, until the next logon takes it back
            let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
            rustix::fs::chown(Name::new(&path)?.c(), Some(uid), Some(gid))?;
            let node = open_tree(place::open(&path)?, c"", CLONE)?;
            join_rest(pidfd)?;
            let _ = rustix::mount::unmount(Name::new(&path)?.c(), rustix::mount::UnmountFlags::DETACH);
            execute::attach(&node, &path)?;
            rustix::process::setsid()?;
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK;
            let terminal = place::file(&path, flags)?;
            rustix::fs::fcntl_setfl(&terminal, OFlags::empty())?;
            rustix::process::ioctl_tiocsctty(&terminal)?;
            Vec::from_iter([terminal])
        }
    };
    let (input, output) = (streams.first().ok_or(Errno::BADF)?, streams.last().ok_or(Errno::BADF)?);
    rustix::stdio::dup2_stdin(input)?;
    rustix::stdio::dup2_stdout(output)?;
    rustix::stdio::dup2_stderr(output)?;
    rustix::process::chdir(c"/")?;
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    Signals::NONE.block();
    privilege::become_user(user)
}

/// The namespaces beside that of the pids, which the process was born into; its root becomes the user's.
fn join_rest(pidfd: BorrowedFd<'_>) -> Result<()> {
    sys::join(pidfd, CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS)
}

/// Shows a sandbox's own root mount at `/home/NAME` of root's, over the raw home: there, what root changes goes through
/// the live overlay. A short-lived child does it, for it changes namespaces.
pub fn show(of: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &str) -> Result<Pid> {
    aside(|| {
        sys::join(of, CLONE_NEWNS)?;
        let root = open_tree(place::open("/")?, c"", CLONE)?;
        sys::join(to, CLONE_NEWNS)?;
        let homes = place::open("/home")?;
        let home = place::folder_at(&homes, name)?;
        let flags = rustix::mount::MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH
            | rustix::mount::MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        rustix::mount::move_mount(&root, c"", &home, c"", flags)
    })
}

/// Takes it away again.
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
    match sys::fork(0)? {
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

/// PID 1's own pid namespace, to come back to.
pub fn own() -> Result<OwnedFd> {
    rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty())
}
