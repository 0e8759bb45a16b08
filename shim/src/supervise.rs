//! What PID 1 does next: a state, events that change it, and the one action that is due.
//!
//! Level-triggered: an event only writes down what happened; `next` compares what is with what should be.
//! The caller executes the action and reports the process it made with `done`. Time is a number of seconds.
//!
//! A sandbox lives while a process of its user does: its reaper ends when poked and alone. While root has a
//! sandbox too, every other one is shown there before its first program runs, and hidden before it is built again,
//! so that root never writes into an upper layer below a live overlay.

use heapless::Vec;

use crate::{last_word::LastWord, users::HomeId};

/// Consoles beyond this many get no logon.
pub const MAX_CONSOLES: usize = 4;
/// Sandboxes beyond this many wait until another ends.
pub const MAX_SANDBOXES: usize = 256;
/// Seconds between TERM and KILL.
pub const GRACE: u64 = 5;
/// The longest wait, in seconds, before a logon that fails at once is tried again.
pub const MAX_BACKOFF: u64 = 60;

/// A process of the initial pid namespace.
pub type Pid = i32;
/// A console's place in the list.
pub type ConsoleId = u8;

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a logon on a console.
    Prompt(ConsoleId),
    /// Make the sandbox of a home.
    Build(HomeId),
    /// Run the home's `/init`; with a console, if it is to have one for itself.
    Init(HomeId, Option<ConsoleId>),
    /// Run the user's shell on a console.
    Shell(HomeId, ConsoleId),
    /// Show a live sandbox's root in root's `/home`.
    Show(HomeId),
    /// Take it away again.
    Hide(HomeId),
    /// Ask a reaper to end if it is alone.
    Poke(Pid),
    /// TERM to everything.
    Terminate,
    /// KILL what is left, unmount, and stop the machine.
    Stop(LastWord),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Console {
    Due { at: u64 },
    Prompt { pid: Pid },
    Leaving { pid: Pid, home: HomeId },
    Granted { home: HomeId },
    Session { pid: Pid, home: HomeId },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Building,
    Ready,
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    No,
    Changing { pid: Pid },
    Yes,
}

#[derive(Clone, Copy, Debug)]
struct Sandbox {
    home: HomeId,
    reaper: Pid,
    stage: Stage,
    shown: Shown,
    init: Option<Pid>,
    poke: bool,
}

#[derive(Clone, Copy, Debug)]
enum Stopping {
    No,
    Due { word: LastWord },
    Waiting { word: LastWord, until: u64 },
}

/// Everything that PID 1 remembers.
#[derive(Debug)]
pub struct State {
    consoles: Vec<(Console, u32), MAX_CONSOLES>,
    sandboxes: Vec<Sandbox, MAX_SANDBOXES>,
    inits: Vec<HomeId, MAX_SANDBOXES>,
    root: Option<HomeId>,
    interactive: bool,
    alone: bool,
    status: u8,
    stopping: Stopping,
}

impl State {
    /// The state after boot: consoles, root's home, and whether anybody may log on at all.
    #[must_use]
    pub fn new(consoles: usize, root: Option<HomeId>, interactive: bool) -> Self {
        let mut state = Self {
            consoles: Vec::new(),
            sandboxes: Vec::new(),
            inits: Vec::new(),
            root,
            interactive,
            alone: false,
            status: 0,
            stopping: Stopping::No,
        };
        for _ in 0..consoles {
            let _ = state.consoles.push((Console::Due { at: 0 }, 0));
        }
        state
    }

    /// The home's `/init` is to run; `false` if there is no room for it.
    pub fn want_init(&mut self, home: HomeId) -> bool {
        let taken = self.inits.push(home).is_ok();
        self.alone = !self.interactive && self.inits.len() == 1;
        taken
    }

    /// The sandbox of that home has its root.
    pub fn ready(&mut self, home: HomeId) {
        for sandbox in self.sandboxes.iter_mut().filter(|s| s.home == home && s.stage == Stage::Building) {
            sandbox.stage = Stage::Ready;
        }
    }

    /// Somebody gave the right password.
    pub fn logged_on(&mut self, console: ConsoleId, home: HomeId) {
        if let Some((phase, failures)) = self.consoles.get_mut(usize::from(console))
            && let Console::Prompt { pid } = *phase
        {
            *phase = Console::Leaving { pid, home };
            *failures = 0;
        }
    }

