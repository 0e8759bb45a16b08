//! Reads /proc through a mount that has no path, so that the shim's own mounts are unchanged.

use core::{ffi::CStr, mem::MaybeUninit};

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Mode, OFlags, RawDir},
    io::{Errno, Result},
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen},
};
use shim::{
    say,
    say::{Say, Text},
    sys::{Stream, trace},
};

/// A line of the meter, written at once.
pub struct Line(Text);

impl Line {
    pub fn new(kind: &str, name: impl Say) -> Self {
        let mut text = Text::new();
        say!(&mut text, meter::MARK, kind, " ", name);
        Self(text)
    }

    pub fn value(&mut self, key: impl Say, value: u64) -> &mut Self {
        say!(&mut self.0, " ", key, "=", value);
        self
    }

    pub fn print(&mut self) {
        "\n".say(&mut self.0);
        Stream(1).put(&self.0);
    }
}

/// A text with a NUL at its end, as a C string.
pub fn c(text: &Text) -> &CStr {
    CStr::from_bytes_until_nul(text.as_bytes()).unwrap_or_default()
}

/// The root of a new mount of /proc.
pub fn proc() -> Result<OwnedFd> {
    let context = fsopen(c"proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}

/// Calls `take` for each `Key:   123 kB`, `key: 123` or `key 123` in a file; capabilities are hexadecimal. It reads
/// small pieces, because a large buffer would change the measured memory.
pub fn each(proc: impl AsFd, path: &CStr, mut take: impl FnMut(&str, u64)) -> Result<()> {
    let file = rustix::fs::openat(proc, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut buffer = [0; 1024];
    let mut kept = 0_usize;
    loop {
        let read = rustix::io::read(&file, buffer.get_mut(kept..).unwrap_or_default())?;
        let all = kept.saturating_add(read).min(buffer.len());
        let whole = buffer.iter().take(all).rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
        if read == 0 {
            return if all == 0 { Ok(()) } else { Err(Errno::INVAL) };
        }
        let text = core::str::from_utf8(buffer.get(..whole).unwrap_or_default()).map_err(|_| Errno::INVAL)?;
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            if let (Some(key), Some(value)) = (words.next().map(|key| key.trim_end_matches(':')), words.next())
                && let Ok(value) = u64::from_str_radix(value, if key.starts_with("Cap") { 16 } else { 10 })
            {
                take(key, value);
            }
        }
        buffer.copy_within(whole..all, 0);
        kept = all.saturating_sub(whole);
    }
}

/// The name of a process's program.
pub fn program(proc: impl AsFd, pid: i32) -> Text {
    let mut path = Text::new();
    say!(&mut path, u64::from(pid.cast_unsigned()), "/exe\0");
    let mut target = [0; 256];
    let read = rustix::fs::readlinkat_raw(proc, c(&path), &mut target[..]);
    let target = read.ok().and_then(|length| core::str::from_utf8(target.get(..length)?).ok()).unwrap_or_default();
    let mut name = Text::new();
    // "/setup (deleted)": the file no longer has a name
    let target = target.split(' ').next().unwrap_or_default();
    target.rsplit('/').next().unwrap_or_default().say(&mut name);
    name
}

/// Calls `take` for every process.
pub fn processes(proc: impl AsFd, mut take: impl FnMut(i32)) -> Result<()> {
    names(proc, |name| name.parse().map_or((), &mut take))
}

/// Calls `take` for every name in a folder, except `.` and `..`.
pub fn names(folder: impl AsFd, mut take: impl FnMut(&str)) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
    let mut buffer = [MaybeUninit::uninit(); 2048];
    let mut entries = RawDir::new(rustix::fs::openat(&folder, c".", flags, Mode::empty())?, &mut buffer);
    while let Some(entry) = entries.next() {
        match entry?.file_name().to_str().unwrap_or_default() {
            "." | ".." => {}
            name => take(name),
        }
    }
    Ok(())
}

/// Calls `take` for each number in a process's status (proc_pid_status(5)). The process may end meanwhile.
pub fn each_of(proc: impl AsFd, pid: u64, take: impl FnMut(&str, u64)) {
    let mut path = Text::new();
    say!(&mut path, pid, "/status\0");
    let _ = each(proc, c(&path), take);
}

/// The processor time of the kernel's own threads, in nanoseconds: of all that kthreadd (process 2) started.
pub fn used_by_kernel(proc: impl AsFd) -> Result<u64> {
    let mut sum = 0_u64;
    processes(&proc, |pid| {
        let mut parent = 0;
        each_of(&proc, u64::from(pid.cast_unsigned()), |key, value| {
            if key == "PPid" {
                parent = value;
            }
        });
        if parent == 2 {
            sum = sum.saturating_add(used(pid).unwrap_or(0));
        }
    })?;
    Ok(sum)
}

/// The processor time that a process and its threads have used, in nanoseconds.
pub fn used(pid: i32) -> Result<u64> {
    trace::clock(trace::clock_of(pid))
}
