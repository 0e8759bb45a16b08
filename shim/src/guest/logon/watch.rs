//! Whether something was printed on a console after the prompt, so that the prompt is no longer visible.
//!
//! A serial line counts what it sends and receives; a screen knows where its cursor is. Both see only what goes through
//! the terminal: an init's output, not the kernel's own lines.

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

/// Looks at a second's distance before they become rare.
const OFTEN: u8 = 60;
/// Seconds between rare looks.
const RARELY: u8 = 16;

/// What is looked at.
pub enum Watch<'a> {
    Line(&'a OwnedFd),
    /// A screen's size, cursor and content (vcs(4)), and how long the prompt is.
    Screen(OwnedFd, usize),
}

/// What was seen.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// Of what is written.
    written: u32,
    /// Of what is typed.
    typed: u32,
}

impl<'a> Watch<'a> {
    /// For the console of that name.
    pub fn of(console: &str, terminal: &'a OwnedFd, prompt: &str) -> Self {
        let mut path = Text::new();
        say!(&mut path, "/dev/vcsa", console.strip_prefix("tty").unwrap_or("?"));
        match place::file(&path, OFlags::RDONLY) {
            Ok(screen) => Self::Screen(screen, prompt.len()),
            Err(_) => Self::Line(terminal),
        }
    }

    /// Waits until something is typed on the terminal; false once the prompt should be printed again.
    pub fn typed(&self, terminal: &OwnedFd) -> bool {
        let _ = rustix::termios::tcdrain(terminal);
        let first = self.look();
        let (mut last, mut looks) = (first, 0_u8);
        while !sys::ready_within(terminal.as_fd(), PollFlags::IN, if looks < OFTEN { 1 } else { RARELY }) {
            let seen = self.look();
            // a person who types has seen the prompt; a program that writes may not be done yet
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
                // at the left of where the prompt ends: a line was ended behind it
                (u32::from(usize::from(x) < *prompt), 0)
            }
        };
        Seen { written, typed }
    }
}
