//! How PID 1 handles sandboxes: a child that becomes `/sandbox` makes a sandbox, and each program of the user enters
//! it.

use core::mem::ManuallyDrop;

use linux_raw_sys::general::{CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS};
use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{Mode, OFlags},
    io::{Errno, Result},
    mount::open_tree,
};

use crate::{
    entrance::Entrance,
    guards::{Guard, Guards},
    guest::{
        execute::{CLONE, attach},
        log::Log,
        pid1::{boot::Machine, output::InitTerminal, stop},
        place::{self, Name},
        program::become_it,
        terminal::Line,
    },
    layout,
    op::{Upper, User},
    programs, say,
    say::Text,
    supervise::Pid,
    sys::{self, Start},
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
    let mut arguments = Text::new();
    let upper = if machine.upper == Upper::Ram { "ram" } else { "home" };
    say!(&mut arguments, "sandbox\0", user.name, "\0", user.uid, "\0", user.gid, "\0", upper, "\0");
    say!(&mut arguments, machine.homes.count(), "\0");
    let _ = rustix::stdio::dup2_stdout(reports);
    become_it(programs::SANDBOX.path, &arguments, machine.words)
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

/// Runs a program in the sandbox of `pidfd`, as a child of PID 1 that becomes `/logon enter`: no process with privileges
/// stays between them. An init prints on `output`.
pub fn enter(
    pidfd: BorrowedFd<'_>,
    own: BorrowedFd<'_>,
    entrance: &Entrance<'_, &Line>,
    output: Option<&InitTerminal>,
    words: Start,
) -> Result<Pid> {
    let cgroup = cgroup_of(&entrance.user)?;
    let forked = inside(pidfd, own, || {
        let forked = sys::fork_into(0, &cgroup);
        if let Ok(None) = forked {
            become_logon(pidfd, entrance, output, words);
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

/// Runs in the child.
fn become_logon(
    pidfd: BorrowedFd<'_>,
    entrance: &Entrance<'_, &Line>,
    output: Option<&InitTerminal>,
    words: Start,
) -> ! {
    #[cfg(feature = "weak")]
    core::mem::forget(rustix::fs::open(c"/", OFlags::PATH | OFlags::DIRECTORY, Mode::empty())); // a simulated mistake
    // it stays open until the exec: a call less
    let end = output.map(|output| ManuallyDrop::new(output.end()));
    let prints = end.is_none_or(|end| end.as_ref().is_ok_and(|end| rustix::stdio::dup2_stdout(end).is_ok()));
    if !prints || rustix::stdio::dup2_stdin(pidfd).is_err() {
        sys::exit(126);
    }
    let mut arguments = Text::new();
    say!(&mut arguments, entrance);
    become_it(programs::LOGON.path, &arguments, words)
}

/// Mounts the root of the sandbox `of` over the raw home at `/home/NAME` in root's sandbox: changes that root makes there
/// go through the live overlay. Without `of`, it is unmounted. A short-lived child does it, because it changes
/// namespaces.
pub fn view(of: Option<BorrowedFd<'_>>, roots: BorrowedFd<'_>, name: &str) -> Result<Pid> {
    if let Some((pid, _)) = sys::fork()? {
        return Ok(pid);
    }
    let log = Log::held();
    let result = change_view(of, roots, name);
    if let Err(errno) = result {
        error!(log, "root's view of a home: ", errno);
    }
    sys::exit(u8::from(result.is_err()))
}

fn change_view(of: Option<BorrowedFd<'_>>, roots: BorrowedFd<'_>, name: &str) -> Result<()> {
    sys::join(of.unwrap_or(roots), CLONE_NEWNS)?;
    let root = open_tree(place::open("/")?, c"", CLONE)?;
    sys::join(roots, CLONE_NEWNS)?;
    let homes = place::open("/home")?;
    if of.is_some() {
        return attach(&root, &place::folder_at(&homes, name)?);
    }
    rustix::process::fchdir(&homes)?;
    let flags = rustix::mount::UnmountFlags::DETACH | rustix::mount::UnmountFlags::NOFOLLOW;
    rustix::mount::unmount(Name::new(name)?.c(), flags)
}

/// A handle on PID 1's own pid namespace, to return to it.
pub fn own() -> Result<OwnedFd> {
    rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty())
}
