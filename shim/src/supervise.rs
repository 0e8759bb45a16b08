//! Decides what PID 1 does next: a state, events that change it, and the next action.
//!
//! Level-triggered: an event only records what happened; `next` compares the actual state with the wanted one. The
//! caller executes the action, and passes the new process to `done`. Time is a number of seconds.
//!
//! A sandbox lives as long as a process of its user does: when poked, its reaper exits if it is alone. While root has a
//! sandbox too, every other sandbox is shown there before its first program runs, and hidden before it is built again.
//! So root never writes into an upper layer of a live overlay.

mod action;
mod console;
mod ends;
mod events;
mod init;
mod refusals;
mod sandbox;

use heapless::Vec;

pub use self::{
    action::{Action, Ended, Outcome},
    init::STARTS,
};
use self::{
    console::{Console, Phase},
    init::Init,
    refusals::Refusals,
    sandbox::{Ends, Sandbox, Shown, Stage},
};
use crate::{
    handover::HomeId,
    last_word::LastWord,
    layout::MAX_CONSOLES,
    policy::keys::GRACES,
    upkeep::{Needs, OnCrashLoop},
};

/// The maximum number of sandboxes. Further ones wait until another ends.
pub const MAX_SANDBOXES: usize = 256;
/// Seconds between TERM and KILL.
pub const GRACE: u64 = *GRACES.start() as u64;
/// The longest wait, in seconds, before a logon or a service that fails at once is started again.
pub const MAX_BACKOFF: u64 = 60;

/// Seconds without a wrong password after which earlier ones no longer count.
pub const FORGOTTEN: u64 = 300;

/// How often an action is tried that may fail temporarily, before the others continue without it.
const TRIES: u8 = 3;
/// The status of a killed process, as a shell reports it.
pub const KILLED: u8 = 128 + 9;

/// A process of the initial pid namespace.
pub type Pid = i32;
/// A console's index in the list.
pub type ConsoleId = u8;

#[derive(Clone, Copy, Debug)]
enum Stopping {
    No,
    Due { word: LastWord },
    Waiting { word: LastWord, until: u64 },
}

/// Everything that PID 1 remembers.
#[derive(Debug)]
pub struct State {
    consoles: Vec<Console, MAX_CONSOLES>,
    sandboxes: Vec<Sandbox, MAX_SANDBOXES>,
    inits: Vec<Init, MAX_SANDBOXES>,
    provided: Needs,
    refusals: Refusals,
    /// root's home.
    pub root: Option<HomeId>,
    /// Whether anybody may log on.
    interactive: bool,
    /// The home whose init got the first console. No other home's init gets it: nothing hangs it up, and what that init
    /// has left behind may still read it.
    console_of: Option<HomeId>,
    /// Nobody looks at the machine: an init whose sandbox cannot be built is tried for ever.
    pub unattended: bool,
    alone: bool,
    /// Of the last init that failed, or 0.
    status: u8,
    /// How many sandboxes in a row could not be built.
    failures: u8,
    /// Failed actions are not tried again before this time.
    rest_until: u64,
    stopping: Stopping,
}

impl State {
    /// The state after boot, from the number of consoles, root's home, and whether anybody may log on at all.
    #[must_use]
    pub fn new(consoles: usize, root: Option<HomeId>, interactive: bool) -> Self {
        let mut state = Self {
            consoles: Vec::new(),
            sandboxes: Vec::new(),
            inits: Vec::new(),
            provided: Needs::NONE,
            refusals: Refusals::new(),
            root,
            interactive,
            console_of: None,
            unattended: false,
            alone: false,
            status: 0,
            failures: 0,
            rest_until: 0,
            stopping: Stopping::No,
        };
        for _ in 0..consoles {
            let _ = state.consoles.push(Console::new());
        }
        state
    }

