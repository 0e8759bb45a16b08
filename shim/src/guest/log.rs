//! The kernel log as the only log: one line a phase, which is also the boot timeline.

use core::fmt::{Arguments, Write as _};

use rustix::{fd::OwnedFd, fs::OFlags};

use crate::guest::{Text, place};

/// How loud a line is (include/linux/kern_levels.h): with `quiet` the console shows what is below 4.
#[derive(Clone, Copy)]
pub enum Level {
    /// Shown even with `quiet`.
    Error,
    /// The timeline.
    Info,
}

/// A way to the kernel log.
pub struct Log(Option<OwnedFd>);

impl Log {
    /// PID 1's: opened for each line, because the kernel counts lines by opening (ten in five seconds,
    /// kernel/printk/printk.c, `devkmsg_write`) and drops the rest.
    pub const PID1: Self = Self(None);

    /// For a process that is about to lose `/dev`.
    pub fn held() -> Self {
        Self(open())
    }

    /// One line.
    pub fn line(&self, level: Level, text: Arguments<'_>) {
        let mut line = Text::new();
        let prefix = match level {
            Level::Error => "<3>nodeos: ",
            Level::Info => "<6>nodeos: ",
        };
        let _ = line.push_str(prefix);
        let _ = line.write_fmt(text);
        let once;
        let kmsg = match &self.0 {
            Some(held) => Some(held),
            None => {
                once = open();
                once.as_ref()
            }
        };
        if let Some(kmsg) = kmsg {
            let _ = rustix::io::write(kmsg, line.as_bytes());
        }
    }

    pub fn info(&self, text: Arguments<'_>) {
        self.line(Level::Info, text);
    }

    pub fn error(&self, text: Arguments<'_>) {
        self.line(Level::Error, text);
    }
}

fn open() -> Option<OwnedFd> {
    place::file("/dev/kmsg", OFlags::WRONLY).ok()
}
