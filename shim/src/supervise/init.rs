//! The state of one init, from the boot until it has ended for good.

use super::{Action, ConsoleId, Ended, Pid, State};
use crate::{
    handover::HomeId,
    upkeep::{Needs, Upkeep},
};

/// A start that lives that many seconds was no failure: what happened before no longer counts.
pub const LIVES: u64 = 60;
/// So many starts within `LOOP` seconds are a crash loop.
pub const STARTS: u8 = 5;
/// So many stand for a crash loop that was said.
const SAID: u8 = 128;
/// See `STARTS`.
pub const LOOP: u64 = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It starts at that time.
    Due { at: u64 },
    /// It runs, since that time.
    Running { pid: Pid, since: u64 },
    /// It has ended with that status, and starts again.
    Ended { status: u8, since: u64 },
}

#[derive(Clone, Copy, Debug)]
pub struct Init {
    pub home: HomeId,
    pub phase: Phase,
    /// Known once its sandbox is ready.
    pub upkeep: Upkeep,
    /// Whether it is told to end, and whether it then starts anew.
    pub ends: Option<bool>,
    /// What it still waits for, and until when.
    pub waits: (Needs, u64),
    /// Whether its sandbox was ready before.
    known: bool,
    /// Seconds before it starts again.
    pause: u8,
    /// How often it was started since that time.
    starts: u8,
    counted_since: u64,
}

impl Init {
    pub fn new(home: HomeId) -> Self {
        Self {
            home,
            phase: Phase::Due { at: 0 },
            upkeep: Upkeep::default(),
            ends: None,
            waits: (Needs::NONE, 0),
            known: false,
            pause: 1,
            starts: 0,
            counted_since: 0,
        }
    }

    pub fn runs_as(&self, wanted: Pid) -> bool {
        matches!(self.phase, Phase::Running { pid, .. } if pid == wanted)
    }

    pub fn is_due(&self, now: u64) -> bool {
        matches!(self.phase, Phase::Due { at } if at <= now)
    }

    /// Its sandbox is ready. Only the first start waits.
    pub fn known(&mut self, upkeep: Upkeep, now: u64) {
        self.upkeep = upkeep;
        if !self.known {
            self.known = true;
            self.waits = (upkeep.wait, now.saturating_add(upkeep.wait_limit.into()));
        }
    }

    pub fn started(&mut self, pid: Pid, now: u64) {
        if now.saturating_sub(self.counted_since) > LOOP {
            (self.counted_since, self.starts) = (now, 0);
        }
        self.starts = self.starts.saturating_add(1);
        self.phase = Phase::Running { pid, since: now };
    }

    /// It starts again: returns after which pause, and whether this end makes it a crash loop.
    pub fn again(&mut self, since: u64, now: u64) -> (u8, bool) {
        if now.saturating_sub(since) >= LIVES {
            (self.pause, self.starts) = (1, 0);
        }
        let pause = self.pause.min(self.upkeep.backoff).max(1);
        self.pause = pause.saturating_mul(2);
        let crash_loop = (STARTS..SAID).contains(&self.starts);
        if crash_loop {
            self.starts = SAID;
        }
        (pause, crash_loop)
    }
}

impl State {
    /// The init of that home could not be started.
    pub(super) fn init_failed(&mut self, home: HomeId, now: u64) {
        let Some(at) = self.inits.iter().position(|init| init.home == home && init.is_due(now)) else { return };
        match self.inits.get_mut(at) {
            // nobody is there to start the machine again
            Some(init) if init.upkeep.again(1) || self.unattended && !init.known => {
                init.phase = Phase::Ended { status: 1, since: now }
            }
            _ => {
                self.inits.remove(at);
                self.status = 1;
            }
        }
    }

    /// What has to be done for an init that is due and has a sandbox.
    pub(super) fn start(&self, init: &Init, own: Option<ConsoleId>, now: u64) -> Option<Action> {
        let (waits, until) = init.waits;
        let missing = waits.without(self.provided);
        if missing == Needs::NONE {
            return Some(Action::Init(init.home, own));
        }
        (until <= now).then_some(Action::StopWaiting(init.home, missing))
    }

    /// What people should know of an init that has ended, before it starts again.
    pub(super) fn again_due(&mut self, now: u64) -> Option<Action> {
        self.inits.iter_mut().find_map(|init| match init.phase {
            Phase::Ended { status, since } => {
                let (pause, crash_loop) = init.again(since, now);
                let ended = Ended { status, pause, crash_loop };
                init.phase = Phase::Due { at: now.saturating_add(pause.into()) };
                Some(Action::Again(init.home, ended))
            }
            _ => None,
        })
    }
}
