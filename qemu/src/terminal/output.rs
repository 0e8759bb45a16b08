//! Passes output from the machine's console to the user's terminal, at the speed of the slower one.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// How many bytes are buffered before the machine has to wait: somebody may scroll back for a while, or press ctrl-s.
const HELD: usize = 8 << 20;

/// How many bytes are buffered once a machine stops, because it must not wait for a stalled terminal.
const HELD_AT_THE_END: usize = HELD + (1 << 20);

/// Output of the machine that the terminal has not taken yet.
pub struct Output {
    state: Mutex<State>,
    changed: Condvar,
    /// How many bytes are buffered once the machine stops.
    at_the_end: usize,
}

impl Default for Output {
    fn default() -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), at_the_end: HELD_AT_THE_END }
    }
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    stopping: bool,
    ended: bool,
    unread: bool,
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

    /// For output of which nothing may be lost at the end.
    pub fn keeping_all() -> Self {
        Self { at_the_end: usize::MAX, ..Self::default() }
    }

    /// Adds output; waits while too much is buffered.
    pub fn push(&self, bytes: &[u8]) {
        let mut state = self.state();
        while state.bytes.len() >= HELD && !state.stopping && !state.unread {
            state = self.wait(state);
        }
        let room = if state.unread { 0 } else { self.at_the_end.saturating_sub(state.bytes.len()) };
        state.bytes.extend(&bytes[..bytes.len().min(room)]);
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
            let piece: Vec<u8> = state.bytes.drain(..length).collect();
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
    use super::{HELD, HELD_AT_THE_END, Output};
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
        let output = Arc::new(Output::default());
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
    fn a_machine_that_stops_does_not_wait_for_the_terminal() {
        let output = Arc::new(Output::default());
        let machine = Arc::clone(&output);
        let machine = thread::spawn(move || (0..12_000).for_each(|_| machine.push(&[b'x'; 1000])));
        while output.state().bytes.len() < HELD {
            thread::sleep(Duration::from_millis(1));
        }
        output.stopping();
        machine.join().unwrap();
        assert_eq!(output.state().bytes.len(), HELD_AT_THE_END);
    }

    #[test]
    fn an_offered_message_is_dropped_when_the_buffer_is_full() {
        let (mut reader, writer) = pipe().unwrap();
        let output = Output::default();
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
