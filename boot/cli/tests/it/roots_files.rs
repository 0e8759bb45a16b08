//! Commands about files that only root may write, and changes of these files by other programs.

use std::fs;

use boot::users::debugfs;

use crate::command::{Stage, stderr};
use crate::users::{Scratch, fsck};

/// Runs a command of `nodeos` with the image behind its verb. Returns stdout, or the exit status and stderr.
pub fn nodeos(scratch: &Scratch, verb: &[&str], words: &[&str]) -> Result<String, (Option<i32>, String)> {
    let stage = Stage::new();
    let mut command = stage.nodeos();
    let done = command.args(verb).arg(scratch.image()).args(words).output().unwrap();
    assert_eq!((fsck(&scratch.image()), stage.left()), (String::new(), vec![]), "after {words:?}");
    match done.status.success() {
        true => Ok(String::from_utf8(done.stdout).unwrap()),
        false => Err((done.status.code(), stderr(&done))),
    }
}

/// Runs commands of debugfs, which change the image as another program might.
pub fn change(scratch: &Scratch, lines: &str) {
    debugfs::write(scratch.image(), lines.as_bytes()).unwrap();
    assert_eq!(fsck(&scratch.image()), "");
}

/// Writes a file of a folder in the image as a person could by hand: root's, mode 0600.
pub fn by_hand(scratch: &Scratch, folder: &str, name: &str, text: &str) {
    let file = scratch.folder().join("text");
    fs::write(&file, text).unwrap();
    let fields = ["mode 0100600", "uid 0", "gid 0"].map(|field| format!("set_inode_field {name} {field}\n"));
    change(scratch, &format!("cd {folder}\nwrite {} {name}\n{}", file.display(), fields.concat()));
}