    /// Requests to run the home's `/init`; `false` if there is no room for it.
    pub fn want_init(&mut self, home: HomeId) -> bool {
        let fits = self.inits.push(Init::new(home)).is_ok();
        self.alone = !self.interactive && self.inits.len() == 1 && self.console_of.is_none_or(|owner| owner == home);
        fits
    }

    /// The machine ends with a status that says that something failed.
    pub fn fail(&mut self) {
        self.status = 1;
    }

    /// Whether the only remaining action will be to power off.
    #[must_use]
    pub fn idle(&self) -> bool {
        !self.interactive && self.sandboxes.is_empty() && self.inits.is_empty()
    }

    /// The sandbox of that home cannot be built: programs and consoles that wait for it stop waiting.
    fn give_up(&mut self, home: HomeId, now: u64) {
        self.init_failed(home, now);
        for console in &mut self.consoles {
            if console.phase == (Phase::Granted { home }) {
                console.phase = Phase::Due { at: now.saturating_add(1) };
            }
        }
    }

    /// The next action; call again after `done` until there is none.
    pub fn next(&mut self, now: u64) -> Option<Action> {
        match self.stopping {
            Stopping::Due { word } => {
                let graces = self.inits.iter().map(|init| init.upkeep.grace.into());
                let until = now.saturating_add(graces.max().unwrap_or(GRACE));
                self.stopping = Stopping::Waiting { word, until };
                return Some(Action::Terminate);
            }
            Stopping::Waiting { word, until } => return self.wind_down(word, until, now),
            Stopping::No => {}
        }
        if self.rest_until <= now {
            self.rest_until = 0;
        }
        self.inits.iter_mut().filter(|init| init.is_due(now)).for_each(|init| init.phase = init::Phase::Due { at: 0 });
        self.bury();
        self.again_due(now)
            .or_else(|| self.end_due(now))
            .or_else(|| self.poke_due())
            .or_else(|| self.hide_due(now))
            .or_else(|| self.show_due(now))
            .or_else(|| self.run_due(now))
            .or_else(|| self.turn_away_due())
            .or_else(|| self.prompt_due(now))
            .or_else(|| self.power_off_due())
    }

    fn wind_down(&mut self, word: LastWord, until: u64, now: u64) -> Option<Action> {
        if let Some(poke) = self.poke_due() {
            return Some(poke);
        }
        self.sandboxes.retain(|sandbox| sandbox.stage != Stage::Dead);
        let quiet = self.sandboxes.is_empty()
            && self.consoles.iter().all(|console| matches!(console.phase, Phase::Due { .. } | Phase::Granted { .. }));
        (quiet || now >= until).then_some(Action::Stop(word))
    }

    /// Forgets dead sandboxes that are no longer shown to root.
    fn bury(&mut self) {
        let root_lives = self.root_sandbox().is_some();
        self.sandboxes.retain(|sandbox| {
            sandbox.stage != Stage::Dead
                || (root_lives && sandbox.shown != Shown::No)
                || matches!(sandbox.shown, Shown::Changing { .. })
        });
        if !root_lives {
            for sandbox in &mut self.sandboxes {
                if sandbox.shown == Shown::Yes {
                    sandbox.shown = Shown::No;
                }
            }
        }
    }

    fn sandbox(&self, home: HomeId) -> Option<&Sandbox> {
        self.sandboxes.iter().find(|sandbox| sandbox.home == home)
    }

    fn root_sandbox(&self) -> Option<&Sandbox> {
        self.sandbox(self.root?).filter(|sandbox| sandbox.stage != Stage::Dead)
    }

    fn poke_due(&mut self) -> Option<Action> {
        let lives = |s: &Sandbox| s.stage == Stage::Ready || s.ends != Ends::No;
        let sandbox = self.sandboxes.iter_mut().find(|s| s.poke && lives(s))?;
        sandbox.poke = false;
        Some(Action::Poke(sandbox.reaper))
    }

