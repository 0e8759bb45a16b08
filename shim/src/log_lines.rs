//! Turns what a program prints into lines of a log: each begins with the time, and nothing in it acts on the reader's
//! terminal, if that reads UTF-8.

/// The maximum bytes of a line without its time: a longer one is broken.
const LONGEST: u16 = 1900;

/// What the bytes before have begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Begun {
    #[default]
    Nothing,
    /// ESC.
    Escape,
    /// ESC [, up to a letter (ECMA-48, 5.4).
    Sequence,
    /// The first byte of U+0080 to U+00BF, of which the first half acts on terminals.
    Latin,
}

/// A program's output, of which the last line may be incomplete.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines {
    halfway: bool,
    length: u16,
    begun: Begun,
}

impl Lines {
    /// The program has printed this, at the time of that text.
    pub fn add(&mut self, bytes: &[u8], time: &str, out: &mut dyn FnMut(&[u8])) {
        for byte in bytes {
            let begun = core::mem::take(&mut self.begun);
            let shown: &[u8] = match (begun, byte) {
                (_, b'\n') => b"\n",
                (_, 0x1b) => {
                    self.begun = Begun::Escape;
                    continue;
                }
                (Begun::Escape, b'[') => {
                    self.begun = Begun::Sequence;
                    continue;
                }
                (Begun::Sequence, b'@'..=b'~') | (Begun::Latin, 0x80..0xa0) => continue,
                (Begun::Sequence, _) => {
                    self.begun = Begun::Sequence;
                    continue;
                }
                (_, 0xc2) => {
                    self.begun = Begun::Latin;
                    continue;
                }
                (_, b'\t') => b"\t",
                (_, ..b' ' | 0x7f) => continue,
                (Begun::Latin, byte) => &[0xc2, *byte],
                (_, byte) => core::slice::from_ref(byte),
            };
            // between two characters, of at most 4 bytes
            let ends = self.length >= LONGEST + 4 || self.length >= LONGEST && !(0x80..0xc0).contains(byte);
            if ends && *byte != b'\n' {
                out(b"\n");
                self.halfway = false;
            }
            if !core::mem::replace(&mut self.halfway, true) {
                out(time.as_bytes());
                self.length = 0;
            }
            self.length = self.length.saturating_add(1);
            out(shown);
            self.halfway = *byte != b'\n';
        }
    }

    /// The program prints no more.
    pub fn end(&mut self, out: &mut dyn FnMut(&[u8])) {
        if self.halfway {
            out(b"\n");
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(parts: &[&[u8]]) -> String {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        for part in parts {
            lines.add(part, "T ", &mut |bytes| all.extend_from_slice(bytes));
        }
        lines.end(&mut |bytes| all.extend_from_slice(bytes));
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn each_line_begins_with_its_time() {
        assert_eq!(lines(&[b"one\r\ntwo\r\n"]), "T one\nT two\n");
        assert_eq!(lines(&[b"o", b"ne\n\nt", b"hree"]), "T one\nT \nT three\n");
        assert_eq!(lines(&[]), "");
    }

    #[test]
    fn a_long_line_is_broken_between_characters() {
        let text = "€".repeat(2000);
        let all = lines(&[text.as_bytes(), b"\nend"]);
        assert!(all.lines().all(|line| line.starts_with("T ") && line.len() < 2048), "{all}");
        assert_eq!(all.replace("\nT ", ""), format!("T {text}end\n"));
        assert_eq!(all.lines().count(), 5);
    }

    #[test]
    fn bytes_that_begin_no_character_do_not_make_a_line_longer() {
        let all = {
            let (mut lines, mut all) = (Lines::default(), Vec::new());
            lines.add(&[0x80; 10_000], "T ", &mut |bytes| all.extend_from_slice(bytes));
            lines.end(&mut |bytes| all.extend_from_slice(bytes));
            all
        };
        assert_eq!(all.iter().filter(|byte| **byte == 0x80).count(), 10_000);
        assert!(all.split(|byte| *byte == b'\n').all(|line| line.len() < 2048));
    }

    #[test]
    fn nothing_in_a_line_acts_on_a_terminal() {
        assert_eq!(lines(&[b"\x1b[31mred\x1b[0m \x1b[2Jx\x07\x08\x7f\x1b]0;t"]), "T red x]0;t\n");
        assert_eq!(lines(&["a\u{9b}2Jb\u{85}ñ\u{a0}€".as_bytes()]), "T a2Jbñ\u{a0}€\n");
        // split anywhere
        let text = "\u{1b}[1;31mä\u{9b}x\tñ\r\n".as_bytes();
        for at in 0..text.len() {
            assert_eq!(lines(&[&text[..at], &text[at..]]), "T äx\tñ\n", "{at}");
        }
        assert_eq!(lines(&[b"\x1b[31\n[x"]), "T \nT [x\n");
    }
}
