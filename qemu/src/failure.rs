//! A machine that did not do what it should: what was awaited, what it said, how to repeat it.

use std::fmt;

use crate::machine::Machine;

/// Lines of the console that a failure shows.
const TAIL: usize = 40;

/// Why a machine could not be run, or what it failed to do.
#[derive(Clone)]
pub struct Failure {
    what: String,
    complaints: String,
    console: String,
    command: String,
}

impl Failure {
    /// What went wrong on that machine.
    #[must_use]
    pub fn new(what: impl Into<String>, machine: &Machine) -> Self {
        let repeat = Machine { monitor: None, ..machine.clone() };
        Self { what: what.into(), complaints: String::new(), console: String::new(), command: repeat.to_string() }
    }

    /// Adds what QEMU itself complained about.
    #[must_use]
    pub fn with_complaints(self, complaints: &str) -> Self {
        Self { complaints: complaints.trim().to_owned(), ..self }
    }

    /// Adds the end of what the machine printed.
    #[must_use]
    pub fn with_console(self, text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let console = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        Self { console, ..self }
    }

    /// What QEMU says, with what to do about it where that is known.
    fn hint(&self) -> Option<&'static str> {
        let known = [
            ("Could not set up host forwarding rule", "another program listens on that port: choose another HOST port"),
            ("Failed to get \"write\" lock", "another machine runs on that image: stop it, or give this one a copy"),
            ("Failed to get shared \"write\" lock", "another machine runs on that image: stop it first"),
            ("cannot set up guest memory", "the host lacks that much memory: ask for less with --memory"),
            ("Cannot allocate memory", "the host lacks that much memory: ask for less with --memory"),
        ];
        known.iter().find(|(text, _)| self.complaints.contains(text)).map(|(_, hint)| *hint)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(hint) = self.hint() {
            write!(f, "\n{hint}")?;
        }
        for (title, text) in [("QEMU says", &self.complaints), ("the console's last lines", &self.console)] {
            if !text.is_empty() {
                write!(f, "\n{title}:")?;
                text.lines().try_for_each(|line| write!(f, "\n  | {line}"))?;
            }
        }
        write!(f, "\nto repeat it:\n  {}", self.command)
    }
}

/// As `Display`: a test that fails with `?` or `unwrap` prints this.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::Failure;
    use crate::machine::{Machine, Start};
    use shim::arches::ALL;

    #[test]
    fn a_failure_says_what_why_and_how_to_repeat_it() {
        let mut machine = Machine::new(&ALL[0], Start::kernel("kernel", "init ramfs", "console=ttyS0"));
        machine.monitor = Some("/gone".into());
        let failure = Failure::new("waited 2 s for \"username:\"", &machine)
            .with_complaints("qemu: Could not set up host forwarding rule 'tcp:127.0.0.1:80-:80'\n")
            .with_console("one\ntwo\n");
        insta::assert_snapshot!(failure);
    }

    #[test]
    fn only_the_end_of_the_console_is_shown() {
        let machine = Machine::new(&ALL[0], Start::kernel("k", "i", ""));
        let text: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let shown = Failure::new("it", &machine).with_console(&text).to_string();
        assert!(!shown.contains("line 59\n") && shown.contains("line 60\n") && shown.contains("line 99\n"));
    }
}
