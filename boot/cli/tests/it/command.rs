//! Runs the real command, with scripts in place of programs of the host.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

use crate::users::names;

/// The environment of a command: its own temporary folder, and a folder of scripts that comes first
/// in PATH.
pub struct Stage {
    folder: TempDir,
}

impl Stage {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        ["bin", "tmp"].iter().for_each(|name| fs::create_dir(folder.path().join(name)).unwrap());
        Self { folder }
    }

    /// Puts a shell script in place of a program of the host. In the script, `$real` is that
    /// program, and `$here` is a folder for files that serve as signals.
    pub fn program(&self, name: &str, script: &str) {
        let real = boot::host::run::find(name).unwrap();
        let (here, at) = (self.folder.path().display(), self.folder.path().join("bin").join(name));
        let text = self.folder.path().join("text");
        fs::write(&text, format!("#!/bin/sh\nreal={}\nhere={here}\n{script}\n", real.display())).unwrap();
        // another process writes the script: if a child of another test inherited a file open for
        // writing, running it would fail with ETXTBSY
        assert!(Command::new("install").args([&text, &at]).status().unwrap().success());
    }

    /// The path of a file that serves as a signal between a script and the test.
    pub fn sign(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until such a file exists.
    pub fn wait_for(&self, name: &str) {
        let start = Instant::now();
        while !self.sign(name).exists() {
            assert!(start.elapsed() < Duration::from_secs(60), "no {name} within a minute");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Any program in this environment, in its own process group.
    pub fn run(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.folder.path().join("bin").display()));
        command.env("TMPDIR", self.folder.path().join("tmp")).env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command
    }

    /// The command `nodeos`. SIGHUP has its default action, even if the tests run under nohup(1).
    pub fn nodeos(&self) -> Command {
        let mut command = self.run("env");
        command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_nodeos")]);
        command
    }

    /// Names of the files that are left in the temporary folder.
    pub fn left(&self) -> Vec<String> {
        names(&self.folder.path().join("tmp"))
    }
}

/// Sends a signal to a process, or to a process group if `whom` begins with a minus.
pub fn kill(signal: &str, whom: &str) {
    assert!(Command::new("sh").args(["-c", &format!("kill -s {signal} -- {whom}")]).status().unwrap().success());
}

pub fn stderr(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}
