//! `/logon` stands between PID 1 and a user: it reads the files that users write about themselves, so that PID 1 does
//! not have to.
//!
//! | arguments | runs as | does |
//! |---|---|---|
//! | `check` | uid 0, one capability | reads names of homes, one per packet, and reports whether anybody may log on |
//! | `ask CONSOLE LINE` | the same, once it has the terminal | asks once, and writes the result to standard output |
//! | `why USER` | uid 0, one capability | logs why a user cannot log on whose home PID 1 does not know |
//! | `run USER PROGRAM` | the user, in their sandbox | becomes the program, or the user's shell if that is empty |
//!
//! Its environment holds the words of the kernel's command line, as PID 1 has them.

mod ask;
mod check;
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
    sys::exit(match (words.next(), words.next(), words.next()) {
        (Some("check"), ..) => check::check(&options),
        (Some("ask"), Some(console), Some(line)) => {
            Line::parse(line).map_or(64, |line| ask::ask(console, line, &options))
        }
        (Some("why"), Some(user), _) => why::why(user, &options),
        (Some("run"), Some(user), Some(program)) => {
            session::run(user, program, words.next().unwrap_or_default(), &options, start)
        }
        _ => {
            Stream(2).put("this program is a part of PID 1 of a NodeOS machine\n");
            64
        }
    })
}
