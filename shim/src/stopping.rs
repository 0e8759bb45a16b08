//! How long a machine takes to stop at most, step by step, whatever hangs.

use crate::supervise::GRACE;

/// Seconds for e2fsck to end in order, where the machine is told to stop while it still boots.
pub const CHECKED: u8 = 10;
/// Seconds for those who are killed to be gone.
pub const KILLED: u8 = 2;
/// Seconds for the disk to take what was written.
pub const WRITTEN: u8 = 60;
/// Seconds for the console to take the last word.
pub const SAID: u8 = 3;

/// Seconds for all of it.
pub const STOPPED: u64 = {
    let first = if GRACE > CHECKED as u64 { GRACE } else { CHECKED as u64 };
    first + KILLED as u64 + WRITTEN as u64 + SAID as u64
};
