//! Decides what to do when a machine should stop. Pure.

use std::time::{Duration, Instant};

use shim::stopping::STOPPED;

/// How long a machine may take to stop if nobody can press a key: as long as PID 1 may take, plus some time for the
/// request to arrive and for the power to go off.
pub const WITHIN: Duration = Duration::from_secs(STOPPED + 5);

/// Why a machine stops before its programs end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Ctrl-a x.
    Key,
    /// That signal came.
    Signal(i32),
    /// The console's output cannot be written any more.
    Unread,
}

/// The next action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing new.
    Nothing,
    /// Tell the machine to stop.
    Ask,
    /// Cut its power.
    Cut,
}

/// The state of a stop.
#[derive(Debug, Default)]
pub struct Stop {
    /// The first cause.
    pub cause: Option<Cause>,
    /// When the power is cut.
    pub deadline: Option<Instant>,
    pressed: bool,
}

impl Stop {
    /// Records a request to stop the machine, maybe a repeated one.
    pub fn ordered(&mut self, cause: Cause, now: Instant) -> Due {
        if cause == Cause::Key {
            if std::mem::replace(&mut self.pressed, true) {
                return Due::Cut;
            }
        } else {
            self.deadline.get_or_insert(now + WITHIN);
        }
        match self.cause.replace(self.cause.unwrap_or(cause)) {
            None => Due::Ask,
            Some(_) => Due::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cause, Due, Stop, WITHIN};
    use std::time::{Duration, Instant};

    /// The action for each request, and after how many seconds the power is cut.
    fn orders(causes: &[Cause]) -> (Vec<Due>, Option<u64>, Option<Cause>) {
        let (start, mut stop) = (Instant::now(), Stop::default());
        let at = |seconds: usize| start + Duration::from_secs(seconds as u64);
        let due = causes.iter().enumerate().map(|(second, cause)| stop.ordered(*cause, at(second))).collect();
        (due, stop.deadline.map(|deadline| (deadline - start).as_secs()), stop.cause)
    }

    #[test]
    fn the_power_is_not_cut_before_the_machines_own_deadlines() {
        use shim::{stopping, supervise};
        let disk_hangs = [stopping::KILLED, stopping::WRITTEN, stopping::SAID].map(u64::from).iter().sum::<u64>();
        for first in [supervise::GRACE, stopping::CHECKED.into()] {
            assert!(first + disk_hangs < WITHIN.as_secs(), "{first} + {disk_hangs} s");
        }
        // the time that systemd gives a service before it kills it (TimeoutStopSec=, systemd.service(5))
        assert!(WITHIN.as_secs() < 90);
    }

    #[test]
    fn only_a_second_press_or_a_deadline_cuts_the_power() {
        use Cause::{Key, Signal, Unread};
        use Due::{Ask, Cut, Nothing};
        let within = WITHIN.as_secs();
        assert_eq!(orders(&[]), (vec![], None, None));
        assert_eq!(orders(&[Key]), (vec![Ask], None, Some(Key)));
        assert_eq!(orders(&[Key, Key]), (vec![Ask, Cut], None, Some(Key)));
        assert_eq!(orders(&[Signal(15), Signal(15)]), (vec![Ask, Nothing], Some(within), Some(Signal(15))));
        assert_eq!(orders(&[Signal(1), Key, Key]), (vec![Ask, Nothing, Cut], Some(within), Some(Signal(1))));
        assert_eq!(orders(&[Key, Signal(15), Unread]), (vec![Ask, Nothing, Nothing], Some(1 + within), Some(Key)));
        assert_eq!(orders(&[Unread, Key]), (vec![Ask, Nothing], Some(within), Some(Unread)));
    }
}
