//! Tests when servers are asked and what their answers do: simulated servers, a clock, and the time of day.

use super::*;
use crate::clock::SECOND;

/// What a server says: how far our clock is behind, in milliseconds, at the start. `Err` is a failure.
type Says = Result<i64, Option<Refusal>>;

const SILENT: Says = Err(None);
const DAY: i64 = 86_400_000;

/// Servers that answer after 20 ms, and our clock.
struct World {
    state: State,
    now: Seconds,
    /// Milliseconds that the clock was moved by.
    moved: i64,
    servers: std::vec::Vec<Says>,
    /// What our clock loses, in millionths.
    drift: i64,
    /// The most that our clock was off once it was right.
    worst: i64,
    log: std::vec::Vec<String>,
    asked: std::vec::Vec<(Seconds, usize)>,
    wakes: usize,
}

impl World {
    fn new(servers: &[Says]) -> Self {
        let mut state = State::new();
        state.servers(servers.len(), 0);
        let servers = servers.to_vec();
        Self { state, now: 0, moved: 0, servers, drift: 0, worst: 0, log: vec![], asked: vec![], wakes: 0 }
    }

    fn off(&self, says: i64) -> i64 {
        says - self.moved + self.drift * i64::try_from(self.now).unwrap() / 1000
    }

    /// Does everything that is due until then.
    fn until(&mut self, end: Seconds) -> String {
        self.log.clear();
        loop {
            match self.state.next(self.now) {
                Action::Ask(server) => {
                    self.asked.push((self.now, server));
                    match self.servers[server] {
                        Ok(says) => {
                            let sample = Sample { offset: self.off(says) * MILLISECOND, delay: 20 * MILLISECOND };
                            self.state.answered(sample, self.now);
                        }
                        Err(refusal) => self.state.failed(refusal, self.now),
                    }
                }
                Action::Set(Change { how, offset, server, news, .. }) => {
                    let offset = offset / MILLISECOND;
                    self.moved += offset;
                    if news == News::None {
                        self.worst = self.worst.max(offset.abs());
                    }
                    if news != News::None || how == How::Step {
                        self.log.push(format!("{}: {news:?} {how:?} {offset} by {server}", self.now));
                    }
                }
                Action::Lost => self.log.push(format!("{}: lost", self.now)),
                Action::Wait(until) => {
                    let until = until.unwrap_or(end);
                    assert!(until > self.now, "no busy loop");
                    if until >= end {
                        self.now = end;
                        return self.log.join("; ");
                    }
                    self.wakes += 1;
                    self.now = until;
                }
            }
        }
    }

    fn asked(&mut self) -> std::vec::Vec<Seconds> {
        std::mem::take(&mut self.asked).into_iter().map(|(at, _)| at).collect()
    }
}

#[test]
fn three_answers_set_the_clock() {
    for (servers, line) in [
        (&[Ok(DAY)][..], "4: First Step 86400000 by 0"),
        (&[Ok(DAY), Ok(DAY + 100)], "4: First Step 86400000 by 0"),
        (&[Ok(DAY), Ok(DAY), Ok(DAY), Ok(0)], "4: First Step 86400000 by 0"),
        (&[Ok(-DAY)], "4: First Step -86400000 by 0"),
        // near: no leap
        (&[Ok(26)], "4: First Step 26 by 0"),
        (&[Ok(25)], "4: First Slew 25 by 0"),
        (&[Ok(-25)], "4: First Slew -25 by 0"),
        // one that is silent or useless costs two seconds
        (&[SILENT, Ok(DAY)], "10: First Step 86400000 by 1"),
        (&[Ok(DAY), Err(Some(Refusal::Useless)), Ok(DAY), SILENT], "8: First Step 86400000 by 0"),
    ] {
        assert_eq!(World::new(servers).until(60), line, "{servers:?}");
    }
}

#[test]
fn a_liar_among_three_changes_nothing() {
    for liar in [0, DAY, -DAY, 129, i64::from(i32::MAX)] {
        for place in 0..3 {
            let mut servers = [Ok(5000), Ok(5050), Ok(4990)];
            servers[place] = Ok(5000 + liar);
            let mut world = World::new(&servers);
            let log = world.until(60);
            assert!((world.moved - 5000).abs() <= 50 || liar == 129, "{liar} {place} {log}");
        }
    }
}

#[test]
fn two_liars_who_do_not_agree_change_nothing() {
    let mut world = World::new(&[Ok(0), Ok(DAY), Ok(-DAY)]);
    assert_eq!(world.until(3600), "");
    assert_eq!(world.moved, 0);
    // they are asked less and less often: a round of three each 128 s
    assert!(world.asked.len() < 3600 / 36, "{}", world.asked.len());
    // one of them stops lying
    world.servers[1] = Ok(10_000);
    world.servers[0] = Ok(10_000);
    assert!(world.until(3800).contains("First Step 10000"));
}

#[test]
fn a_clock_that_was_set_is_asked_about_ever_less() {
    let mut world = World::new(&[Ok(DAY), Ok(DAY), Ok(DAY), Ok(DAY)]);
    world.until(20_000);
    let asked = world.asked();
    let between: std::vec::Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(between[..8], [2, 2, 64, 128, 256, 512, 1024, 1024]);
    assert!(between[6..].iter().all(|seconds| *seconds == 1024));
    assert_eq!(world.wakes, asked.len() - 1, "it wakes up only to ask");
}

