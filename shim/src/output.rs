//! What `/log` holds of a program's output until the console has taken it, and when the program waits.
//!
//! The last bytes stay in a ring. The console follows behind and takes a piece at a time. If it is so far behind that
//! bytes were overwritten, it goes on with the next whole line, after a line that says how many bytes are missing. So a
//! slow console shows whole pieces, and always a program's last words.

use crate::{say, say::Text};

/// The longest name of a user, in bytes (`NAME_MAX`).
pub const USER: usize = 255;
/// How many of the last bytes of a program's output are held.
pub const RING: usize = 16 << 10;
/// How many bytes a console is given at a time: nothing else is printed between them.
pub const PIECE: usize = 4 << 10;
/// How many milliseconds a program waits, piece by piece, for a console that takes less than a ring meanwhile: 16 KiB a
/// second. Such a console is slow, and its programs do not wait for it until it has taken everything. The fastest usual
/// serial line, 115200 baud, takes 11 KiB a second.
pub const PATIENCE: u64 = 1000;
/// How often a console may refuse a piece before it counts as gone. A logon hangs the console up, which then refuses
/// everything for a moment (drivers/tty/serial/serial_core.c, `uart_shutdown`).
pub const REFUSALS: u16 = 500;

/// The output of one program. All zeros is one that has printed nothing.
#[derive(Clone, Copy)]
pub struct Output {
    user: [u8; USER],
    user_ends: usize,
    ring: [u8; RING],
    /// How many bytes the program has printed.
    printed: u64,
    /// How many of them went into pieces, or were left out.
    followed: u64,
    piece: [u8; PIECE],
    /// The part of the piece that the console has not taken.
    from: usize,
    to: usize,
    /// When the program began to wait, in milliseconds, and what had been followed then; 0 if it did not.
    waits_since: u64,
    waits_from: u64,
    /// Whether the console is slow, so that the program does not wait.
    slow: bool,
    /// How often in a row the console has refused the piece.
    refused: u16,
}

impl Output {
    /// A program of that user begins to print: what is held of another one is gone.
    pub fn begin(&mut self, user: &[u8]) {
        (self.printed, self.followed, self.waits_since, self.slow) = (0, 0, 0, false);
        (self.from, self.to, self.user_ends, self.refused) = (0, 0, 0, 0);
        for (place, byte) in self.user.iter_mut().zip(user) {
            *place = *byte;
            self.user_ends = self.user_ends.saturating_add(1);
        }
    }

    /// How many of the held bytes are in no piece yet.
    const fn ahead(&self) -> u64 {
        self.printed.saturating_sub(self.followed)
    }

    /// Whether the program waits for the console. A piece ends with a line: it may be shorter than others.
    fn waits(&self) -> bool {
        !self.slow && self.ahead().saturating_add(PIECE as u64 / 2) > RING as u64
    }

    /// How many bytes the program may print now; 0 if it waits. Call it again after `waits_until`.
    pub fn room(&mut self, now: u64) -> usize {
        if self.waits() {
            if self.waits_since == 0 || self.followed.saturating_sub(self.waits_from) >= RING as u64 {
                (self.waits_since, self.waits_from) = (now.max(1), self.followed);
            }
            self.slow = self.waits_until().is_some_and(|until| until <= now);
        }
        match (self.slow, self.waits()) {
            (true, _) => PIECE,
            (_, true) => 0,
            _ => RING.saturating_sub(usize::try_from(self.ahead()).unwrap_or(RING)),
        }
    }

    /// When the program stops waiting, if it waits.
    #[must_use]
    pub fn waits_until(&self) -> Option<u64> {
        (self.waits() && self.waits_since > 0).then(|| self.waits_since.saturating_add(PATIENCE))
    }

    /// Whether the console is slow, and bytes are left out.
    #[must_use]
    pub const fn is_slow(&self) -> bool {
        self.slow
    }

