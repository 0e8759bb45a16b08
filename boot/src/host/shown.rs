//! Makes foreign names and texts safe for a terminal: characters that it would act on are escaped as in Rust strings.
//!
//! The maker of an image chooses the names in it. Printed unchanged, one could move the cursor, hide a line or fake
//! one.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

/// A name or a path for output. Letters of any script are unchanged; all other characters that do not print are
/// escaped, and so is a backslash. Bytes that are not UTF-8 become `\xff`.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(&'a [u8]);

/// A longer path cannot be opened (the kernel's PATH_MAX); its middle is left out.
const LONGEST: usize = 4096;
/// How many bytes of each end are shown then.
const END: usize = 256;

impl<'a> Shown<'a> {
    /// Shows a name, a path, or the target of a link.
    pub fn of(name: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self(name.as_ref())
    }
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.get(..END), self.0.len().checked_sub(END).and_then(|at| self.0.get(at..))) {
            (Some(head), Some(tail)) if self.0.len() > LONGEST => {
                escape(f, head)?;
                write!(f, " ({} bytes are left out) ", self.0.len() - 2 * END)?;
                escape(f, tail)
            }
            _ => escape(f, self.0),
        }
    }
}

fn escape(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        // the method of str keeps letters that consist of several characters; quotes need no escape here
        for part in chunk.valid().split_inclusive(['\'', '"']) {
            let text = part.trim_end_matches(['\'', '"']);
            write!(f, "{}{}", text.escape_debug(), &part[text.len()..])?;
        }
        chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
    }
    Ok(())
}

/// A text of several lines without characters that a terminal would act on: the last check before output. Line ends and
/// tabs are kept, because they are our own; names in the text are already `Shown`.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    let acts = |c: char| shim::say::acts(c) && !matches!(c, '\n' | '\t');
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match acts(c) {
            // valid in JSON too, which a program may read
            true => drop(write!(shown, "\\u{:04x}", u32::from(c))),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// `drwxr-xr-x` and so on, from `st_mode`.
#[must_use]
pub fn mode_text(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o060_000 => 'b',
        0o020_000 => 'c',
        0o010_000 => 'p',
        0o140_000 => 's',
        _ => '-',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let three = mode >> shift;
        text.push(if three & 4 != 0 { 'r' } else { '-' });
        text.push(if three & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, three & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Shown, mode_text, printable};

    fn shown(name: impl AsRef<[u8]>) -> String {
        Shown::of(&name).to_string()
    }

    #[test]
    fn control_characters_are_escaped_and_letters_kept() {
        assert_eq!(shown("/ana/Übung ñ 日本 e\u{301} \"it's\""), "/ana/Übung ñ 日本 e\u{301} \"it's\"");
        assert_eq!(shown("a\x1b[2J\x1b]0;evil\x07"), r"a\u{1b}[2J\u{1b}]0;evil\u{7}");
        assert_eq!(shown("a\nb\tc\rd\\n"), r"a\nb\tc\rd\\n");
        assert_eq!(
            shown("c1 \u{9b}31m, del \u{7f}, turned \u{202e}txt"),
            r"c1 \u{9b}31m, del \u{7f}, turned \u{202e}txt"
        );
        assert_eq!(shown(b"\xff\x9b\x1b"), r"\xff\x9b\u{1b}");
        assert_eq!(shown(""), "");
    }

    #[test]
    fn host_and_machine_escape_the_same_characters() {
        for c in (char::MIN..=char::MAX).filter(|c| shim::say::acts(*c)) {
            let text = format!("a{c}b");
            assert!(!shown(&text).contains(c), "{c:?}");
            assert!(matches!(c, '\n' | '\t') || !printable(&text).contains(c), "{c:?}");
        }
        assert_eq!(printable("\u{61c}\u{202e}txt\u{2066}"), r"\u061c\u202etxt\u2066");
    }

    #[test]
    fn an_overlong_path_is_shortened_in_the_middle() {
        assert_eq!(shown("x".repeat(4096)).len(), 4096);
        let long = shown("d/".repeat(25_000));
        assert!(long.len() < 600 && long.contains(" (49488 bytes are left out) "), "{long}");
    }

    #[test]
    fn escaping_keeps_line_breaks_and_valid_json() {
        assert_eq!(printable("a\n\tb ñ"), "a\n\tb ñ");
        assert_eq!(printable("\x1b[1m\u{9b}\r"), r"\u001b[1m\u009b\u000d");
        let text = serde_json::to_string("a\u{9b}\x1b\u{7f}").unwrap();
        let read: String = serde_json::from_str(&printable(&text)).unwrap();
        assert_eq!(read, "a\u{9b}\x1b\u{7f}");
    }

    #[test]
    fn modes_are_shown_as_ls_shows_them() {
        for (mode, text) in [
            (0o100_644, "-rw-r--r--"),
            (0o040_755, "drwxr-xr-x"),
            (0o120_777, "lrwxrwxrwx"),
            (0o104_755, "-rwsr-xr-x"),
            (0o041_777, "drwxrwxrwt"),
            (0o102_644, "-rw-r-Sr--"),
        ] {
            assert_eq!(mode_text(mode), text);
        }
    }
}
