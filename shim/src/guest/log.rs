//! The kernel log as the only log: one line a phase, which is also the boot timeline.

use rustix::{fd::OwnedFd, fs::OFlags};

use crate::{
    guest::place,
    say::{Text, printable},
};

/// One line of the timeline, from its parts.
macro_rules! info {
    ($log:expr, $($part:expr),+ $(,)?) => {{
        let mut line = $crate::guest::log::start($crate::guest::log::Level::Info);
        $crate::say!(&mut line, $($part),+);
        $log.line(&mut line);
    }};
}

/// One line that is shown even with `quiet`, from its parts.
macro_rules! error {
    ($log:expr, $($part:expr),+ $(,)?) => {{
        let mut line = $crate::guest::log::start($crate::guest::log::Level::Error);
        $crate::say!(&mut line, $($part),+);
        $log.line(&mut line);
    }};
}

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

    /// One line, begun by `start`. Names are their owners': no line has a character that acts on a terminal.
    #[inline(never)]
    pub fn line(&self, line: &mut Text) {
        if line.chars().any(|char| printable(char) != char) {
            let mut plain = Text::new();
            line.chars().for_each(|char| drop(plain.push(printable(char))));
            *line = plain;
        }
        // without an end, the kernel keeps it back until the next record, which might continue it (`vprintk_store`)
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

/// How a line begins.
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