    /// The program has printed this.
    pub fn print(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(place) = self.ring.get_mut(place(self.printed)) {
                *place = *byte;
            }
            self.printed = self.printed.saturating_add(1);
        }
    }

    /// Whether the console has taken everything.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        self.from == self.to && self.printed == self.followed
    }

    /// Whether a piece was given to the console and is not taken yet.
    #[must_use]
    pub const fn is_halfway(&self) -> bool {
        self.from != self.to
    }

    /// What the console takes next.
    pub fn piece(&mut self) -> &[u8] {
        if self.from == self.to {
            self.next();
        }
        self.piece.get(self.from..self.to).unwrap_or_default()
    }

    /// The console has taken so many bytes of the piece.
    pub fn take(&mut self, bytes: usize) {
        self.from = self.from.saturating_add(bytes).min(self.to);
        self.refused = 0;
        if self.is_taken() {
            (self.slow, self.waits_since) = (false, 0);
        }
    }

    /// The console has refused the piece. It counts as slow; once it counts as gone, what is held is left out.
    pub fn refuse(&mut self) {
        self.slow = true;
        self.refused = self.refused.saturating_add(1);
        if self.refused > REFUSALS {
            (self.from, self.followed) = (self.to, self.printed);
        }
    }

    /// Whether it is of a program of that user.
    #[must_use]
    pub fn is_of(&self, user: &str) -> bool {
        self.printed > 0 && self.user() == user.as_bytes()
    }

    /// Whose it is.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        self.user.get(..self.user_ends).unwrap_or_default()
    }

    /// The last lines that the program has printed, as far as they are held, each with a mark before it.
    pub fn last_lines(&self, lines: usize) -> impl Iterator<Item = u8> {
        let oldest = self.printed.saturating_sub(RING as u64);
        // the newline of the last line ends it
        let before = (oldest..self.printed.saturating_sub(1)).rev().filter(|at| self.at(*at) == b'\n');
        let first = before.take(lines).nth(lines.saturating_sub(1)).map_or(oldest, |end| end.saturating_add(1));
        let (mut begins, mut before, mut control) = (true, b' ', false);
        let marked = (first..self.printed).flat_map(move |at| {
            let byte = self.at(at);
            let mark = if begins { "nodeos: | " } else { "" };
            begins = byte == b'\n';
            // what acts on a terminal did so when it was printed: ESC [, up to a letter (ECMA-48, 5.4)
            let starts = before == 0x1b && byte == b'[';
            let shown = !control && !starts && byte >= b' ' && byte != 0x7f || begins;
            control = starts || control && !(b'@'..=b'~').contains(&byte) && !begins;
            before = byte;
            mark.bytes().chain(shown.then_some(byte))
        });
        marked.chain((self.printed > first && self.at(self.printed.saturating_sub(1)) != b'\n').then_some(b'\n'))
    }

    fn at(&self, position: u64) -> u8 {
        self.ring.get(place(position)).copied().unwrap_or(0)
    }

    fn next(&mut self) {
        let oldest = self.printed.saturating_sub(RING as u64);
        (self.from, self.to) = (0, 0);
        if self.followed < oldest {
            // a line that is cut would look like a whole one
            let line = (oldest..self.printed).find(|position| self.at(*position) == b'\n');
            let whole = line.map_or(oldest, |end| end.saturating_add(1));
            let missing = whole.saturating_sub(self.followed);
            self.followed = whole;
            let user = core::str::from_utf8(self.user()).ok();
            let (user, what) = (user.unwrap_or_default(), " bytes of its output are not shown: ");
            let mut text = Text::new();
            say!(&mut text, "\nnodeos: ", user, ": ", missing, what, "this console is too slow\n");
            self.fill(text.bytes());
        }
        let room = PIECE.saturating_sub(self.to);
        let held: heapless::Vec<u8, PIECE> =
            (self.followed..self.printed).take(room).map(|position| self.at(position)).collect();
        // the line of another program comes after a whole line of this one
        let lines = held.iter().rposition(|byte| *byte == b'\n').map_or(held.len(), |end| end.saturating_add(1));
        self.followed = self.followed.saturating_add(lines as u64);
        self.fill(held.into_iter().take(lines));
    }

    fn fill(&mut self, bytes: impl Iterator<Item = u8>) {
        for (place, byte) in self.piece.iter_mut().skip(self.to).zip(bytes) {
            *place = byte;
            self.to = self.to.saturating_add(1);
        }
    }
}

/// Where the byte of that position lies in the ring.
fn place(position: u64) -> usize {
    position.checked_rem(RING as u64).and_then(|place| usize::try_from(place).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
