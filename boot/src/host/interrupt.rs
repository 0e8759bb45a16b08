//! Ctrl-c while something is made: unfinished files are removed, then the command exits.
//!
//! Temporary files are removed when their owner is dropped, but a signal would end the process before that. So while a
//! [`Making`] exists, the first SIGINT, SIGTERM or SIGHUP is only recorded. A terminal sends the signal to the running
//! child too, and the child fails. If there is no child, the code calls [`check`] before it puts a finished file in
//! place. A second signal ends the process at once. So does the first one if nothing is being made, for example at a
//! question. While a machine runs, [`hand_over`] passes signals to the code that stops it.
//!
//! Nothing is caught before [`catch`]: a library must not change the signal handling of its process.

use crate::host::error::{Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::{flag, low_level};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A signal that follows within this time is the same one: timeout(1) sends it to its child and to the process group.
const SAME: Duration = Duration::from_millis(300);

/// What the handlers read and write.
#[derive(Default)]
struct Flags {
    /// A signal came while something was made.
    happened: Arc<AtomicBool>,
    /// A signal has its default effect.
    at_once: Arc<AtomicBool>,
}

static FLAGS: OnceLock<Flags> = OnceLock::new();
static WORK: Mutex<Work> = Mutex::new(Work { making: 0, taker: None });

/// Work that a signal must not interrupt.
struct Work {
    making: usize,
    taker: Option<Taker>,
}

type Taker = Box<dyn Fn(i32) + Send>;

/// Exists while something is being made that must not stay half-finished.
#[derive(Debug)]
pub struct Making(());

impl Making {
    /// Starts the work; it lasts until the value is dropped.
    #[must_use]
    pub fn start() -> Self {
        change(|work| work.making += 1);
        Self(())
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        change(|work| work.making = work.making.saturating_sub(1));
    }
}

/// Exists while other code handles the signals.
#[derive(Debug)]
pub struct HandedOver(());

/// Passes every signal to `taker`, until the returned value is dropped.
#[must_use]
pub fn hand_over(taker: impl Fn(i32) + Send + 'static) -> HandedOver {
    change(|work| work.taker = Some(Box::new(taker)));
    HandedOver(())
}

impl Drop for HandedOver {
    fn drop(&mut self) {
        change(|work| work.taker = None);
    }
}

fn change(change: impl FnOnce(&mut Work)) {
    let mut work = WORK.lock().unwrap_or_else(PoisonError::into_inner);
    change(&mut work);
    // after a signal, the thread decides
    if let Some(flags) = FLAGS.get().filter(|_| !happened()) {
        flags.at_once.store(work.making == 0 && work.taker.is_none(), SeqCst);
    }
}

/// Catches the signals of this process, for a command's `main`.
pub fn catch() -> io::Result<()> {
    let flags = FLAGS.get_or_init(Flags::default);
    flags.at_once.store(true, SeqCst);
    // nohup(1) relies on the hang-up being ignored
    let hang_up = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    let caught: Vec<i32> = [SIGINT, SIGTERM].into_iter().chain(hang_up).collect();
    for &signal in &caught {
        flag::register_conditional_default(signal, Arc::clone(&flags.at_once))?;
        // the handler itself records it: another thread may run too late, after the wait for the child
        flag::register(signal, Arc::clone(&flags.happened))?;
    }
    let mut signals = Signals::new(&caught)?;
    thread::spawn(move || {
        let mut first = None;
        for signal in signals.forever() {
            if let Some(taker) = &WORK.lock().unwrap_or_else(PoisonError::into_inner).taker {
                taker(signal);
            } else if first.get_or_insert_with(Instant::now).elapsed() > SAME {
                let _ = low_level::emulate_default_handler(signal);
            }
        }
    });
    Ok(())
}

/// Whether this process was started with that signal ignored (proc_pid_status(5), `SigIgn`).
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Whether one of the signals came.
#[must_use]
pub fn happened() -> bool {
    FLAGS.get().is_some_and(|flags| flags.happened.load(SeqCst))
}

/// An error if one of the signals came; `tried` is the action that is no longer done.
pub fn check(tried: impl FnOnce() -> String) -> Result<()> {
    if happened() { Err(interrupted(tried())) } else { Ok(()) }
}

/// The error after a signal. Whatever else failed is a consequence of the signal.
pub fn interrupted(tried: impl Into<String>) -> Error {
    Error::new(tried, "interrupted")
}
