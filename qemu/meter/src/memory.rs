//! Reads the use of memory from the kernel.

use core::{ffi::CStr, mem::MaybeUninit};

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{FileType, Mode, OFlags, RawDir},
    io::{Errno, Result},
};
use shim::{
    layout, say,
    say::Text,
    sys::trace::{self, How, MONOTONIC, PAGE, Stop},
};

use crate::process::{Line, c, each, proc};

/// Keys in /proc/meminfo.
const KEYS: [&str; 11] = [
    "MemTotal",
    "MemFree",
    "MemAvailable",
    "Buffers",
    "Cached",
    "AnonPages",
    "Shmem",
    "Slab",
    "KernelStack",
    "PageTables",
    "Percpu",
];

const KIB_OF_PAGE: u64 = (PAGE / 1024) as u64;

pub fn follow(ready: &mut dyn FnMut()) -> Result<()> {
    let proc = proc()?;
    trace::seize(trace::PROGRAMS)?;
    ready();
    loop {
        let (pid, stop) = trace::next()?;
        let over = stop == Stop::Exec && pid == 1;
        if over {
            print("before", &proc)?;
        }
        trace::go(pid, if over { How::Alone } else { How::On }, stop);
        if over {
            break;
        }
    }
    loop {
        let second = rustix::thread::Timespec { tv_sec: 1, tv_nsec: 0 };
        let _ = rustix::thread::nanosleep(&second);
        print("after", &proc)?;
    }
}

fn print(name: &str, proc: &OwnedFd) -> Result<()> {
    let mut line = Line::new("memory", name);
    line.value("Uptime", trace::clock(MONOTONIC)? / 1_000_000);
    each(proc, c"meminfo", |key, value| {
        if KEYS.contains(&key) {
            line.value(key, value);
        }
    })?;
    // free pages that each processor keeps for itself, which MemFree leaves out (mm/vmstat.c, `zoneinfo_show_print`)
    let mut lists = 0_u64;
    each(proc, c"zoneinfo", |key, pages| {
        if key == "count" {
            lists = lists.saturating_add(pages);
        }
    })?;
    line.value("FreeLists", lists.saturating_mul(KIB_OF_PAGE));
    let (mut private, mut shared) = (0, 0_u64);
    // proc_pid_status(5); the initramfs is a tmpfs, so the shim's own programs are shmem
    each(proc, c"1/status", |key, value| match key {
        "RssAnon" => private = value,
        "RssFile" | "RssShmem" => shared = shared.saturating_add(value),
        _ => {}
    })?;
    line.value("InitPrivate", private).value("InitShared", shared);
    // PID 1 has another root than the meter, which started before it
    let mut path = Text::new();
    say!(&mut path, "1/root", layout::CARBON, "\0");
    let carbon = rustix::fs::openat(proc, c(&path), OFlags::PATH | OFlags::DIRECTORY, Mode::empty());
    let pages = carbon.map_or(Ok(0), |carbon| cached_below(carbon, 8))?;
    line.value("CarbonCache", u64::try_from(pages).unwrap_or(0).saturating_mul(KIB_OF_PAGE));
    line.print();
    Ok(())
}

/// How many pages of the files below a folder are in memory.
fn cached_below(folder: OwnedFd, deep: u8) -> Result<usize> {
    let Some(deep) = deep.checked_sub(1) else { return Err(Errno::LOOP) };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let open = rustix::fs::openat(&folder, c".", flags | OFlags::DIRECTORY, Mode::empty())?;
    let mut buffer = [MaybeUninit::uninit(); 2048];
    let mut entries = RawDir::new(open, &mut buffer);
    let mut pages = 0_usize;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        pages = pages.saturating_add(match entry.file_type() {
            FileType::Directory if name != c"." && name != c".." => {
                cached_below(rustix::fs::openat(&folder, name, flags | OFlags::DIRECTORY, Mode::empty())?, deep)?
            }
            FileType::RegularFile => cached(&folder, name)?,
            _ => 0,
        });
    }
    Ok(pages)
}

/// How many pages of one file are in memory.
fn cached(folder: impl AsFd, name: &CStr) -> Result<usize> {
    let file = rustix::fs::openat(folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let length = usize::try_from(rustix::fs::fstat(&file)?.st_size).unwrap_or(0);
    trace::cached(file, length)
}
