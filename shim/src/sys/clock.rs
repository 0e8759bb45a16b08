//! The clocks of the machine, and random numbers.
#![allow(unsafe_code)]

use core::ptr;

use linux_raw_sys::general as raw;
use rustix::{event::Timespec, io::Result};

use super::call;
use crate::clock::{Nanoseconds, SECOND};

/// What that clock says (`raw::CLOCK_…`).
#[inline(never)]
fn read(clock: u32) -> Timespec {
    let mut now = Timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one timespec.
    let _ = unsafe { call(raw::__NR_clock_gettime, [clock as usize, ptr::from_mut(&mut now) as usize, 0, 0, 0, 0]) };
    now
}

fn nanoseconds(time: Timespec) -> Nanoseconds {
    time.tv_sec.saturating_mul(SECOND).saturating_add(time.tv_nsec)
}

/// Milliseconds since the kernel started.
pub fn milliseconds() -> u64 {
    let now = read(raw::CLOCK_MONOTONIC);
    let (seconds, rest) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec / 1_000_000).unwrap_or(0));
    seconds.saturating_mul(1000).saturating_add(rest)
}

/// Nanoseconds since the kernel started. Nobody sets this clock.
pub fn since_start() -> Nanoseconds {
    nanoseconds(read(raw::CLOCK_MONOTONIC))
}

/// The time of day.
pub fn now() -> Nanoseconds {
    nanoseconds(read(raw::CLOCK_REALTIME))
}

/// Sets the time of day.
///
/// # Errors
/// `EPERM` without `CAP_SYS_TIME`.
pub fn set(time: Nanoseconds) -> Result<()> {
    let time = Timespec { tv_sec: time.div_euclid(SECOND), tv_nsec: time.rem_euclid(SECOND) };
    // SAFETY: reads one timespec.
    unsafe { call(raw::__NR_clock_settime, [raw::CLOCK_REALTIME as usize, ptr::from_ref(&time) as usize, 0, 0, 0, 0]) }
        .map(drop)
}

/// Tells the kernel that the time of day is `offset` behind, which it makes up for bit by bit, and that the next
/// word comes after two to the power of `poll` seconds. It also learns how fast the hardware's clock is
/// (kernel/time/ntp.c, `ntp_update_offset`), which `adjtime`'s `ADJ_OFFSET_SINGLESHOT` would not do, and sets the
/// real-time clock now and each eleven minutes (`sync_hw_clock`, by `RTC_SYSTOHC`).
///
/// # Errors
/// `EPERM` without `CAP_SYS_TIME`.
pub fn slew(offset: Nanoseconds, poll: u8) -> Result<()> {
    // include/uapi/linux/timex.h: `struct timex` has 208 bytes on both architectures
    const OFFSET_MAXERROR_ESTERROR_STATUS_TIMECONST_NANO: u64 = 0x1 | 0x4 | 0x8 | 0x10 | 0x20 | 0x2000;
    const STA_PLL: u64 = 1;
    let mut timex = [0; 26];
    let [modes, behind, _frequency, _maxerror, _esterror, status, constant, ..] = &mut timex;
    // `modes` and `status` are the lower half of their words
    *modes = OFFSET_MAXERROR_ESTERROR_STATUS_TIMECONST_NANO;
    *behind = offset.cast_unsigned();
    *status = STA_PLL;
    // as systemd-timesyncd has it: with nanoseconds, the kernel does not add four
    *constant = u64::from(poll.saturating_sub(4));
    // SAFETY: reads and writes one `struct timex`.
    unsafe { call(raw::__NR_adjtimex, [ptr::from_mut(&mut timex) as usize, 0, 0, 0, 0, 0]) }.map(drop)
}

/// Whether the clock is right, as far as the kernel knows: `slew` has told it so (kernel/time/ntp.c, `ntp_update_offset`;
/// it forgets it after nine hours without news, `second_overflow`).
#[must_use]
pub fn is_synchronized() -> bool {
    const TIME_ERROR: usize = 5;
    let mut timex = [0_u64; 26];
    // SAFETY: writes one `struct timex`; `modes` is 0, so nothing is changed.
    let state = unsafe { call(raw::__NR_adjtimex, [ptr::from_mut(&mut timex) as usize, 0, 0, 0, 0, 0]) };
    state.is_ok_and(|state| state != TIME_ERROR)
}

/// Random bytes. Waits until the kernel has some.
///
/// # Errors
/// `EINTR` if a signal came first.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    // SAFETY: writes at most `N` bytes. Up to 256 come in one piece (getrandom(2)).
    unsafe { call(raw::__NR_getrandom, [bytes.as_mut_ptr() as usize, N, 0, 0, 0, 0]) }?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_those_of_the_machine() {
        let std = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        assert!(now().unsigned_abs().abs_diff(std.try_into().unwrap()) < 5_000_000_000);
        let before = since_start();
        assert!(milliseconds().abs_diff(before.unsigned_abs() / 1_000_000) < 5000 && since_start() >= before);
        assert_ne!(random::<8>(), random::<8>());
    }

    #[test]
    fn the_kernels_structure_has_the_size_that_we_pass() {
        // six words, then longs: include/uapi/linux/timex.h
        assert_eq!(size_of::<[u64; 26]>(), 208);
        if rustix::process::geteuid().is_root() {
            return; // it would be allowed
        }
        assert_eq!(slew(0, 6), Err(rustix::io::Errno::PERM));
        assert_eq!(set(0), Err(rustix::io::Errno::PERM));
    }
}