#[test]
fn a_clock_that_drifts_stays_near() {
    // 100 ppm, more than a crystal has, on a machine that does not learn its drift: 128 s cost 13 ms, 1024 s 102 ms
    let mut world = World::new(&[Ok(0)]);
    world.drift = 100;
    world.until(20_000);
    assert!(world.worst <= 52, "{} ms", world.worst);
    assert!(world.wakes < 100, "{}", world.wakes);
    // a clock that is off by more than 25 ms is asked about more often
    let mut state = State::new();
    state.servers(1, 0);
    for now in [0, 2, 4] {
        assert_eq!(state.next(now), Action::Ask(0));
        state.answered(Sample { offset: 0, delay: 0 }, now);
    }
    let mut poll = |offset, now| {
        while state.next(now) != Action::Ask(0) {}
        state.answered(Sample { offset: offset * MILLISECOND, delay: 0 }, now);
        match state.next(now) {
            Action::Set(change) => change.poll,
            other => panic!("{other:?}"),
        }
    };
    let polls =
        [(0, 100), (0, 300), (0, 600), (26, 1200), (-26, 2000), (128, 3000), (25, 4000)].map(|(o, n)| poll(o, n));
    assert_eq!(polls, [7, 8, 9, 8, 7, 6, 7]);
}

#[test]
fn a_clock_that_was_set_steps_only_if_three_answers_say_so() {
    let mut world = World::new(&[Ok(0), Ok(0), Ok(0)]);
    assert_eq!(world.until(10), "4: First Slew 0 by 0");
    // the server that is asked lies from now on: the others are asked too, and do not agree with it
    world.servers[0] = Ok(DAY);
    world.until(400);
    assert!(world.moved.abs() <= 1, "{}", world.moved);
    // all say so
    world.servers.fill(Ok(DAY));
    assert!(world.until(1000).contains("Agreed Step 86400000"), "{:?}", world.log);
    // near enough to slew
    world.servers.fill(Ok(DAY + 400));
    assert!(world.until(4000).contains("Agreed Slew 400"), "{:?}", world.log);
}

#[test]
fn without_an_answer_servers_are_asked_at_most_once_in_64_seconds_in_the_long_run() {
    let mut world = World::new(&[SILENT; 4]);
    assert_eq!(world.until(600), "", "no line: it may be a machine without a network");
    assert_eq!(world.asked(), [0, 2, 4, 6, 8, 12, 20, 36, 68, 132, 260, 388, 516]);
    world.servers.fill(Ok(DAY));
    assert_eq!(world.until(700), "648: First Step 86400000 by 1");
}

#[test]
fn an_hour_without_an_answer_is_logged_once() {
    let mut world = World::new(&[Ok(0), Ok(0)]);
    world.until(10);
    world.servers.fill(SILENT);
    world.asked();
    assert_eq!(world.until(10_000), "3604: lost");
    let asked = world.asked();
    assert!(asked.windows(2).skip(1).all(|pair| pair[1] - pair[0] >= 64), "{asked:?}");
    world.servers.fill(Ok(0));
    let found = world.until(11_000);
    assert!(found.contains("Found Slew 0") && !found.contains(';'), "{found}");
    world.servers.fill(SILENT);
    assert!(world.until(20_000).ends_with("lost"));
}

#[test]
fn a_server_that_says_no_is_not_asked_again() {
    let mut world = World::new(&[Err(Some(Refusal::Denied))]);
    assert_eq!(world.until(100_000), "");
    assert_eq!(world.asked(), [0]);
    // until there is a new list
    world.state.servers(1, world.now);
    world.until(200_000);
    assert_eq!(world.asked().len(), 1);
    let mut world = World::new(&[Err(Some(Refusal::Denied)), Ok(DAY)]);
    assert_eq!(world.until(60), "6: First Step 86400000 by 1");
    assert_eq!(world.asked.iter().filter(|(_, server)| *server == 0).count(), 1);
}

#[test]
fn a_server_that_is_asked_too_often_rests() {
    let mut world = World::new(&[Err(Some(Refusal::TooOften))]);
    world.until(5000);
    assert_eq!(world.asked(), [0, 1024, 2048, 3072, 4096]);
    // in a round, too
    let mut world = World::new(&[Ok(0)]);
    world.until(1);
    world.servers[0] = Err(Some(Refusal::TooOften));
    world.until(1000);
    assert_eq!(world.asked(), [0, 2]);
    world.servers[0] = Ok(DAY);
    assert_eq!(world.until(2000), "1030: First Step 86400000 by 0");
}

#[test]
fn new_servers_are_asked_at_once() {
    let mut world = World::new(&[]);
    assert_eq!(world.state.next(0), Action::Wait(None));
    world.now = 500;
    world.servers = vec![Ok(DAY)];
    world.state.servers(1, 500);
    assert_eq!(world.until(600), "504: First Step 86400000 by 0");
    world.asked();
    // a lease with other servers: one answer is enough if the clock is right
    world.servers = vec![Ok(DAY), Ok(DAY)];
    world.state.servers(2, 600);
    assert_eq!(world.until(650), "");
    assert_eq!(world.asked(), [600]);
}

#[test]
fn the_quickest_of_the_agreeing_answers_counts() {
    let sample = |offset, delay| Sample { offset: offset * MILLISECOND, delay: delay * MILLISECOND };
    let all = [sample(0, 900), sample(100, 50), sample(5000, 1)];
    let samples = [(0, all[0]), (1, all[1]), (2, all[2])];
    assert_eq!(agreed(&samples), Some((1, all[1])), "the one that lies is quicker");
    assert_eq!(agreed(&samples[..2]), None);
    let extreme = [i64::MIN, 0, i64::MAX].map(|offset| (0, Sample { offset, delay: 0 }));
    assert_eq!(agreed(&extreme), None);
    assert!(near(-5 * SECOND, -5 * SECOND, 0));
}
