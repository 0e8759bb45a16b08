//! `/logon` stands between PID 1 and a user: it reads the files that users write about themselves, so that PID 1 does
//! not have to.
//!
//! | arguments | runs as | does |
//! |---|---|---|
//! | `check` | uid 0, one capability | reads the users, and reports whether anybody may log on |
//! | `ask CONSOLE LINE` | the same, once it has the terminal | asks once, and writes the result to standard output |
//! | `why USER` | uid 0, one capability | logs why a user cannot log on whose home PID 1 does not know |
//! | `enter …`, see `entrance` | PID 1's child in a sandbox, then the user | becomes the program, or the user's shell |
//!
//! Its environment holds the words of the kernel's command line, as PID 1 has them.

mod ask;
mod check;
mod enter;
mod file;
mod password;
mod session;
mod watch;
mod why;

use crate::{
    cmdline::Options,
    guest::terminal::Line,
    sys::{self, Start, Stream},
};

/// The program.
pub fn main(start: Start) -> ! {
    let options = Options::of(start.environment());
    let mut words = start.arguments().skip(1).map(|word| word.to_str().unwrap_or_default());
    if start.arguments().nth(1) == Some(c"enter") {
        sys::exit(enter::enter(&mut words.skip(1), &options, start));
    }
    sys::exit(match (words.next(), words.next(), words.next()) {
        (Some("check"), ..) => check::check(&options),
        (Some("ask"), Some(console), Some(line)) => {
            Line::parse(line).map_or(64, |line| ask::ask(console, line, &options))
        }
        (Some("why"), Some(user), _) => why::why(user, &options),
        _ => {
            Stream(2).put("this program is a part of PID 1 of a NodeOS machine\n");
            64
        }
    })
}
