//! Tests what PID 1 does: a machine that executes each action, and the events that happen to it.

mod ends;
mod restarts;

use super::*;
use crate::upkeep::Upkeep;

/// Executes each action, numbers the processes from 100, and logs the actions.
struct Machine {
    state: State,
    pid: Pid,
    log: std::vec::Vec<String>,
}

impl Machine {
    fn new(consoles: usize, root: Option<HomeId>, interactive: bool, inits: &[HomeId]) -> Self {
        let mut state = State::new(consoles, root, interactive);
        for home in inits {
            assert!(state.want_init(*home));
        }
        Self { state, pid: 99, log: vec![] }
    }

    /// A user has logged on to home 5 at console 0 (process 100), and the sandbox (101) is ready.
    fn with_a_login() -> Self {
        let mut m = Self::new(1, None, true, &[]);
        m.run(0);
        m.state.logged_on(0, 5);
        m.state.exited(100, 0, 0);
        m.run(0);
        m.state.ready(5, Upkeep::default(), 0);
        m
    }

    /// The init of home 7, alone on the console, which restarts as given.
    fn alone(upkeep: Upkeep) -> Self {
        let mut m = Self::new(1, None, false, &[7]);
        m.run(0);
        m.state.ready(7, upkeep, 0);
        assert_eq!(m.run(0), "Init(7, Some(0))");
        m
    }

    fn run(&mut self, now: u64) -> String {
        self.log.clear();
        while let Some(action) = self.state.next(now) {
            self.pid += 1;
            self.log.push(format!("{action:?}"));
            self.state.done(action, Outcome::Made(self.pid), now);
            if matches!(action, Action::Stop(_)) {
                break;
            }
        }
        self.log.join(" ")
    }
}

#[test]
fn a_logon_that_fails_after_reporting_success_admits_nobody() {
    let mut m = Machine::new(1, None, true, &[]);
    m.run(0);
    m.state.logged_on(0, 5);
    m.state.exited(100, 137, 0);
    assert_eq!(m.run(0), "", "the next logon waits");
    assert_eq!(m.run(1), "Prompt(0)");
}

#[test]
fn an_app_gets_the_console_and_the_machine_ends_with_its_status() {
    let mut m = Machine::new(1, None, false, &[7]);
    assert_eq!(m.run(0), "Build(7)");
    m.state.ready(7, Upkeep::default(), 0);
    assert_eq!(m.run(0), "Init(7, Some(0))");
    m.state.exited(101, 3, 9);
    assert_eq!(m.run(9), "Poke(100)");
    m.state.exited(100, 0, 9);
    assert_eq!(m.run(9), "Terminate Stop(PowerOff(3))");
}

#[test]
fn a_background_process_keeps_the_machine_on() {
    let mut m = Machine::new(0, None, false, &[7]);
    m.run(0);
    m.state.ready(7, Upkeep::default(), 0);
    m.run(0);
    m.state.exited(101, 0, 1);
    assert_eq!(m.run(1), "Poke(100)");
    assert_eq!(m.run(100), "", "the reaper has not ended");
}

#[test]
fn a_sandbox_that_cannot_be_built_does_not_affect_others() {
    let mut m = Machine::new(1, None, true, &[7, 8]);
    assert_eq!(m.run(0), "Build(7) Build(8) Prompt(0)");
    m.state.ready(8, Upkeep::default(), 0);
    m.state.exited(100, 1, 0);
    assert_eq!(m.run(0), "Init(8, None)");
    // twice more, a second apart, and then no more
    assert_eq!(m.state.wake_at(), Some(1));
    for now in [1, 2] {
        assert_eq!(m.run(now), "Build(7)");
        m.state.exited(m.pid, 1, now);
    }
    assert_eq!(m.run(9), "");
}

#[test]
fn a_logon_builds_a_sandbox_once_and_later_ones_join_it() {
    let mut m = Machine::new(2, None, true, &[]);
    assert_eq!(m.run(0), "Prompt(0) Prompt(1)");
    m.state.logged_on(0, 5);
    assert_eq!(m.run(0), "", "its logon still holds the terminal");
    m.state.exited(100, 0, 0);
    assert_eq!(m.run(0), "Build(5)");
    m.state.ready(5, Upkeep::default(), 0);
    assert_eq!(m.run(0), "Shell(5, 0)");
    m.state.logged_on(1, 5);
    m.state.exited(101, 0, 0);
    assert_eq!(m.run(0), "Shell(5, 1)", "no second sandbox");
    m.state.exited(103, 0, 1);
    assert_eq!(m.run(1), "Poke(102) Prompt(0)");
}

#[test]
fn a_reaper_that_ends_before_the_shell_enters_is_replaced() {
    let mut m = Machine::with_a_login();
    assert_eq!(m.state.next(0), Some(Action::Shell(5, 0)));
    m.state.done(Action::Shell(5, 0), Outcome::Gone, 0);
    assert_eq!(m.run(0), "", "its reaper is still there");
    m.state.exited(101, 0, 0);
    assert_eq!(m.run(0), "Build(5)");
}

