//! Filters the lines that a machine prints when it ends. Pure, fed with bytes as they come.

use shim::last_word::LastWord;

/// The kernel's messages when it stops (kernel/reboot.c), after the time stamp.
const KERNEL: [&str; 3] = ["reboot: Power down", "reboot: Restarting system", "reboot: System halted"];

/// PID 1's messages, up to the status.
const PID_1: [&str; 2] = ["nodeos: power off, status ", "nodeos: reboot"];

/// PID 1 prints a `\r\n` before its last word, which a terminal turns into this.
const BREAK: &[u8] = b"\r\r\n";

/// The maximum length of these lines.
const LONGEST: usize = 80;

/// Removes those lines. It holds back only bytes that may become one of them.
pub struct Quiet {
    held: Vec<u8>,
    at_line_start: bool,
}

impl Default for Quiet {
    fn default() -> Self {
        Self { held: Vec::new(), at_line_start: true }
    }
}

impl Quiet {
    /// The visible part of the machine's next output.
    pub fn shown(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut shown = Vec::new();
        for &byte in bytes {
            self.held.push(byte);
            while let Some(&first) = self.held.first() {
                match self.reads() {
                    Reads::Open => break,
                    Reads::Ending => {
                        self.held.clear();
                        self.at_line_start = true;
                    }
                    Reads::Other => {
                        self.held.remove(0);
                        self.at_line_start = first == b'\n';
                        shown.push(first);
                    }
                }
            }
        }
        shown
    }

    /// The bytes that were still held back when the machine ended.
    pub fn rest(self) -> Vec<u8> {
        self.held
    }

    fn reads(&self) -> Reads {
        let line = match self.held.strip_prefix(BREAK) {
            Some(line) => line,
            None if BREAK.starts_with(&self.held) => return Reads::Open,
            None if self.at_line_start => self.held.as_slice(),
            None => return Reads::Other,
        };
        let Ok(line) = std::str::from_utf8(line) else { return Reads::Other };
        match line.strip_suffix('\n') {
            Some(line) if is_ending(line.trim_end_matches('\r')) => Reads::Ending,
            None if self.held.len() < LONGEST && may_be_ending(line.trim_end_matches('\r')) => Reads::Open,
            _ => Reads::Other,
        }
    }
}

enum Reads {
    /// It may become such a line.
    Open,
    /// It is such a line.
    Ending,
    /// It is not such a line, so its first byte can be shown.
    Other,
}

fn is_ending(line: &str) -> bool {
    LastWord::parse(line).is_some() || line.split_once("] ").is_some_and(|(_, text)| KERNEL.contains(&text))
}

fn may_be_ending(line: &str) -> bool {
    let status =
        |word: &str| line.strip_prefix(word).is_some_and(|status| LastWord::parse(line).is_some() || status.is_empty());
    let stamp = line.trim_start_matches(|letter: char| "[ .".contains(letter) || letter.is_ascii_digit());
    let kernel = |text: &str| format!("] {text}").starts_with(stamp);
    PID_1.iter().any(|word| word.starts_with(line) || status(word))
        || line.starts_with('[') && KERNEL.iter().any(|text| kernel(text))
}

#[cfg(test)]
mod tests {
    use super::Quiet;

    fn shown(printed: &str, piece: usize) -> String {
        let mut quiet = Quiet::default();
        let mut shown: Vec<u8> = printed.as_bytes().chunks(piece).flat_map(|piece| quiet.shown(piece)).collect();
        shown.extend(quiet.rest());
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn final_messages_of_a_machine_are_hidden() {
        let end = "\r\r\nnodeos: power off, status 137\r\n[    5.154081] reboot: Power down\r\n";
        let restart = "\r\r\nnodeos: reboot\r\n[12345.154081] reboot: Restarting system\r\n";
        for (printed, wanted) in [
            (format!("hello\r\n{end}"), "hello\r\n"),
            (format!("hello{end}"), "hello"),
            (end.to_owned(), ""),
            (format!("ñ€🦀\r\n{restart}"), "ñ€🦀\r\n"),
            ("nodeos: power off, status 3\r\nmore".to_owned(), "more"),
            ("a\r\r\nb\r\n".to_owned(), "a\r\r\nb\r\n"),
            ("[1, 2]\n[    5.1] nodeos: a\n".to_owned(), "[1, 2]\n[    5.1] nodeos: a\n"),
            ("x nodeos: reboot\n".to_owned(), "x nodeos: reboot\n"),
            ("nodeos: power off, status 256\n".to_owned(), "nodeos: power off, status 256\n"),
            ("nodeos: reboots\nnodeos: re".to_owned(), "nodeos: reboots\nnodeos: re"),
            (
                "[    5.0] reboot: Power off not available\r\n".to_owned(),
                "[    5.0] reboot: Power off not available\r\n",
            ),
        ] {
            for piece in [1, 2, 7, 1000] {
                assert_eq!(shown(&printed, piece), wanted, "{printed:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_line_is_shown_at_once() {
        let mut quiet = Quiet::default();
        assert_eq!(quiet.shown(b"hello\r\n"), b"hello\r\n");
        assert_eq!(quiet.shown(b"> "), b"> ");
        assert_eq!(quiet.shown(b"name: "), b"name: ");
    }
}
