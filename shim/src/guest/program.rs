//! Becoming another of our own programs.

use rustix::{fd::OwnedFd, fs::OFlags, io::Errno};

use crate::{
    guest::place,
    say::{Text, whole},
    sys::{self, Start},
};

/// One of the initramfs, opened while its path can be seen: none leads to it from a sandbox.
pub struct Program(OwnedFd);

impl Program {
    pub fn open(path: &str) -> rustix::io::Result<Self> {
        Ok(Self(place::file(path, OFlags::PATH)?))
    }

    /// Becomes it, with these arguments, NUL behind each, and the kernel's words for its environment. Comes back only
    /// with an error.
    pub fn exec(&self, arguments: &Text, words: Start) -> Errno {
        if !whole(arguments) {
            return Errno::TOOBIG;
        }
        let words = words.arguments().skip(1).chain(words.environment());
        sys::exec(&self.0, c"", sys::strings(arguments), words)
    }
}
