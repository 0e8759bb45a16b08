//! `nodeos run` with streams that no machine could read or write.

use std::fs::{self, File};
use std::process::Stdio;

use crate::command::{Stage, stderr};

#[test]
fn a_folder_as_stdin_is_refused_before_anything_is_built() {
    let stage = Stage::new();
    let app = stage.sign("app.js");
    fs::write(&app, "").unwrap();
    let run = |stdin: File, stdout: Stdio, words: &[&str]| {
        let done = stage.nodeos().arg("run").arg(&app).args(words).stdin(stdin).stdout(stdout).output().unwrap();
        (done.status.code(), stderr(&done))
    };
    let read = |path| File::open(path).unwrap();
    let write = File::options().write(true).open("/dev/null").unwrap();
    for (stdin, stdout, why) in [
        (read("/"), Stdio::piped(), "cannot read stdin: it is a folder\n  next: < FILE, or < /dev/null"),
        (write, Stdio::piped(), "cannot read stdin: it is open for writing only\n  next: < FILE"),
        (read("/dev/null"), read("/dev/null").into(), "cannot write to stdout: it is open for reading only\n  next: >"),
    ] {
        let (status, said) = run(stdin, stdout, &[]);
        assert!(status == Some(64) && said.contains(why), "{status:?} {said}");
    }
    assert!(!stage.sign("cache").exists());
    // no machine runs, so none reads it; the next error is another
    let (_, said) = run(read("/"), Stdio::piped(), &["--dry-run", "--users", "/no/such"]);
    assert!(said.contains("/no/such") && !said.contains("stdin"), "{said}");
}
