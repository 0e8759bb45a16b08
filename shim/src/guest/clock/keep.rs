//! Keeps the time for the next boot, in a file. The kernel keeps it in a real-time clock.

use rustix::{
    fd::OwnedFd,
    fs::{CWD, FileType, OFlags},
    io::Result,
};

use crate::{
    clock::{SECOND, at_boot, discipline::State, saved},
    guest::{log::Log, place},
    layout,
    sys::clock,
};

/// Seconds between two times that are saved.
const HOUR: u64 = 3600;

/// The file.
pub struct Keep {
    /// Opened while the homes are still in sight.
    file: Option<OwnedFd>,
    /// When the time is saved next, in seconds since the kernel started.
    pub due: u64,
    failed: bool,
}

impl Keep {
    pub fn new() -> Self {
        let file = place::open_at(CWD, layout::TIME_FILE, OFlags::RDWR | OFlags::NONBLOCK).ok();
        let regular = |file: &OwnedFd| {
            let stat = rustix::fs::fstat(file);
            stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
        };
        Self { file: file.filter(regular), due: HOUR, failed: false }
    }

    /// The time that was saved last.
    pub fn saved(&self) -> Option<i64> {
        let mut bytes = [0; saved::LENGTH + 1];
        let length = rustix::io::pread(self.file.as_ref()?, &mut bytes[..], 0).ok()?;
        saved::read(bytes.get(..length)?)
    }

    /// Saves the time, and again an hour later. One that a broken real-time clock may have said is not saved.
    pub fn save(&mut self, state: &State, seconds: u64, log: &Log) {
        self.due = seconds.saturating_add(HOUR);
        let now = clock::now() / SECOND;
        let Some(file) = self.file.as_ref().filter(|_| state.is_right() || at_boot(now, None).is_none()) else {
            return;
        };
        let written = write(file, now);
        if let Err(errno) = written
            && !self.failed
        {
            error!(log, "cannot save the time: ", errno, "; without a network, the next boot begins with an older one");
        }
        self.failed = written.is_err();
    }
}

/// In place: the file stays in one sector.
fn write(file: &OwnedFd, seconds: i64) -> Result<()> {
    rustix::io::pwrite(file, &saved::write(seconds), 0)?;
    // whatever was there before
    if rustix::fs::fstat(file)?.st_size > saved::LENGTH.try_into().unwrap_or(i64::MAX) {
        rustix::fs::ftruncate(file, saved::LENGTH as u64)?;
    }
    rustix::fs::fdatasync(file)
}
