//! Ctrl-c while something is made: what is half-made goes, then the command ends.
//!
//! Temporary files go when their owner is dropped, and a signal would end the process before. So while a [`Making`]
//! lives, the first SIGINT or SIGTERM is only noted. A terminal sends it to the running child too, which fails; where
//! none runs, whoever is about to put something finished in its place asks [`check`]. One more signal ends the process
//! at once, and so does the first where nothing is made: at a question, or while QEMU has the terminal.
//!
//! Nothing is caught before [`catch`]: a library leaves the signals of its process alone.

use crate::error::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
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
static MAKING: Mutex<usize> = Mutex::new(0);

/// Something is being made that must not stay half-made.
#[derive(Debug)]
pub struct Making(());

impl Making {
    /// From now on, until it is dropped.
    #[must_use]
    pub fn start() -> Self {
        count(|making| making + 1);
        Self(())
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        count(|making| making.saturating_sub(1));
    }
}

fn count(change: impl FnOnce(usize) -> usize) {
    let mut making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    *making = change(*making);
    // after a signal it is the thread that decides
    if let Some(flags) = FLAGS.get().filter(|_| !happened()) {
        flags.at_once.store(*making == 0, SeqCst);
    }
}

/// Catches the signals of this process, for a command's `main`.
pub fn catch() -> io::Result<()> {
    let flags = FLAGS.get_or_init(Flags::default);
    flags.at_once.store(true, SeqCst);
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_default(signal, Arc::clone(&flags.at_once))?;
        // noted by the handler itself: a thread may run later than whoever waits for the child
        flag::register(signal, Arc::clone(&flags.happened))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::spawn(move || {
        let mut first = None;
        for signal in signals.forever() {
            if first.get_or_insert_with(Instant::now).elapsed() > SAME {
                let _ = low_level::emulate_default_handler(signal);
            }
        }
    });
    Ok(())
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
