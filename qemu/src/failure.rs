//! A machine that failed: what was expected, what it printed, how to repeat it.

use std::fmt;

use crate::machine::Machine;

/// How many lines of the console a failure shows.
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

    /// Adds QEMU's own error messages.
    #[must_use]
    pub fn with_complaints(self, complaints: &str) -> Self {
        Self { complaints: complaints.trim().to_owned(), ..self }
    }

    /// Adds the end of the machine's output.
    #[must_use]
    pub fn with_console(self, text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let console = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        Self { console, ..self }
    }

    /// A hint about a known error message of QEMU.
    fn hint(&self) -> Option<&'static str> {
        const LOCKED: &str = "another machine runs on that image: stop it, or give this one a copy";
        const MEMORY: &str = "the host lacks that much memory: ask for less with --memory";
        const FULL: &str = "the host's disk is full: what the machine writes to an image that stays as it is lies in \
                            /var/tmp, or where TMPDIR says";
        // the first match is used
        let known = [
            (
                "Could not set up host forwarding rule",
                "that HOST port is another program's, or only root's (net.ipv4.ip_unprivileged_port_start): choose another",
            ),
            ("Failed to get \"write\" lock", LOCKED),
            ("Failed to get shared \"write\" lock", LOCKED),
            ("cannot set up guest memory", MEMORY),
            ("Cannot allocate memory", MEMORY),
            ("temporary overlay", FULL),
            ("invalid kernel header", "that file is no kernel for such a machine"),
            (
                "Could not open temporary file",
                "what the machine writes has no place: is TMPDIR a folder that is there?",
            ),
            (
                ": Permission denied",
                "you may not read that file, or not write to it: chmod it, or use a copy of your own",
            ),
            (": Read-only file system", "its filesystem is read-only: use a copy elsewhere"),
            (": No such file or directory", "that file is gone: run the command anew, which makes what is missing"),
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

/// Same as `Display`, because a test that fails with `?` or `unwrap` prints this.
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
    fn errors_of_qemu_are_explained() {
        let machine = Machine::new(&ALL[0], Start::kernel("k", "i", ""));
        // the messages of QEMU 7.2
        for (said, hint) in [
            (
                "-drive file=u: Failed to get \"write\" lock\nIs another process using the image [u]?",
                "another machine runs",
            ),
            ("cannot set up guest memory 'pc.ram': Cannot allocate memory", "ask for less with --memory"),
            ("qemu: invalid kernel header", "no kernel for such a machine"),
            ("-drive file=u: Could not open 'u': Permission denied", "you may not read that file"),
            (
                "Could not create temporary overlay '/mnt/vl.1': Could not write refcount table: No space left on device",
                "full",
            ),
            ("Could not open temporary file '/nonexist/vl.GO8OZ3': No such file or directory", "is TMPDIR a folder"),
            ("qemu: could not open kernel file 'k': No such file or directory", "that file is gone"),
        ] {
            let shown = Failure::new("QEMU failed", &machine).with_complaints(said).to_string();
            let explained = shown.lines().nth(1).unwrap();
            assert!(explained.contains(hint), "{said}: {explained}");
        }
        let unknown = Failure::new("QEMU failed", &machine).with_complaints("of another kind").to_string();
        assert!(unknown.starts_with("QEMU failed\nQEMU says:\n  | of another kind\n"), "{unknown}");
    }

    #[test]
    fn only_the_end_of_the_console_is_shown() {
        let machine = Machine::new(&ALL[0], Start::kernel("k", "i", ""));
        let text: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let shown = Failure::new("it", &machine).with_console(&text).to_string();
        assert!(!shown.contains("line 59\n") && shown.contains("line 60\n") && shown.contains("line 99\n"));
    }
}
