//! Counts how often each home's name was given with a wrong password, on any console.

use super::FORGOTTEN;
use crate::{layout::MAX_HOMES, users::HomeId};

#[derive(Debug)]
pub struct Refusals {
    counts: [u8; MAX_HOMES],
    /// The time of the last one.
    at: u64,
}

impl Refusals {
    pub const fn new() -> Self {
        Self { counts: [0; MAX_HOMES], at: 0 }
    }

    /// Counts one more. Returns how many there were before, since the owner last logged on or all were forgotten.
    pub fn count(&mut self, home: HomeId, now: u64) -> u8 {
        if now.saturating_sub(self.at) >= FORGOTTEN {
            self.counts = [0; MAX_HOMES];
        }
        self.at = now;
        let Some(count) = self.counts.get_mut(usize::from(home)) else { return 0 };
        let before = *count;
        *count = before.saturating_add(1);
        before
    }

    /// The owner logged on.
    pub fn forgive(&mut self, home: HomeId) {
        if let Some(count) = self.counts.get_mut(usize::from(home)) {
            *count = 0;
        }
    }
}
