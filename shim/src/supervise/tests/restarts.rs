//! Inits that start again, and what their first start waits for.

use super::{super::*, Machine};
use crate::upkeep::{Restart, Upkeep};

/// Ends the init, and its sandbox, which is alone then.
fn end(m: &mut Machine, status: u8, now: u64) -> String {
    m.state.exited(m.pid, status, now);
    let reaper = m.state.sandboxes[0].reaper;
    let said = m.run(now);
    m.state.exited(reaper, 0, now);
    assert_eq!(m.run(now), "");
    said
}

/// When it starts again, the sandbox is built first.
fn starts(m: &mut Machine, upkeep: Upkeep) -> u64 {
    let at = m.state.wake_at().unwrap();
    assert_eq!((m.run(at - 1), m.run(at)), (String::new(), "Build(7)".to_owned()));
    m.state.ready(7, upkeep, at);
    assert_eq!(m.run(at), "Init(7, Some(0))");
    at
}

const ALWAYS: Upkeep = Upkeep { restart: Restart::Always, ..Upkeep::DEFAULT };

#[test]
fn an_init_starts_again_after_pauses_that_grow_until_one_start_lives() {
    let mut m = Machine::alone(ALWAYS);
    let (mut now, mut pauses) = (0, vec![]);
    for _ in 0..8 {
        let said = end(&mut m, 3, now);
        assert!(said.starts_with("Again(7, Ended { status: 3, pause: "), "{said}");
        let at = starts(&mut m, ALWAYS);
        pauses.push(at - now);
        now = at;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    now += 60;
    assert!(end(&mut m, 0, now).contains("status: 0, pause: 1, crash_loop: false"));
}

#[test]
fn the_fifth_start_within_five_minutes_is_a_crash_loop() {
    let mut m = Machine::alone(ALWAYS);
    let (mut now, mut loops) = (0, vec![]);
    for start in 1..=20 {
        if end(&mut m, 1, now).contains("crash_loop: true") {
            loops.push(start);
        }
        now = starts(&mut m, ALWAYS);
    }
    // the starts are counted anew when five minutes are over
    assert_eq!(loops, [5, 15]);
}

#[test]
fn a_crash_loop_restarts_the_machine_if_the_policy_says_so() {
    let upkeep = Upkeep { on_crash_loop: OnCrashLoop::Reboot, ..ALWAYS };
    let mut m = Machine::alone(upkeep);
    let mut now = 0;
    for _ in 0..4 {
        end(&mut m, 1, now);
        now = starts(&mut m, upkeep);
    }
    m.state.exited(m.pid, 1, now);
    let said = m.run(now);
    assert!(said.contains("crash_loop: true") && said.contains("Terminate"), "{said}");
}

#[test]
fn only_a_failure_starts_again_on_failure() {
    let upkeep = Upkeep { restart: Restart::OnFailure, ..ALWAYS };
    let mut m = Machine::alone(upkeep);
    assert!(end(&mut m, 137, 0).starts_with("Again(7"));
    starts(&mut m, upkeep);
    m.state.exited(m.pid, 0, 5);
    assert_eq!(m.run(5), "Poke(104)");
    m.state.exited(104, 0, 5);
    assert_eq!(m.run(5), "Terminate Stop(PowerOff(0))");
}

#[test]
fn an_init_that_leaves_processes_behind_starts_again_in_their_sandbox() {
    let mut m = Machine::alone(ALWAYS);
    m.state.exited(101, 1, 3);
    assert!(m.run(3).ends_with("Poke(100)"));
    assert_eq!(m.run(4), "Init(7, Some(0))", "the reaper is not alone");
}

#[test]
fn a_machine_that_stops_starts_nothing_again_and_waits_for_the_longest_grace() {
    let upkeep = Upkeep { grace: 42, ..ALWAYS };
    let mut m = Machine::alone(upkeep);
    m.state.stop(LastWord::PowerOff(0));
    assert_eq!(m.run(9), "Terminate");
    assert_eq!(m.state.wake_at(), Some(9 + 42));
    m.state.exited(101, 0, 30);
    assert_eq!(m.run(30), "Poke(100)");
    m.state.exited(100, 0, 31);
    assert_eq!(m.run(31), "Stop(PowerOff(0))");
}

#[test]
fn the_first_start_waits_for_what_it_needs_but_not_for_ever() {
    let upkeep = Upkeep { wait: Needs::NETWORK.and(Needs::TIME), ..ALWAYS };
    let waiting = || {
        let mut m = Machine::new(1, None, false, &[7]);
        m.run(0);
        m.state.ready(7, upkeep, 3);
        assert_eq!(m.run(3), "");
        m.state.provided(Needs::NETWORK);
        assert_eq!((m.run(4), m.state.wake_at()), (String::new(), Some(13)));
        m
    };
    let mut m = waiting();
    m.state.provided(Needs::TIME);
    assert_eq!(m.run(5), "Init(7, Some(0))");
    let mut m = waiting();
    assert_eq!(m.run(12), "");
    assert_eq!(m.run(13), "StopWaiting(7, Needs(2)) Init(7, Some(0))");
    end(&mut m, 1, 20);
    assert_eq!(starts(&mut m, upkeep), 21, "only the first start waits");
}

#[test]
fn an_unattended_machine_goes_on_trying_to_build_a_first_sandbox() {
    for unattended in [false, true] {
        let mut m = Machine::new(0, None, false, &[7]);
        m.state.unattended = unattended;
        for now in 0..3 {
            assert_eq!(m.run(now), "Build(7)");
            m.state.exited(m.pid, 1, now);
        }
        let said = m.run(9);
        assert_eq!(said.starts_with("Again(7, Ended { status: 1, pause: 1"), unattended, "{said}");
        assert_eq!(said.contains("Stop(PowerOff(1))"), !unattended, "{said}");
    }
}
