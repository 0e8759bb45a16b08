//! The output of a console as text: pure, fed with bytes as they come.

use std::ops::Range;

use anstream::adapter::StripBytes;
use shim::last_word::LastWord;

/// Removes escape sequences and carriage returns from the output of a console.
#[derive(Default)]
struct Printed {
    strip: StripBytes,
    /// Bytes of an incomplete character.
    partial: Vec<u8>,
}

impl Printed {
    /// Appends the next output of the console to the text.
    fn add(&mut self, bytes: &[u8], text: &mut String) {
        for printable in self.strip.strip_next(bytes) {
            self.partial.extend(printable.iter().filter(|&&byte| byte != b'\r'));
        }
        let complete = complete_characters(&self.partial);
        text.push_str(&String::from_utf8_lossy(&self.partial[..complete]));
        self.partial.drain(..complete);
    }
}

/// How many bytes of a line are kept: a last word is never longer.
const LINE: usize = 256;

/// The last words of a console. It keeps at most one line, however much the console prints.
#[derive(Default)]
pub struct LastWords {
    printed: Printed,
    /// The current, incomplete line.
    line: String,
    last: Option<LastWord>,
}

impl LastWords {
    /// Takes the next output of the console.
    pub fn feed(&mut self, bytes: &[u8]) {
        for bytes in bytes.chunks(LINE) {
            self.printed.add(bytes, &mut self.line);
            while let Some((line, rest)) = self.line.split_once('\n') {
                self.last = LastWord::parse(line).or(self.last);
                self.line = rest.to_owned();
            }
            if self.line.len() > LINE {
                // the rest of this line cannot be a last word either
                self.line = "…".to_owned();
            }
        }
    }

    /// The newest line that is a last word.
    #[must_use]
    pub fn last(&self) -> Option<LastWord> {
        self.last.or_else(|| LastWord::parse(&self.line))
    }
}

/// The whole text of a console so far, without escape sequences and carriage returns, for a test.
#[derive(Default)]
pub struct Transcript {
    text: String,
    printed: Printed,
    words: LastWords,
}

impl Transcript {
    /// Takes the next output of the console.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.printed.add(bytes, &mut self.text);
        self.words.feed(bytes);
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The newest line that is a last word.
    #[must_use]
    pub fn last_word(&self) -> Option<LastWord> {
        self.words.last()
    }
}

/// The first occurrence of the text. A record of the kernel's log may be in the middle of it: on a serial line, the
/// kernel does not wait until a program has finished its output.
pub fn find(text: &str, wanted: &str) -> Option<Range<usize>> {
    let as_it_is = text.find(wanted).map(|start| start..start + wanted.len());
    let (joined, pieces) = joined(text);
    if pieces.len() == 1 {
        return as_it_is;
    }
    let place =
        |at: usize| pieces.iter().rev().find(|(start, _)| *start <= at).map_or(at, |(start, was)| was + at - start);
    let torn = joined.find(wanted).map(|start| place(start)..place((start + wanted.len()).saturating_sub(1)) + 1);
    [as_it_is, torn].into_iter().flatten().min_by_key(|range| range.start)
}

/// The text without the records of the kernel's log inside its lines.
#[must_use]
pub fn untorn(text: &str) -> String {
    joined(text).0
}

/// The same. For each piece of the result, it also returns where it starts there and where it was in the text.
fn joined(text: &str) -> (String, Vec<(usize, usize)>) {
    let (mut joined, mut pieces, mut from) = (String::new(), Vec::new(), 0);
    for record in torn_in(text) {
        pieces.push((joined.len(), from));
        joined.push_str(&text[from..record.start]);
        from = record.end;
    }
    pieces.push((joined.len(), from));
    joined.push_str(&text[from..]);
    (joined, pieces)
}

/// The rest of the line from that position on; `None` if the line is incomplete. The kernel may print in the middle of
/// it.
#[must_use]
pub fn rest_of_line(text: &str, from: usize) -> Option<String> {
    let line = text[..from].rfind('\n').map_or(0, |end| end + 1);
    // the part of the line before that position, and all of the line so far
    let (before, all) = (untorn(&text[line..from]), untorn(&text[line..]));
    let (rest, _) = all.get(before.len()..)?.split_once('\n')?;
    Some(rest.to_owned())
}

/// Records of the kernel's log that start in the middle of a line, up to their end, and records that directly follow
/// them. A record may repeat another one: that belongs to it.
fn torn_in(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut before = None;
    text.match_indices('[').filter_map(move |(start, _)| {
        if before.is_some_and(|end| start < end) {
            return None;
        }
        let within = start > 0 && !text[..start].ends_with('\n') || before == Some(start);
        let rest = text[start..].lines().next()?;
        let record = (within && is_record(rest)).then(|| start..(start + rest.len() + 1).min(text.len()))?;
        before = Some(record.end);
        Some(record)
    })
}

/// Whether a line starts like `[  8.600784] ` (kernel/printk/printk.c, `print_time`).
fn is_record(line: &str) -> bool {
    let stamp =
        line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).and_then(|(stamp, _)| stamp.split_once('.'));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    stamp.is_some_and(|(seconds, fraction)| fraction.len() == 6 && digits(fraction) && digits(seconds.trim_start()))
}

