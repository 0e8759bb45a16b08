//! The ioctl requests for a hardware watchdog (include/uapi/linux/watchdog.h).
#![allow(unsafe_code)]

use core::ptr;

use linux_raw_sys::general as raw;
use rustix::{
    fd::{AsFd, AsRawFd},
    io::Result,
};

use super::{Stream, call};

/// Makes the request, which reads and writes a number.
fn ioctl(watchdog: &Stream, request: u32, mut number: i32) -> Result<i32> {
    let fd = watchdog.as_fd().as_raw_fd().cast_unsigned() as usize;
    let address = ptr::from_mut(&mut number) as usize;
    // SAFETY: each request below takes the address of an int.
    unsafe { call(raw::__NR_ioctl, [fd, request as usize, address, 0, 0, 0]) }.map(|_| number)
}

/// Sets its timeout in seconds, and returns the one that it has then.
///
/// # Errors
/// That of the driver, if it has no timeout at all.
pub fn set_timeout(watchdog: &Stream, seconds: u32) -> Result<u32> {
    const WDIOC_SETTIMEOUT: u32 = 0xc004_5706;
    const WDIOC_GETTIMEOUT: u32 = 0x8004_5707;
    let wanted = i32::try_from(seconds).unwrap_or(i32::MAX);
    // a driver that refuses ours keeps its own
    let has = ioctl(watchdog, WDIOC_SETTIMEOUT, wanted).or_else(|_| ioctl(watchdog, WDIOC_GETTIMEOUT, 0));
    has.map(|has| u32::try_from(has).unwrap_or(0))
}

/// Stops it.
pub fn stop(watchdog: &Stream) {
    const WDIOC_SETOPTIONS: u32 = 0x8004_5704;
    const WDIOS_DISABLECARD: i32 = 1;
    let _ = ioctl(watchdog, WDIOC_SETOPTIONS, WDIOS_DISABLECARD);
}
