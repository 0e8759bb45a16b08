//! What PID 1 tells `/log` about an init: a packet of fixed bytes and the user's name. `/log` writes the line.

use crate::{
    say,
    say::{Say, Text},
    supervise::{Ended, STARTS},
    upkeep::Needs,
};

/// The bytes before the name.
pub const FIXED: usize = 5;

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitNews {
    /// The init has ended and starts again; whether the kernel has killed programs of its sandbox for its memory.
    Again(Ended, bool),
    /// The init starts without these.
    StopsWaiting(Needs),
}

impl InitNews {
    /// Whether people should see what the init has printed.
    #[must_use]
    pub const fn is_crash_loop(self) -> bool {
        matches!(self, Self::Again(Ended { crash_loop: true, .. }, _))
    }

    /// For a packet.
    #[must_use]
    pub const fn bytes(self) -> [u8; FIXED] {
        match self {
            Self::Again(Ended { status, pause, crash_loop }, memory) => {
                [0, status, pause, crash_loop as u8, memory as u8]
            }
            Self::StopsWaiting(needs) => [1, needs.0, 0, 0, 0],
        }
    }

    /// From a packet: the news, and the user's name.
    #[must_use]
    pub fn parse(packet: &[u8]) -> Option<(Self, &str)> {
        let ([kind, a, b, c, d], name) = packet.split_first_chunk::<FIXED>()?;
        let news = match kind {
            0 => Self::Again(Ended { status: *a, pause: *b, crash_loop: *c != 0 }, *d != 0),
            1 => Self::StopsWaiting(Needs(*a)),
            _ => return None,
        };
        Some((news, core::str::from_utf8(name).ok()?))
    }
}

impl Say for InitNews {
    fn say(&self, text: &mut Text) {
        match *self {
            Self::Again(Ended { status, pause, crash_loop }, memory) => {
                match status {
                    129.. => say!(text, "was killed by signal ", status & 127),
                    _ => say!(text, "ended with status ", status),
                }
                say!(text, if memory { ", out of memory" } else { "" }, "; it starts again in ", pause, " s");
                if crash_loop {
                    say!(text, "; a crash loop: ", STARTS, " starts within 5 minutes");
                }
            }
            Self::StopsWaiting(missing) => {
                let what = if missing.has(Needs::NETWORK) { "a network" } else { "the right time" };
                say!(text, "starts without ", what, ": its wait is over");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(news: InitNews) -> String {
        let mut text = Text::new();
        news.say(&mut text);
        text.to_string()
    }

    #[test]
    fn packets_round_trip() {
        let ended = |status, crash_loop| Ended { status, pause: 60, crash_loop };
        for (news, text) in [
            (InitNews::Again(ended(3, false), false), "ended with status 3; it starts again in 60 s"),
            (
                InitNews::Again(ended(137, false), true),
                "was killed by signal 9, out of memory; it starts again in 60 s",
            ),
            (
                InitNews::Again(ended(0, true), false),
                "ended with status 0; it starts again in 60 s; a crash loop: 5 starts within 5 minutes",
            ),
            (InitNews::StopsWaiting(Needs::NETWORK.and(Needs::TIME)), "starts without a network: its wait is over"),
            (InitNews::StopsWaiting(Needs::TIME), "starts without the right time: its wait is over"),
        ] {
            let packet = [&news.bytes()[..], b"ana"].concat();
            assert_eq!(InitNews::parse(&packet), Some((news, "ana")));
            assert_eq!(line(news), text);
        }
    }

    #[test]
    fn other_packets_are_no_news() {
        for packet in [&b""[..], &[0, 1, 2, 3], &[2, 0, 0, 0, 0, b'a'], &[0, 0, 0, 0, 0, 0xc3]] {
            assert_eq!(InitNews::parse(packet), None);
        }
    }
}
