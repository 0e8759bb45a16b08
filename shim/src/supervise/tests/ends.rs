//! A user who is told to end, and one whose init starts anew.

use super::*;
use crate::upkeep::Restart;

/// Home 5 with an init (101) in a sandbox (100), and a user who has logged on there (103).
fn with_an_init_and_a_session(upkeep: Upkeep) -> Machine {
    let mut m = Machine::new(1, None, true, &[5]);
    assert_eq!(m.run(0), "Build(5) Prompt(0)");
    m.state.ready(5, upkeep, 0);
    assert_eq!(m.run(0), "Init(5, None)");
    m.state.logged_on(0, 5);
    m.state.exited(101, 0, 0);
    assert_eq!(m.run(0), "Shell(5, 0)");
    m
}

#[test]
fn everything_is_asked_and_ends_in_time() {
    let mut m = with_an_init_and_a_session(Upkeep { grace: 9, ..Upkeep::default() });
    m.state.end(5, false);
    assert_eq!(m.run(100), "Ask(100)");
    assert_eq!(m.state.wake_at(), Some(109));
    m.state.exited(102, 143, 101);
    assert_eq!(m.run(101), "Poke(100)");
    m.state.exited(103, 143, 101);
    assert_eq!(m.run(101), "Poke(100) Prompt(0)");
    m.state.exited(100, 0, 101);
    assert_eq!(m.run(200), "", "nothing is killed, and nothing starts again");
    assert!(!m.state.knows(5));
}

#[test]
fn what_an_init_left_behind_has_the_grace_of_its_policy_until_that_is_read_again() {
    let mut m = with_an_init_and_a_session(Upkeep { grace: 9, ..Upkeep::default() });
    m.state.end(5, true);
    assert_eq!(m.run(100), "Ask(100)");
    m.state.exited(102, 0, 101);
    assert_eq!(m.run(101), "Poke(100)");
    m.state.stop(LastWord::Reboot);
    assert_eq!(m.run(102), "Terminate", "the session still runs");
    assert_eq!((m.run(110).as_str(), m.run(111).as_str()), ("", "Stop(Reboot)"));
}

#[test]
fn what_does_not_end_in_its_grace_is_killed() {
    let mut m = with_an_init_and_a_session(Upkeep { grace: 9, ..Upkeep::default() });
    m.state.end(5, false);
    assert_eq!(m.run(100), "Ask(100)");
    assert_eq!(m.run(108), "");
    assert_eq!(m.run(109), "Kill(100)");
    m.state.exited(102, KILLED, 109);
    m.state.exited(103, KILLED, 109);
    m.state.exited(100, KILLED, 109);
    assert_eq!(m.run(109), "Prompt(0)");
    assert!(!m.state.knows(5));
    assert_eq!(m.state.wake_at(), None);
}

#[test]
fn an_init_starts_anew_whatever_its_policy_says() {
    for restart in [Restart::No, Restart::Always] {
        let mut m = with_an_init_and_a_session(Upkeep { restart, ..Upkeep::default() });
        m.state.end(5, true);
        m.state.end(5, true);
        assert_eq!(m.run(100), "Ask(100)", "once");
        m.state.exited(102, 1, 100);
        m.state.exited(103, 143, 100);
        m.state.exited(100, 0, 100);
        assert_eq!(m.run(100), "Prompt(0)");
        assert_eq!(m.run(101), "Build(5)", "a second later, and it is no crash");
        m.state.ready(5, Upkeep::default(), 101);
        assert_eq!(m.run(101), "Init(5, None)");
    }
}

#[test]
fn an_init_that_waits_or_has_ended_starts_anew() {
    let mut m = Machine::new(1, None, true, &[5]);
    m.run(0);
    m.state.ready(5, Upkeep { restart: Restart::Always, ..Upkeep::default() }, 0);
    assert_eq!(m.run(0), "Init(5, None)");
    m.state.exited(102, 1, 0);
    assert!(m.run(0).starts_with("Again("));
    m.state.exited(100, 0, 0);
    m.state.end(5, true);
    assert_eq!(m.run(0), "Build(5)", "it does not wait for its pause");
    m.state.end(5, false);
    assert_eq!(m.run(0), "Ask(105)", "a sandbox that is not ready yet");
    m.state.ready(5, Upkeep::default(), 0);
    m.state.exited(105, 0, 0);
    assert_eq!(m.run(100), "");
    m.state.end(5, true);
    assert_eq!(m.run(100), "Build(5)", "a user without anything");
}

#[test]
fn a_new_user_may_log_on_unless_an_init_has_the_console() {
    let mut m = Machine::new(1, None, false, &[5, 6]);
    assert_eq!(m.run(0), "Build(5) Build(6)");
    m.state.user_begins();
    assert_eq!(m.run(0), "Prompt(0)");
    let mut m = Machine::new(1, None, false, &[5]);
    m.run(0);
    m.state.ready(5, Upkeep::default(), 0);
    assert_eq!(m.run(0), "Init(5, Some(0))");
    m.state.end(6, true);
    m.state.user_begins();
    assert_eq!(m.run(0), "Build(6)", "no prompt");
}

#[test]
fn a_sandbox_that_is_told_to_end_while_it_is_built_holds_nobody_up() {
    let mut m = Machine::new(1, None, true, &[5, 6]);
    assert_eq!(m.run(0), "Build(5) Build(6) Prompt(0)");
    m.state.end(5, false);
    assert_eq!(m.run(0), "Ask(100)");
    m.state.exited(100, 0, 0);
    m.state.logged_on(0, 7);
    m.state.exited(102, 0, 0);
    assert_eq!(m.run(0), "Build(7)", "no second's rest");
    assert!(!m.state.knows(5));
    // one whose user is gone meanwhile is not tried again
    m.state.begin(8);
    assert_eq!(m.state.next(0), Some(Action::Build(8)));
    m.state.done(Action::Build(8), Outcome::Gone, 0);
    assert_eq!(m.run(0), "");
    assert_eq!(m.run(9), "");
}

#[test]
fn an_init_that_runs_goes_on_when_it_has_to_run() {
    let mut m = with_an_init_and_a_session(Upkeep::default());
    m.state.begin(5);
    assert_eq!(m.run(0), "");
}

#[test]
fn one_that_is_removed_while_it_starts_anew_stays_away() {
    let mut m = with_an_init_and_a_session(Upkeep::default());
    m.state.end(5, true);
    m.state.end(5, false);
    m.run(0);
    for pid in [102, 103, 100] {
        m.state.exited(pid, 143, 0);
    }
    assert_eq!(m.run(0), "Prompt(0)");
}

#[test]
fn the_console_of_an_init_that_is_alone_goes_to_no_other_home() {
    let mut m = Machine::alone(Upkeep::default());
    m.state.exited(m.pid, 0, 1);
    m.run(1); // its sandbox stays: something that it left behind runs there
    assert!(m.state.want_init(5));
    assert_eq!(m.run(2), "Build(5)");
    m.state.ready(5, Upkeep::default(), 2);
    assert_eq!(m.run(2), "Init(5, None)");
}

#[test]
fn an_init_that_still_waits_has_no_console_once_somebody_may_log_on() {
    let mut m = Machine::new(1, None, false, &[7]);
    m.run(0);
    m.state.user_begins();
    m.state.ready(7, Upkeep::default(), 0);
    assert!(m.run(0).contains("Init(7, None)"));
}
