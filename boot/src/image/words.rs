//! The words of a kernel's command line, and how many of them a kernel accepts.
//!
//! All code that makes a command line checks it here, including the words that a boot loader adds: one word too many
//! panics the kernel. On arm64 the kernel cuts a line that is too long without a message; on x86 it stops before it has
//! a console.

use crate::host::error::{Error, Result};

/// The maximum length in bytes: `COMMAND_LINE_SIZE` is 2048 with the final NUL (arch/*/include/*/setup.h).
pub const MOST_BYTES: usize = 2047;
/// The maximum number of names in `NAME=value`: `CONFIG_INIT_ENV_ARG_LIMIT` is 32, and the kernel uses two, `HOME` and
/// `TERM` (init/main.c).
pub const MOST_NAMES: usize = 30;
/// The maximum number of words without a value, including everything after `--`.
pub const MOST_ARGUMENTS: usize = 32;

/// Joins lines of words into one, with single spaces. Quoted text is unchanged.
pub fn join(parts: &[&str]) -> Result<String> {
    for part in parts {
        readable(part)?;
    }
    Ok(parts.iter().flat_map(|part| cut(part)).collect::<Vec<_>>().join(" "))
}

/// Refuses a line that would panic a kernel, or that it would not read to the end. `added` are the words that are not
/// the user's own.
///
/// Counts each word that may reach init. The kernel handles some of them itself (`quiet`), but which ones depends on
/// its configuration.
pub fn check(line: &str, added: &str) -> Result<()> {
    readable(line)?;
    let full = format!("{added} {line}");
    let full = full.trim();
    let (total, own) = (Count::of(full), Count::of(added));
    let next = "use fewer or shorter words: an app reads its own settings from a file in its folder";
    for (have, limit, of_them, what) in [
        (full.len(), MOST_BYTES, added.trim().len(), "bytes"),
        (total.names, MOST_NAMES, own.names, "names (NAME=value)"),
        (total.arguments, MOST_ARGUMENTS, own.arguments, "words without a value"),
    ] {
        if have > limit {
            let why = format!("it has {have} {what}, {of_them} of them NodeOS's own; a kernel takes at most {limit}");
            return Err(Error::new(tried(line), why).next(next));
        }
    }
    Ok(())
}

/// The number of words of each kind that has a limit.
#[derive(Debug, PartialEq, Eq)]
struct Count {
    names: usize,
    arguments: usize,
}

impl Count {
    fn of(line: &str) -> Self {
        let (mut names, mut arguments, mut behind) = (Vec::new(), 0, false);
        for word in cut(line) {
            // a word that begins with = has no name (lib/cmdline.c, next_arg)
            let name = word.split_once('=').map(|(name, _)| name).filter(|name| !name.is_empty());
            match name {
                _ if behind => arguments += 1,
                // a parameter of a module: init never sees it (init/main.c, unknown_bootoption)
                _ if name.unwrap_or(word).contains('.') => {}
                None if word == "--" => behind = true,
                None => arguments += 1,
                // if a name occurs twice, the last one applies
                Some(name) if names.contains(&name) => {}
                Some(name) => names.push(name),
            }
        }
        Self { names: names.len(), arguments }
    }
}

/// Splits words as the kernel does: at spaces outside of quotes.
fn cut(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let end = move |letter: char| {
        quoted ^= letter == '"';
        !quoted && (letter.is_ascii_whitespace() || letter == '\x0b')
    };
    line.split(end).filter(|word| !word.is_empty())
}

/// Refuses text that the kernel would read differently.
fn readable(text: &str) -> Result<()> {
    let refuse = |why: String| Err(Error::new(tried(text), why));
    if text.matches('"').count() % 2 == 1 {
        return refuse("it has a quote that does not end: all words behind it would be one".to_owned());
    }
    if let Some(letter) = text.chars().find(|letter| letter.is_control() && !letter.is_ascii_whitespace()) {
        return refuse(format!("{letter:?} is a control character"));
    }
    // the no-break space of Latin-1, as lib/ctype.c has it
    let ends = |letter: &char| letter.encode_utf8(&mut [0; 4]).bytes().any(|byte| byte == 0xa0);
    match text.chars().find(ends) {
        Some(letter) => refuse(format!("the kernel takes a byte of {letter:?} for a space")),
        None => Ok(()),
    }
}

