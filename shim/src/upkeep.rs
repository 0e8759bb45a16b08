//! How PID 1 keeps an init running: whether it starts again when it has ended, and what its first start waits for.
//! `policy` reads it, `/sandbox` sends it to PID 1, `supervise` acts on it.

use crate::{
    named::Named,
    policy::keys::{BACKOFFS, GRACES, WAIT_SECONDS},
    set,
};

/// When an init starts again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Never.
    #[default]
    No,
    /// When its status is not 0, or a signal ended it.
    OnFailure,
    /// Always.
    Always,
}

/// What happens when an init fails again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCrashLoop {
    /// It goes on starting it, with the longest pause.
    #[default]
    Wait,
    /// The machine restarts.
    Reboot,
}

set! {
    /// What services provide, and what an init may wait for.
    Needs {
        /// An address.
        NETWORK = 1, "network";
        /// The right time.
        TIME = 2, "time";
    }
}

impl Named for Restart {
    const NAMES: &'static [(&'static str, Self)] =
        &[("no", Self::No), ("on-failure", Self::OnFailure), ("always", Self::Always)];
}

impl Named for OnCrashLoop {
    const NAMES: &'static [(&'static str, Self)] = &[("wait", Self::Wait), ("reboot", Self::Reboot)];
}

/// How an init is kept running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upkeep {
    /// When it starts again.
    pub restart: Restart,
    /// The longest pause before it starts again, in seconds. The first is a second, and each is twice the one before.
    pub backoff: u8,
    /// Seconds between TERM and KILL when the machine stops.
    pub grace: u8,
    /// What happens when it fails again and again.
    pub on_crash_loop: OnCrashLoop,
    /// What its first start waits for.
    pub wait: Needs,
    /// Seconds for which it waits at most.
    pub wait_limit: u8,
}

impl Default for Upkeep {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Upkeep {
    /// Of an init whose user has no policy: it starts once, at once.
    pub const DEFAULT: Self = Self {
        restart: Restart::No,
        backoff: *BACKOFFS.end(),
        grace: *GRACES.start(),
        on_crash_loop: OnCrashLoop::Wait,
        wait: Needs::NONE,
        wait_limit: WAIT_SECONDS,
    };

    /// As a number, for a message to PID 1.
    #[must_use]
    pub const fn bits(self) -> u64 {
        let Self { restart, backoff, grace, on_crash_loop, wait, wait_limit } = self;
        u64::from_le_bytes([restart as u8, backoff, grace, on_crash_loop as u8, wait.0, wait_limit, 0, 0])
    }

    /// From that number. What it does not know counts as the first of its kind.
    #[must_use]
    pub const fn of_bits(bits: u64) -> Self {
        let [restart, backoff, grace, on_crash_loop, wait, wait_limit, ..] = bits.to_le_bytes();
        let restart = match restart {
            1 => Restart::OnFailure,
            2 => Restart::Always,
            _ => Restart::No,
        };
        let on_crash_loop = if on_crash_loop == 1 { OnCrashLoop::Reboot } else { OnCrashLoop::Wait };
        Self { restart, backoff, grace, on_crash_loop, wait: Needs(wait), wait_limit }
    }

    /// Whether an init that ended with this status starts again.
    #[must_use]
    pub fn again(self, status: u8) -> bool {
        match self.restart {
            Restart::No => false,
            Restart::OnFailure => status != 0,
            Restart::Always => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_everything() {
        let all = Upkeep {
            restart: Restart::Always,
            backoff: 7,
            grace: 60,
            on_crash_loop: OnCrashLoop::Reboot,
            wait: Needs::NETWORK.and(Needs::TIME),
            wait_limit: 255,
        };
        for upkeep in [all, Upkeep::default(), Upkeep { restart: Restart::OnFailure, ..all }] {
            assert_eq!(Upkeep::of_bits(upkeep.bits()), upkeep);
        }
    }

    #[test]
    fn a_restart_depends_on_the_status() {
        let again = |restart| [0, 1, 137].map(|status| Upkeep { restart, ..Upkeep::default() }.again(status));
        assert_eq!(again(Restart::No), [false; 3]);
        assert_eq!(again(Restart::OnFailure), [false, true, true]);
        assert_eq!(again(Restart::Always), [true; 3]);
    }
}