/// How many of the bytes form complete characters, or can never form any.
fn complete_characters(bytes: &[u8]) -> usize {
    // a character has at most four bytes
    (bytes.len().saturating_sub(3)..=bytes.len())
        .find(|&end| std::str::from_utf8(&bytes[end..]).is_err_and(|error| error.error_len().is_none()))
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::{LINE, LastWords, Transcript, find, rest_of_line, untorn};
    use shim::last_word::LastWord;

    fn fed(parts: &[&[u8]]) -> Transcript {
        let mut transcript = Transcript::default();
        parts.iter().for_each(|part| transcript.feed(part));
        transcript
    }

    #[test]
    fn escape_sequences_and_carriage_returns_are_removed() {
        let repl = b"\x1b[1G\x1b[0J> \x1b[3G\x1b[32m'a'\x1b[39m\r\n\x1b]0;title\x07done\x08\r\n";
        assert_eq!(fed(&[repl]).text(), "> 'a'\ndone\n");
    }

    #[test]
    fn output_is_read_the_same_however_it_is_split() {
        let all = "a\x1b[32mñ€🦀\x1b[0m\r\nnodeos: reboot\r\n".as_bytes();
        for cut in 0..=all.len() {
            let transcript = fed(&[&all[..cut], &all[cut..]]);
            assert_eq!(transcript.text(), "añ€🦀\nnodeos: reboot\n", "cut at {cut}");
            assert_eq!(transcript.last_word(), Some(LastWord::Reboot), "cut at {cut}");
        }
    }

    #[test]
    fn invalid_utf8_does_not_stop_the_transcript() {
        assert!(fed(&[b"a\xff\xfe", b"\xe2", b"z\n"]).text().ends_with("z\n"));
    }

    #[test]
    fn text_is_found_even_when_kernel_messages_interrupt_it() {
        let text = "[    1.0] a\nWel[    8.600784] nodeos: é\ncome[   12.000001] two\n! [1] [  x.600784] ";
        let found = |wanted| find(text, wanted).map(|range| &text[range]);
        assert_eq!(found("Welcome!"), Some("Wel[    8.600784] nodeos: é\ncome[   12.000001] two\n!"));
        assert_eq!(found("Wel"), Some("Wel"));
        assert_eq!(found("come"), Some("come"));
        assert_eq!(found("nodeos: é"), Some("nodeos: é"));
        assert_eq!(found("! [1] [  x."), Some("! [1] [  x."));
        assert_eq!(found("a\nW"), Some("a\nW"));
        assert_eq!(found("Welcome."), None);
        assert_eq!(untorn(text), "[    1.0] a\nWelcome! [1] [  x.600784] ");
        assert_eq!(find("a\n[    8.600784] b\nc", "ac"), None);
        // one after the other
        let two = "Wel[    1.000000] a\n[    1.000001] b\ncome\n[    1.000002] c\n";
        assert_eq!(find(two, "Welcome").map(|range| range.end), two.find("come").map(|at| at + 4));
        assert_eq!(untorn(two), "Welcome\n[    1.000002] c\n");
        // one that repeats another
        let repeats = "Wel[    1.000000] its last words: [    0.900000] a [1]\ncome\n";
        assert_eq!(find(repeats, "Welcome"), Some(0..repeats.len() - 1));
        assert_eq!(untorn(repeats), "Welcome\n");
        // directly after the awaited text, and where nothing follows yet
        assert_eq!(rest_of_line("x\nab[    1.000000] k\ncd\n", 4).as_deref(), Some("cd"));
        assert_eq!(rest_of_line("x\nabcd\n", 4).as_deref(), Some("cd"));
        assert_eq!(rest_of_line("x\nab[    1.000000] k\ncd", 4), None);
        // the record is not complete yet
        assert_eq!(find("ab[    8.600784] no", "ab"), Some(0..2));
    }

    #[test]
    fn the_most_recent_last_word_counts() {
        let transcript =
            fed(&[b"nodeos: power off, status 0\r\nmore\r\n", b"nodeos: power off, ", b"status 3\r\nbye\r\n"]);
        assert_eq!(transcript.last_word(), Some(LastWord::PowerOff(3)));
        assert_eq!(fed(&[b"nodeos: power off, status 7"]).last_word(), Some(LastWord::PowerOff(7)));
        assert_eq!(fed(&[b"[1.0] nodeos: reboot\n"]).last_word(), None);
    }

    #[test]
    fn only_one_line_of_large_output_is_kept() {
        let mut words = LastWords::default();
        let mut kept = 0;
        // 2 MB in lines, and 2 MB without any
        for piece in [&b"nodeos: power off, status 1\r\nx"[..], b"nodeos: power off, status 2 "] {
            for _ in 0..2_000_000 / piece.len() {
                words.feed(piece);
                kept = kept.max(words.line.capacity() + words.printed.partial.capacity());
            }
        }
        assert_eq!(words.last(), Some(LastWord::PowerOff(1)));
        words.feed(b"nodeos: reboot\n");
        assert_eq!(words.last(), Some(LastWord::PowerOff(1)), "the end of a long line");
        words.feed(b"nodeos: reboot\n");
        assert_eq!(words.last(), Some(LastWord::Reboot));
        assert!(kept < 8 * LINE, "{kept} bytes");
    }
}
