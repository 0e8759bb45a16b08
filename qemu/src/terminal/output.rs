//! From the machine's console to the person's terminal, at the pace of the slower one.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Bytes that are held before the machine has to wait.
const HELD: usize = 64 << 10;

/// Bytes that are buffered once a machine stops: it must not wait for a stalled terminal.
const HELD_AT_THE_END: usize = 1 << 20;

/// Bytes that the machine printed and the terminal has not taken.
#[derive(Default)]
pub struct Output {
    state: Mutex<State>,
    changed: Condvar,
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

    /// Adds what was printed; waits while too much is held.
    pub fn push(&self, bytes: &[u8]) {
        let mut state = self.state();
        while state.bytes.len() >= HELD && !state.stopping && !state.unread {
            state = self.wait(state);
        }
        let room = if state.unread { 0 } else { HELD_AT_THE_END.saturating_sub(state.bytes.len()) };
        state.bytes.extend(&bytes[..bytes.len().min(room)]);
        drop(state);
        self.changed.notify_all();
    }

    /// Adds a line that is not the machine's. It is dropped while too much is buffered, because its caller must not wait.
    pub fn offer(&self, bytes: &[u8]) {
        self.change(|state| {
            if state.bytes.len() < HELD && !state.unread {
                state.bytes.extend(bytes);
            }
        });
    }

    /// The machine stops: it is not made to wait any more.
    pub fn stopping(&self) {
        self.change(|state| state.stopping = true);
    }

    /// Nothing more will be printed.
    pub fn ended(&self) {
        self.change(|state| state.ended = true);
    }

    /// Writes what is printed, as it comes, until nothing more will be.
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

/// Writes all of it, however long that takes. Somebody else may have made a shared terminal non-blocking: that it is
/// full is no error.
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

/// Waits until it takes bytes; whether it does.
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

    /// 2,000 lines and more.
    fn lines() -> Vec<u8> {
        (0..20_000).flat_map(|line| format!("line {line}\r\n").into_bytes()).collect()
    }

    #[test]
    fn a_paused_reader_delays_output_but_loses_nothing() {
        let (mut reader, writer) = pipe().unwrap();
        // as QEMU makes a terminal that it shares: a full pipe is EAGAIN
        fcntl_setfl(&writer, fcntl_getfl(&writer).unwrap() | OFlags::NONBLOCK).unwrap();
        let output = Arc::new(Output::default());
        let machine = Arc::clone(&output);
        let machine = thread::spawn(move || {
            lines().chunks(1000).for_each(|piece| machine.push(piece));
            machine.ended();
        });
        let writing = thread::spawn(move || output.write_to(writer));
        thread::sleep(Duration::from_millis(300));
        assert!(!machine.is_finished(), "the machine waits");
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
        let machine = thread::spawn(move || (0..3000).for_each(|_| machine.push(&[b'x'; 1000])));
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
