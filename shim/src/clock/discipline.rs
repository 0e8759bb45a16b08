//! Which server is asked when, and what the answers do to the clock: `State`, told of answers, says what to do next.
//!
//! ```text
//! nothing known -> three answers, two seconds apart -> two of them agree? -> set
//! set -> one answer after 64 s, 128 s … 1024 s -> near? slew : three answers
//! ```
//!
//! No single answer that is far from our own time is believed, from any server.

use heapless::Vec;

use super::{
    MILLISECOND, Nanoseconds,
    servers::MAX_SERVERS,
    sntp::{Refusal, Sample},
};

/// Seconds since the kernel started.
pub type Seconds = u64;

/// Seconds between the answers of a round. Servers expect a few requests like that from one that starts (ntpd's
/// `iburst` does the same); later requests are at least 64 s apart.
const NEXT: Seconds = 2;
/// Answers that a round takes.
const ROUND: usize = 3;
/// How near two servers' clocks must be (ntpd calls 128 ms its step threshold).
const NEAR: Nanoseconds = 128 * MILLISECOND;
/// A clock that was never set steps if it is off by more. Issue 17 wants it to be right within 50 ms after three
/// answers, and slewing takes minutes.
const FIRST_STEP: Nanoseconds = 25 * MILLISECOND;
/// A clock that was set steps only if it is off by more: programs do not expect jumps.
const STEP: Nanoseconds = 500 * MILLISECOND;
/// While the clock is off by less, servers are asked less and less often.
const GOOD: Nanoseconds = 25 * MILLISECOND;
/// The shortest and longest time between two requests, as powers of two of seconds (RFC 5905, `MINPOLL` is 4 there).
const POLL: (u8, u8) = (6, 10);
/// Seconds between two tries, once no server has answered. They double.
const PAUSE: (Seconds, Seconds) = (2, 128);
/// Seconds in which a server is not asked that said `RATE`: as long as the longest time between two requests.
const REST: Seconds = 1 << POLL.1;
/// Seconds without an answer after which that is logged.
const LOST: Seconds = 3600;
/// A rest without an end.
const NEVER: Seconds = Seconds::MAX;

/// How the clock is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// At once.
    Step,
    /// Bit by bit. Time goes on forwards.
    Slew,
}

/// What an answer means for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The clock is right for the first time.
    First,
    /// Three answers agreed once more.
    Agreed,
    /// It was an hour without an answer.
    Found,
    /// As expected.
    None,
}

/// How the clock is changed.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub how: How,
    /// How far the clock is behind.
    pub offset: Nanoseconds,
    /// The server that said so.
    pub server: usize,
    /// The next request comes after two to the power of this many seconds.
    pub poll: u8,
    pub news: News,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask that server; then `answered` or `failed`.
    Ask(usize),
    /// Set the clock.
    Set(Change),
    /// Log that no server has answered for an hour.
    Lost,
    /// Wait until then, or for news.
    Wait(Option<Seconds>),
}

/// What is known.
#[derive(Debug)]
pub struct State {
    servers: usize,
    /// Until when a server is not asked.
    rests: [Seconds; MAX_SERVERS],
    /// The server that is asked next, or was asked last.
    at: usize,
    due: Seconds,
    /// The answers of a round, with their servers.
    samples: Vec<(usize, Sample), ROUND>,
    /// Requests without an answer, one after another.
    misses: usize,
    pause: Seconds,
    poll: u8,
    /// When the clock was right last.
    right: Option<Seconds>,
    lost: bool,
    change: Option<Change>,
}