/// The order in the kernel: a sandbox's first process ends once all others that were killed with it have been reaped.
#[test]
fn programs_killed_with_their_sandbox_restart_in_a_new_one() {
    let mut m = Machine::new(1, None, true, &[5]);
    assert_eq!(m.run(7), "Build(5) Prompt(0)");
    m.state.ready(5, Upkeep::default(), 0);
    assert_eq!(m.run(7), "Init(5, None)");
    m.state.logged_on(0, 5);
    m.state.exited(101, 0, 7);
    assert_eq!(m.run(7), "Shell(5, 0)");
    for (pid, now) in [(102, 7), (103, 8)] {
        assert_eq!(m.state.home_of(pid), Some(5));
        m.state.ending(5); // PID 1 looked: its reaper has no namespaces any more
        m.state.exited(pid, KILLED, now);
        assert_eq!(m.run(now), "", "its reaper is still there");
    }
    m.state.exited(100, 0, 8);
    assert_eq!(m.run(8), "Build(5)");
    m.state.ready(5, Upkeep::default(), 0);
    assert_eq!(m.run(8), "Init(5, None) Shell(5, 0)");
    m.state.exited(106, KILLED, 8); // this one was killed by another process
    assert_eq!(m.run(8), "Poke(104) Prompt(0)");
    assert_eq!(m.state.home_of(106), None);
}

#[test]
fn a_shell_that_cannot_start_does_not_rebuild_the_sandbox() {
    let mut m = Machine::new(1, None, true, &[5]);
    m.run(0);
    m.state.ready(5, Upkeep::default(), 0);
    m.run(0);
    m.state.logged_on(0, 5);
    m.state.exited(101, 0, 0);
    assert_eq!(m.state.next(0), Some(Action::Shell(5, 0)));
    m.state.done(Action::Shell(5, 0), Outcome::Failed, 0);
    assert_eq!(m.run(0), "Poke(100)", "nobody builds it again");
    assert_eq!(m.run(1), "Prompt(0)");
}

#[test]
fn a_session_that_ended_with_its_sandbox_restarts() {
    let mut m = Machine::with_a_login();
    assert_eq!(m.run(7), "Shell(5, 0)");
    m.state.exited(101, 0, 7); // its reaper found itself alone just before
    m.state.exited(102, KILLED, 7);
    assert_eq!(m.run(7), "Build(5)");
    m.state.ready(5, Upkeep::default(), 0);
    assert_eq!(m.run(8), "Shell(5, 0)");
    m.state.exited(104, KILLED, 90); // this one was killed by another process
    assert_eq!(m.run(90), "Poke(103) Prompt(0)");
}

#[test]
fn a_failing_view_is_retried_but_does_not_block_for_ever() {
    let mut m = Machine::new(0, Some(1), true, &[1, 5]);
    m.run(0);
    m.state.ready(1, Upkeep::default(), 0);
    m.state.ready(5, Upkeep::default(), 0);
    for now in [0, 1, 2] {
        assert_eq!(m.run(now), "Show(5)");
        m.state.exited(m.pid, 1, now);
    }
    assert_eq!(m.run(3), "Init(1, None) Init(5, None)");
}

#[test]
fn a_sandbox_that_ends_while_it_is_shown_is_hidden() {
    let mut m = Machine::new(0, Some(1), true, &[1, 5]);
    m.run(0);
    m.state.ready(1, Upkeep::default(), 0);
    m.state.ready(5, Upkeep::default(), 0);
    assert_eq!(m.run(0), "Show(5)");
    m.state.exited(101, 0, 0); // it waits for its reaper first
    m.state.exited(102, 0, 0);
    assert!(m.run(0).starts_with("Hide(5)"));
}

#[test]
fn the_last_sandbox_is_reserved_for_root() {
    let inits: std::vec::Vec<HomeId> = (10..10 + HomeId::try_from(MAX_SANDBOXES).unwrap() - 1).collect();
    let mut m = Machine::new(1, Some(1), true, &inits);
    m.run(0);
    m.state.logged_on(0, 5);
    m.state.exited(m.pid, 0, 0);
    assert_eq!(m.run(0), "TurnAway(5, 0)");
    assert_eq!(m.run(1), "Prompt(0)");
    m.state.logged_on(0, 1);
    m.state.exited(m.pid, 0, 1);
    assert_eq!(m.run(1), "Build(1)");
}

#[test]
fn root_sees_a_sandbox_before_programs_run_until_it_ends() {
    let mut m = Machine::new(0, Some(1), true, &[1, 5]);
    assert_eq!(m.run(0), "Build(1) Build(5)");
    m.state.ready(1, Upkeep::default(), 0);
    m.state.ready(5, Upkeep::default(), 0);
    assert_eq!(m.run(0), "Show(5)");
    m.state.exited(102, 0, 0);
    assert_eq!(m.run(0), "Init(1, None) Init(5, None)");
    m.state.exited(104, 0, 0);
    assert_eq!(m.run(0), "Poke(101)");
    m.state.exited(101, 0, 0);
    assert!(m.state.want_init(5));
    assert_eq!(m.run(0), "Hide(5)", "not built again before it is hidden");
    m.state.exited(106, 0, 0);
    assert_eq!(m.run(0), "Build(5)");
}

