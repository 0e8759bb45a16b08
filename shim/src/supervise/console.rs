//! One console, as far as PID 1 remembers it.

use super::{FORGOTTEN, MAX_BACKOFF, Pid};
use crate::users::HomeId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Due { at: u64 },
    Prompt { pid: Pid },
    Leaving { pid: Pid, home: HomeId },
    Granted { home: HomeId },
    Session { pid: Pid, home: HomeId, since: u64 },
}

#[derive(Clone, Copy, Debug)]
pub struct Console {
    pub phase: Phase,
    /// Logons that ended without anybody, one after the other.
    failures: u8,
    /// The second of the last one.
    failed_at: u64,
    /// How often the name that was just refused was refused before, here or elsewhere.
    of_name: u8,
}

impl Console {
    /// One that asks at once.
    pub const fn new() -> Self {
        Self { phase: Phase::Due { at: 0 }, failures: 0, failed_at: 0, of_name: 0 }
    }

    /// Its logon knows who is there, and is about to end. Earlier failures still count: a guest may log on at any time.
    pub fn known(&mut self, home: HomeId) {
        if let Phase::Prompt { pid } = self.phase {
            self.phase = Phase::Leaving { pid, home };
        }
    }

    /// Its logon refused a name that was refused that often before, and is about to end.
    pub fn refused(&mut self, before: u8) {
        self.of_name = before;
    }

    /// Its logon ended without anybody: the next waits, each time longer.
    pub fn unanswered(&mut self, now: u64) {
        if now.saturating_sub(self.failed_at) >= FORGOTTEN {
            self.failures = 0;
        }
        let failures = self.failures.max(self.of_name);
        let wait = 1_u64.checked_shl(failures.into()).unwrap_or(MAX_BACKOFF).min(MAX_BACKOFF);
        *self = Self {
            phase: Phase::Due { at: now.saturating_add(wait) },
            failures: self.failures.saturating_add(1),
            failed_at: now,
            of_name: 0,
        };
    }
}
