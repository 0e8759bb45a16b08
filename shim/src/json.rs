//! Reads JSON without a heap, the two small files that a users partition holds about a user, and writes strings.

use core::str::Chars;

use heapless::{String, string::StringView};

use crate::{
    cut, say,
    say::{Say, Text},
};

/// The maximum nesting depth of a value that is skipped.
pub const MAX_DEPTH: u8 = 16;

/// Reads JSON (RFC 8259) from its start. Each function skips white space, and then reads the value that it is named
/// after.
pub struct Json<'a> {
    rest: Chars<'a>,
}

impl<'a> Json<'a> {
    /// From bytes that must be UTF-8.
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        Some(Self { rest: core::str::from_utf8(bytes).ok()?.chars() })
    }

    #[inline(never)]
    fn next(&mut self) -> Option<char> {
        self.rest.next()
    }

    /// The next character that is not white space. It is not consumed.
    #[inline(never)]
    pub fn peek(&mut self) -> Option<char> {
        loop {
            let before = self.rest.clone();
            match self.next()? {
                ' ' | '\t' | '\n' | '\r' => {}
                other => {
                    self.rest = before;
                    return Some(other);
                }
            }
        }
    }

    /// Consumes that character.
    pub fn take(&mut self, wanted: char) -> Option<()> {
        (self.peek()? == wanted).then_some(())?;
        self.next().map(drop)
    }

    /// A string; `false` if it did not fit into `into`.
    pub fn string(&mut self, into: &mut StringView) -> Option<bool> {
        self.take('"')?;
        let mut whole = true;
        loop {
            let letter = match self.next()? {
                '"' => return Some(whole),
                '\\' => self.escaped()?,
                '\0'..' ' => return None,
                letter => letter,
            };
            whole &= into.push(letter).is_ok();
        }
    }

    /// A string as it is written: its escapes stay. For values in which a backslash is never valid.
    #[inline(never)]
    pub fn raw(&mut self) -> Option<&'a str> {
        self.take('"')?;
        let start = self.rest.as_str();
        loop {
            let left = self.rest.as_str().len();
            match self.next()? {
                '"' => return start.get(..start.len().checked_sub(left)?),
                '\\' => self.next().map(drop)?,
                '\0'..' ' => return None,
                _ => {}
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.next()? {
            letter @ ('"' | '\\' | '/') => letter,
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => match self.unit()? {
                // two units make one character beyond 16 bits (RFC 8259, 7)
                high @ 0xd800..0xdc00 => {
                    (self.next()? == '\\' && self.next()? == 'u').then_some(())?;
                    let low = self.unit()?;
                    (0xdc00..0xe000).contains(&low).then_some(())?;
                    char::from_u32(((high & 0x3ff) << 10 | low & 0x3ff).wrapping_add(0x1_0000))?
                }
                unit => char::from_u32(unit)?,
            },
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |unit, _| Some(unit << 4 | self.next()?.to_digit(16)?))
    }

    /// A string that fits, or null; null is `false`.
    pub fn string_or_null(&mut self, into: &mut StringView) -> Option<bool> {
        if self.peek()? == 'n' { self.skip(0).map(|()| false) } else { self.string(into).filter(|whole| *whole) }
    }

    /// Items with commas between them.
    pub fn list(&mut self, open: char, close: char, item: &mut dyn FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(open)?;
        if self.take(close).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            if self.take(close).is_some() {
                return Some(());
            }
            self.take(',')?;
        }
    }

    /// Skips any value that is at most so many levels deep.
    pub fn skip(&mut self, depth: u8) -> Option<()> {
        let mut nothing = String::<0>::new();
        match self.peek()? {
            '"' => self.string(&mut nothing).map(drop),
            '[' => {
                let depth = depth.checked_sub(1)?;
                self.list('[', ']', &mut |json| json.skip(depth))
            }
            '{' => {
                let depth = depth.checked_sub(1)?;
                self.list('{', '}', &mut |json| {
                    json.string(&mut String::<0>::new())?;
                    json.take(':')?;
                    json.skip(depth)
                })
            }
            _ => self.word(),
        }
    }

    /// A whole number that is not negative.
    pub fn number(&mut self) -> Option<u64> {
        self.peek()?;
        let start = self.rest.as_str();
        self.word()?;
        let length = start.len().checked_sub(self.rest.as_str().len())?;
        cut::number(start.get(..length)?, 10)
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Option<()> {
        let start = self.rest.as_str();
        let word = start.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.')).next()?;
        self.rest = start.get(word.len()..)?.chars();
        let number = word.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
        (number || matches!(word, "true" | "false" | "null")).then_some(())
    }
}

/// A string, for JSON that is written.
pub struct Quoted<'a>(pub &'a str);

impl Say for Quoted<'_> {
    fn say(&self, text: &mut Text) {
        say!(text, "\"");
        for letter in self.0.chars() {
            match letter {
                '"' | '\\' => say!(text, "\\"),
                // no name of a user or a machine has one
                '\0'..' ' => continue,
                _ => {}
            }
            let _ = text.push(letter);
        }
        say!(text, "\"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_that_is_written_is_read() {
        for name in ["ana", "", "a\"b\\c", "ñ €"] {
            let (mut text, mut read) = (Text::new(), String::<64>::new());
            say!(&mut text, Quoted(name));
            assert_eq!(Json::of(text.as_bytes()).unwrap().string(&mut read), Some(true));
            assert_eq!(read, name);
        }
    }

    #[test]
    fn a_string_can_be_read_as_it_is_written() {
        for (text, raw, rest) in [
            (r#" "ana", 1"#, Some("ana"), Some(',')),
            (r#""" "#, Some(""), None),
            (r#""a\\"b"#, Some(r"a\\"), Some('b')),
            (r#""a\"b"c"#, Some(r#"a\"b"#), Some('c')),
            ("\"a\nb\"", None, Some('b')),
            (r#""ana"#, None, None),
            (r#""ana\"#, None, None),
            ("ana", None, Some('a')),
        ] {
            let mut json = Json::of(text.as_bytes()).unwrap();
            assert_eq!((json.raw(), json.peek()), (raw, rest), "{text}");
        }
    }
}
