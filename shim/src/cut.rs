//! Splits text at a byte and parses numbers. The functions of core for this support every pattern and every type, and
//! would add 2 KiB to PID 1.

/// The text before and after the first `byte`, which is ASCII.
#[must_use]
#[inline(never)]
pub fn once(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|other| other == byte)?;
    Some((text.get(..at)?, text.get(at.wrapping_add(1)..)?))
}

/// Takes the text before the next `byte`, which is ASCII, or all of the rest.
#[inline(never)]
pub fn next<'a>(rest: &mut Option<&'a str>, byte: u8) -> Option<&'a str> {
    let text = rest.take()?;
    let (part, behind) = once(text, byte).map_or((text, None), |(part, behind)| (part, Some(behind)));
    *rest = behind;
    Some(part)
}

/// Whether one of the parts between the bytes is this one.
#[must_use]
pub fn has(text: &str, byte: u8, wanted: &str) -> bool {
    let mut parts = Some(text);
    core::iter::from_fn(|| next(&mut parts, byte)).any(|part| part == wanted)
}

/// Parses a number that consists of digits only, in base ten or sixteen.
#[must_use]
#[inline(never)]
pub fn number(text: &str, base: u32) -> Option<u64> {
    let digit =
        |number: u64, byte: u8| number.checked_mul(base.into())?.checked_add(char::from(byte).to_digit(base)?.into());
    (!text.is_empty()).then_some(())?;
    text.bytes().try_fold(0, digit)
}

/// The same for 32 bits.
#[must_use]
pub fn small(text: &str, base: u32) -> Option<u32> {
    number(text, base)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{has, next, number, once, small};

    #[test]
    fn text_is_split_at_the_first_separator() {
        assert_eq!(once("a=b=c", b'='), Some(("a", "b=c")));
        assert_eq!(once("é=", b'='), Some(("é", "")));
        assert_eq!(once("abc", b'='), None);
    }

    #[test]
    fn parts_match_str_split() {
        for text in ["", "a", ",", "a,", ",a", "a,b,,c"] {
            let mut rest = Some(text);
            let parts: Vec<_> = core::iter::from_fn(|| next(&mut rest, b',')).collect();
            assert_eq!(parts, text.split(',').collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn a_part_is_found_only_whole() {
        assert!(has("ttyS0 tty1", b' ', "tty1") && has("a", b' ', "a"));
        assert!(!has("ttyS0 tty1", b' ', "tty") && !has("", b' ', "a"));
    }

    #[test]
    fn numbers_consist_only_of_digits() {
        assert_eq!((number("0", 10), number("0042", 10), number("fF", 16)), (Some(0), Some(42), Some(255)));
        assert_eq!(number("18446744073709551615", 10), Some(u64::MAX));
        for text in ["", "-1", "+1", " 1", "1a", "18446744073709551616"] {
            assert_eq!(number(text, 10), None, "{text}");
        }
        assert_eq!((small("4294967295", 10), small("4294967296", 10)), (Some(u32::MAX), None));
    }
}
