//! What lies where in memory, as the kernel says.
#![allow(unsafe_code)]

use core::{ffi::CStr, mem::MaybeUninit, ptr};

use linux_raw_sys::general as raw;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, FileType, Mode, OFlags, RawDir},
    io::{Errno, Result},
    mm::{MapFlags, ProtFlags},
};
use shim::layout;

use crate::{
    process::{Line, MONOTONIC, clock, proc, read},
    ptrace::{self, How, Stop, call},
};

const PAGE: usize = 4096;
/// Of /proc/meminfo.
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

pub fn follow(ready: &mut dyn FnMut()) -> Result<()> {
    let proc = proc()?;
    ptrace::seize(ptrace::PROGRAMS)?;
    ready();
    loop {
        let (pid, stop) = ptrace::next()?;
        let over = stop == Stop::Exec && pid == 1;
        if over {
            say("before", &proc)?;
        }
        ptrace::go(pid, if over { How::Alone } else { How::On }, stop);
        if over {
            break;
        }
    }
    loop {
        let second = rustix::thread::Timespec { tv_sec: 1, tv_nsec: 0 };
        let _ = rustix::thread::nanosleep(&second);
        say("after", &proc)?;
    }
}

fn say(name: &str, proc: &OwnedFd) -> Result<()> {
    let mut line = Line::new("memory", name);
    line.value("Uptime", clock(MONOTONIC)? / 1_000_000);
    let mut buffer = [0; 4096];
    each(read(proc, c"meminfo", &mut buffer)?, |key, value| {
        if KEYS.contains(&key) {
            line.value(key, value);
        }
    });
    let (mut private, mut shared) = (0, 0_u64);
    // proc_pid_status(5); the initramfs is a tmpfs, so the shim's own programs are shmem
    each(read(proc, c"1/status", &mut buffer)?, |key, value| match key {
        "RssAnon" => private = value,
        "RssFile" | "RssShmem" => shared = shared.saturating_add(value),
        _ => {}
    });
    line.value("InitPrivate", private).value("InitShared", shared);
    let carbon = rustix::fs::openat(CWD, layout::CARBON, OFlags::PATH | OFlags::DIRECTORY, Mode::empty());
    let pages = carbon.map_or(Ok(0), |carbon| cached_below(carbon, 8))?;
    line.value("CarbonCache", u64::try_from(pages.saturating_mul(PAGE / 1024)).unwrap_or(0));
    line.print();
    Ok(())
}

/// `Key:   123 kB` lines.
fn each(text: &str, mut take: impl FnMut(&str, u64)) {
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        if let (Some(key), Some(value)) = (words.next().and_then(|key| key.strip_suffix(':')), words.next())
            && let Ok(value) = value.parse()
        {
            take(key, value);
        }
    }
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

/// mincore(2): what is in memory of a mapping that nobody has touched is what is in the page cache.
fn cached(folder: impl AsFd, name: &CStr) -> Result<usize> {
    let file = rustix::fs::openat(folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let length = usize::try_from(rustix::fs::fstat(&file)?.st_size).unwrap_or(0);
    let mut found = 0_usize;
    // a bit of the vector at a time
    const AT_ONCE: usize = 2048;
    for from in (0..length).step_by(AT_ONCE * PAGE) {
        let part = length.saturating_sub(from).min(AT_ONCE * PAGE);
        let mut pages = [0_u8; AT_ONCE];
        let offset = u64::try_from(from).unwrap_or(0);
        // SAFETY: a new mapping that nothing refers to and that is gone below; the kernel writes a byte a page.
        unsafe {
            let at = rustix::mm::mmap(ptr::null_mut(), part, ProtFlags::READ, MapFlags::SHARED, &file, offset)?;
            let asked = call(raw::__NR_mincore, [at as usize, part, pages.as_mut_ptr() as usize, 0, 0, 0]);
            rustix::mm::munmap(at, part)?;
            asked?;
        }
        found = found.saturating_add(pages.iter().filter(|page| **page & 1 == 1).count());
    }
    Ok(found)
}
