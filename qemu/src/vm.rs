//! A machine that is controlled by a test.

use std::io::Write;
use std::process::{Child, ChildStdin};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::console::{Transcript, find, rest_of_line};
use crate::disk_full::Watch;
use crate::environment::{scale, scaled};
use crate::failure::Failure;
use crate::machine::Machine;
use crate::monitor::Monitor;
use crate::process;
use crate::terminal::Ending;

/// The default deadline, for emulation on two shared cores. `NODEOS_TIMEOUT_SCALE` multiplies this and every other wait
/// for a console.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// A running machine; it is killed when this is dropped.
pub struct Vm {
    machine: Machine,
    child: Child,
    input: Option<ChildStdin>,
    console: Arc<Console>,
    complaints: Option<JoinHandle<String>>,
    /// The position in the transcript up to which `expect` has read.
    position: usize,
    folder: TempDir,
    /// The factor for every wait.
    scale: f64,
}

#[derive(Default)]
struct Console {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    transcript: Transcript,
    /// Messages about problems of the host.
    told: Vec<String>,
    ended: bool,
}

impl Console {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `found` returns a value, the console ends, or the time is over.
    fn wait<T>(&self, deadline: Duration, mut found: impl FnMut(&State) -> Option<T>) -> Option<T> {
        let start = Instant::now();
        let mut state = self.state();
        loop {
            let result = found(&state);
            let left = deadline.saturating_sub(start.elapsed());
            if result.is_some() || state.ended || left.is_zero() {
                return result;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Vm {
    /// Starts a machine. It also ends when the thread that called this ends.
    pub fn start(machine: Machine) -> Result<Self, Failure> {
        let failed = |what: &str, error| Failure::new(format!("{what}: {error}"), &machine);
        let scale = scale().map_err(|error| Failure::new(error, &machine))?;
        let folder = tempfile::Builder::new()
            .prefix("nodeos-")
            .tempdir()
            .map_err(|error| failed("make a folder for QEMU's monitor", error))?;
        let machine = Machine { monitor: Some(folder.path().join("monitor")), ..machine.clone() };
        let console = Arc::new(Console::default());
        let heard = Arc::clone(&console);
        let (watch, events) = Watch::pair().map_err(|error| failed("make a socket for QEMU's events", error))?;
        let mut child = process::spawn(&machine, events)?;
        watch.start(machine.drives.clone(), move |text| {
            heard.state().told.push(text.to_owned());
            heard.changed.notify_all();
        });
        if let Some(stdout) = child.stdout.take() {
            let console = Arc::clone(&console);
            thread::spawn(move || {
                let _ = process::pump(stdout, |bytes| {
                    console.state().transcript.feed(bytes);
                    console.changed.notify_all();
                    Ok(())
                });
                console.state().ended = true;
                console.changed.notify_all();
            });
        }
        let complaints = Some(process::complaints(child.stderr.take()));
        Ok(Self { input: child.stdin.take(), machine, child, console, complaints, position: 0, folder, scale })
    }

    fn wait<T>(&self, deadline: Duration, found: impl FnMut(&State) -> Option<T>) -> Option<T> {
        self.console.wait(scaled(deadline, self.scale), found)
    }

    /// Waits for that text on the console, after the previously expected one. Returns the output before it.
    pub fn expect(&mut self, text: &str) -> Result<String, Failure> {
        self.expect_within(DEADLINE, text)
    }

    /// As `expect`, with a deadline of its own.
    pub fn expect_within(&mut self, deadline: Duration, text: &str) -> Result<String, Failure> {
        self.expect_any_within(deadline, &[text]).map(|(before, _)| before)
    }

    /// Waits for the first of several texts. Returns the output before it, and which text it was.
    pub fn expect_any_within(&mut self, deadline: Duration, texts: &[&str]) -> Result<(String, usize), Failure> {
        let from = self.position;
        let found = self.wait(deadline, |state| {
            let rest = &state.transcript.text()[from..];
            let places = texts.iter().enumerate().filter_map(|(which, text)| Some((find(rest, text)?, which)));
            let (place, which) = places.min_by_key(|(place, _)| place.start)?;
            Some((rest[..place.start].to_owned(), place.end, which))
        });
        match found {
            Some((before, end, which)) => {
                self.position += end;
                Ok((before, which))
            }
            None => {
                let wanted = texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(" or ");
                Err(self.gave_up(deadline, &wanted))
            }
        }
    }

    /// Waits for the end of the line with the last expected text. Returns the rest of that line.
    pub fn rest_of_line(&mut self) -> Result<String, Failure> {
        let from = self.position;
        let rest = self.wait(DEADLINE, |state| rest_of_line(state.transcript.text(), from));
        rest.ok_or_else(|| self.gave_up(DEADLINE, "the end of that line"))
    }

    /// Waits for a message about a problem of the host, as `nodeos run` prints it.
    pub fn told(&mut self) -> Result<String, Failure> {
        let told = self.wait(DEADLINE, |state| state.told.first().cloned());
        told.ok_or_else(|| self.gave_up(DEADLINE, "a word about the host"))
    }

    /// Types a line on the console.
    pub fn send(&mut self, line: &str) -> Result<(), Failure> {
        self.type_in(&format!("{line}\r"))
    }

    /// Types on the console. Ctrl-a is QEMU's prefix, and must be typed twice.
    pub fn type_in(&mut self, text: &str) -> Result<(), Failure> {
        let input = self.input.as_mut();
        let typed = input.map_or(Ok(()), |input| input.write_all(text.as_bytes()).and_then(|()| input.flush()));
        typed.map_err(|error| self.failure(format!("type {text:?} on the console: {error}")))
    }

    /// Executes a command of QEMU's human monitor, such as `sendkey ctrl-alt-delete` or `system_powerdown`.
    pub fn monitor(&mut self, line: &str) -> Result<String, Failure> {
        let socket = self.folder.path().join("monitor");
        Monitor::connect(&socket)
            .and_then(|mut monitor| monitor.human(line))
            .map_err(|error| self.failure(format!("ask QEMU's monitor for {line:?}: {error}")))
    }

    /// Waits until the machine has ended.
    pub fn ending(&mut self) -> Result<Ending, Failure> {
        self.ending_within(DEADLINE)
    }

    /// As `ending`, with a deadline of its own.
    pub fn ending_within(&mut self, deadline: Duration) -> Result<Ending, Failure> {
        if self.wait(deadline, |state| state.ended.then_some(())).is_none() {
            return Err(self.gave_up(deadline, "its end"));
        }
        let status = self.child.wait().map_err(|error| self.failure(format!("wait for QEMU: {error}")))?;
        if !status.success() {
            return Err(self.failure(format!("QEMU failed, {status}")));
        }
        let complaints = self.complaints.take().and_then(|complaints| complaints.join().ok()).unwrap_or_default();
        let last_word = self.console.state().transcript.last_word();
        Ok(Ending { last_word, stopped: None, cut: None, complaints, status })
    }

    /// The whole output of the console so far.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.console.state().transcript.text().to_owned()
    }

    /// QEMU's process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the machine's console has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.console.state().ended
    }

    /// A failure with this text, the machine's output, and the command that repeats the run.
    #[must_use]
    pub fn failure(&mut self, what: impl Into<String>) -> Failure {
        let what = std::iter::once(what.into()).chain(self.console.state().told.clone()).collect::<Vec<_>>().join("\n");
        let failure = Failure::new(what, &self.machine).with_console(&self.transcript());
        if self.has_ended()
            && let Some(complaints) = self.complaints.take()
        {
            return failure.with_complaints(&complaints.join().unwrap_or_default());
        }
        failure
    }

    fn gave_up(&mut self, deadline: Duration, wanted: &str) -> Failure {
        let what = if self.has_ended() {
            format!("the machine ended before {wanted}")
        } else {
            format!("waited {} s for {wanted}", scaled(deadline, self.scale).as_secs())
        };
        self.failure(what)
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
