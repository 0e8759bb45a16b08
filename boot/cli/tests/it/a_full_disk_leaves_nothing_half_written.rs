//! A disk that fills up during a change: there is one clear error, and no file changes.
//!
//! A limit on the size of files simulates the full disk. With SIGXFSZ ignored, a write beyond it
//! fails with EFBIG.

use crate::command::{Stage, stderr};
use crate::users::{Scratch, fsck, homes};
use std::fs;
use std::process::Command;

/// Checks that the command fails as it should, and returns its error.
fn fails(stage: &Stage, scratch: &Scratch, command: &mut Command) -> String {
    let (names, before) = (scratch.names(), fs::read(scratch.image()).ok());
    let done = command.output().unwrap();
    let said = stderr(&done);
    assert_eq!(done.status.code(), Some(71), "{said}");
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].contains("EFBIG") || lines[0].contains("File too large"), "{said}");
    assert_eq!(lines[1..], ["  next: free some space there; nothing half-written was kept"], "{said}");
    assert_eq!((scratch.names(), stage.left()), (names, vec![]), "{said}");
    assert!(fs::read(scratch.image()).ok() == before, "the file changed: {said}");
    said
}

/// A script that runs the real program with a limit of so many KiB on the size of files.
fn limited(kib: u32) -> String {
    format!("trap '' XFSZ\nulimit -f {}\nexec \"$real\" \"$@\"", kib * 2)
}

fn tree(scratch: &Scratch) -> std::path::PathBuf {
    let tree = scratch.folder().join("tree");
    fs::create_dir(&tree).unwrap();
    (0..8).for_each(|index| fs::write(tree.join(index.to_string()), vec![1; 1 << 20]).unwrap());
    tree
}

#[test]
fn creating_an_image_without_disk_space_leaves_no_file() {
    let (scratch, stage) = (Scratch::new(), Stage::new());
    let limit = format!("trap '' XFSZ; ulimit -f 8192; exec {} users create \"$0\"", env!("CARGO_BIN_EXE_nodeos"));
    fails(&stage, &scratch, stage.run("sh").args(["-c", &limit]).arg(scratch.image()));
}

#[test]
fn a_disk_that_fills_while_an_image_is_created_leaves_no_file() {
    for (program, kib) in [("mke2fs", 16), ("debugfs", 8)] {
        let (scratch, stage) = (Scratch::new(), Stage::new());
        stage.program(program, &limited(kib));
        let mut command = stage.nodeos();
        fails(&stage, &scratch, command.args(["users", "create", "--size", "16M"]).arg(scratch.image()));
    }
}

#[test]
fn a_disk_that_fills_while_a_user_is_added_leaves_the_image_unchanged() {
    for (program, kib) in [("cp", 4), ("debugfs", 4096)] {
        let (scratch, stage) = (Scratch::with(&homes()), Stage::new());
        stage.program(program, &limited(kib));
        let mut command = stage.nodeos();
        command.args(["users", "add", "--no-logon", "--from"]).args([&tree(&scratch), &scratch.image()]).arg("bo");
        fails(&stage, &scratch, &mut command);
        assert_eq!(fsck(&scratch.image()), "");
    }
}

#[test]
fn a_disk_that_fills_while_nodeos_toml_is_written_leaves_no_file() {
    let (scratch, stage) = (Scratch::new(), Stage::new());
    // 512 bytes, and the file has more
    let limit = format!("trap '' XFSZ; ulimit -f 1; exec {} init \"$0\"", env!("CARGO_BIN_EXE_nodeos"));
    let said = fails(&stage, &scratch, stage.run("sh").args(["-c", &limit]).arg(scratch.folder()));
    assert!(said.contains("nodeos.toml: EFBIG"), "{said}");
    assert!(!scratch.folder().join("nodeos.toml").exists());
}
