//! The last line that a machine prints: how it ended, for `nodeos run` and for the tests.

use crate::{displayed, say, say::Say};

/// How the machine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastWord {
    /// Powered off, with the status of the last user's `/init`, as a shell reports it.
    PowerOff(u8),
    /// Restarts.
    Reboot,
}

const POWER_OFF: &str = "nodeos: power off, status ";
const REBOOT: &str = "nodeos: reboot";

impl Say for LastWord {
    fn say(&self, text: &mut say::Text) {
        match self {
            Self::PowerOff(status) => say!(text, POWER_OFF, status),
            Self::Reboot => say!(text, REBOOT),
        }
    }
}

impl LastWord {
    /// Reads one line of the console; `None` if it is not a last word.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim_end();
        if line == REBOOT {
            return Some(Self::Reboot);
        }
        line.strip_prefix(POWER_OFF)?.parse().ok().map(Self::PowerOff)
    }
}

displayed!(LastWord);

#[cfg(test)]
mod tests {
    use super::LastWord;

    #[test]
    fn a_last_word_round_trips() {
        for word in [LastWord::PowerOff(0), LastWord::PowerOff(137), LastWord::Reboot] {
            assert_eq!(LastWord::parse(&word.to_string()), Some(word));
        }
    }

    #[test]
    fn other_lines_are_not_a_last_word() {
        for line in ["", "nodeos: power off", "nodeos: power off, status 256", "x nodeos: reboot"] {
            assert_eq!(LastWord::parse(line), None, "{line}");
        }
    }
}
