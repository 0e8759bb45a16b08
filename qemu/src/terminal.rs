//! A machine on the terminal of a person.

use std::io::{self, IsTerminal, Write};
use std::process::{ExitStatus, Stdio};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::stdio;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use shim::last_word::LastWord;

use crate::console::Transcript;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::process;

/// How a machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// What it said last, if it came to that.
    pub last_word: Option<LastWord>,
    /// Whether it was ended with ctrl-a x.
    pub cut_off: bool,
    /// QEMU's own status.
    pub status: ExitStatus,
}

impl Ending {
    pub(crate) fn of(transcript: &Transcript, status: ExitStatus) -> Self {
        Self { last_word: transcript.last_word(), cut_off: transcript.cut_off(), status }
    }
}

/// Runs a machine on this terminal, or on whatever stands in for one, until it ends.
///
/// Ctrl-c goes to the machine; ctrl-a x ends it. The terminal is left as it was.
pub fn run(machine: &Machine) -> Result<Ending, Failure> {
    let _restored_at_the_end = Settings::save();
    let mut child = process::spawn(machine, Stdio::inherit())?;
    let complaints = process::complaints(child.stderr.take());
    let mut transcript = Transcript::default();
    let mut out = io::stdout().lock();
    let copied = child.stdout.take().map_or(Ok(()), |console| {
        process::pump(console, |bytes| {
            transcript.feed(bytes);
            out.write_all(bytes)?;
            out.flush()
        })
    });
    if copied.is_err() {
        // nobody reads on: the machine has no console any more
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| Failure::new(format!("wait for QEMU: {error}"), machine))?;
    let complaints = complaints.join().unwrap_or_default();
    let ending = Ending::of(&transcript, status);
    match copied {
        Err(error) => Err(Failure::new(format!("pass on the machine's console: {error}"), machine)),
        Ok(()) if !status.success() => {
            Err(Failure::new(format!("QEMU failed, {status}"), machine).with_complaints(&complaints))
        }
        Ok(()) => {
            if ending.last_word.is_none() && !ending.cut_off {
                eprint!("{complaints}");
            }
            Ok(ending)
        }
    }
}

/// The terminal's settings, put back when this is dropped.
struct Settings {
    modes: Option<Termios>,
    flags: Option<OFlags>,
}

impl Settings {
    fn save() -> Self {
        // QEMU also makes its input non-blocking, which this process and the shell share
        Self { modes: tcgetattr(stdio::stdin()).ok(), flags: fcntl_getfl(stdio::stdin()).ok() }
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        if let Some(flags) = self.flags {
            let _ = fcntl_setfl(stdio::stdin(), flags);
        }
        if let Some(modes) = &self.modes {
            let _ = tcsetattr(stdio::stdin(), OptionalActions::Drain, modes);
            if io::stdout().is_terminal() {
                // colours off, cursor on: a program that was cut off may have left them
                print!("\x1b[0m\x1b[?25h");
                let _ = io::stdout().flush();
            }
        }
    }
}
