//! Users who are told to end, and those who are new.

use super::{
    Action, Console, GRACE, Phase, State,
    init::{self, Init},
    sandbox::{Ends, Stage},
};
use crate::handover::HomeId;

impl State {
    /// There is a new user, who may log on unless an init has the console. From then on, one that has not started yet gets
    /// none.
    pub fn user_begins(&mut self) {
        self.interactive |= self.console_of.is_none();
        self.alone &= !self.interactive;
    }

    /// The home's `/init` has to run, if it does not.
    pub fn begin(&mut self, home: HomeId) {
        if self.init_of(home).next().is_none() {
            self.want_init(home);
        }
    }

    /// Everything that runs in that home has to end; with `again`, its init then starts anew.
    pub fn end(&mut self, home: HomeId, again: bool) {
        let grace = self.init_of(home).next().map_or(GRACE, |init| init.upkeep.grace.into());
        for sandbox in self.of(home).filter(|sandbox| sandbox.stage != Stage::Dead && sandbox.ends == Ends::No) {
            sandbox.ends = Ends::Due { grace };
            if sandbox.stage == Stage::Ready {
                sandbox.stage = Stage::Ending;
            }
        }
        match self.inits.iter().position(|init| init.home == home) {
            None if again => drop(self.want_init(home)),
            None => {}
            Some(at) => self.init_ends(at, again, 0),
        }
    }

    /// Whether a process, a sandbox or a console belongs to that home.
    #[must_use]
    pub fn knows(&self, home: HomeId) -> bool {
        let of = |console: &Console| match console.phase {
            Phase::Leaving { home, .. } | Phase::Granted { home } | Phase::Session { home, .. } => Some(home),
            _ => None,
        };
        self.sandbox(home).is_some()
            || self.inits.iter().any(|init| init.home == home)
            || self.consoles.iter().any(|console| of(console) == Some(home))
    }

    /// The init at that place ends, and with `again` starts anew, when it is `due`. One that runs has to end first.
    pub(super) fn init_ends(&mut self, at: usize, again: bool, due: u64) {
        match self.inits.get_mut(at) {
            Some(init) if matches!(init.phase, init::Phase::Running { .. }) => init.ends = Some(again),
            Some(init) if again => {
                // its policy is read again when it starts; until then, what it left behind has the grace of before
                let upkeep = init.upkeep;
                *init = Init::new(init.home);
                init.upkeep = upkeep;
                init.phase = init::Phase::Due { at: due };
            }
            _ => drop(self.inits.remove(at)),
        }
    }

    /// A sandbox that is told to end: its programs are asked first, and killed after their grace.
    pub(super) fn end_due(&mut self, now: u64) -> Option<Action> {
        self.sandboxes.iter_mut().find_map(|sandbox| match sandbox.ends {
            Ends::Due { grace } => {
                sandbox.ends = Ends::By { at: now.saturating_add(grace) };
                Some(Action::Ask(sandbox.reaper))
            }
            Ends::By { at } if at <= now => {
                sandbox.ends = Ends::No;
                Some(Action::Kill(sandbox.reaper))
            }
            _ => None,
        })
    }
}
