//! What `/clock` waits for.

use heapless::Vec;
use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::inotify::{self, CreateFlags, WatchFlags},
    io::{Errno, Result},
    process::Signal,
};

use crate::{
    layout,
    sys::{self, Signals, Stream},
};

/// What has happened, and what tells of it.
pub struct Events {
    term: OwnedFd,
    network: OwnedFd,
    watched: bool,
    /// Something in `/run/net` is new.
    pub changed: bool,
    /// The program must end.
    pub end: bool,
}

impl Events {
    pub fn new() -> Result<Self> {
        // PID 1 may have closed its end
        Signals::of(&[Signal::PIPE, Signal::TERM]).block();
        let term = Signals::of(&[Signal::TERM]).descriptor()?;
        let network = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self { term, network, watched: false, changed: true, end: false })
    }

    /// Begins to look at `/run/net`, if that is there.
    pub fn watch(&mut self) {
        if !self.watched {
            let how = WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE | WatchFlags::ONLYDIR;
            self.watched = inotify::add_watch(&self.network, layout::RUN_NET, how).is_ok();
        }
    }

    /// Waits until that many milliseconds after the kernel's start. True if the socket has something to read. Without a
    /// socket, it returns early if something has changed.
    pub fn wait(&mut self, socket: Option<BorrowedFd<'_>>, until: u64) -> bool {
        while !self.end && (socket.is_some() || !self.changed) {
            let Ok(left @ 1..) = u32::try_from(until.saturating_sub(sys::milliseconds())) else { break };
            let pid1 = Stream(0);
            let all = [Some(pid1.as_fd()), Some(self.term.as_fd()), Some(self.network.as_fd()), socket];
            let all = all.into_iter().flatten().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
            let mut all = all.collect::<Vec<_, 4>>();
            match poll(&mut all, Some(&sys::span(left))) {
                Ok(_) | Err(Errno::INTR) => {}
                // it cannot wait, and must not run in circles
                Err(_) => self.end = true,
            }
            let has = |at: usize| all.get(at).is_some_and(|fd| !fd.revents().is_empty());
            let [end, changed, packet] = [has(0) || has(1), has(2), has(3)];
            self.end |= end;
            if changed {
                self.changed |= drained(&self.network);
            }
            if packet {
                return !self.end;
            }
        }
        false
    }
}

/// Whether there were events, which are discarded.
fn drained(events: &OwnedFd) -> bool {
    let mut any = false;
    // an event has at most a name of 255 bytes and a header of 16 (inotify(7))
    let mut dropped = [0; 512];
    while let Ok(1..) = rustix::io::read(events, &mut dropped) {
        any = true;
    }
    any
}
