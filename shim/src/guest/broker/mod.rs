//! `/broker`: shows each device to the users to whom root grants it, as long as no other user holds it.
//!
//! ```text
//! policies, /dev -> scan -> claims (decides) -> nodes below /granted/UID, which a sandbox mounts as its /dev
//! kernel: program refuses opens ── ring ──> claims          inotify: a node is gone ──> claims
//! ```
//!
//! PID 1 runs it once at boot. If no policy grants a device, it exits. Otherwise it forks when everything is ready, and
//! the child stays. It starts with all capabilities and keeps two, to give nodes to users; PID 1 makes the nodes. Its
//! standard input has the users; its standard output is a socket, where it later requests nodes.

mod nodes;
mod scan;

use heapless::Vec;
use linux_raw_sys::general::CLONE_NEWNS;
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    fd::OwnedFd,
    io::{Errno, Result},
    process::Signal,
};

use self::nodes::Kernel;
use crate::{
    claims::{Claims, MAX_USERS},
    cmdline::Options,
    guards::Guards,
    guest::{each_user, execute::steps, log::Log, policy, privilege, uevents},
    op, plan,
    policy::Policy,
    sys::{self, Signals, Start},
};

/// A user to whom devices are granted; the slot is the index in the table plus one.
pub struct User {
    uid: u32,
    gid: u32,
    policy: Policy,
}

/// All users with devices.
pub type Users = Vec<User, MAX_USERS>;

/// The program.
pub fn main(start: Start) -> ! {
    let log = Log::PID1;
    let options = Options::of(start.environment());
    let mut users = Users::new();
    read(&mut users, options.apps.is_some(), &log);
    if users.is_empty() {
        sys::exit(0);
    }
    let errno = broker(&users, options.guards, &log).err().unwrap_or(Errno::INVAL);
    error!(log, "the device broker cannot start, and users get no devices: ", errno);
    sys::exit(1)
}

/// The users whose policy has devices. An invalid policy is reported when the sandbox is made.
fn read(users: &mut Users, apps: bool, log: &Log) {
    let policies = policy::folder();
    each_user::take(|op::User { name, uid, gid }| {
        let policy = policy::read_in(&policies, name, apps).unwrap_or(Policy::STRICTEST);
        if !policy.devices.is_empty() && users.push(User { uid, gid, policy }).is_err() {
            error!(log, name, " gets no devices: ", MAX_USERS, " users have some already");
        }
    });
}

fn broker(users: &Users, guards: Guards<'_>, log: &Log) -> Result<()> {
    steps(&plan::granted(), log).map_err(|_| Errno::IO)?;
    let mut kernel = Kernel::new(users, guards)?;
    // the socket is open before the first look, so that a device that comes in between is noticed
    let events = uevents::listen()?;
    let mut claims = Claims::default();
    scan::scan(&mut claims, &mut kernel, log)?;
    if sys::fork()?.is_some() {
        sys::exit(0); // PID 1 waits for that
    }
    let log = &Log::held();
    info!(log, "devices for ", users.len(), " users");
    sys::unshare(CLONE_NEWNS)?;
    steps(&plan::apart(), log).map_err(|_| Errno::IO)?;
    // a write that PID 1 no longer receives fails, and does not end the process
    Signals::of(&[Signal::PIPE]).block();
    privilege::become_broker()?;
    kernel.ask_for_nodes();
    loop {
        let failed = kernel.take_failed();
        wait(&[&events, kernel.taken(), kernel.ends()], failed)?;
        if (uevents::drain(&events) || failed)
            && let Err(errno) = scan::scan(&mut claims, &mut kernel, log)
        {
            error!(log, "cannot list the devices: ", errno);
        }
        kernel.take_news();
        while let Some(watch) = kernel.next_end() {
            claims.gone(watch, &mut kernel);
        }
        claims.look(&mut kernel);
        // limits the CPU time that a user can cause by opening and closing a device in a loop
        sys::pause(10);
    }
}

/// Waits for events. If something has failed, it waits at most a second, because no event may announce when to try
/// again.
fn wait(news: &[&OwnedFd; 3], failed: bool) -> Result<()> {
    const SECOND: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
    let mut fds = news.map(|fd| PollFd::new(fd, PollFlags::IN));
    rustix::event::poll(&mut fds, failed.then_some(&SECOND)).map(drop)
}
