//! Executes another of our own programs.

use rustix::{fd::OwnedFd, fs::OFlags, io::Errno};

use crate::{
    guest::{log::Log, place},
    say::{Text, whole},
    sys::{self, Start},
};

/// A program of the initramfs, opened while its path is visible: sandboxes do not see it.
pub struct Program(OwnedFd);

/// Becomes the program at that path, in a child that has nothing else to do. Status 1 if it cannot.
#[inline(never)]
pub fn become_it(path: &str, arguments: &Text, words: Start) -> ! {
    let errno = Program::open(path).map_or_else(|errno| errno, |program| program.exec(arguments, words));
    error!(Log::held(), "cannot run ", path, ": ", errno);
    sys::exit(1)
}

impl Program {
    pub fn open(path: &str) -> rustix::io::Result<Self> {
        Ok(Self(place::file(path, OFlags::PATH)?))
    }

    /// Executes the program with these NUL-terminated arguments, and with the words of the kernel's command line as its
    /// environment. Returns only on error.
    pub fn exec(&self, arguments: &Text, words: Start) -> Errno {
        if !whole(arguments) {
            return Errno::TOOBIG;
        }
        let words = words.arguments().skip(1).chain(words.environment());
        sys::exec(&self.0, c"", sys::strings(arguments), words)
    }
}
