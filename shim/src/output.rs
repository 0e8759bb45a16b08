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
/// How many milliseconds a program waits until the console has taken a piece. A console that takes longer, less than 16
/// KiB a second, is slow: its programs do not wait for it. The fastest usual serial line, 115200 baud, takes 11.
pub const PATIENCE: u64 = 250;

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
    /// When the program began to wait, in milliseconds; 0 if it does not wait.
    waits_since: u64,
    /// Whether the console is slow, so that the program does not wait.
    slow: bool,
}

impl Output {
    /// A program of that user begins to print: what is held of another one is gone.
    pub fn begin(&mut self, user: &[u8]) {
        (self.printed, self.followed, self.waits_since, self.slow) = (0, 0, 0, false);
        (self.from, self.to, self.user_ends) = (0, 0, 0);
        for (place, byte) in self.user.iter_mut().zip(user) {
            *place = *byte;
            self.user_ends = self.user_ends.saturating_add(1);
        }
    }

    /// How many of the held bytes are in no piece yet.
    const fn ahead(&self) -> u64 {
        self.printed.saturating_sub(self.followed)
    }

    /// How many bytes the program may print now; 0 if it waits. Call it again after `waits_until`.
    pub fn room(&mut self, now: u64) -> usize {
        let free = RING.saturating_sub(usize::try_from(self.ahead()).unwrap_or(RING));
        if self.slow {
            return PIECE;
        }
        // a piece ends with a line: it may be shorter
        if free >= PIECE / 2 {
            self.waits_since = 0;
            return free;
        }
        if self.waits_since == 0 {
            self.waits_since = now.max(1);
        }
        if now < self.waits_until().unwrap_or(0) {
            return 0;
        }
        self.waits_since = 0;
        self.slow = true;
        PIECE
    }

    /// When the program stops waiting, if it waits.
    #[must_use]
    pub fn waits_until(&self) -> Option<u64> {
        (self.waits_since > 0).then(|| self.waits_since.saturating_add(PATIENCE))
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
        if self.is_taken() {
            self.slow = false;
        }
    }

    /// Nobody takes this any more: what is held is left out.
    pub fn forget(&mut self) {
        (self.from, self.followed) = (self.to, self.printed);
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
            let user = self.user.get(..self.user_ends).and_then(|user| core::str::from_utf8(user).ok());
            let mut text = Text::new();
            say!(
                &mut text,
                "\nnodeos: ",
                user.unwrap_or_default(),
                ": ",
                missing,
                " bytes of its output are not shown: "
            );
            say!(&mut text, "this console is slower\n");
            self.fill(text.bytes());
            return;
        }
        let held: heapless::Vec<u8, PIECE> =
            (self.followed..self.printed).take(PIECE).map(|position| self.at(position)).collect();
        // the line of another program comes after a whole line of this one
        let lines = held.iter().rposition(|byte| *byte == b'\n').map_or(held.len(), |end| end.saturating_add(1));
        self.followed = self.followed.saturating_add(lines as u64);
        self.fill(held.into_iter().take(lines));
    }

    fn fill(&mut self, bytes: impl Iterator<Item = u8>) {
        for (place, byte) in self.piece.iter_mut().zip(bytes) {
            *place = byte;
            self.to = self.to.saturating_add(1);
        }
    }
}

/// Where the byte of that position lies in the ring.
fn place(position: u64) -> usize {
    usize::try_from(position % RING as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Output, PATIENCE, PIECE, RING, USER};

    fn output() -> Output {
        let mut output = Output {
            user: [0; USER],
            user_ends: 0,
            ring: [0; RING],
            printed: 0,
            followed: 0,
            piece: [0; PIECE],
            from: 0,
            to: 0,
            waits_since: 0,
            slow: false,
        };
        output.begin(b"ana");
        output
    }

    /// Everything that a console takes, `each` bytes at a time.
    fn taken(output: &mut Output, each: usize) -> String {
        let mut all = Vec::new();
        while !output.is_taken() {
            let piece = output.piece();
            let some = &piece[..piece.len().min(each)];
            all.extend_from_slice(some);
            let length = some.len();
            output.take(length);
        }
        String::from_utf8(all).unwrap()
    }

    fn lines(numbers: std::ops::Range<u32>) -> String {
        numbers.map(|number| format!("line {number:08}\n")).collect()
    }

    #[test]
    fn a_console_that_keeps_up_shows_everything() {
        let mut output = output();
        let mut shown = String::new();
        for number in 0..1000 {
            let some = lines(10 * number..10 * number + 10);
            assert!(output.room(u64::from(number)) >= some.len());
            output.print(some.as_bytes());
            shown += &taken(&mut output, 100);
        }
        assert_eq!(shown, lines(0..10_000));
    }

    #[test]
    fn a_program_waits_for_a_console_that_moves() {
        let mut output = output();
        output.print(lines(0..(RING / 14) as u32).as_bytes());
        assert_eq!(output.room(1000), 0);
        assert_eq!(output.waits_until(), Some(1000 + PATIENCE));
        let length = output.piece().len();
        output.take(length);
        assert!(output.room(1000 + PATIENCE - 1) > 0, "a piece was taken");
        assert!(!output.is_slow() && output.waits_until().is_none());
    }

    #[test]
    fn it_waits_only_once_for_a_slow_console() {
        let mut output = output();
        output.print(&[b'.'; RING]);
        assert_eq!(output.room(0), 0);
        assert_eq!(output.room(PATIENCE), 0, "a wait that begins at 0 counts from 1");
        assert_eq!(output.room(PATIENCE + 1), PIECE);
        for now in 0..100 {
            assert_eq!(output.room(now), PIECE);
            output.print(&[b'.'; PIECE]);
        }
    }

    #[test]
    fn a_slow_console_shows_whole_pieces_what_is_missing_and_the_last_words() {
        let mut output = output();
        output.print(lines(0..100).as_bytes());
        assert!(output.piece().starts_with(b"line 00000000\n"));
        output.take(3);
        output.print(lines(100..10_000).as_bytes());
        let shown = taken(&mut output, 7);
        let (before, after) = shown.split_once("\nnodeos: ana: ").unwrap();
        assert_eq!(format!("lin{before}"), lines(0..100), "the piece that was begun stays whole");
        let (missing, after) =
            after.split_once(" bytes of its output are not shown: this console is slower\n").unwrap();
        let missing: usize = missing.parse().unwrap();
        assert_eq!(before.len() + 3 + missing + after.len(), lines(0..10_000).len());
        assert!(after.starts_with("line ") && after.ends_with("line 00009999\n"), "{after}");
        assert!(after.len() > RING - 14, "{}", after.len());
        assert!(!output.is_slow());
    }

    #[test]
    fn once_everything_is_taken_a_program_waits_again() {
        let mut output = output();
        output.print(&[b'.'; RING]);
        output.room(0);
        output.room(PATIENCE + 1);
        assert!(output.is_slow());
        taken(&mut output, PIECE);
        assert!(!output.is_slow());
        output.print(&[b'.'; RING]);
        assert_eq!(output.room(5000), 0);
    }

    #[test]
    fn a_line_of_another_program_comes_after_a_whole_line() {
        let mut output = output();
        output.print(b"whole\nhal");
        assert_eq!(output.piece(), b"whole\n");
        output.take(6);
        output.print(b"f\n");
        assert_eq!(output.piece(), b"half\n");
        output.take(5);
        output.print(b"> ");
        assert_eq!(output.piece(), b"> ", "a prompt has no end of line");
        assert!(output.is_halfway());
        output.forget();
        assert!(output.is_taken() && !output.is_halfway());
    }
}
