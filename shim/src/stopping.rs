//! The maximum time that a machine takes to stop, step by step, even if something hangs.

use crate::supervise::GRACE;

/// Seconds for e2fsck to end cleanly, if the machine is told to stop while it is still booting.
pub const CHECKED: u8 = 10;
/// Seconds for a console to print what users' inits have printed: 16 KiB at 9600 baud take 17, at 115200 baud 1.5.
pub const PRINTED: u8 = 5;
/// Seconds for `/clock` to save the time.
pub const SAVED: u8 = 2;
/// Seconds for killed processes to be gone.
pub const KILLED: u8 = 2;
/// Seconds for the disk to accept the written data.
pub const WRITTEN: u8 = 60;
/// Seconds for the console to accept the last word, and for the reader of an app's pipes.
pub const SAID: u8 = 3;

/// Seconds for all steps.
pub const STOPPED: u64 = {
    let first = if GRACE > CHECKED as u64 { GRACE } else { CHECKED as u64 };
    first + PRINTED as u64 + SAVED as u64 + KILLED as u64 + WRITTEN as u64 + SAID as u64
};
