//! Ctrl-c during a change: the command ends with status 130, the file is unchanged, and no
//! temporary file is left.

use crate::command::{Stage, kill, stderr};
use crate::users::{Scratch, homes};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// A command that copies a folder into the image.
fn add(stage: &Stage, scratch: &Scratch) -> Command {
    let tree = scratch.folder().join("tree");
    fs::create_dir_all(&tree).unwrap();
    (0..500).for_each(|index| fs::write(tree.join(index.to_string()), "x").unwrap());
    let mut command = stage.nodeos();
    command.args(["users", "add", "--no-logon", "--from"]).args([&tree, &scratch.image()]).arg("bo");
    command
}

fn create(stage: &Stage, image: &Path) -> Command {
    let mut command = stage.nodeos();
    command.args(["users", "create", "--force", "--size", "16M"]).arg(image);
    command
}

#[test]
fn ctrl_c_during_a_child_program_leaves_nothing_behind() {
    for (verb, program) in [
        ("add", "cp"),
        ("add", "debugfs"),
        ("add", "e2fsck"),
        ("create", "mke2fs"),
        ("create", "debugfs"),
        ("create", "e2fsck"),
    ] {
        let (scratch, stage) = (Scratch::with(&homes()), Stage::new());
        let before = fs::read(scratch.image()).unwrap();
        // the program has done all its work, but does not end
        stage.program(program, "\"$real\" \"$@\"; : >\"$here/runs\"; exec sleep 60");
        let mut command = if verb == "add" { add(&stage, &scratch) } else { create(&stage, &scratch.image()) };
        let names = scratch.names();
        let child = command.spawn().unwrap();
        stage.wait_for("runs");
        // a terminal sends the signal to the whole process group
        kill("INT", &format!("-{}", child.id()));
        let done = child.wait_with_output().unwrap();
        let said = stderr(&done);
        assert_eq!(done.status.code(), Some(130), "{verb}, {program}: {said}");
        assert!(said.ends_with(": interrupted\n") && said.lines().count() == 1, "{verb}, {program}: {said}");
        assert_eq!((scratch.names(), stage.left()), (names, vec![]), "{verb}, {program}");
        assert!(fs::read(scratch.image()).unwrap() == before, "{verb}, {program}: the file changed");
    }
}

#[test]
fn a_signal_to_the_command_alone_is_handled_after_the_child_program() {
    for (signal, program) in [("INT", "cp"), ("TERM", "debugfs"), ("TERM", "e2fsck"), ("HUP", "debugfs")] {
        let (scratch, stage) = (Scratch::with(&homes()), Stage::new());
        let before = fs::read(scratch.image()).unwrap();
        let wait = "\"$real\" \"$@\"; status=$?; : >\"$here/runs\"; \
                    while [ -e \"$here/runs\" ] && ! [ -e \"$here/signalled\" ]; do sleep 0.1; done; exit $status";
        stage.program(program, wait);
        let mut command = add(&stage, &scratch);
        let names = scratch.names();
        let child = command.spawn().unwrap();
        stage.wait_for("runs");
        // timeout(1) sends its signal twice
        (0..2).for_each(|_| kill(signal, &child.id().to_string()));
        fs::write(stage.sign("signalled"), "").unwrap();
        let done = child.wait_with_output().unwrap();
        assert_eq!(done.status.code(), Some(130), "{program}: {}", stderr(&done));
        assert_eq!((scratch.names(), stage.left()), (names, vec![]), "{program}");
        assert!(fs::read(scratch.image()).unwrap() == before, "{program}: the file changed");
    }
}

#[test]
fn a_hangup_under_nohup_is_ignored() {
    let (scratch, stage) = (Scratch::with(&homes()), Stage::new());
    let wait = "\"$real\" \"$@\"; status=$?; : >\"$here/runs\"; \
                while ! [ -e \"$here/signalled\" ]; do sleep 0.1; done; exit $status";
    stage.program("debugfs", wait);
    let add = add(&stage, &scratch);
    let child = stage.run("nohup").args(add.get_args().skip(1)).spawn().unwrap();
    stage.wait_for("runs");
    kill("HUP", &child.id().to_string());
    fs::write(stage.sign("signalled"), "").unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!((done.status.code(), stage.left()), (Some(0), vec![]), "{}", stderr(&done));
}

#[test]
fn a_second_signal_ends_the_command_at_once() {
    let (scratch, stage) = (Scratch::with(&homes()), Stage::new());
    stage.program("cp", ": >\"$here/runs\"; exec sleep 60");
    let mut child = add(&stage, &scratch).spawn().unwrap();
    stage.wait_for("runs");
    let group = format!("-{}", child.id());
    kill("INT", &child.id().to_string());
    thread::sleep(Duration::from_millis(600));
    assert_eq!(child.try_wait().unwrap(), None, "it waits for the program");
    kill("INT", &child.id().to_string());
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    kill("KILL", &group);
}

#[test]
fn a_signal_while_reading_input_ends_the_command_at_once() {
    let (scratch, stage) = (Scratch::with(&homes()), Stage::new());
    let mut command = stage.nodeos();
    command.args(["users", "passwd", "--password-file", "-"]).arg(scratch.image()).arg("root");
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(child.try_wait().unwrap(), None, "it reads");
    kill("INT", &child.id().to_string());
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    assert_eq!(scratch.names(), ["users.img"]);
}
