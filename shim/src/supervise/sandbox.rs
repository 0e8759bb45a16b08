//! The state of one sandbox.

use super::{Pid, TRIES};
use crate::handover::HomeId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Building,
    Ready,
    /// Its reaper is exiting: no more programs start there.
    Ending,
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    No,
    Changing { pid: Pid, to_yes: bool },
    Yes,
}

/// Whether it is told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    No,
    /// Its programs are asked to, and get so many seconds.
    Due {
        grace: u64,
    },
    /// They are killed at that time.
    By {
        at: u64,
    },
}

#[derive(Clone, Copy, Debug)]
pub struct Sandbox {
    pub home: HomeId,
    pub reaper: Pid,
    pub stage: Stage,
    pub shown: Shown,
    pub poke: bool,
    pub ends: Ends,
    pub failures: u8,
}

impl Sandbox {
    /// An attempt to show or hide it has ended. A failed one is tried again, but only a few times, because programs
    /// wait for it.
    pub fn changed(&mut self, to_yes: bool, done: bool) {
        self.failures = if done { 0 } else { self.failures.saturating_add(1) };
        let taken = to_yes == (done || self.failures >= TRIES);
        self.shown = if taken { Shown::Yes } else { Shown::No };
    }
}
