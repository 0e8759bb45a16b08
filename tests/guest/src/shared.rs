//! Attacks on files that several sandboxes share. If two users open the same inode, one can watch
//! the other, or block the other with a lock.

use core::{ffi::CStr, mem::MaybeUninit};

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{FlockOperation, OFlags, flock, inotify},
    io::{Errno, Result},
    thread::{Timespec, nanosleep},
};
use shim::{
    say,
    say::Text,
    sys::{Start, Stream},
};

use crate::{
    bombs::set,
    call::{Table, c, fork, open, wait},
};

pub const ATTACKS: Table = &[
    ("hear_device", |_| heard(&watch(c"/dev/null")?)),
    ("lock_device", |_| locked(open(c"/dev/null", OFlags::RDONLY)?)),
    ("lock_console", |_| locked(Stream(1))),
    ("lock_input", |_| locked(Stream(0))),
    ("share_all", share_all),
    ("watch_fill", watch_fill),
    ("hear_all", hear_all),
];

/// Files and folders that every sandbox has.
const ALL: [&CStr; 17] = [
    c"/",
    c"/bin",
    c"/bin/node",
    c"/dev",
    c"/dev/full",
    c"/dev/null",
    c"/dev/pts",
    c"/dev/random",
    c"/dev/shm",
    c"/dev/urandom",
    c"/dev/zero",
    c"/etc/hosts",
    c"/etc/passwd",
    c"/lib",
    c"/proc/cpuinfo",
    c"/proc/meminfo",
    c"/usr/bin/env",
];

fn pause(seconds: i64) {
    let _ = nanosleep(&Timespec { tv_sec: seconds, tv_nsec: 0 });
}

/// Watches a path for opens.
fn watch(path: &CStr) -> Result<OwnedFd> {
    let events = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
    inotify::add_watch(&events, path, inotify::WatchFlags::OPEN)?;
    Ok(events)
}

/// Succeeds if somebody opens the watched path within four seconds.
fn heard(events: &OwnedFd) -> Result<()> {
    pause(4);
    opened(events)
}

fn opened(events: &OwnedFd) -> Result<()> {
    let mut buffer = [MaybeUninit::<u8>::uninit(); 1024];
    rustix::io::read(events, &mut buffer[..]).map(drop)
}

/// Succeeds if somebody else has locked the file.
fn locked(file: impl AsFd) -> Result<()> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::AGAIN) => Ok(()),
        other => other.and(Err(Errno::NODATA)),
    }
}

/// The victim's part in the first four attacks: it locks its standard streams and `/dev/null`. Then
/// `touch` opens `/dev/null` again and again.
pub fn lock() -> Result<()> {
    flock(Stream(0), FlockOperation::NonBlockingLockExclusive)?;
    flock(Stream(1), FlockOperation::NonBlockingLockExclusive)?;
    match take(c"/dev/null") {
        // its standard input is that file
        Err(Errno::AGAIN) => Ok(()),
        other => other,
    }
}

pub fn touch() {
    let _ = open(c"/dev/null", OFlags::RDONLY);
}

fn take(path: &CStr) -> Result<()> {
    let file = open(path, OFlags::RDONLY)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    core::mem::forget(file);
    Ok(())
}

fn take_all() -> Result<()> {
    ALL.iter().try_for_each(|path| take(path))
}

/// Keeps all of them open and locked, and opens them again each second.
fn share_all(_: Start) -> Result<()> {
    take_all()?;
    Stream(1).put("all is shared\n");
    loop {
        pause(1);
        ALL.iter().for_each(|path| drop(open(path, OFlags::RDONLY)));
    }
}

/// Takes all inotify watches of its uid, in as many instances as needed, until ana creates the file
/// `enough`.
fn watch_fill(_: Start) -> Result<()> {
    const FILES: u32 = 100;
    let mut full = false;
    while let Ok(events) = inotify::init(inotify::CreateFlags::CLOEXEC) {
        for file in 0..FILES {
            let mut path = Text::new();
            say!(&mut path, "/tmp/", file, "\0");
            let _ = open(c(&path), OFlags::WRONLY | OFlags::CREATE);
            full |= inotify::add_watch(&events, c(&path), inotify::WatchFlags::OPEN) == Err(Errno::NOSPC);
        }
        core::mem::forget(events);
    }
    if !full {
        return Err(Errno::NODATA);
    }
    set();
    while open(c"/home/ana/enough", OFlags::PATH).is_err() {
        pause(1);
    }
    Ok(())
}

/// Prints how many of the paths somebody opened or locked, and which.
fn of_all(watches: &[Result<OwnedFd>; ALL.len()], who: &str) {
    let (mut heard, mut taken) = (0_u32, 0_u32);
    for (path, watch) in ALL.iter().zip(watches) {
        let was_heard = watch.as_ref().is_ok_and(|watch| opened(watch).is_ok());
        let is_locked = open(path, OFlags::RDONLY).and_then(locked).is_ok();
        heard = heard.saturating_add(was_heard.into());
        taken = taken.saturating_add(is_locked.into());
        if was_heard || is_locked {
            let mut line = Text::new();
            say!(&mut line, who, " shares ", path.to_str().unwrap_or_default(), "\n");
            Stream(1).put(&line);
        }
    }
    let mut line = Text::new();
    say!(&mut line, who, ": heard ", heard, ", locked ", taken, "\n");
    Stream(1).put(&line);
}

/// Prints what the attacker notices: first of the other users, then of a second process of its own.
fn hear_all(_: Start) -> Result<()> {
    pause(6);
    let watches = ALL.map(watch);
    pause(4);
    of_all(&watches, "another user");
    let watches = ALL.map(watch);
    match fork()? {
        None => {
            let _ = take_all();
            pause(6);
            shim::sys::exit(0)
        }
        Some(child) => {
            pause(3);
            of_all(&watches, "the own process");
            wait(child).map(drop)
        }
    }
}
