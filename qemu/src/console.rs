//! What a console prints, as text: pure, fed with bytes as they come.

use anstream::adapter::StripBytes;
use shim::last_word::LastWord;

/// The text of a console so far, without escape sequences and carriage returns.
#[derive(Default)]
pub struct Transcript {
    text: String,
    strip: StripBytes,
    /// Bytes of a character that is not complete yet.
    partial: Vec<u8>,
    /// Where the line starts that is not complete yet.
    line: usize,
    last_word: Option<LastWord>,
}

impl Transcript {
    /// Takes what the console printed next.
    pub fn feed(&mut self, bytes: &[u8]) {
        for printable in self.strip.strip_next(bytes) {
            self.partial.extend(printable.iter().filter(|&&byte| byte != b'\r'));
        }
        let complete = complete_characters(&self.partial);
        self.text.push_str(&String::from_utf8_lossy(&self.partial[..complete]));
        self.partial.drain(..complete);
        while let Some(length) = self.text[self.line..].find('\n') {
            let line = &self.text[self.line..self.line + length];
            self.last_word = LastWord::parse(line).or(self.last_word);
            self.line += length + 1;
        }
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether somebody ended the machine with ctrl-a x: QEMU's last line (chardev/char-mux.c, `mux_proc_byte`).
    #[must_use]
    pub fn cut_off(&self) -> bool {
        self.text.trim_end().ends_with("QEMU: Terminated")
    }

    /// The newest line that is a last word.
    #[must_use]
    pub fn last_word(&self) -> Option<LastWord> {
        self.last_word.or_else(|| LastWord::parse(&self.text[self.line..]))
    }
}

/// How many of the bytes are whole characters, or never will be.
fn complete_characters(bytes: &[u8]) -> usize {
    // a character has at most four bytes
    (bytes.len().saturating_sub(3)..=bytes.len())
        .find(|&end| std::str::from_utf8(&bytes[end..]).is_err_and(|error| error.error_len().is_none()))
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::Transcript;
    use shim::last_word::LastWord;

    fn fed(parts: &[&[u8]]) -> Transcript {
        let mut transcript = Transcript::default();
        parts.iter().for_each(|part| transcript.feed(part));
        transcript
    }

    #[test]
    fn escape_sequences_and_carriage_returns_are_left_out() {
        let repl = b"\x1b[1G\x1b[0J> \x1b[3G\x1b[32m'a'\x1b[39m\r\n\x1b]0;title\x07done\x08\r\n";
        assert_eq!(fed(&[repl]).text(), "> 'a'\ndone\n");
    }

    #[test]
    fn it_does_not_matter_where_the_bytes_are_cut() {
        let all = "a\x1b[32mñ€🦀\x1b[0m\r\nnodeos: reboot\r\n".as_bytes();
        for cut in 0..=all.len() {
            let transcript = fed(&[&all[..cut], &all[cut..]]);
            assert_eq!(transcript.text(), "añ€🦀\nnodeos: reboot\n", "cut at {cut}");
            assert_eq!(transcript.last_word(), Some(LastWord::Reboot), "cut at {cut}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_it() {
        assert!(fed(&[b"a\xff\xfe", b"\xe2", b"z\n"]).text().ends_with("z\n"));
    }

    #[test]
    fn the_newest_last_word_counts() {
        let transcript =
            fed(&[b"nodeos: power off, status 0\r\nmore\r\n", b"nodeos: power off, ", b"status 3\r\nbye\r\n"]);
        assert_eq!(transcript.last_word(), Some(LastWord::PowerOff(3)));
        assert_eq!(fed(&[b"nodeos: power off, status 7"]).last_word(), Some(LastWord::PowerOff(7)));
        assert_eq!(fed(&[b"[1.0] nodeos: reboot\n"]).last_word(), None);
    }
}
