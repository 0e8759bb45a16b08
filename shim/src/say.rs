//! Builds text from parts, without `core::fmt`: its padding, precision and many number types would add 4 KiB to PID 1.
//!
//! `say!(text, "home ", name, ": ", why)` appends the parts one after the other. `Display`, for the host, gives the
//! same.

/// A text that is being built. There is only one type, because each length would add its own code.
pub type Text = heapless::String<1536>;

/// A value that can be a part of a text.
pub trait Say {
    /// Appends itself. A part that does not fit fills the text up with spaces, see `whole`.
    fn say(&self, text: &mut Text);
}

/// Appends parts to a `Text`.
#[macro_export]
macro_rules! say {
    ($text:expr, $($part:expr),+ $(,)?) => {{ $($crate::say::Say::say(&$part, $text);)+ }};
}

/// Gives types that `Say` a `Display` for the host.
#[macro_export]
macro_rules! displayed {
    ($($type:ty),+) => {$(
        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let mut text = $crate::say::Text::new();
                $crate::say::Say::say(self, &mut text);
                f.write_str(&text)
            }
        }
    )+};
}

/// Whether every part fitted.
#[must_use]
pub fn whole(text: &Text) -> bool {
    text.len() < text.capacity()
}

/// Whether a character acts on a terminal instead of being printed: a control character, or one that changes the
/// direction of the text after it.
#[must_use]
pub fn acts(char: char) -> bool {
    let turns = matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || turns
}

/// Puts a question mark in place of each character that acts on a terminal.
pub fn plain(text: &mut Text) {
    let (mut plain, mut between) = (Text::new(), "");
    for piece in text.split(acts) {
        say!(&mut plain, between, piece);
        between = "?";
    }
    *text = plain;
}

impl Say for str {
    #[inline(never)]
    fn say(&self, text: &mut Text) {
        if text.push_str(self).is_err() {
            while text.push(' ').is_ok() {}
        }
    }
}

impl<T: Say + ?Sized> Say for &T {
    fn say(&self, text: &mut Text) {
        (**self).say(text);
    }
}

impl<const N: usize> Say for heapless::String<N> {
    fn say(&self, text: &mut Text) {
        self.as_str().say(text);
    }
}

impl Say for u64 {
    #[inline(never)]
    fn say(&self, text: &mut Text) {
        if *self > 9 {
            (self / 10).say(text);
        }
        digit(self % 10, text);
    }
}

/// A number in base eight.
pub struct Octal(pub u32);

impl Say for Octal {
    #[inline(never)]
    fn say(&self, text: &mut Text) {
        if self.0 > 7 {
            Self(self.0 >> 3).say(text);
        }
        digit(u64::from(self.0 & 7), text);
    }
}

fn digit(digit: u64, text: &mut Text) {
    let digit = usize::try_from(digit).unwrap_or(0);
    "0123456789".get(digit..=digit).unwrap_or("").say(text);
}

macro_rules! numbers {
    ($($type:ty),+) => {$(
        impl Say for $type {
            fn say(&self, text: &mut Text) {
                u64::from(*self).say(text);
            }
        }
    )+};
}
numbers!(u8, u16, u32);

impl Say for usize {
    fn say(&self, text: &mut Text) {
        (*self as u64).say(text);
    }
}

impl Say for rustix::io::Errno {
    #[inline(never)]
    fn say(&self, text: &mut Text) {
        crate::errno::name(self.raw_os_error()).say(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_display_prints_them() {
        for number in [0, 7, 8, 9, 10, 99, 100, 0o666, 12345, u32::MAX] {
            let mut text = Text::new();
            say!(&mut text, number, " ", u64::from(number) << 32, " ", Octal(number));
            assert_eq!(text, format!("{number} {} {number:o}", u64::from(number) << 32).as_str());
        }
        let mut text = Text::new();
        say!(&mut text, u64::MAX, 3_usize, 4_u8, 5_u16);
        assert_eq!(text, format!("{}345", u64::MAX).as_str());
    }

    #[test]
    fn control_characters_are_not_printed() {
        let text = "ñandú €\u{1b}[2J\r\n\u{7f}\u{9b}2J\u{202e}x\u{2066}\u{61c}";
        let mut line = Text::new();
        say!(&mut line, text);
        plain(&mut line);
        assert_eq!(line, "ñandú €?[2J????2J?x??");
    }

    #[test]
    fn text_that_does_not_fit_is_detected_whatever_follows() {
        let mut text = Text::new();
        say!(&mut text, "a".repeat(1500).as_str());
        assert!(whole(&text));
        say!(&mut text, "b".repeat(99).as_str(), "c");
        assert!(!whole(&text) && text.starts_with("aa") && text.trim_end().ends_with('a'));
    }
}