    fn hide_due(&self, now: u64) -> Option<Action> {
        self.root_sandbox().filter(|_| self.rest_until <= now)?;
        let dead = |s: &&Sandbox| s.stage == Stage::Dead && s.shown == Shown::Yes;
        self.sandboxes.iter().find(dead).map(|s| Action::Hide(s.home))
    }

    fn show_due(&self, now: u64) -> Option<Action> {
        let rested = self.rest_until <= now;
        let root = self.root_sandbox().filter(|root| rested && root.stage == Stage::Ready)?.home;
        let unseen = |s: &&Sandbox| s.home != root && s.stage == Stage::Ready && s.shown == Shown::No;
        self.sandboxes.iter().find(unseen).map(|s| Action::Show(s.home))
    }

    /// Whether programs may run in the sandbox: it has its root, and root does not see the upper layer of a live
    /// overlay.
    fn usable(&self, sandbox: &Sandbox) -> bool {
        let others = |s: &Sandbox| s.home == sandbox.home || s.stage != Stage::Ready || s.shown == Shown::Yes;
        sandbox.stage == Stage::Ready
            && if Some(sandbox.home) == self.root {
                self.sandboxes.iter().all(others)
            } else {
                self.root_sandbox().is_none() || sandbox.shown == Shown::Yes
            }
    }

    /// Whether there is room for one more sandbox; the last place is kept for root.
    fn room(&self, home: HomeId) -> bool {
        let kept = usize::from(self.root.is_some_and(|root| root != home));
        self.sandboxes.len().saturating_add(kept) < MAX_SANDBOXES
    }

    fn run_due(&self, now: u64) -> Option<Action> {
        let sessions = self.consoles.iter().zip(0..).filter_map(|(console, id)| match console.phase {
            Phase::Granted { home } => Some((home, Action::Shell(home, id))),
            _ => None,
        });
        let own = (self.alone && !self.consoles.is_empty()).then_some(0);
        let inits = self.inits.iter().filter(|init| init.is_due(now));
        let inits = inits.filter_map(|init| Some((init.home, self.start(init, own, now)?)));
        inits.chain(sessions).find_map(|(home, run)| match self.sandbox(home) {
            None if self.rest_until > now || !self.room(home) => None,
            None => Some(Action::Build(home)),
            Some(sandbox) => self.usable(sandbox).then_some(run),
        })
    }

    fn turn_away_due(&self) -> Option<Action> {
        self.consoles.iter().zip(0..).find_map(|(console, id)| match console.phase {
            Phase::Granted { home } if self.sandbox(home).is_none() && !self.room(home) => {
                Some(Action::TurnAway(home, id))
            }
            _ => None,
        })
    }

    fn prompt_due(&self, now: u64) -> Option<Action> {
        let due = |console: &Console| matches!(console.phase, Phase::Due { at } if at <= now);
        let mut consoles = self.consoles.iter().zip(0..);
        consoles.find(|(console, _)| self.interactive && due(console)).map(|(_, id)| Action::Prompt(id))
    }

    fn power_off_due(&mut self) -> Option<Action> {
        if !self.idle() {
            return None;
        }
        self.stop(LastWord::PowerOff(self.status));
        self.next(0)
    }

