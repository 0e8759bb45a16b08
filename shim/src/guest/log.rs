//! The kernel log is the only log: one line for each phase of the boot, which is also its timeline.

use rustix::{fd::OwnedFd, fs::OFlags, io::IoSlice};

use crate::{
    guest::place,
    say::{Text, plain},
};

/// Logs one line of the timeline, made of these parts.
macro_rules! info {
    ($log:expr, $($part:expr),+ $(,)?) => {{
        let mut line = $crate::say::Text::new();
        $crate::say!(&mut line, $($part),+);
        $log.info(&mut line);
    }};
}

/// Logs one line that is shown even with `quiet`, made of these parts.
macro_rules! error {
    ($log:expr, $($part:expr),+ $(,)?) => {{
        let mut line = $crate::say::Text::new();
        $crate::say!(&mut line, $($part),+);
        $log.error(&mut line);
    }};
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

    /// Logs one line of the timeline, which `quiet` hides.
    #[inline(never)]
    pub fn info(&self, line: &mut Text) {
        self.line(b"<6>nodeos: ", line);
    }

    /// Logs one line that is shown even with `quiet`.
    #[inline(never)]
    pub fn error(&self, line: &mut Text) {
        self.line(b"<3>nodeos: ", line);
    }

    /// Logs a line with its level (include/linux/kern_levels.h): with `quiet` the console shows those below 4. Users
    /// choose names, so characters that act on a terminal are replaced.
    #[inline(never)]
    fn line(&self, level: &[u8], line: &mut Text) {
        plain(line);
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
            let _ = rustix::io::writev(kmsg, &[IoSlice::new(level), IoSlice::new(line.as_bytes())]);
        }
    }
}

fn open() -> Option<OwnedFd> {
    place::file("/dev/kmsg", OFlags::WRONLY).ok()
}
