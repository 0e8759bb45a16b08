//! The state of one console.

use super::{FORGOTTEN, MAX_BACKOFF, Pid};
use crate::handover::HomeId;

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
    /// How many logons in a row ended without a user.
    failures: u8,
    /// The time of the last failure.
    failed_at: u64,
    /// How often the name that was just refused was refused before, on any console.
    of_name: u8,
}

impl Console {
    /// A console whose logon starts at once.
    pub const fn new() -> Self {
        Self { phase: Phase::Due { at: 0 }, failures: 0, failed_at: 0, of_name: 0 }
    }

    /// A user has logged on, and the logon process is about to exit. Earlier failures still count, because a guest may
    /// log on at any time.
    pub fn known(&mut self, home: HomeId) {
        if let Phase::Prompt { pid } = self.phase {
            self.phase = Phase::Leaving { pid, home };
        }
    }

    /// The logon refused a name, which was refused `before` times, and is about to exit.
    pub fn refused(&mut self, before: u8) {
        self.of_name = before;
    }

    /// The logon ended without a user: the next one starts after a delay, which grows each time.
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
