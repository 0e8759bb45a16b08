//! How much of the machine's memory users hold, and how much of it is charged to their cgroup.

use rustix::{
    fd::OwnedFd,
    fs::{Mode, OFlags},
    io::Result,
};

use crate::process::{Line, each, proc};

/// Files of the cgroup of all users (Documentation/admin-guide/cgroup-v2.rst), as PID 1 sees it.
const STAT: &core::ffi::CStr = c"1/root/sys/fs/cgroup/users/memory.stat";
const CURRENT: &core::ffi::CStr = c"1/root/sys/fs/cgroup/users/memory.current";

const PAGE_KIB: u64 = (shim::sys::trace::PAGE / 1024) as u64;

pub fn follow(ready: &mut dyn FnMut()) -> Result<()> {
    let proc = proc()?;
    ready();
    loop {
        let second = rustix::thread::Timespec { tv_sec: 1, tv_nsec: 0 };
        let _ = rustix::thread::nanosleep(&second);
        // fails until the cgroup exists
        let _ = print(&proc);
    }
}

fn print(proc: &OwnedFd) -> Result<()> {
    let (mut total, mut back, mut slab, mut pages) = (0_u64, 0_u64, 0, 0);
    let mut current = number(proc)? / 1024;
    let mut kernel = 0;
    each(proc, STAT, |key, value| match key {
        "kernel" => kernel = value / 1024,
        "file" | "slab_reclaimable" => current = current.saturating_sub(value / 1024),
        _ => {}
    })?;
    each(proc, c"meminfo", |key, value| match key {
        "MemTotal" => total = value,
        "MemFree" | "Buffers" | "Cached" | "SReclaimable" => back = back.saturating_add(value),
        "SUnreclaim" => slab = value,
        "PageTables" => pages = value,
        _ => {}
    })?;
    // free pages that each processor keeps for itself, which MemFree leaves out (mm/vmstat.c, `zoneinfo_show_print`)
    each(proc, c"zoneinfo", |key, pages| {
        if key == "count" {
            back = back.saturating_add(pages.saturating_mul(PAGE_KIB));
        }
    })?;
    let mut line = Line::new("paid", "users");
    line.value("Used", total.saturating_sub(back)).value("Current", current).value("Kernel", kernel);
    line.value("Slab", slab).value("PageTables", pages).print();
    Ok(())
}

/// Reads a file that contains only a number.
fn number(proc: &OwnedFd) -> Result<u64> {
    let file = rustix::fs::openat(proc, CURRENT, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = [0; 24];
    let length = rustix::io::read(&file, &mut bytes)?;
    let text = bytes.get(..length).and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default();
    text.trim().parse().map_err(|_| rustix::io::Errno::INVAL)
}