    /// The machine is to stop.
    pub fn stop(&mut self, word: LastWord) {
        if matches!(self.stopping, Stopping::No) {
            self.stopping = Stopping::Due { word };
        }
    }

    /// A process ended, with what a shell would call its status.
    pub fn exited(&mut self, pid: Pid, status: u8, now: u64) {
        let mut left = None;
        for (phase, failures) in &mut self.consoles {
            match *phase {
                Console::Prompt { pid: p } if p == pid => {
                    let wait = 1_u64.checked_shl(*failures).unwrap_or(MAX_BACKOFF).min(MAX_BACKOFF);
                    *failures = failures.saturating_add(1);
                    *phase = Console::Due { at: now.saturating_add(wait) };
                }
                Console::Leaving { pid: p, home } if p == pid => *phase = Console::Granted { home },
                Console::Session { pid: p, home } if p == pid => {
                    *phase = Console::Due { at: now };
                    left = Some(home);
                }
                _ => {}
            }
        }
        let mut unbuilt = None;
        for sandbox in &mut self.sandboxes {
            if sandbox.reaper == pid {
                if sandbox.stage == Stage::Building {
                    unbuilt = Some(sandbox.home);
                }
                sandbox.stage = Stage::Dead;
            }
            if let Shown::Changing { pid: p } = sandbox.shown
                && p == pid
            {
                sandbox.shown = if sandbox.stage == Stage::Dead { Shown::No } else { Shown::Yes };
            }
            if sandbox.init == Some(pid) {
                sandbox.init = None;
                sandbox.poke = true;
                self.status = status;
            }
            if Some(sandbox.home) == left {
                sandbox.poke = true;
            }
        }
        if let Some(home) = unbuilt {
            self.give_up(home, now);
        }
    }

    /// The sandbox of that home cannot be built: who waits for it waits no longer.
    fn give_up(&mut self, home: HomeId, now: u64) {
        if self.inits.contains(&home) {
            self.status = 1;
        }
        self.inits.retain(|wanted| *wanted != home);
        for (phase, _) in &mut self.consoles {
            if *phase == (Console::Granted { home }) {
                *phase = Console::Due { at: now.saturating_add(1) };
            }
        }
    }

    /// The one thing that is due; call again after `done` until there is none.
    pub fn next(&mut self, now: u64) -> Option<Action> {
        match self.stopping {
            Stopping::Due { word } => {
                self.stopping = Stopping::Waiting { word, until: now.saturating_add(GRACE) };
                return Some(Action::Terminate);
            }
            Stopping::Waiting { word, until } => return self.wind_down(word, until, now),
            Stopping::No => {}
        }
        self.bury();
        self.poke_due()
            .or_else(|| self.hide_due())
            .or_else(|| self.show_due())
            .or_else(|| self.run_due())
            .or_else(|| self.prompt_due(now))
            .or_else(|| self.power_off_due())
    }

    fn wind_down(&mut self, word: LastWord, until: u64, now: u64) -> Option<Action> {
        if let Some(poke) = self.poke_due() {
            return Some(poke);
        }
        self.sandboxes.retain(|sandbox| sandbox.stage != Stage::Dead);
        let quiet = self.sandboxes.is_empty()
            && self.consoles.iter().all(|(phase, _)| matches!(phase, Console::Due { .. } | Console::Granted { .. }));
        (quiet || now >= until).then_some(Action::Stop(word))
    }

