//! Passes input from the user's keyboard, or from another stdin, to the machine's console.

use std::io::PipeReader;
use std::process::ChildStdin;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::stdio;

use super::keys::{Key, Keys};

/// How many bytes are buffered for a machine that does not read.
const HELD: usize = 64 << 10;

/// The input of a machine.
pub struct Input {
    machine: Option<ChildStdin>,
    /// Its other end is closed when the machine has ended.
    ended: PipeReader,
    /// On a terminal, keys are read even if the machine does not read its input: ctrl-a x must work.
    is_terminal: bool,
    open: bool,
    keys: Keys,
    held: Vec<u8>,
}

impl Input {
    pub fn new(machine: ChildStdin, ended: PipeReader, is_terminal: bool) -> Self {
        // QEMU has the other end of this pipe, and only we have this one. If it cannot be made non-blocking, no keys
        // are passed on
        let set = fcntl_getfl(&machine).and_then(|flags| fcntl_setfl(&machine, flags | OFlags::NONBLOCK));
        let machine = set.is_ok().then_some(machine);
        Self { machine, ended, is_terminal, open: true, keys: Keys::default(), held: Vec::new() }
    }

    /// Passes on the input until the machine ends; `command` gets the keys that are for us.
    pub fn pass_on(mut self, mut command: impl FnMut(Key)) {
        while let Some((readable, writable)) = self.wait() {
            if readable {
                self.read(&mut command);
            }
            if writable {
                self.write();
            }
        }
    }

    /// Whether there is input, and whether the machine can take some; `None` when the machine has ended.
    fn wait(&self) -> Option<(bool, bool)> {
        let stdin = stdio::stdin();
        let listens = self.open && (self.is_terminal || self.held.len() < HELD);
        let machine = self.machine.as_ref().filter(|_| !self.held.is_empty());
        let mut fds = vec![PollFd::new(&self.ended, PollFlags::IN)];
        fds.extend(listens.then(|| PollFd::new(&stdin, PollFlags::IN)));
        fds.extend(machine.map(|machine| PollFd::new(machine, PollFlags::OUT)));
        while let Err(errno) = poll(&mut fds, None) {
            if errno != Errno::INTR {
                return None;
            }
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let at = |wanted: bool, at: usize| wanted && ready.get(at) == Some(&true);
        (!at(true, 0)).then(|| (at(listens, 1), at(machine.is_some(), if listens { 2 } else { 1 })))
    }

    /// The machine continues after the end of the input.
    fn read(&mut self, command: &mut impl FnMut(Key)) {
        let mut bytes = [0; 4096];
        match rustix::io::read(stdio::stdin(), &mut bytes) {
            Ok(0) => self.open = false,
            Ok(length) => {
                let before = self.held.len();
                self.keys.take(&bytes[..length], &mut self.held).into_iter().for_each(command);
                if self.is_terminal && before >= HELD {
                    // drop it, as a terminal does if nobody reads
                    self.held.truncate(before);
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.open = false,
        }
    }

    fn write(&mut self) {
        let Some(machine) = &self.machine else { return };
        match rustix::io::write(machine, &self.held) {
            Ok(length) => drop(self.held.drain(..length)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.machine = None,
        }
    }
}
