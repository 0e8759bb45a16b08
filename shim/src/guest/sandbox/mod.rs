//! `/sandbox`: makes a user's root in its own namespaces, then stays there as the reaper, with that user's uid.
//!
//! It is a program of its own and not a part of PID 1, so that no process in a user's sandbox holds a copy of PID 1's
//! memory. Arguments: `USER UID GID home|ram HOMES`; HOMES is a number. It starts with all capabilities; its
//! standard output is PID 1's pipe.

mod execute;

use rustix::{
    fs::OFlags,
    io::Errno,
    process::{DumpableBehavior, Signal, WaitOptions},
};

use crate::{
    cmdline::Options,
    cut, entrance,
    guest::{execute::steps, log::Log, machine, place, policy, privilege, report::send, rings},
    layout,
    limits::{self, Limits},
    live::Live,
    op::{Code, Upper, User},
    plan,
    report::Report,
    rights::Rights,
    say,
    say::Text,
    sys::{self, Signals, Start, Stream},
};

/// The program.
pub fn main(start: Start) -> ! {
    let options = Options::of(start.environment());
    let mut words = start.arguments().skip(1).filter_map(|word| word.to_str().ok());
    // before any other process is in here: root's reaper does not change its uid, and only such a change would forbid
    // ptrace
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if make(&mut words, &options).is_none() {
        sys::exit(1);
    }
    sys::close_from(0);
    reap()
}

fn make<'a>(words: &mut impl Iterator<Item = &'a str>, options: &Options<'_>) -> Option<()> {
    let guards = options.guards;
    let user = &entrance::user(words)?;
    let upper = if words.next()? == "ram" { Upper::Ram } else { Upper::Home };
    let homes = usize::try_from(cut::number(words.next()?, 10)?).ok()?;
    let machine::Name { name: host, leased } = &machine::name();
    let log = Log::held();
    let policy = policy::of(user.name, &log);
    let limits = limits::of_one(all_users(), homes, &policy);
    let granted = !policy.devices.is_empty() && has_devices(user);
    if !granted && !policy.devices.is_empty() {
        error!(log, user.name, ": its devices are granted from the next boot on");
    }
    let code = place::code(user.name);
    let sandbox = plan::Sandbox { user, upper, limits, network: policy.network, granted, code, host, leased: *leased };
    note(user, policy.rights(), &log);
    if let Err(errno) = rings::want(user.name, policy.log) {
        error!(log, "the log of ", user.name, " keeps its size: ", errno);
    }
    // the out-of-memory killer must not take the process that holds the sandbox together
    let _ = place::file("/proc/self/oom_score_adj", OFlags::WRONLY).and_then(|adj| rustix::io::write(&adj, b"-1000"));
    if steps(&plan::guarded(plan::root(&sandbox), guards), &log).is_err() {
        error!(log, "cannot make the sandbox of ", user.name);
        return None;
    }
    match privilege::become_user(user, guards).and_then(|()| privilege::shut_in(guards)) {
        Ok(()) => {
            let upkeep = policy.upkeep(code != Code::None, options.unattended);
            send(Stream(1), Report::Ready(user.name, upkeep));
            Some(())
        }
        Err(errno) => {
            error!(log, user.name, ": cannot give up privileges: ", errno);
            None
        }
    }
}

/// Notes for `/control` who this is and what the policy allows.
fn note(user: &User<'_>, rights: Rights, log: &Log) {
    let mut text = Text::new();
    say!(&mut text, Live { rights, name: user.name });
    let file = place::file(&place::of_user(layout::LIVE, user.uid), OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC);
    if let Err(errno) = file.and_then(|file| rustix::io::write(&file, text.as_bytes())) {
        error!(log, "the door does not know ", user.name, ": ", errno);
    }
}

/// Whether the broker has made a /dev for the user. The broker reads policies only at boot.
fn has_devices(user: &User<'_>) -> bool {
    place::open(&place::of_user(layout::CLAIMS, user.uid)).is_ok()
}

/// The limits of all users together, or the smallest ones if there are none.
fn all_users() -> Limits {
    let number = |file: &str| {
        let mut path = Text::new();
        say!(&mut path, layout::CGROUPS, "/", file);
        place::number(&path)
    };
    let least = limits::of_all(0);
    let memory = number("memory.max").unwrap_or(crate::policy::LEAST_MEMORY);
    Limits { memory, high: None, pids: number("pids.max").unwrap_or(least.pids) }
}

/// The first process of a sandbox: it reaps orphans, and exits when it is alone, which ends the sandbox. PID 1 sends it
/// a signal when a program that PID 1 started there has ended, because those programs are not its children. With
/// another signal it asks it to end everything.
fn reap() -> ! {
    let poked = Signals::of(&[Signal::CHILD, Signal::USR1, Signal::USR2, Signal::TERM]);
    loop {
        if poked.wait() == Ok(Signal::USR2.as_raw()) {
            let _ = sys::signal_all(Some(Signal::TERM));
        }
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        if sys::signal_all(None) == Err(Errno::SRCH) {
            sys::exit(0);
        }
    }
}