#[test]
fn root_logging_on_later_sees_running_sandboxes() {
    let mut m = Machine::new(1, Some(1), true, &[5]);
    m.run(0);
    m.state.ready(5, Upkeep::default(), 0);
    assert_eq!(m.run(0), "Init(5, None)");
    m.state.logged_on(0, 1);
    m.state.exited(101, 0, 0);
    m.run(0);
    m.state.ready(1, Upkeep::default(), 0);
    assert_eq!(m.run(0), "Show(5)");
    m.state.exited(104, 0, 0);
    assert_eq!(m.run(0), "Shell(1, 0)");
}

#[test]
fn a_logon_that_fails_at_once_is_retried_with_growing_delays() {
    let mut m = Machine::new(1, None, true, &[]);
    let mut now = 0;
    let mut waits = vec![];
    for _ in 0..9 {
        assert_eq!(m.run(now), "Prompt(0)");
        m.state.exited(m.pid, 1, now);
        assert_eq!(m.run(now), "");
        let at = m.state.wake_at().unwrap();
        waits.push(at - now);
        now = at;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

/// Gives a wrong password at a console that is due; returns how long the console then waits.
fn wrong(m: &mut Machine, console: ConsoleId, home: Option<HomeId>, now: u64) -> u64 {
    m.run(now);
    let Phase::Prompt { pid } = m.state.consoles[usize::from(console)].phase else { panic!("no prompt at {now}") };
    m.state.refused(console, home, now);
    m.state.exited(pid, 1, now);
    let Phase::Due { at } = m.state.consoles[usize::from(console)].phase else { panic!("no wait at {now}") };
    at - now
}

/// A guest, home 900, logs on at the console and leaves at once.
fn guest(m: &mut Machine, now: u64) {
    m.run(now);
    let Phase::Prompt { pid } = m.state.consoles[0].phase else { panic!("no prompt at {now}") };
    m.state.logged_on(0, 900);
    m.state.exited(pid, 0, now);
    m.run(now);
    m.state.ready(900, Upkeep::default(), 0);
    m.run(now);
    let Phase::Session { pid, .. } = m.state.consoles[0].phase else { panic!("no session at {now}") };
    m.state.exited(pid, 0, now);
    m.run(now);
}

#[test]
fn a_guest_logon_does_not_reset_the_delay_after_wrong_passwords() {
    let mut m = Machine::new(1, None, true, &[]);
    let mut now = 0;
    let mut waits = vec![];
    for _ in 0..7 {
        let wait = wrong(&mut m, 0, Some(5), now);
        waits.push(wait);
        now += wait;
        guest(&mut m, now);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60]);
    // an unknown name waits as long
    assert_eq!(wrong(&mut m, 0, None, now), 60);
    // old failures are forgotten at last
    assert_eq!(wrong(&mut m, 0, Some(5), now + 60 + FORGOTTEN), 1);
}

#[test]
fn delays_for_a_name_apply_on_every_console_until_a_right_password() {
    let mut m = Machine::new(3, None, true, &[]);
    assert_eq!([wrong(&mut m, 0, Some(5), 0), wrong(&mut m, 1, Some(5), 0), wrong(&mut m, 2, Some(5), 0)], [1, 2, 4]);
    assert_eq!(wrong(&mut m, 0, Some(600), 1), 2, "the console's own second");
    m.run(4);
    let Phase::Prompt { pid } = m.state.consoles[1].phase else { panic!() };
    m.state.logged_on(1, 5);
    m.state.exited(pid, 0, 4);
    assert_eq!(wrong(&mut m, 2, Some(5), 4), 2, "its second; of the name the first");
}

#[test]
fn delays_apply_to_the_last_name_of_a_full_table_too() {
    let last = *crate::handover::tests::all_ids().last().unwrap();
    let mut m = Machine::new(2, None, true, &[]);
    assert_eq!([wrong(&mut m, 0, Some(last), 0), wrong(&mut m, 1, Some(last), 0)], [1, 2]);
}

#[test]
fn a_stop_terminates_waits_and_then_kills() {
    let mut m = Machine::new(1, None, true, &[5]);
    m.run(0);
    m.state.ready(5, Upkeep::default(), 0);
    m.run(0);
    m.state.stop(LastWord::Reboot);
    m.state.stop(LastWord::PowerOff(0));
    assert_eq!(m.run(10), "Terminate");
    assert_eq!(m.state.wake_at(), Some(10 + GRACE));
    assert_eq!(m.run(10 + GRACE - 1), "");
    assert_eq!(m.run(10 + GRACE), "Stop(Reboot)");
}

#[test]
fn a_stop_does_not_wait_for_what_has_ended() {
    let mut m = Machine::new(1, None, true, &[]);
    m.run(0);
    m.state.stop(LastWord::PowerOff(0));
    assert_eq!(m.run(0), "Terminate");
    m.state.exited(100, 143, 0);
    assert_eq!(m.run(0), "Stop(PowerOff(0))");
}
