//! Runs a machine on the user's terminal.
//!
//! ```text
//! stdin  -> Input: keys -> QEMU's stdin, or a command: ctrl-a x
//! stdout <- Output      <- QEMU's stdout -> LastWords
//! commands -> Stop: stop the machine by QEMU's monitor; cut its power at the second press or at a deadline
//! ```
//!
//! 1. QEMU has its own pipes. It shares no descriptor with the user's terminal, because it would change the modes.
//! 2. A stalled terminal does not slow the machine down: the newest 8 MiB of its output wait for it.
//! 3. The power is cut only by a second ctrl-a x, or at a deadline that was announced.

mod input;
mod keys;
mod news;
mod output;
pub mod pipes;
mod quiet;
mod session;
mod stop;
pub mod streams;

use std::io::{self, IsTerminal, PipeReader, pipe};
use std::process::{ChildStdin, ChildStdout, ExitStatus};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::stdio;
use rustix::termios::{ControlModes, InputModes, LocalModes, OptionalActions, OutputModes};
use rustix::termios::{SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use shim::cmdline::Pipes;
use shim::last_word::LastWord;

use crate::console::LastWords;
use crate::disk_full::Watch;
use crate::failure::Failure;
use crate::inherited::Inherited;
use crate::machine::Machine;
use crate::process;
use input::Input;
use keys::{HELP, Key};
use news::{News, Signals};
use output::{Output, write_if_it_moves};
use pipes::Ports;
use quiet::Quiet;
use session::Session;
use stop::Stop;

pub use stop::{Cause, WITHIN};

/// How long a terminal may take to print the last output of a stopped machine.
const LAST_PIECE: Duration = Duration::from_secs(2);

/// How a machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Its last word, if there was one.
    pub last_word: Option<LastWord>,
    /// Why it was told to stop, if it was.
    pub stopped: Option<Cause>,
    /// Why its power was cut, if it was.
    pub cut: Option<Cut>,
    /// QEMU's error messages.
    pub complaints: String,
    /// QEMU's exit status.
    pub status: ExitStatus,
}

/// Why a machine's power was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Ctrl-a x was pressed twice.
    Pressed,
    /// It did not stop in time.
    Overdue,
}

/// Prints one line for the user, besides the console.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// This process's terminal, or whatever is used in place of one.
pub struct Terminal {
    say: Say,
    alarm: Say,
    quiet: bool,
    pipes: Pipes,
    signals: Signals,
}

/// Columns and rows of this process's terminal; `None` if stdout is not a terminal.
#[must_use]
pub fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(stdio::stdout()).ok()?;
    Some((size.ws_col, size.ws_row)).filter(|(columns, rows)| *columns > 0 && *rows > 0)
}

impl Terminal {
    /// With `quiet`, the lines that a machine prints when it ends are hidden. `alarm` reports problems of the host.
    #[must_use]
    pub fn new(quiet: bool, say: Say, alarm: Say) -> Self {
        Self { say, alarm, quiet, pipes: Pipes::default(), signals: Signals::default() }
    }

    /// The machine's app has these standard streams of this process as pipes; see `pipes::word`. If stdout is one of
    /// them, the console is shown on stderr.
    #[must_use]
    pub fn with_pipes(self, pipes: Pipes) -> Self {
        Self { pipes, ..self }
    }

    /// Stops the machine because of a signal: the running one, or else the next.
    pub fn on_signal(&self) -> impl Fn(i32) + Send + use<> {
        let signals = self.signals.clone();
        move |signal| signals.add(signal)
    }

    /// Runs a machine here until it ends.
    ///
    /// Keys go to the machine, including ctrl-c. Ctrl-a x stops it cleanly; a second one cuts its power. The terminal
    /// is restored at the end.
    pub fn run(&self, machine: &Machine) -> Result<Ending, Failure> {
        let failed = |what: &str, error: io::Error| Failure::new(format!("{what}: {error}"), machine);
        let _restored_at_the_end = Raw::start();
        let (sender, news) = self.signals.channel();
        let (monitor, theirs) = Inherited::pair().map_err(|error| failed("make a socket for QEMU's monitor", error))?;
        let (watch, events) = Watch::pair().map_err(|error| failed("make a socket for QEMU's events", error))?;
        let (ended, end) = pipe().map_err(|error| failed("make a pipe", error))?;
        let (ports, their_ports) = Ports::pairs(self.pipes).map_err(|error| failed("make sockets for pipes", error))?;
        let outputs = ports.outputs();
        let on_end = ports.start(&sender).map_err(|error| failed("pass on an app's pipes", error))?;
        let mut child = process::spawn_apart(&pipes::told(machine, self.pipes), theirs, events, their_ports)?;
        // from here on nothing may return early: that would cut the power of the machine
        let alarm = Arc::clone(&self.alarm);
        watch.start(machine.drives.clone(), move |text| alarm(text));
        let complaints = process::complaints(child.stderr.take());
        let output = Arc::new(Output::default());
        if let Some(console) = child.stdout.take() {
            self.show(console, &output, &sender, on_end);
        }
        // QEMU's own stdin stays open, because its end would be one of the console
        let (keys, _unused) = if self.pipes.has(0) { (None, child.stdin.take()) } else { (child.stdin.take(), None) };
        let input = keys.map(|input| listen(input, ended, &output, sender));

        let mut session = Session {
            child,
            monitor: Some(monitor),
            unwritten: 1 + outputs.len(),
            outputs: [vec![output], outputs].concat(),
            say: &self.say,
            stop: Stop::default(),
            cut: None,
            asking: None,
            saying: None,
            ended: None,
        };
        let (last_word, written) = session.wait(&news, &self.signals);
        let Session { mut child, stop, cut, saying, .. } = session;
        // this process may exit now, and with it a thread that has not yet printed why the machine stops
        let _ = saying.map(|said| said.recv_timeout(LAST_PIECE));
        drop(end);
        let _ = input.map(JoinHandle::join);
        let status = child.wait().map_err(|error| failed("wait for QEMU", error))?;
        let complaints = complaints.join().unwrap_or_default();
        // a machine that ended cleanly in time was not cut off
        let cut = cut.filter(|_| !status.success());
        if cut.is_none() && !status.success() {
            return Err(Failure::new(format!("QEMU failed, {status}"), machine).with_complaints(&complaints));
        }
        match written {
            Err(error) if !is_gone(&error) => Err(failed("pass on the machine's output, and so it was stopped", error)),
            _ => Ok(Ending { last_word, stopped: stop.cause, cut, complaints, status }),
        }
    }