    /// Records the outcome of an action.
    pub fn done(&mut self, action: Action, outcome: Outcome, now: u64) {
        match (action, outcome) {
            (Action::Prompt(console), Outcome::Made(pid)) => self.set_console(console, Phase::Prompt { pid }),
            (Action::Prompt(console), _) => self.back(console, now.saturating_add(MAX_BACKOFF)),
            (Action::TurnAway(_, console), _) => self.back(console, now.saturating_add(1)),
            (Action::Build(home), Outcome::Made(reaper)) => {
                let (stage, shown) = (Stage::Building, Shown::No);
                let made = Sandbox { home, reaper, stage, shown, poke: false, ends: Ends::No, failures: 0 };
                let _ = self.sandboxes.push(made);
            }
            // there is no such user any more
            (Action::Build(home), Outcome::Gone) => self.give_up(home, now),
            (Action::Build(home), _) => self.unbuilt(home, now),
            // a new sandbox is built once the old reaper has been reaped; those who wait for a sandbox continue to wait
            (Action::Init(home, _) | Action::Shell(home, _), Outcome::Gone) => self.ending(home),
            (Action::Init(home, console), outcome) => {
                if let Outcome::Made(pid) = outcome {
                    self.console_of = self.console_of.or(console.map(|_| home));
                    self.init_of(home).for_each(|init| init.started(pid, now));
                } else {
                    self.of(home).for_each(|sandbox| sandbox.poke = true);
                    self.init_failed(home, now);
                }
            }
            (Action::Shell(home, console), Outcome::Made(pid)) => {
                self.set_console(console, Phase::Session { pid, home, since: now });
            }
            (Action::Shell(home, console), _) => {
                self.back(console, now.saturating_add(1));
                self.of(home).for_each(|sandbox| sandbox.poke = true);
            }
            (Action::Show(home) | Action::Hide(home), outcome) => {
                let to_yes = action == Action::Show(home);
                self.of(home).for_each(|sandbox| match outcome {
                    Outcome::Made(pid) => sandbox.shown = Shown::Changing { pid, to_yes },
                    _ => sandbox.changed(to_yes, false),
                });
                if !matches!(outcome, Outcome::Made(_)) {
                    self.rest_until = now.saturating_add(1);
                }
            }
            (Action::StopWaiting(home, _), _) => {
                self.init_of(home).for_each(|init| init.waits.0 = Needs::NONE);
            }
            (Action::Again(home, Ended { crash_loop: true, .. }), _) => {
                if self.init_of(home).any(|init| init.upkeep.on_crash_loop == OnCrashLoop::Reboot) {
                    self.stop(LastWord::Reboot);
                }
            }
            (
                Action::Again(..)
                | Action::Poke(_)
                | Action::Ask(_)
                | Action::Kill(_)
                | Action::Terminate
                | Action::Stop(_),
                _,
            ) => {}
        }
    }

    fn of(&mut self, home: HomeId) -> impl Iterator<Item = &mut Sandbox> {
        self.sandboxes.iter_mut().filter(move |sandbox| sandbox.home == home)
    }

    fn init_of(&mut self, home: HomeId) -> impl Iterator<Item = &mut Init> {
        self.inits.iter_mut().filter(move |init| init.home == home)
    }

    /// The console starts the next logon at that time.
    fn back(&mut self, console: ConsoleId, at: u64) {
        self.set_console(console, Phase::Due { at });
    }

    fn set_console(&mut self, console: ConsoleId, to: Phase) {
        if let Some(console) = self.consoles.get_mut(usize::from(console)) {
            console.phase = to;
        }
    }

    /// The time at which `next` may return an action without an event.
    #[must_use]
    pub fn wake_at(&self) -> Option<u64> {
        if let Stopping::Waiting { until, .. } = self.stopping {
            return Some(until);
        }
        let due = |console: &Console| match console.phase {
            Phase::Due { at } if self.interactive => Some(at),
            _ => None,
        };
        let rest = (self.rest_until > 0).then_some(self.rest_until);
        let inits = self.inits.iter().filter_map(|init| match init.phase {
            init::Phase::Due { at: 0 } => (init.waits.0 != Needs::NONE).then_some(init.waits.1),
            init::Phase::Due { at } => Some(at),
            _ => None,
        });
        let ends = self.sandboxes.iter().filter_map(|sandbox| match sandbox.ends {
            Ends::By { at } => Some(at),
            _ => None,
        });
        self.consoles.iter().filter_map(due).chain(rest).chain(inits).chain(ends).min()
    }
}

#[cfg(test)]
mod tests;
