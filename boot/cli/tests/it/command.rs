//! The real command, with programs of the host that do more than usual.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

use crate::users::names;

/// What the command finds: its own temporary folder, and programs before those of the host.
pub struct Stage {
    folder: TempDir,
}

impl Stage {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        ["bin", "tmp"].iter().for_each(|name| fs::create_dir(folder.path().join(name)).unwrap());
        Self { folder }
    }

    /// A shell script in place of a program of the host; `$real` is that one, `$here` a folder for signs.
    pub fn program(&self, name: &str, script: &str) {
        let real = boot::host::run::find(name).unwrap();
        let (here, at) = (self.folder.path().display(), self.folder.path().join("bin").join(name));
        let text = self.folder.path().join("text");
        fs::write(&text, format!("#!/bin/sh\nreal={}\nhere={here}\n{script}\n", real.display())).unwrap();
        // written by another process: a file that a child of another test still has open to write is ETXTBSY
        assert!(Command::new("install").args([&text, &at]).status().unwrap().success());
    }

    /// Where a script sees or leaves a sign.
    pub fn sign(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits for a sign.
    pub fn wait_for(&self, name: &str) {
        let start = Instant::now();
        while !self.sign(name).exists() {
            assert!(start.elapsed() < Duration::from_secs(60), "no {name} within a minute");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Any program with that stage, in a process group of its own.
    pub fn run(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.folder.path().join("bin").display()));
        command.env("TMPDIR", self.folder.path().join("tmp")).env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command
    }

    /// The command; a hang-up is no more ignored for it than at a terminal, if the tests run under nohup(1) themselves.
    pub fn nodeos(&self) -> Command {
        let mut command = self.run("env");
        command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_nodeos")]);
        command
    }

    /// What is left in the temporary folder.
    pub fn left(&self) -> Vec<String> {
        names(&self.folder.path().join("tmp"))
    }
}

/// Sends a signal to a process, or with a minus to a group.
pub fn kill(signal: &str, whom: &str) {
    assert!(Command::new("sh").args(["-c", &format!("kill -s {signal} -- {whom}")]).status().unwrap().success());
}

pub fn stderr(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}
