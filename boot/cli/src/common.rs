//! Common code of the verbs: their trait, errors, output and questions.

use std::fmt;
use std::io::{BufRead, IsTerminal, Write};

use boot::host::Host;
use boot::host::interrupt;
use boot::host::progress::Progress;
use boot::host::shown::printable;
use boot::tools;
use serde::Serialize;

/// Exit statuses. From 64 on they are NodeOS's own (the meanings are those of sysexits.h); below is the app's.
pub mod exit {
    /// Done; with `run`: the machine powered off and the app's status was 0.
    pub const DONE: u8 = 0;
    /// `EX_USAGE`: wrong arguments.
    pub const USAGE: u8 = 64;
    /// `EX_UNAVAILABLE`: a program or a package is missing.
    pub const MISSING: u8 = 69;
    /// `EX_SOFTWARE`: the machine ended without a last word.
    pub const NO_LAST_WORD: u8 = 70;
    /// `EX_OSERR`: anything else that failed.
    pub const FAILED: u8 = 71;
    /// `EX_TEMPFAIL`: the machine wants to restart, and nobody sits at it.
    pub const RESTART: u8 = 75;
    /// Ctrl-c, SIGTERM or SIGHUP while something was made, or ctrl-a x, as a shell says it: 128 and the number of SIGINT.
    pub const INTERRUPTED: u8 = 130;
    /// Nobody read the machine's console any more: 128 and the number of SIGPIPE.
    pub const UNREAD: u8 = 141;

    /// That signal stopped the machine, as a shell says it.
    pub fn signal(number: i32) -> u8 {
        u8::try_from(number).map_or(u8::MAX, |number| number.saturating_add(128))
    }
}

/// What a verb needs, and what it does. Its words, help and examples are its `Args`.
pub trait Act {
    /// Whether it says for itself what it lacks, where it comes to it.
    const ASKS_LATER: bool = false;

    /// What this machine needs for it.
    fn purposes(&self) -> Vec<tools::For> {
        Vec::new()
    }

    /// Does it; gives the exit status.
    fn run(self, common: Common) -> Result<u8, Failed>;
}

/// Runs a verb, if what it needs is there.
pub fn act<A: Act>(args: A, common: Common) -> Result<u8, Failed> {
    if !A::ASKS_LATER {
        all_there(&args.purposes())?;
    }
    args.run(common)
}

/// What every verb is told.
#[derive(Clone, Copy)]
pub struct Common {
    /// Nothing is asked.
    pub yes: bool,
    /// Which lines of progress are printed.
    pub progress: Progress,
}

impl Common {
    /// The host, for what takes long.
    pub fn host(self) -> Result<Host, Failed> {
        Ok(Host::open(self.progress)?)
    }
}

/// Why a command failed, and with which status it ends.
#[derive(Debug)]
pub struct Failed {
    /// One of `exit`.
    pub status: u8,
    /// What was tried, on what, why, and what to do next.
    pub text: String,
}

impl Failed {
    /// Wrong arguments.
    pub fn usage(text: impl Into<String>) -> Self {
        Self { status: exit::USAGE, text: text.into() }
    }

    /// Anything else.
    pub fn new(text: impl Into<String>) -> Self {
        Self { status: exit::FAILED, text: text.into() }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.text))
    }
}

impl From<boot::host::error::Error> for Failed {
    fn from(error: boot::host::error::Error) -> Self {
        if !interrupt::happened() {
            return Self::new(format!("cannot {error}"));
        }
        // after a ctrl-c, the failure of a child is only a consequence
        Self { status: exit::INTERRUPTED, text: interrupt::interrupted(error.tried).to_string() }
    }
}

impl From<qemu::failure::Failure> for Failed {
    fn from(failure: qemu::failure::Failure) -> Self {
        Self::new(failure.to_string())
    }
}

fn all_there(purposes: &[tools::For]) -> Result<(), Failed> {
    let missing = tools::missing(purposes);
    if missing.is_empty() {
        return Ok(());
    }
    let list: String = missing.iter().map(|tool| format!("\n  {}: {}", tool.name(), tool.why)).collect();
    let install = tools::install(&tools::packages(&missing));
    Err(Failed { status: exit::MISSING, text: format!("missing on this machine:{list}\n  next: {install}") })
}

/// A person's answer at this terminal; `None` where nobody can be asked.
pub fn answer(question: &str) -> Option<bool> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    let _ = write!(std::io::stderr(), "{} [y/N] ", printable(question));
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    Some(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Prints a result; a reader that went away is no failure.
pub fn print_line(text: &str) -> Result<u8, Failed> {
    match writeln!(std::io::stdout(), "{}", printable(text)) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failed::new(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(exit::DONE),
    }
}

/// The same as JSON, for a program.
pub fn print_json(value: &impl Serialize) -> Result<u8, Failed> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Failed::new(format!("cannot write JSON: {error}")))?;
    print_line(&text)
}
