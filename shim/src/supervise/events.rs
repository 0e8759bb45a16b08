//! The events: they only record what happened.

use super::{
    ConsoleId, KILLED, Phase, Pid, State, Stopping, TRIES, init,
    sandbox::{Ends, Sandbox, Shown, Stage},
};
use crate::{
    handover::HomeId,
    last_word::LastWord,
    upkeep::{Needs, Upkeep},
};

impl State {
    /// The sandbox of that home has its root.
    pub fn ready(&mut self, home: HomeId, upkeep: Upkeep, now: u64) {
        self.failures = 0;
        self.init_of(home).for_each(|init| init.known(upkeep, now));
        for sandbox in self.sandboxes.iter_mut().filter(|s| s.home == home && s.stage == Stage::Building) {
            sandbox.stage = if sandbox.ends == Ends::No { Stage::Ready } else { Stage::Ending };
        }
    }

    /// A service provides what inits may wait for.
    pub fn provided(&mut self, what: Needs) {
        self.provided = self.provided.and(what);
    }

    /// A user gave the right password.
    pub fn logged_on(&mut self, console: ConsoleId, home: HomeId) {
        if let Some(console) = self.consoles.get_mut(usize::from(console)) {
            console.known(home);
        }
    }

    /// A wrong password was given, with the name of that home or an unknown name.
    pub fn refused(&mut self, console: ConsoleId, home: Option<HomeId>, now: u64) {
        let before = home.map_or(0, |home| self.refusals.count(home, now));
        if let Some(console) = self.consoles.get_mut(usize::from(console)) {
            console.refused(before);
        }
    }

    /// The home of a process that PID 1 started in a sandbox.
    #[must_use]
    pub fn home_of(&self, pid: Pid) -> Option<HomeId> {
        let sessions = self.consoles.iter().find_map(|console| match console.phase {
            Phase::Session { pid: p, home, .. } if p == pid => Some(home),
            _ => None,
        });
        sessions.or_else(|| self.inits.iter().find(|init| init.runs_as(pid)).map(|init| init.home))
    }

    /// The sandbox of that home is ending by itself, but its reaper is still there. A program that is killed with it is
    /// started again in a new sandbox.
    pub fn ending(&mut self, home: HomeId) {
        for sandbox in self.of(home).filter(|sandbox| sandbox.stage != Stage::Dead) {
            sandbox.stage = Stage::Ending;
        }
    }

    /// The machine should stop.
    pub fn stop(&mut self, word: LastWord) {
        if matches!(self.stopping, Stopping::No) {
            self.stopping = Stopping::Due { word };
        }
    }

    /// A process ended, with the status that a shell would report.
    pub fn exited(&mut self, pid: Pid, status: u8, now: u64) {
        let mut left = None;
        for console in &mut self.consoles {
            match console.phase {
                Phase::Prompt { pid: p } if p == pid => console.unanswered(now),
                Phase::Leaving { pid: p, home } if p == pid && status == 0 => {
                    self.refusals.forgive(home);
                    console.phase = Phase::Granted { home };
                }
                Phase::Leaving { pid: p, .. } if p == pid => console.unanswered(now),
                Phase::Session { pid: p, home, since } if p == pid => {
                    let torn = torn(&self.sandboxes, home, status, since, now);
                    console.phase = if torn { Phase::Granted { home } } else { Phase::Due { at: now } };
                    left = Some(home);
                }
                _ => {}
            }
        }
        let stopping = !matches!(self.stopping, Stopping::No);
        if let Some(at) = self.inits.iter().position(|init| init.runs_as(pid))
            && let Some(init) = self.inits.get_mut(at)
            && let init::Phase::Running { since, .. } = init.phase
        {
            let home = init.home;
            left = Some(home);
            if let Some(again) = init.ends {
                init.phase = init::Phase::Due { at: 0 };
                // a user who restarts without end takes little from others
                self.init_ends(at, again, now.saturating_add(1));
            } else if torn(&self.sandboxes, home, status, since, now) {
                init.phase = init::Phase::Due { at: 0 };
            } else if init.upkeep.again(status) && !stopping {
                init.phase = init::Phase::Ended { status, since };
            } else {
                self.inits.remove(at);
                self.status = if status == 0 { self.status } else { status };
            }
        }
        let mut unbuilt = None;
        for sandbox in &mut self.sandboxes {
            if sandbox.reaper == pid {
                if sandbox.stage == Stage::Building && sandbox.ends == Ends::No {
                    unbuilt = Some(sandbox.home);
                }
                (sandbox.stage, sandbox.ends) = (Stage::Dead, Ends::No);
            }
            if let Shown::Changing { pid: p, to_yes } = sandbox.shown
                && p == pid
            {
                sandbox.changed(to_yes, status == 0);
                self.rest_until = if status == 0 { self.rest_until } else { now.saturating_add(1) };
            }
            if Some(sandbox.home) == left {
                sandbox.poke = true;
            }
        }
        if let Some(home) = unbuilt {
            self.unbuilt(home, now);
        }
    }

    /// A sandbox could not be built. It is tried again in a moment, because memory may only be short for a while.
    pub(super) fn unbuilt(&mut self, home: HomeId, now: u64) {
        self.failures = self.failures.saturating_add(1);
        self.rest_until = now.saturating_add(1);
        if self.failures >= TRIES {
            self.failures = 0;
            self.give_up(home, now);
        }
    }
}

/// Whether a program was killed together with its sandbox, because the last other process there had just ended: it was
/// killed soon after its start, and the sandbox is gone.
fn torn(sandboxes: &[Sandbox], home: HomeId, status: u8, since: u64, now: u64) -> bool {
    let lives = |s: &Sandbox| s.home == home && !matches!(s.stage, Stage::Ending | Stage::Dead);
    status == KILLED && now.saturating_sub(since) < 2 && !sandboxes.iter().any(lives)
}