impl State {
    /// No server is known.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            servers: 0,
            rests: [0; MAX_SERVERS],
            at: 0,
            due: 0,
            samples: Vec::new(),
            misses: 0,
            pause: PAUSE.0,
            poll: POLL.0,
            right: None,
            lost: false,
            change: None,
        }
    }

    /// There are so many servers now, and they may be others than before: one is asked at once.
    pub fn servers(&mut self, count: usize, now: Seconds) {
        let Self { right, lost, change, .. } = *self;
        *self = Self { servers: count.min(MAX_SERVERS), due: now, right, lost, change, ..Self::new() };
    }

    /// Whether the clock was ever right.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.right.is_some()
    }

    /// What is due.
    pub fn next(&mut self, now: Seconds) -> Action {
        if let Some(change) = self.change.take() {
            return Action::Set(change);
        }
        let lost_at = self.right.map(|right| right.saturating_add(LOST)).filter(|_| !self.lost);
        if lost_at.is_some_and(|at| at <= now) {
            self.lost = true;
            return Action::Lost;
        }
        let wakes = self.rests.iter().take(self.servers).copied().filter(|rest| *rest != NEVER).min();
        match (self.ready(now), wakes) {
            (Some(server), _) if self.due <= now => {
                self.at = server;
                Action::Ask(server)
            }
            (_, Some(wakes)) => Action::Wait(Some(self.due.max(wakes).min(lost_at.unwrap_or(NEVER)))),
            (_, None) => Action::Wait(lost_at),
        }
    }

    /// The next server that may be asked.
    fn ready(&self, now: Seconds) -> Option<usize> {
        let all = (0..self.servers).cycle().skip(self.at).take(self.servers);
        all.into_iter().find(|server| self.rests.get(*server).is_some_and(|rest| *rest <= now))
    }

    /// The server that was asked has answered.
    pub fn answered(&mut self, sample: Sample, now: Seconds) {
        self.misses = 0;
        let server = self.at;
        if self.is_right() && self.samples.is_empty() && near(sample.offset, 0, NEAR) {
            let (shortest, longest) = POLL;
            let good = near(sample.offset, 0, GOOD);
            let poll = if good { self.poll.saturating_add(1) } else { self.poll.saturating_sub(1) };
            self.poll = poll.clamp(shortest, longest);
            let news = if self.lost { News::Found } else { News::None };
            return self.set(server, sample, news, now);
        }
        let _ = self.samples.push((server, sample));
        (self.at, self.due) = (server.saturating_add(1), now.saturating_add(NEXT));
        if self.samples.is_full() {
            let agreed = agreed(&self.samples);
            self.samples.clear();
            match agreed {
                Some((server, sample)) => {
                    self.poll = POLL.0;
                    let news = if self.is_right() { News::Agreed } else { News::First };
                    self.set(server, sample, news, now);
                }
                None => self.give_up(now),
            }
        }
    }

    fn set(&mut self, server: usize, sample: Sample, news: News, now: Seconds) {
        let most = if self.is_right() { STEP } else { FIRST_STEP };
        let how = if near(sample.offset, 0, most) { How::Slew } else { How::Step };
        self.change = Some(Change { how, offset: sample.offset, server, poll: self.poll, news });
        (self.right, self.lost, self.pause) = (Some(now), false, PAUSE.0);
        // it goes on with this one
        (self.at, self.due) = (server, now.saturating_add(1 << self.poll));
    }

    /// The server that was asked gave no answer that can be used; `None` if it gave none at all.
    pub fn failed(&mut self, refusal: Option<Refusal>, now: Seconds) {
        if let Some(rest) = self.rests.get_mut(self.at) {
            match refusal {
                Some(Refusal::Denied) => *rest = NEVER,
                Some(Refusal::TooOften) => *rest = now.saturating_add(REST),
                Some(Refusal::Foreign | Refusal::Useless) | None => {}
            }
        }
        self.misses = self.misses.saturating_add(1);
        (self.at, self.due) = (self.at.saturating_add(1), now.saturating_add(NEXT));
        if self.misses >= self.servers {
            self.give_up(now);
        }
    }

    /// Tries again later.
    fn give_up(&mut self, now: Seconds) {
        self.samples.clear();
        let pause = if self.is_right() { self.pause.max(1 << POLL.0) } else { self.pause };
        self.due = now.saturating_add(pause);
        self.pause = self.pause.saturating_mul(2).min(PAUSE.1);
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

fn near(one: Nanoseconds, other: Nanoseconds, most: Nanoseconds) -> bool {
    one.abs_diff(other) <= most.unsigned_abs()
}

/// Of three answers, the one in the middle counts if another one is near it. The quicker one of these is more exact.
fn agreed(samples: &[(usize, Sample)]) -> Option<(usize, Sample)> {
    let mut sorted: [(usize, Sample); ROUND] = samples.try_into().ok()?;
    sorted.sort_unstable_by_key(|(_, sample)| sample.offset);
    let [_, (_, middle), _] = sorted;
    let near = sorted.into_iter().filter(|(_, sample)| near(sample.offset, middle.offset, NEAR));
    // the one in the middle is near itself
    (near.clone().count() > 1).then(|| near.min_by_key(|(_, sample)| sample.delay))?
}

#[cfg(test)]
mod tests;
