//! Waits for several descriptors at once.

use heapless::Vec;
use rustix::{
    event::{PollFd, PollFlags},
    fd::BorrowedFd,
    io::{Errno, Result},
};

use crate::sys;

/// Descriptors, and what it means if there is something to do with one.
pub struct Waits<'a, N, const MOST: usize> {
    news: Vec<N, MOST>,
    fds: Vec<PollFd<'a>, MOST>,
}

impl<'a, N, const MOST: usize> Waits<'a, N, MOST> {
    pub const fn new() -> Self {
        Self { news: Vec::new(), fds: Vec::new() }
    }

    /// Asks for one more.
    pub fn ask(&mut self, news: N, fd: BorrowedFd<'a>, how: PollFlags) {
        let _ = (self.news.push(news), self.fds.push(PollFd::from_borrowed_fd(fd, how)));
    }

    /// Waits for at most so many milliseconds. Returns what there is to do, in the order in which it was asked for.
    pub fn wait(mut self, milliseconds: Option<u32>) -> Result<Vec<N, MOST>> {
        match rustix::event::poll(&mut self.fds, milliseconds.map(sys::span).as_ref()) {
            Err(Errno::INTR) => {}
            some => drop(some?),
        }
        let ready = self.news.into_iter().zip(&self.fds).filter(|(_, fd)| !fd.revents().is_empty());
        Ok(ready.map(|(news, _)| news).collect())
    }
}
