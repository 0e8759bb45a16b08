//! The hardware watchdog: when PID 1 feeds it.
//!
//! PID 1 feeds it in each turn of its loop that comes after `due`, and nothing else does. So a kernel or a PID 1 that
//! hangs is a reset, `TIMEOUT` seconds after the last feed.

/// Seconds that PID 1 asks the watchdog for; the driver may answer with another number.
///
/// A Raspberry Pi's counts 16 seconds at most. For it the kernel accepts 60, takes them modulo 16 (`bcm2835_wdt_start`:
/// 12 seconds), and feeds it every 8 seconds itself until PID 1 is late (`max_hw_heartbeat_ms`). So on a Pi a kernel
/// that hangs is reset after 12 seconds, a PID 1 that hangs after 60.
pub const TIMEOUT: u32 = 60;

/// The word of the kernel's command line with which PID 1 leaves the watchdog alone. QEMU's Raspberry Pi needs it: it
/// resets the machine at once when its watchdog is started (hw/misc/bcm2835_powermgt.c, `bcm2835_powermgt_write`).
pub const OFF: &str = "watchdog=off";

/// When the watchdog is fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feeding {
    every: u64,
    due: u64,
}

impl Feeding {
    /// Feeds a watchdog with that timeout every half of it. The first time is now.
    #[must_use]
    pub const fn every_half_of(timeout: u32, now: u64) -> Self {
        let half = timeout as u64 / 2;
        Self { every: if half > 0 { half } else { 1 }, due: now }
    }

    /// When it is fed next.
    #[must_use]
    pub const fn due(&self) -> u64 {
        self.due
    }

    /// Whether it is fed now; if so, the next time is half a timeout from now.
    pub fn is_due(&mut self, now: u64) -> bool {
        let due = self.due <= now;
        if due {
            self.due = now.saturating_add(self.every);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::{Feeding, TIMEOUT};

    /// The longest time without food when PID 1 wakes up at these times, and whenever it is due. PID 1 wakes up up to
    /// two seconds late: its clock counts whole seconds.
    fn hungry(timeout: u32, wakes: &[u64], end: u64) -> u64 {
        let mut feeding = Feeding::every_half_of(timeout, 100);
        let (mut now, mut fed, mut longest) = (100, 100, 0);
        while now < end {
            if feeding.is_due(now) {
                longest = longest.max(now - fed);
                fed = now;
            }
            let late = feeding.due() + 2;
            now = wakes.iter().copied().filter(|at| *at > now).min().map_or(late, |at| at.min(late));
        }
        longest
    }

    #[test]
    fn a_watchdog_is_fed_long_before_its_time_whatever_wakes_pid_1() {
        for timeout in [TIMEOUT, 15, 12, 8] {
            for wakes in [&[][..], &[101, 102, 103], &[129, 131, 159, 161], &[100_000]] {
                let longest = hungry(timeout, wakes, 2000);
                assert!(longest <= u64::from(timeout) * 3 / 4, "{timeout} s, {wakes:?}: {longest} s without food");
            }
        }
    }

    #[test]
    fn it_is_fed_at_once_and_then_every_half_of_its_timeout() {
        let mut feeding = Feeding::every_half_of(60, 7);
        assert!(feeding.is_due(7) && !feeding.is_due(7) && !feeding.is_due(36));
        assert_eq!(feeding.due(), 37);
        assert!(feeding.is_due(50));
        assert_eq!(feeding.due(), 80, "half a timeout from when it was fed");
    }

    #[test]
    fn a_timeout_of_no_length_does_not_keep_pid_1_awake() {
        for timeout in [0, 1] {
            let mut feeding = Feeding::every_half_of(timeout, 7);
            assert!(feeding.is_due(7) && feeding.due() == 8);
        }
    }
}
