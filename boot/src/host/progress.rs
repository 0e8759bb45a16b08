//! The output of a long operation for its user: one line per phase on stderr.
//!
//! On a terminal, a phase is a bar or a spinner, and at the end one line; elsewhere, and in CI, it prints plain lines
//! `[phase] text`. `NO_COLOR` is respected. Nothing here writes to stdout, which is only for results.

use crate::host::shown::printable;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Which lines of progress are printed. A small value that is passed to every long operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing at all.
    Silent,
    /// Lines, for logs.
    Plain,
    /// A bar that moves.
    Terminal {
        /// Whether it may be coloured.
        color: bool,
    },
}

impl Progress {
    /// Chooses by the environment: whether stderr is a terminal, `CI`, `NO_COLOR`, `TERM=dumb`.
    #[must_use]
    pub fn from_env() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value: std::ffi::OsString| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if std::io::stderr().is_terminal() && !set("CI") && !dumb {
            Self::Terminal { color: !set("NO_COLOR") }
        } else {
            Self::Plain
        }
    }

    /// Prints one line: a phase that took no time, or a note.
    pub fn say(self, phase: &str, text: &str) {
        if self != Self::Silent {
            // in one piece: a machine may write to the same terminal. A closed stderr is no reason to stop
            let line = format!("[{phase}] {}\n", printable(text));
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    /// Starts a phase whose length is not known.
    #[must_use]
    pub fn start(self, phase: &str, text: &str) -> Phase {
        Phase::new(self, phase, text, None)
    }

    /// Starts a phase that usually ends at once. It is only reported if it takes longer.
    #[must_use]
    pub fn quick(self, phase: &str, text: &str) -> Phase {
        let started = if self == Self::Plain { Self::Silent } else { self };
        let mut phase = Phase::new(started, phase, text, None);
        (phase.progress, phase.quick) = (self, true);
        phase
    }

    /// Starts a phase of `total` steps.
    #[must_use]
    pub fn steps(self, phase: &str, text: &str, total: u64) -> Phase {
        Phase::new(self, phase, text, Some(total.max(1)))
    }
}

/// A running phase. If it is dropped without `done` (an error, a panic), it prints no line.
#[derive(Debug)]
pub struct Phase {
    progress: Progress,
    name: String,
    bar: ProgressBar,
    total: Option<u64>,
    at: u64,
    said: u64,
    quick: bool,
    since: Instant,
}

impl Phase {
    fn new(progress: Progress, phase: &str, text: &str, total: Option<u64>) -> Self {
        let bar = match progress {
            Progress::Terminal { color } => bar(color, phase, text, total),
            Progress::Plain | Progress::Silent => ProgressBar::hidden(),
        };
        if progress == Progress::Plain {
            progress.say(phase, text);
        }
        Self { progress, name: phase.to_owned(), bar, total, at: 0, said: 0, quick: false, since: Instant::now() }
    }

    /// Records that `at` of the steps are done; a log gets a line at every tenth. If the estimate was too low, it stays
    /// at 100%.
    pub fn at(&mut self, at: u64) {
        self.at = at;
        let Some(total) = self.total else { return };
        self.bar.set_position(at.min(total));
        let tenth = at.min(total) * 10 / total;
        if self.progress == Progress::Plain && tenth > self.said && tenth < 10 {
            self.said = tenth;
            self.progress.say(&self.name, &format!("{}0 % after {}", tenth, seconds(self.since.elapsed())));
        }
    }

    /// One more step is done.
    pub fn step(&mut self) {
        self.at(self.at + 1);
    }

    /// Shows the current action; only on a terminal.
    pub fn now(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }

    /// Ends the phase with its one line.
    pub fn done(self, text: &str) {
        self.bar.finish_and_clear();
        if self.quick && self.since.elapsed() < Duration::from_secs(1) {
            return;
        }
        self.progress.say(&self.name, &format!("{text} ({})", seconds(self.since.elapsed())));
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn bar(color: bool, phase: &str, text: &str, total: Option<u64>) -> ProgressBar {
    let (name, body) = if color { ("{prefix:.cyan}", "{bar:30.green}") } else { ("{prefix}", "{bar:30}") };
    let template = match total {
        Some(_) => format!("[{name}] {body} {{percent}} % {{elapsed}} {{wide_msg}}"),
        None => format!("[{name}] {{spinner}} {{elapsed}} {{wide_msg}}"),
    };
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr()).with_style(style);
    bar.set_prefix(phase.to_owned());
    bar.set_message(text.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        more => format!("{} min {} s", more / 60, more % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, seconds};
    use std::time::Duration;

    #[test]
    fn durations_are_printed_in_readable_units() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(497)), "8 min 17 s");
    }

    #[test]
    fn more_steps_than_estimated_are_accepted() {
        let mut phase = Progress::Silent.steps("kernel", "compile", 2);
        for _ in 0..5 {
            phase.step();
        }
        assert_eq!(phase.at, 5);
        phase.done("compiled");
    }
}
