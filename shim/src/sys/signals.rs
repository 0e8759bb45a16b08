//! Signals are blocked and waited for: no program here has a handler.
#![allow(unsafe_code)]

use core::ptr;

use linux_raw_sys::general as raw;
use rustix::{fd::OwnedFd, io::Result, process::Signal};

use super::{call, opened};

/// `sizeof(sigset_t)` of the kernel: 64 signals.
const SIGSET_SIZE: usize = 8;

/// A set of signals, as the kernel represents it.
#[derive(Clone, Copy)]
pub struct Signals(u64);

impl Signals {
    /// None.
    pub const NONE: Self = Self(0);
    /// All that can be blocked.
    pub const ALL: Self = Self(u64::MAX);

    /// These.
    #[must_use]
    pub fn of(signals: &[Signal]) -> Self {
        let bit = |signal: &Signal| 1_u64.checked_shl(signal.as_raw().cast_unsigned().wrapping_sub(1)).unwrap_or(0);
        Self(signals.iter().map(bit).fold(0, core::ops::BitOr::bitor))
    }

    /// Blocks exactly these.
    pub fn block(self) {
        const SIG_SETMASK: usize = raw::SIG_SETMASK as usize;
        let set = ptr::from_ref(&self.0) as usize;
        // SAFETY: reads one sigset; a mask may always be set.
        let _ = unsafe { call(raw::__NR_rt_sigprocmask, [SIG_SETMASK, set, 0, SIGSET_SIZE, 0, 0]) };
    }

    /// Waits for one of these signals, which must be blocked. Returns its number.
    pub fn wait(self) -> Result<i32> {
        let set = ptr::from_ref(&self.0) as usize;
        // SAFETY: reads one sigset; no siginfo and no timeout are asked for.
        let number = unsafe { call(raw::__NR_rt_sigtimedwait, [set, 0, 0, SIGSET_SIZE, 0, 0]) }?;
        Ok(i32::try_from(number).unwrap_or_default())
    }

    /// A descriptor that is readable while one of these signals is pending. They must be blocked.
    pub fn descriptor(self) -> Result<OwnedFd> {
        // SFD_CLOEXEC and SFD_NONBLOCK are these by definition (include/uapi/linux/signalfd.h)
        let flags = (raw::O_CLOEXEC | raw::O_NONBLOCK) as usize;
        let set = ptr::from_ref(&self.0) as usize;
        // SAFETY: reads one sigset.
        opened(unsafe { call(raw::__NR_signalfd4, [usize::MAX, set, SIGSET_SIZE, flags, 0, 0])? })
    }
}

/// Bytes of a `struct signalfd_siginfo` (include/uapi/linux/signalfd.h); its first four are the signal's number.
pub const SIGNAL_INFO: usize = 128;
