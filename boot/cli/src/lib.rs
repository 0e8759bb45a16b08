//! The command's words: one file per verb, and what they share.

mod bench;
mod budget;
mod build;
mod completions;
mod doctor;
mod explain;
mod inspect;
mod kernel;
mod man;
mod measure;
mod medium;
mod network;
mod publish;
mod report;
mod run;
mod source;
mod state;
mod users;

use std::fmt;
use std::io::{BufRead, IsTerminal, Write};

use boot::host::Host;
use boot::host::interrupt;
use boot::host::progress::Progress;
use boot::host::shown::printable;
use boot::tools;
use clap::{Parser, Subcommand};
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

const STATUSES: &str = "\
Exit status:
  0   done; run: the machine powered off, and the app's own status was 0
  64  a wrong command line; a file that it names and that cannot be used is 71
  69  a program or a package is missing: see `nodeos doctor`
  70  run: the machine ended without a last word: it crashed, or its power was cut
  71  anything else that failed
  75  run: the machine wants to restart, and no terminal is here to see it
  129 run: SIGHUP stopped the machine
  130 run: ctrl-a x or SIGINT stopped the machine
      interrupted by ctrl-c, SIGTERM or SIGHUP while something was made; nothing half-made is left
  141 run: the machine was stopped because nobody read its console any more
  143 run: SIGTERM stopped the machine
  any other: the exit status of the app, from `run APP`";

const EXAMPLES: &str = "\
Examples:
  nodeos run                                 the demo: log on as nodeos (password nodeos) or guest
  nodeos run app.js                          a machine that is this program, and ends with it
  nodeos run examples/http --publish 8080:80 then: curl http://localhost:8080/
  nodeos run --arch aarch64 --memory 64M     another architecture, little memory
  nodeos build app.js --out image            the same machine as files
  nodeos build --target iso --out demo.iso   a CD or USB stick; nodeos run demo.iso boots it
  nodeos users create family.ext4 && nodeos users add family.ext4 ana --password-file secret
  nodeos explain --users family.ext4         what PID 1 will do, step by step, and why

From a clone, `./nodeos test [NAME]` runs the tests. Every verb has its own --help.";

/// Boots Linux straight into Node.js: makes images, runs them in QEMU.
#[derive(Parser)]
#[command(name = "nodeos", version, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// Yes to every question but that of --allow-include: the launcher installs packages, `users del` deletes
    #[arg(short, long, global = true, display_order = 900)]
    yes: bool,
    /// Say nothing but results and errors
    #[arg(short, long, global = true, display_order = 900)]
    quiet: bool,
    /// Print the Debian packages that the command needs and that are not there; do nothing (for the launcher)
    #[arg(long, hide = true)]
    missing: bool,
    #[command(subcommand)]
    verb: Verb,
}

/// What a verb needs, and what it does. Its words, help and examples are its `Args`.
trait Act {
    /// Whether it says for itself what it lacks, where it comes to it.
    const ASKS_LATER: bool = false;

    /// What this machine needs for it.
    fn purposes(&self) -> Vec<tools::For> {
        Vec::new()
    }

    /// Does it; gives the exit status.
    fn run(self, common: Common) -> Result<u8, Failed>;
}

/// The verbs, in the order of the help: a line each.
macro_rules! verbs {
    ($($Verb:ident: $module:ident,)+) => {
        #[derive(Subcommand)]
        enum Verb {
            $($Verb($module::Args),)+
        }

        impl Verb {
            fn purposes(&self) -> Vec<tools::For> {
                match self {
                    $(Self::$Verb(args) => args.purposes(),)+
                }
            }

            fn run(self, common: Common) -> Result<u8, Failed> {
                match self {
                    $(Self::$Verb(args) => act(args, common),)+
                }
            }
        }
    };
}

verbs! {
    Run: run,
    Build: build,
    Kernel: kernel,
    Users: users,
    Explain: explain,
    Inspect: inspect,
    Measure: measure,
    Budget: budget,
    Report: report,
    Bench: bench,
    Doctor: doctor,
    Man: man,
    Completions: completions,
}

fn act<A: Act>(args: A, common: Common) -> Result<u8, Failed> {
    if !A::ASKS_LATER {
        all_there(&args.purposes())?;
    }
    args.run(common)
}

impl Cli {
    /// Does what was asked for; gives the exit status.
    pub fn run(self) -> Result<u8, Failed> {
        if self.missing {
            return print_line(&tools::packages(&tools::missing(&self.verb.purposes())).join(" "));
        }
        let common =
            Common { yes: self.yes, progress: if self.quiet { Progress::Silent } else { Progress::from_env() } };
        self.verb.run(common)
    }
}

/// What every verb is told.
#[derive(Clone, Copy)]
pub struct Common {
    /// Nothing is asked.
    pub yes: bool,
    /// How much is said.
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
    text: String,
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
            return Self::new(error.to_string());
        }
        // that a child failed is what a ctrl-c does to it
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
fn answer(question: &str) -> Option<bool> {
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
fn print_line(text: &str) -> Result<u8, Failed> {
    match writeln!(std::io::stdout(), "{}", printable(text)) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failed::new(format!("write to stdout: {error}")))
        }
        _ => Ok(exit::DONE),
    }
}

fn print_json(value: &impl Serialize) -> Result<u8, Failed> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failed::new(format!("write JSON: {error}")))?;
    print_line(&text)
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_words_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
