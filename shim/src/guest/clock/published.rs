//! Tells the door where the time came from.

use rustix::{fd::OwnedFd, fs::OFlags};

use crate::{clock::source, guest::place, layout};

/// The file.
pub struct Published(Option<OwnedFd>);

impl Published {
    /// While this program still may.
    pub fn open() -> Self {
        Self(place::file(layout::TIME_SOURCE, OFlags::WRONLY | OFlags::CREATE).ok())
    }

    /// The machine has begun with this time, unless an earlier `/clock` knows better.
    pub fn begin(&self, source: &str) {
        let stat = self.0.as_ref().and_then(|file| rustix::fs::fstat(file).ok());
        if stat.is_some_and(|stat| stat.st_size == 0) {
            self.set(source);
        }
    }

    /// The time comes from there.
    pub fn set(&self, source: &str) {
        // in one piece: the rest of a longer line stays behind the new one
        let line = source::line(source);
        let _ = self.0.as_ref().map(|file| rustix::io::pwrite(file, line.as_bytes(), 0));
    }
}
