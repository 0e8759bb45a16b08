//! The hardware watchdog, which PID 1 alone feeds.
//!
//! Its descriptor has a fixed number, so that every wait of a stopping machine can feed it. A machine without a watchdog
//! has `/dev/null` there.

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::OFlags,
    io::Errno,
};

use crate::{
    guards::{Guard, Guards},
    guest::{log::Log, machine::uptime, place},
    sys::{self, Start, Stream, watchdog},
    watchdog::{Feeding, OFF, TIMEOUT},
};

/// The last number of the table of descriptors that the kernel gives a new process (include/linux/fdtable.h,
/// `NR_OPEN_DEFAULT`). When it is taken, PID 1 has opened only a few, and the kernel uses the lowest numbers first.
const DESCRIPTOR: Stream = Stream(63);

/// When PID 1 feeds it; `None` if there is no watchdog.
pub struct Watchdog(Option<Feeding>);

impl Watchdog {
    /// Starts the machine's watchdog, if it has one that may be used.
    pub fn start(words: Start, guards: Guards<'_>, log: &Log) -> Self {
        let off = words.environment().any(|word| word.to_bytes() == OFF.as_bytes());
        let opened = if off { Err(Errno::NOENT) } else { open("/dev/watchdog") };
        let timeout = match opened.and_then(|()| watchdog::set_timeout(&DESCRIPTOR, TIMEOUT)) {
            Ok(timeout) => timeout,
            Err(errno) => {
                if errno != Errno::NOENT {
                    error!(log, "cannot use the watchdog: ", errno);
                }
                // one that runs already would reset the machine
                stop();
                let _ = open("/dev/null");
                return Self(None);
            }
        };
        info!(log, "watchdog: resets the machine after ", timeout, " s without PID 1");
        Self(guards.hold(Guard::Watchdog).then(|| Feeding::every_half_of(timeout, uptime())))
    }

    /// When it is fed next.
    pub fn due(&self) -> Option<u64> {
        self.0.as_ref().map(Feeding::due)
    }

    /// Feeds it if it is due.
    pub fn serve(&mut self) {
        if self.0.as_mut().is_some_and(|feeding| feeding.is_due(uptime())) {
            feed();
        }
    }
}

fn open(path: &str) -> Result<(), Errno> {
    sys::keep_at(&place::file(path, OFlags::WRONLY)?, &DESCRIPTOR)
}

/// Feeds it: for waits of a machine that stops.
pub fn feed() {
    DESCRIPTOR.put("\n");
}

/// Waits for a process for at most that many seconds, and feeds the watchdog meanwhile. Returns whether it has ended.
pub fn ends_within(child: &OwnedFd, seconds: u8) -> bool {
    (0..seconds).any(|_| {
        feed();
        sys::ends_within(child.as_fd(), 1)
    })
}

/// Stops it: a machine that cannot power off stays halted.
pub fn stop() {
    watchdog::stop(&DESCRIPTOR);
}
