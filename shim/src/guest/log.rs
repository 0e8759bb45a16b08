//! The kernel log is the only log: one line for each phase of the boot, which is also its timeline.

use rustix::{fd::OwnedFd, fs::OFlags};

use crate::{
    guest::place,
    say::{Text, printable},
};

/// Logs one line of the timeline, made of these parts.
macro_rules! info {
    ($log:expr, $($part:expr),+ $(,)?) => {{
        let mut line = $crate::guest::log::start($crate::guest::log::Level::Info);
        $crate::say!(&mut line, $($part),+);
        $log.line(&mut line);
    }};
}

/// Logs one line that is shown even with `quiet`, made of these parts.
macro_rules! error {
    ($log:expr, $($part:expr),+ $(,)?) => {{
        let mut line = $crate::guest::log::start($crate::guest::log::Level::Error);
        $crate::say!(&mut line, $($part),+);
        $log.line(&mut line);
    }};
}

/// The level of a line (include/linux/kern_levels.h): with `quiet` the console shows levels below 4.
#[derive(Clone, Copy)]
pub enum Level {
    /// Shown even with `quiet`.
    Error,
    /// The timeline.
    Info,
}

/// Access to the kernel log.
pub struct Log(Option<OwnedFd>);

impl Log {
    /// For PID 1: opened anew for each line, because the kernel limits the rate for each open file (ten lines in five
    /// seconds, kernel/printk/printk.c, `devkmsg_write`) and drops the rest.
    pub const PID1: Self = Self(None);

    /// For a process that will soon lose `/dev`.
    pub fn held() -> Self {
        Self(open())
    }

    /// Logs one line that `start` began. Users choose names, so characters that act on a terminal are replaced.
    #[inline(never)]
    pub fn line(&self, line: &mut Text) {
        if line.chars().any(|char| printable(char) != char) {
            let mut plain = Text::new();
            line.chars().for_each(|char| drop(plain.push(printable(char))));
            *line = plain;
        }
        // without a newline, the kernel holds the line back until the next record, which might continue it
        // (`vprintk_store`)
        let _ = line.push('\n');
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
}

/// The beginning of a line.
#[inline(never)]
pub fn start(level: Level) -> Text {
    let mut line = Text::new();
    let prefix = match level {
        Level::Error => "<3>nodeos: ",
        Level::Info => "<6>nodeos: ",
    };
    crate::say!(&mut line, prefix);
    line
}

fn open() -> Option<OwnedFd> {
    place::file("/dev/kmsg", OFlags::WRONLY).ok()
}
