//! Keeps the time for the next boot, in a file. The kernel keeps it in a real-time clock.

use rustix::{fd::AsFd, fs::FileType, io::Result};

use crate::{
    clock::{SECOND, at_boot, discipline::State, saved},
    guest::log::Log,
    layout,
    sys::{Stream, clock},
};

/// Seconds between two times that are saved.
const HOUR: u64 = 3600;
/// The descriptor of the file.
const FILE: Stream = Stream(layout::TIME_DESCRIPTOR as i32);

/// The file.
pub struct Keep {
    /// Whether PID 1 gave us one.
    file: bool,
    /// When the time is saved next, in seconds since the kernel started.
    pub due: u64,
    failed: bool,
}

impl Keep {
    pub fn new() -> Self {
        let stat = rustix::fs::fstat(FILE).ok();
        let file = stat.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
        Self { file, due: HOUR, failed: false }
    }

    /// The time that was saved last.
    pub fn saved(&self) -> Option<i64> {
        let mut bytes = [0; saved::LENGTH + 1];
        let length = self.file.then(|| rustix::io::pread(FILE, &mut bytes[..], 0))?.ok()?;
        saved::read(bytes.get(..length)?)
    }

    /// Saves the time, and again an hour later. One that a broken real-time clock may have said is not saved.
    pub fn save(&mut self, state: &State, seconds: u64, log: &Log) {
        self.due = seconds.saturating_add(HOUR);
        let now = clock::now() / SECOND;
        if !self.file || !state.is_right() && at_boot(now, None).is_some() {
            return;
        }
        let written = write(now);
        if let Err(errno) = written
            && !self.failed
        {
            error!(log, "cannot save the time: ", errno, "; without a network, the next boot begins with an older one");
        }
        self.failed = written.is_err();
    }
}

/// In place: the file stays in one sector.
fn write(seconds: i64) -> Result<()> {
    let file = FILE.as_fd();
    rustix::io::pwrite(file, &saved::write(seconds), 0)?;
    // whatever was there before
    if rustix::fs::fstat(file)?.st_size > saved::LENGTH.try_into().unwrap_or(i64::MAX) {
        rustix::fs::ftruncate(file, saved::LENGTH as u64)?;
    }
    rustix::fs::fdatasync(file)
}
