//! Detects whether something was printed on a console after the prompt, so that the prompt is no longer visible.
//!
//! A serial line counts the characters that it sends and receives; a screen knows the position of its cursor. Both see
//! only output that goes through the terminal: that of an init, but not the kernel's own lines.

use rustix::{
    event::PollFlags,
    fd::{AsFd, OwnedFd},
    fs::OFlags,
};

use crate::{
    guest::place,
    say,
    say::Text,
    sys::{self, terminal},
};

/// The number of looks once a second, before they become rare.
const OFTEN: u8 = 60;
/// Seconds between the later looks.
const RARELY: u8 = 16;

/// What the watch looks at.
pub enum Watch<'a> {
    Line(&'a OwnedFd),
    /// A screen's size, cursor and content (vcs(4)), and the length of the prompt.
    Screen(OwnedFd, usize),
}

/// What one look saw.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// Changes when something is written.
    written: u32,
    /// Changes when something is typed.
    typed: u32,
}

impl<'a> Watch<'a> {
    /// The watch for the console of that name.
    pub fn of(console: &str, terminal: &'a OwnedFd, prompt: &str) -> Self {
        let mut path = Text::new();
        say!(&mut path, "/dev/vcsa", console.strip_prefix("tty").unwrap_or("?"));
        match place::file(&path, OFlags::RDONLY) {
            Ok(screen) => Self::Screen(screen, prompt.len()),
            Err(_) => Self::Line(terminal),
        }
    }

    /// Waits until something is typed on the terminal. Returns false when the prompt should be printed again.
    pub fn typed(&self, terminal: &OwnedFd) -> bool {
        let _ = rustix::termios::tcdrain(terminal);
        let first = self.look();
        let (mut last, mut looks) = (first, 0_u8);
        while !sys::ready_within(terminal.as_fd(), PollFlags::IN, if looks < OFTEN { 1 } else { RARELY }) {
            let seen = self.look();
            // a person who types has seen the prompt; a program that still writes may not be finished
            if seen.typed == first.typed && seen.written != first.written && seen == last {
                return false;
            }
            looks = if seen == last { looks.saturating_add(1) } else { 0 };
            last = seen;
        }
        true
    }

    fn look(&self) -> Seen {
        let (written, typed) = match self {
            Self::Line(line) => {
                let [_, _, _, _, received, sent, ..] = terminal::counters(line).unwrap_or_default();
                (sent, received)
            }
            Self::Screen(screen, prompt) => {
                let mut head = [0; 4];
                let _ = rustix::io::pread(screen, &mut head, 0);
                let [_rows, _columns, x, _y] = head;
                // left of the end of the prompt: a line was printed after it
                (u32::from(usize::from(x) < *prompt), 0)
            }
        };
        Seen { written, typed }
    }
}
