//! Passes output from the machine's console, or from an app's pipe, to the user's terminal or pipe.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// How many bytes are buffered before a program of the machine has to wait, or before output is left out: somebody may
/// scroll back for a while, or press ctrl-s.
const HELD: usize = 8 << 20;

/// Output of the machine that the terminal has not taken yet.
#[derive(Default)]
pub struct Output {
    state: Mutex<State>,
    changed: Condvar,
    /// Whether the machine waits, so that nothing is left out.
    whole: bool,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    stopping: bool,
    ended: bool,
    unread: bool,
    /// How many bytes are left out before the first that is buffered.
    left_out: usize,
}

impl Output {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// For output of which nothing may be left out.
    pub fn keeping_all() -> Self {
        Self { whole: true, ..Self::default() }
    }

    /// Adds output. If too much is buffered, it waits, or leaves out what is oldest: QEMU stands still with its
    /// console, and forgets what nobody has read when it ends.
    pub fn push(&self, bytes: &[u8]) {
        let mut state = self.state();
        while self.whole && state.bytes.len() >= HELD && !state.stopping && !state.unread {
            state = self.wait(state);
        }
        if !state.unread {
            state.bytes.extend(bytes);
        }
        if !self.whole && state.bytes.len() > HELD {
            let half = state.bytes.len() - HELD / 2;
            let line = state.bytes.range(half..).position(|byte| *byte == b'\n');
            let left_out = half + line.map_or(0, |end| end + 1);
            state.bytes.drain(..left_out);
            state.left_out += left_out;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Adds a line of our own. It is dropped while too much is buffered, because the caller must not wait.
    pub fn offer(&self, bytes: &[u8]) {
        self.change(|state| {
            if state.bytes.len() < HELD && !state.unread {
                state.bytes.extend(bytes);
            }
        });
    }

    /// Call this when the machine stops: from then on it does not have to wait.
    pub fn stopping(&self) {
        self.change(|state| state.stopping = true);
    }

    /// Nothing more will be printed.
    pub fn ended(&self) {
        self.change(|state| state.ended = true);
    }

    /// Writes the output as it comes, until it ends.
    pub fn write_to(&self, terminal: impl AsFd) -> io::Result<()> {
        let written = self.write_pieces(terminal.as_fd());
        if written.is_err() {
            self.change(|state| (state.unread, state.bytes) = (true, VecDeque::new()));
        }
        written
    }

    fn write_pieces(&self, terminal: impl AsFd) -> io::Result<()> {
        loop {
            let mut state = self.state();
            while state.bytes.is_empty() {
                if state.ended {
                    return Ok(());
                }
                state = self.wait(state);
            }
            let length = state.bytes.len().min(4096);
            let mut piece = match std::mem::take(&mut state.left_out) {
                0 => Vec::new(),
                bytes => format!("\r\nnodeos: {bytes} bytes are not shown: this terminal took none of them\r\n").into(),
            };
            piece.extend(state.bytes.drain(..length));
            drop(state);
            self.changed.notify_all();
            write_all(terminal.as_fd(), &piece)?;
        }
    }
}

/// Writes all bytes, however long that takes. Another program may have made a shared terminal non-blocking, so a full
/// one is no error.
fn write_all(to: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(&to, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(length) => bytes = &bytes[length..],
            Err(Errno::AGAIN) => drop(takes(&to, None)),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Writes a few bytes to a terminal, unless it is stalled.
pub fn write_if_it_moves(to: impl AsFd, bytes: &[u8]) {
    if takes(&to, Some(Duration::from_secs(1))) {
        let _ = rustix::io::write(&to, bytes);
    }
}

/// Waits until it can take bytes. Returns whether it can.
fn takes(to: impl AsFd, within: Option<Duration>) -> bool {
    let within = within.and_then(|within| Timespec::try_from(within).ok());
    poll(&mut [PollFd::new(&to, PollFlags::OUT)], within.as_ref()).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::{HELD, Output};
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use std::io::{Read, pipe};
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    /// More than the buffer holds.
    fn lines() -> Vec<u8> {
        (0..800_000).flat_map(|line| format!("line {line}\r\n").into_bytes()).collect()
    }

    #[test]
    fn a_paused_reader_delays_output_but_loses_nothing() {
        let (mut reader, writer) = pipe().unwrap();
        // QEMU makes a terminal that it shares non-blocking: then a full pipe returns EAGAIN
        fcntl_setfl(&writer, fcntl_getfl(&writer).unwrap() | OFlags::NONBLOCK).unwrap();
        let output = Arc::new(Output::keeping_all());
        let machine = Arc::clone(&output);
        let machine = thread::spawn(move || {
            lines().chunks(100_000).for_each(|piece| machine.push(piece));
            machine.ended();
        });
        let writing = thread::spawn(move || output.write_to(writer));
        thread::sleep(Duration::from_millis(300));
        assert!(lines().len() > HELD + 100_000 && !machine.is_finished(), "the machine waits");
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert!(read == lines());
        machine.join().unwrap();
        writing.join().unwrap().unwrap();
    }

    #[test]
    fn a_console_does_not_wait_for_the_terminal_and_says_what_is_missing() {
        let (mut reader, writer) = pipe().unwrap();
        let output = Arc::new(Output::default());
        lines().chunks(100_000).for_each(|piece| output.push(piece));
        output.ended();
        let writing = thread::spawn(move || output.write_to(writer));
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        writing.join().unwrap().unwrap();
        let (missing, rest) = read.split_once(" bytes are not shown: this terminal took none of them\r\n").unwrap();
        let missing: usize = missing.strip_prefix("\r\nnodeos: ").unwrap().parse().unwrap();
        assert!(rest.as_bytes() == &lines()[missing..], "the newest lines are whole");
        assert!(rest.starts_with("line ") && rest.len() > HELD / 2 && rest.len() <= HELD, "{}", rest.len());
    }

    #[test]
    fn an_offered_message_is_dropped_when_the_buffer_is_full() {
        let (mut reader, writer) = pipe().unwrap();
        let output = Output::keeping_all();
        output.offer(b"shown");
        output.push(&[b'x'; HELD]);
        output.offer(b"dropped");
        output.ended();
        let writing = thread::spawn(move || output.write_to(writer));
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        writing.join().unwrap().unwrap();
        assert_eq!((read.len(), &read[..6]), (5 + HELD, &b"shownx"[..]));
    }

    #[test]
    fn a_closed_reader_does_not_block_the_machine() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = Output::default();
        output.push(b"a");
        assert!(output.write_to(writer).is_err());
        (0..1000).for_each(|_| output.push(&[b'x'; 1000]));
        assert!(output.state().bytes.is_empty());
    }
}
