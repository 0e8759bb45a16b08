//! Counts how often each home's name was given with a wrong password, on any console.

use super::FORGOTTEN;
use crate::handover::{HomeId, SLOTS, slot};

#[derive(Debug)]
pub struct Refusals {
    counts: [u8; SLOTS],
    /// The time of the last one.
    at: u64,
}

impl Refusals {
    pub const fn new() -> Self {
        Self { counts: [0; SLOTS], at: 0 }
    }

    /// Counts one more. Returns how many there were before, since the owner last logged on or all were forgotten.
    pub fn count(&mut self, home: HomeId, now: u64) -> u8 {
        if now.saturating_sub(self.at) >= FORGOTTEN {
            self.counts = [0; SLOTS];
        }
        self.at = now;
        let Some(count) = self.counts.get_mut(slot(home)) else { return 0 };
        let before = *count;
        *count = before.saturating_add(1);
        before
    }

    /// The owner logged on.
    pub fn forgive(&mut self, home: HomeId) {
        if let Some(count) = self.counts.get_mut(slot(home)) {
            *count = 0;
        }
    }
}
