//! The real `nodeos run` on a terminal.

use std::{path::PathBuf, process::Command, sync::OnceLock, thread, time::Duration};

use shim::arches::Arch;
use tests::{Disk, run, runs};

use crate::pty::{Pty, end, on, until};

/// The command `nodeos` of this source tree, built with the same profile as this test.
pub fn nodeos() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        run(env!("CARGO"), &["build", "--quiet", "--locked", "--profile", profile, "-p", "cli", "--bin", "nodeos"]);
        // this test is in the folder `deps` beside it
        let folder = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned();
        folder.join("nodeos")
    })
}

fn machine(arch: &Arch, disk: &Disk) -> Command {
    // SIGHUP may be ignored here, because the tests may run under nohup(1)
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP").arg(nodeos()).args(["run", "--arch", arch.name, "--users"]).arg(&disk.path);
    command
}

/// The content of a file in a home after the machine has ended.
fn content(disk: &Disk, path: &str) -> String {
    let done = Command::new("debugfs").args(["-R", &format!("cat {path}")]).arg(&disk.path).output().unwrap();
    String::from_utf8(done.stdout).unwrap()
}

pub fn a_stalled_terminal_loses_no_output(arch: &'static Arch) {
    let script = "for (let line = 1; line <= 8000; line++) console.log(`line ${line} of 8000`)";
    let (disk, pty) = (Disk::with(&[runs("ana", 1000, script)]), Pty::new(80, 24).non_blocking());
    let mut child = on(&pty, &mut machine(arch, &disk));
    let shown = pty.shown_with_a_pause(20, Duration::from_secs(2));
    let said = until(&shown, "power off, status");
    assert_eq!(end(&mut child, &shown).0, Some(0), "{said}");
    let lines: Vec<&str> = said.lines().map(str::trim_end).filter(|line| line.ends_with(" of 8000")).collect();
    assert!(lines.len() == 8000 && (1..).zip(&lines).all(|(n, line)| *line == format!("line {n} of 8000")), "{said}");
    pty.assert_restored();
}

pub fn only_a_second_ctrl_a_x_cuts_the_power(arch: &'static Arch) {
    let saves =
        "require('fs').writeFileSync('/file', 'x'.repeat(5000)); console.log('saved'); setInterval(() => {}, 1000)";
    for (order, status) in [("ctrl-a x", 130), ("TERM", 143), ("HUP", 129), ("twice", 70)] {
        let (disk, pty) = (Disk::with(&[runs("ana", 1000, saves)]), Pty::new(80, 24));
        let shown = pty.shown();
        let mut child = on(&pty, &mut machine(arch, &disk));
        until(&shown, "saved");
        match order {
            "ctrl-a x" => pty.types("\u{1}x"),
            "twice" => pty.types("\u{1}x\u{1}x"),
            signal => run("sh", &["-c", &format!("kill -s {signal} {}", child.id())]),
        }
        let (ended, said) = end(&mut child, &shown);
        assert_eq!(ended, Some(status), "{order}: {said}");
        assert!(said.contains("stopping the machine"), "{order}: {said}");
        pty.assert_restored();
        if order == "twice" {
            let check = Command::new("e2fsck").args(["-fn"]).arg(&disk.path).output().unwrap();
            let found = String::from_utf8_lossy(&check.stdout).into_owned();
            assert!(found.contains("skipping journal recovery"), "{found}");
        } else {
            disk.assert_clean();
            assert!(content(&disk, "/ana/file") == "x".repeat(5000), "{order}");
        }
    }
}

pub fn a_machine_can_be_stopped_right_after_it_started(arch: &'static Arch) {
    let (disk, pty) = (Disk::with(&[runs("ana", 1000, "setInterval(() => {}, 1000)")]), Pty::new(80, 24));
    let shown = pty.shown();
    let mut child = on(&pty, &mut machine(arch, &disk));
    until(&shown, "ctrl-a x stops it");
    thread::sleep(Duration::from_millis(300));
    pty.types("\u{1}x");
    let (status, said) = end(&mut child, &shown);
    // status 70: the kernel itself restarted the machine, because PID 1 had not taken over
    // ctrl-alt-del yet
    assert!(matches!(status, Some(130 | 70)), "{status:?}: {said}");
    pty.assert_restored();
}