    /// Forgets the dead sandboxes that nobody sees any more.
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
        let sandbox = self.sandboxes.iter_mut().find(|s| s.poke && s.stage == Stage::Ready)?;
        sandbox.poke = false;
        Some(Action::Poke(sandbox.reaper))
    }

    fn hide_due(&self) -> Option<Action> {
        self.root_sandbox()?;
        let dead = |s: &&Sandbox| s.stage == Stage::Dead && s.shown == Shown::Yes;
        self.sandboxes.iter().find(dead).map(|s| Action::Hide(s.home))
    }

    fn show_due(&self) -> Option<Action> {
        let root = self.root_sandbox().filter(|root| root.stage == Stage::Ready)?.home;
        let unseen = |s: &&Sandbox| s.home != root && s.stage == Stage::Ready && s.shown == Shown::No;
        self.sandboxes.iter().find(unseen).map(|s| Action::Show(s.home))
    }

    /// Whether programs may run there: it has its root, and root sees no upper layer of a live overlay.
    fn usable(&self, sandbox: &Sandbox) -> bool {
        let others = |s: &Sandbox| s.home == sandbox.home || s.stage != Stage::Ready || s.shown == Shown::Yes;
        sandbox.stage == Stage::Ready
            && if Some(sandbox.home) == self.root {
                self.sandboxes.iter().all(others)
            } else {
                self.root_sandbox().is_none() || sandbox.shown == Shown::Yes
            }
    }

    fn run_due(&self) -> Option<Action> {
        let sessions = self.consoles.iter().zip(0..).filter_map(|((phase, _), console)| match *phase {
            Console::Granted { home } => Some((home, Action::Shell(home, console))),
            _ => None,
        });
        let own = (self.alone && !self.consoles.is_empty()).then_some(0);
        let inits = self.inits.iter().map(|home| (*home, Action::Init(*home, own)));
        inits.chain(sessions).find_map(|(home, run)| match self.sandbox(home) {
            None if self.sandboxes.is_full() => None,
            None => Some(Action::Build(home)),
            Some(sandbox) => self.usable(sandbox).then_some(run),
        })
    }

    fn prompt_due(&self, now: u64) -> Option<Action> {
        let due = |phase: &Console| matches!(phase, Console::Due { at } if *at <= now);
        let mut consoles = self.consoles.iter().zip(0..);
        consoles.find(|((phase, _), _)| self.interactive && due(phase)).map(|(_, id)| Action::Prompt(id))
    }

    fn power_off_due(&mut self) -> Option<Action> {
        if self.interactive || !self.sandboxes.is_empty() || !self.inits.is_empty() {
            return None;
        }
        self.stop(LastWord::PowerOff(self.status));
        self.next(0)
    }

    /// The action was executed: the process it made, or none if it failed.
    pub fn done(&mut self, action: Action, made: Option<Pid>, now: u64) {
        match (action, made) {
            (Action::Prompt(console), made) => {
                let phase = match made {
                    Some(pid) => Console::Prompt { pid },
                    None => Console::Due { at: now.saturating_add(MAX_BACKOFF) },
                };
                self.set_console(console, phase);
            }
            (Action::Build(home), Some(reaper)) => {
                let stage = Stage::Building;
                let made = Sandbox { home, reaper, stage, shown: Shown::No, init: None, poke: false };
                let _ = self.sandboxes.push(made);
            }
            (Action::Build(home), None) => self.give_up(home, now),
            (Action::Init(home, _), made) => {
                self.inits.retain(|wanted| *wanted != home);
                for sandbox in self.sandboxes.iter_mut().filter(|s| s.home == home) {
                    sandbox.init = made;
                    sandbox.poke = made.is_none();
                }
                if made.is_none() {
                    self.status = 1;
                }
            }
            (Action::Shell(home, console), Some(pid)) => self.set_console(console, Console::Session { pid, home }),
            // the reaper ended first: the console stays granted, and a new sandbox is built once it is reaped
            (Action::Shell(home, _), None) => {
                for sandbox in self.sandboxes.iter_mut().filter(|s| s.home == home) {
                    sandbox.stage = Stage::Dead;
                }
            }
            (Action::Show(home) | Action::Hide(home), made) => {
                for sandbox in self.sandboxes.iter_mut().filter(|s| s.home == home) {
                    sandbox.shown = match (made, action) {
                        (Some(pid), _) => Shown::Changing { pid },
                        (None, Action::Hide(_)) => Shown::No,
                        (None, _) => Shown::Yes,
                    };
                }
            }
            (Action::Poke(_) | Action::Terminate | Action::Stop(_), _) => {}
        }
    }

    fn set_console(&mut self, console: ConsoleId, to: Console) {
        if let Some((phase, _)) = self.consoles.get_mut(usize::from(console)) {
            *phase = to;
        }
    }

    /// The second at which `next` may have something without any event.
    #[must_use]
    pub fn wake_at(&self) -> Option<u64> {
        if let Stopping::Waiting { until, .. } = self.stopping {
            return Some(until);
        }
        let due = |phase: &Console| match phase {
            Console::Due { at } if self.interactive => Some(*at),
            _ => None,
        };
        self.consoles.iter().filter_map(|(phase, _)| due(phase)).min()
    }
}

#[cfg(test)]
mod tests;
