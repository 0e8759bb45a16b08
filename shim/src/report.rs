//! The messages that PID 1's own children send to it, and what a service says.

use crate::{
    cut, say,
    say::{Say, Text},
    upkeep::Upkeep,
};

/// Enough bytes for every message: the longest names of a console and of a home, and the characters between them.
pub const ROOM: usize = 512;
/// The maximum length of a home's name in bytes, that of a file name (`NAME_MAX`). A longer name belongs to no user.
const LONGEST: usize = 255;

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report<'a> {
    /// The sandbox of this user has its root, and this is how the user's init is kept running.
    Ready(&'a str, Upkeep),
    /// A user logged on: the console's name and the user's.
    LoggedOn(&'a str, &'a str),
    /// A logon failed: the console's name, and the name that was given, or "" if that is no possible name.
    Refused(&'a str, &'a str),
}

impl<'a> Report<'a> {
    /// Parses a message; `None` if it is invalid.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (console, name) = cut::once(core::str::from_utf8(bytes).ok()?, b':')?;
        Some(match (console, name.strip_prefix(':')) {
            ("", _) => {
                let (name, bits) = cut::once(name, b':')?;
                Self::Ready(name, Upkeep::of_bits(cut::number(bits, 10)?))
            }
            (console, Some(name)) => Self::Refused(console, name),
            (console, None) => Self::LoggedOn(console, name),
        })
    }
}

/// `console:user`, `console::what was typed`, or `:user:number`. No user's name has a colon.
impl Say for Report<'_> {
    fn say(&self, text: &mut Text) {
        match *self {
            Self::Ready(name, upkeep) => say!(text, ":", name, ":", upkeep.bits()),
            Self::LoggedOn(console, name) => say!(text, console, ":", name),
            Self::Refused(console, name) => say!(text, console, "::", if name.len() > LONGEST { "" } else { name }),
        }
    }
}

/// What a service says to PID 1: the byte with which a packet begins. From `Restart` on, a record of `handover` follows,
/// of which PID 1 may need the name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// There is nothing to wait for.
    Nothing = 0,
    /// What it provides is there.
    Ready = 1,
    /// The machine is to stop.
    PowerOff = 2,
    /// The machine is to restart.
    Reboot = 3,
    /// What runs of a user is to end, and the user's init to start anew.
    Restart = 4,
    /// A user is to end.
    Stop = 5,
    /// There is a home. A record of `handover` follows.
    Home = 6,
    /// That home is gone.
    Gone = 7,
    /// Those were all homes.
    Homes = 8,
}

impl Says {
    const ALL: [Self; 9] = [
        Self::Nothing,
        Self::Ready,
        Self::PowerOff,
        Self::Reboot,
        Self::Restart,
        Self::Stop,
        Self::Home,
        Self::Gone,
        Self::Homes,
    ];

    /// Whether PID 1 listens to that service no longer.
    #[must_use]
    pub const fn is_last(self) -> bool {
        matches!(self, Self::Nothing | Self::Ready)
    }

    /// From the byte.
    #[must_use]
    pub fn parse(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{ROOM, Report, Says, Upkeep};
    use crate::say::{Say, Text};

    fn message(report: Report<'_>) -> Text {
        let mut text = Text::new();
        report.say(&mut text);
        text
    }

    #[test]
    fn messages_round_trip() {
        let longest = "x".repeat(255);
        for report in [
            Report::Ready("ana", Upkeep { backoff: 9, ..Upkeep::default() }),
            Report::LoggedOn("ttyS0", "ana"),
            Report::Refused("ttyS0", "ana"),
            Report::Refused("ttyS0", "a:b::c"),
            Report::Refused("ttyS0", "\0"),
            Report::Refused("ttyS0", &longest),
        ] {
            assert_eq!(Report::parse(message(report).as_bytes()), Some(report));
        }
    }

    #[test]
    fn an_overlong_name_is_left_out_rather_than_truncated() {
        for name in ["ñ".repeat(128), "ñ".repeat(300), "x".repeat(256), "x".repeat(1500)] {
            let text = message(Report::Refused("ttyAMA0", &name));
            assert!(text.len() <= ROOM, "{}", text.len());
            assert_eq!(Report::parse(text.as_bytes()), Some(Report::Refused("ttyAMA0", "")));
        }
        assert_eq!(Report::parse(b"no colon"), None);
        assert_eq!(Report::parse(b"ttyS0::\xc3"), None, "half a character");
    }

    #[test]
    fn a_byte_round_trips() {
        assert!(Says::ALL.into_iter().all(|says| Says::parse(says as u8) == Some(says)));
        assert_eq!(Says::parse(9), None);
    }
}
