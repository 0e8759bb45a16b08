//! One connection: it reads a request, writes the answer, and waits until the other side has read it.

use rustix::{event::PollFlags, fd::OwnedFd, io::Errno, net::Shutdown};

use super::{
    Door, LOOK,
    answer::{self, Answer},
};
use crate::{
    door::{ARRIVES, MAX_HEAD, Refusal, parse},
    sys,
};

/// Milliseconds in which a part of an answer must be taken.
const TAKEN: u64 = 10_000;
/// Milliseconds for which the other side may leave the connection open after the answer.
const CLOSES: u64 = 2000;

/// The request, and then the answer, piece by piece. All zeros is an empty one.
#[derive(Clone, Copy)]
pub struct Buffer {
    bytes: [u8; MAX_HEAD],
    from: usize,
    to: usize,
}

impl Buffer {
    pub fn clear(&mut self) {
        (self.from, self.to) = (0, 0);
    }

    /// What is in it.
    fn held(&self) -> &[u8] {
        self.bytes.get(self.from..self.to).unwrap_or_default()
    }

    fn room(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.to..).unwrap_or_default()
    }

    /// Fills it anew.
    pub fn fill(&mut self, fill: impl FnOnce(&mut [u8]) -> usize) {
        (self.from, self.to) = (0, fill(&mut self.bytes).min(MAX_HEAD));
    }
}

enum Phase {
    Reads,
    Writes(Answer),
    /// A socket that is closed with something to read makes the other side's next read fail (net/unix/af_unix.c,
    /// `unix_release_sock`). And the other side should have read the answer before the machine stops.
    Closes {
        _answer: Answer,
    },
}

/// A connection.
pub struct Connection {
    pub socket: OwnedFd,
    pub uid: u32,
    /// When it began, in milliseconds.
    pub since: u64,
    /// When it is too late for what it waits for.
    until: u64,
    phase: Phase,
}

impl Connection {
    pub fn new(socket: OwnedFd, uid: u32) -> Self {
        let since = sys::milliseconds();
        Self { socket, uid, since, until: since.saturating_add(ARRIVES), phase: Phase::Reads }
    }

    /// When it must be looked at, even if nothing happens.
    pub const fn due(&self) -> u64 {
        self.until
    }

    /// What to poll for.
    pub fn waits_for(&self) -> PollFlags {
        match &self.phase {
            Phase::Writes(answer) if !answer.is_idle() => PollFlags::OUT,
            _ => PollFlags::IN,
        }
    }

    fn late(&self) -> bool {
        self.until <= sys::milliseconds()
    }

    /// Goes on as far as possible; false once it has ended.
    pub fn step(&mut self, buffer: &mut Buffer, door: &Door<'_>) -> bool {
        match &mut self.phase {
            Phase::Reads => self.read(buffer, door),
            Phase::Writes(_) => self.write(buffer),
            Phase::Closes { .. } => !self.late() && discard(&self.socket),
        }
    }

    /// Reads a part of the request.
    fn read(&mut self, buffer: &mut Buffer, door: &Door<'_>) -> bool {
        let parsed = match rustix::io::read(&self.socket, buffer.room()) {
            Ok(0) => return false,
            Ok(length) => {
                buffer.to = buffer.to.saturating_add(length);
                parse(buffer.held())
            }
            Err(Errno::AGAIN | Errno::INTR) if self.late() => Err(Refusal::Late),
            Err(Errno::AGAIN | Errno::INTR) => return true,
            Err(_) => return false,
        };
        let Some(request) = parsed.transpose() else { return true };
        let answer = request.and_then(|request| Answer::to(&request, self.uid, door));
        let answer = match answer {
            Ok((answer, head)) => {
                buffer.fill(|bytes| answer::copy(&head, bytes));
                answer
            }
            Err(refusal) => {
                buffer.fill(|bytes| answer::copy(&answer::refusal(refusal), bytes));
                Answer::Nothing
            }
        };
        self.phase = Phase::Writes(answer);
        self.until = sys::milliseconds().saturating_add(TAKEN);
        self.write(buffer)
    }

    /// Writes what the other side takes.
    fn write(&mut self, buffer: &mut Buffer) -> bool {
        let Phase::Writes(answer) = &mut self.phase else { return true };
        if answer.is_idle() {
            if !discard(&self.socket) {
                return false;
            }
            self.until = sys::milliseconds().saturating_add(TAKEN);
        }
        loop {
            if buffer.held().is_empty() {
                buffer.fill(|bytes| answer.next(bytes));
            }
            if buffer.held().is_empty() {
                let now = sys::milliseconds();
                if answer.is_idle() {
                    self.until = now.saturating_add(LOOK);
                    return true;
                }
                let _ = rustix::net::shutdown(&self.socket, Shutdown::Write);
                self.phase = Phase::Closes { _answer: core::mem::replace(answer, Answer::Nothing) };
                self.until = now.saturating_add(CLOSES);
                return true;
            }
            match rustix::io::write(&self.socket, buffer.held()) {
                Ok(length) => {
                    buffer.from = buffer.from.saturating_add(length);
                    self.until = sys::milliseconds().saturating_add(TAKEN);
                }
                Err(Errno::AGAIN | Errno::INTR) => return !self.late(),
                Err(_) => return false,
            }
        }
    }
}

/// Reads what nobody needs; false once the other side has closed the connection.
fn discard(socket: &OwnedFd) -> bool {
    // a side that goes on sending waits for the next turn
    matches!(rustix::io::read(socket, &mut [0; 512]), Ok(1..) | Err(Errno::AGAIN | Errno::INTR))
}
