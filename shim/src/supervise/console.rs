//! One console, as far as PID 1 remembers it.

use super::{MAX_BACKOFF, Pid};
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
    failures: u32,
}

impl Console {
    /// One that asks at once.
    pub const fn new() -> Self {
        Self { phase: Phase::Due { at: 0 }, failures: 0 }
    }

    /// Its logon knows who is there, and is about to end.
    pub fn known(&mut self, home: HomeId) {
        if let Phase::Prompt { pid } = self.phase {
            *self = Self { phase: Phase::Leaving { pid, home }, failures: 0 };
        }
    }

    /// Its logon ended without anybody: the next waits, each time longer.
    pub fn unanswered(&mut self, now: u64) {
        let wait = 1_u64.checked_shl(self.failures).unwrap_or(MAX_BACKOFF).min(MAX_BACKOFF);
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Due { at: now.saturating_add(wait) };
    }
}
