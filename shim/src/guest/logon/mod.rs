//! `/logon`, between PID 1 and a user: it alone reads what users write about themselves, so that PID 1 need not.
//!
//! | arguments | runs as | does |
//! |---|---|---|
//! | `check` | uid 0, one capability | reads names of homes, one a packet of its pipe, and says whether anybody may log on |
//! | `ask CONSOLE` | the same, once it has the terminal | asks until somebody is known; the answer is on its standard output |
//! | `run USER [PROGRAM]` | the user, in the own sandbox | becomes the program, or without one the user's shell |
//!
//! Its environment is the kernel's words, as PID 1 has them.

mod ask;
mod check;
mod file;
mod password;
mod session;

use core::ffi::CStr;

use rustix::{fd::OwnedFd, fs::OFlags, io::Errno};

use crate::{
    cmdline::Options,
    guest::place,
    layout,
    sys::{self, Start, Stream},
};

/// The program.
pub fn main(start: Start) -> ! {
    let options = Options::of(start.environment());
    let mut words = start.arguments().skip(1).map(|word| word.to_str().unwrap_or_default());
    sys::exit(match (words.next(), words.next()) {
        (Some("check"), None) => check::check(&options),
        (Some("ask"), Some(console)) => ask::ask(console, &options),
        (Some("run"), Some(user)) => session::run(user, words.next(), &options),
        _ => {
            Stream(2).put("this is a part of PID 1 of a NodeOS machine\n");
            64
        }
    })
}

/// Becomes this program: opened here, for no path leads to it from a sandbox. Comes back only with an error.
pub struct Program(OwnedFd);

impl Program {
    /// # Errors
    /// The kernel's.
    pub fn open() -> rustix::io::Result<Self> {
        Ok(Self(place::file(layout::LOGON, OFlags::PATH)?))
    }

    /// With these arguments, and the kernel's words for its environment.
    pub fn exec(&self, arguments: &[&CStr], start: Start) -> Errno {
        let words = start.arguments().skip(1).chain(start.environment());
        sys::exec(&self.0, c"", arguments.iter().copied(), words)
    }
}