    /// Shows the output of the console. One thread reads and another one writes, because a terminal may stall.
    /// `on_end` is called once at the machine's last word.
    fn show(
        &self,
        console: ChildStdout,
        output: &Arc<Output>,
        sender: &Sender<News>,
        on_end: impl FnOnce() + Send + 'static,
    ) {
        let (held, ended) = (Arc::clone(output), sender.clone());
        let mut quiet = self.quiet.then(Quiet::default);
        let on_stderr = self.pipes.has(1);
        // in a file, lines end as usual there
        let plain = on_stderr && !io::stderr().is_terminal();
        thread::spawn(move || {
            let mut words = LastWords::default();
            let mut on_end = Some(on_end);
            let push = |mut bytes: Vec<u8>| {
                bytes.retain(|byte| !plain || *byte != b'\r');
                held.push(&bytes);
            };
            let _ = process::pump(console, |bytes| {
                words.feed(bytes);
                if words.last().is_some()
                    && let Some(on_end) = on_end.take()
                {
                    on_end();
                }
                push(quiet.as_mut().map_or_else(|| bytes.to_vec(), |quiet| quiet.shown(bytes)));
                Ok(())
            });
            push(quiet.map_or_else(Vec::new, Quiet::rest));
            held.ended();
            let _ = ended.send(News::Ended(words.last()));
        });
        let (held, written) = (Arc::clone(output), sender.clone());
        thread::spawn(move || {
            let result = match on_stderr {
                // an app's output is not lost with the console
                true => held.write_to(stdio::stderr()).or(Ok(())),
                false => held.write_to(stdio::stdout()),
            };
            written.send(News::Written(result))
        });
    }
}

/// Passes the user's keys to the machine, except our commands.
fn listen(machine: ChildStdin, ended: PipeReader, output: &Arc<Output>, sender: Sender<News>) -> JoinHandle<()> {
    let input = Input::new(machine, ended, io::stdin().is_terminal());
    let output = Arc::clone(output);
    thread::spawn(move || {
        // nothing in here blocks, because a second ctrl-a x must be noticed
        input.pass_on(|key| match key {
            Key::Stop => drop(sender.send(News::Pressed)),
            Key::Help => output.offer(HELP.as_bytes()),
        });
    })
}

/// Whether the terminal or the pipe that showed the console is gone.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

/// The terminal in raw mode, in which each key is read at once; restored when this is dropped.
struct Raw(Option<Termios>);

impl Raw {
    fn start() -> Self {
        let modes = tcgetattr(stdio::stdin()).ok();
        if let Some(modes) = &modes {
            let mut raw = modes.clone();
            raw.input_modes -= InputModes::IGNBRK
                | InputModes::BRKINT
                | InputModes::PARMRK
                | InputModes::ISTRIP
                | InputModes::INLCR
                | InputModes::IGNCR
                | InputModes::ICRNL
                | InputModes::IXON;
            // our own lines keep their usual line ends
            raw.output_modes |= OutputModes::OPOST;
            raw.local_modes -=
                LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::IEXTEN | LocalModes::ISIG;
            raw.control_modes -= ControlModes::PARENB | ControlModes::CSIZE;
            raw.control_modes |= ControlModes::CS8;
            raw.special_codes[SpecialCodeIndex::VMIN] = 1;
            raw.special_codes[SpecialCodeIndex::VTIME] = 0;
            let _ = tcsetattr(stdio::stdin(), OptionalActions::Now, &raw);
        }
        Self(modes)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let Some(modes) = &self.0 else { return };
        let _ = tcsetattr(stdio::stdin(), OptionalActions::Now, modes);
        if io::stdout().is_terminal() {
            // colours off, cursor on: a program that was killed may have changed them
            write_if_it_moves(stdio::stdout(), b"\x1b[0m\x1b[?25h");
        }
    }
}