fn tried(line: &str) -> String {
    let line = line.trim();
    const SHOWN: usize = 60;
    match line.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("use the kernel's command line `{}…`", &line[..at]),
        None => format!("use the kernel's command line `{line}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, MOST_ARGUMENTS, MOST_BYTES, MOST_NAMES, check, cut, join};

    fn names(count: usize) -> String {
        (1..=count).map(|number| format!("A{number}=1")).collect::<Vec<_>>().join(" ")
    }

    fn refusal(line: &str, added: &str) -> String {
        check(line, added).unwrap_err().to_string()
    }

    #[test]
    fn too_many_parameters_and_long_lines_are_refused_with_both_numbers() {
        let error = refusal(&names(40), "console=tty0 panic=10 quiet");
        assert!(
            error.contains("it has 42 names (NAME=value), 2 of them NodeOS's own; a kernel takes at most 30"),
            "{error}"
        );
        assert!(error.contains("`A1=1 A2=1") && error.contains("…`: ") && error.contains("next: use fewer"), "{error}");
        let line = format!("{} users=none", "x".repeat(2200));
        let error = refusal(&line, "quiet");
        assert!(error.contains("it has 2217 bytes, 5 of them NodeOS's own; a kernel takes at most 2047"), "{error}");
        let error = refusal(&"w ".repeat(33), "");
        assert!(error.contains("it has 33 words without a value, 0 of them"), "{error}");
    }

    #[test]
    fn parameters_at_the_limits_are_accepted() {
        assert!(check(&names(MOST_NAMES - 1), "console=tty0 console=ttyS0").is_ok());
        assert!(check(&names(MOST_NAMES), "console=tty0").is_err());
        assert!(check(&"w ".repeat(MOST_ARGUMENTS), "").is_ok());
        assert!(check(&"x".repeat(MOST_BYTES), "").is_ok());
        assert!(check(&"x".repeat(MOST_BYTES - 1), "q").is_err());
    }

    #[test]
    fn parameters_are_counted_as_the_kernel_counts_them() {
        let of = |line: &str| {
            let Count { names, arguments } = Count::of(line);
            (names, arguments)
        };
        assert_eq!(of("a=1 a=2 b= c single =x"), (2, 3));
        assert_eq!(of("i915.modeset=0 printk.time a.b TZ=x.y"), (1, 0), "a name with a dot never reaches init");
        assert_eq!(of("A=\"1 2 B=3\" \"C=4 5\""), (2, 0), "quotes keep spaces");
        assert_eq!(of("a=1 -- b=2 c.d=3 --"), (1, 3), "everything behind -- is an argument");
        assert_eq!(cut("  a\tb  \"c d\"\n").collect::<Vec<_>>(), ["a", "b", "\"c d\""]);
    }

    #[test]
    fn lines_are_joined_and_text_that_the_kernel_reads_differently_is_refused() {
        assert_eq!(join(&["a  b", "", " TZ=UTC\n"]).unwrap(), "a b TZ=UTC");
        assert_eq!(join(&["A=\"x  y\"   b"]).unwrap(), "A=\"x  y\" b");
        for (line, why) in [
            ("A=\"1 users=none", "a quote that does not end"),
            ("A=\u{1}", "is a control character"),
            ("A=voilà", "takes a byte of 'à' for a space"),
        ] {
            assert!(join(&[line]).unwrap_err().to_string().contains(why), "{line}");
            assert!(refusal(line, "").contains(why), "{line}");
        }
        assert!(join(&["A=\"", "\""]).is_err(), "each part is whole");
        assert!(join(&["A=España"]).is_ok());
    }
}
