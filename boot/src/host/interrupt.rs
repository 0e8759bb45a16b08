//! Ctrl-c while something is made: what is half-made goes, then the command ends.
//!
//! Temporary files go when their owner is dropped, and a signal would end the process before. So while a [`Making`]
//! lives, the first SIGINT, SIGTERM or SIGHUP is only noted. A terminal sends it to the running child too, which fails;
//! where none runs, whoever is about to put something finished in its place asks [`check`]. One more signal ends the
//! process at once, and so does the first where nothing is made, as at a question. While a machine runs, signals are
//! [`hand_over`]ed to whoever stops it.
//!
//! Nothing is caught before [`catch`]: a library leaves the signals of its process alone.

use crate::host::error::{Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::{flag, low_level};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A signal that follows so soon is the same one: timeout(1) sends each to its child and to the group.
const SAME: Duration = Duration::from_millis(300);

/// What the handlers read and write.
#[derive(Default)]
struct Flags {
    /// A signal came while something was made.
    happened: Arc<AtomicBool>,
    /// A signal does what it does to every process.
    at_once: Arc<AtomicBool>,
}

static FLAGS: OnceLock<Flags> = OnceLock::new();
static WORK: Mutex<Work> = Mutex::new(Work { making: 0, taker: None });

/// What goes on that a signal must not break off.
struct Work {
    making: usize,
    taker: Option<Taker>,
}

type Taker = Box<dyn Fn(i32) + Send>;

/// Something is being made that must not stay half-made.
#[derive(Debug)]
pub struct Making(());

impl Making {
    /// From now on, until it is dropped.
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

/// Somebody else takes the signals.
#[derive(Debug)]
pub struct HandedOver(());

/// Hands every signal to `taker`, until what this returns is dropped.
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
    // after a signal it is the thread that decides
    if let Some(flags) = FLAGS.get().filter(|_| !happened()) {
        flags.at_once.store(work.making == 0 && work.taker.is_none(), SeqCst);
    }
}

/// Catches the signals of this process, for a command's `main`.
pub fn catch() -> io::Result<()> {
    let flags = FLAGS.get_or_init(Flags::default);
    flags.at_once.store(true, SeqCst);
    // nohup(1) wants a hang-up to do nothing
    let hang_up = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    let caught: Vec<i32> = [SIGINT, SIGTERM].into_iter().chain(hang_up).collect();
    for &signal in &caught {
        flag::register_conditional_default(signal, Arc::clone(&flags.at_once))?;
        // noted by the handler itself: another thread may run too late, after the wait for the child
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

/// Whether one of them came.
#[must_use]
pub fn happened() -> bool {
    FLAGS.get().is_some_and(|flags| flags.happened.load(SeqCst))
}

/// An error if one of them came; `tried` is what is not done any more.
pub fn check(tried: impl FnOnce() -> String) -> Result<()> {
    if happened() { Err(interrupted(tried())) } else { Ok(()) }
}

/// The error: whatever else it says is a consequence.
pub fn interrupted(tried: impl Into<String>) -> Error {
    Error::new(tried, "interrupted")
}
