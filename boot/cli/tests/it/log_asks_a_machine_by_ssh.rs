//! `nodeos log` is ssh and the machine's own `log`.

use std::fs;
use std::process::Output;

use crate::command::{Stage, stderr};

fn log(stage: &Stage, words: &[&str]) -> Output {
    stage.run(env!("CARGO_BIN_EXE_nodeos")).arg("log").args(words).output().unwrap()
}

#[test]
fn each_word_reaches_the_machine_as_one() {
    let stage = Stage::new();
    // a line for each word, and a status of its own
    stage.program("ssh", "printf '%s\\n' \"$@\"; exit 7");
    for (words, wanted) in [
        (&["app@machine"][..], "-T\n--\napp@machine\nlog\n"),
        (&["-f", "--port", "2222", "app@machine"], "-p\n2222\n-T\n--\napp@machine\nlog -f\n"),
        (&["machine", "a b'c"], "-T\n--\nmachine\nlog 'a b'\\''c'\n"),
        (&["--kernel", "-f", "root@machine"], "-T\n--\nroot@machine\ndmesg -f\n"),
        // a host that looks like one of ssh's options is none
        (&["--", "-oProxyCommand=id"], "-T\n--\n-oProxyCommand=id\nlog\n"),
    ] {
        let done = log(&stage, words);
        assert_eq!(String::from_utf8(done.stdout.clone()).unwrap(), wanted, "{}", stderr(&done));
        assert_eq!(done.status.code(), Some(7), "ssh's own status");
    }
}

#[test]
fn what_is_no_name_never_reaches_the_machine() {
    let stage = Stage::new();
    stage.program("ssh", "touch $here/asked");
    for name in ["a/b", "a\nb", "", ".machine.json"] {
        let done = log(&stage, &["machine", "--", name]);
        assert_eq!(done.status.code(), Some(71), "{name:?}");
        assert!(stderr(&done).contains("as a user name"), "{}", stderr(&done));
    }
    assert_eq!(log(&stage, &["--kernel", "machine", "ana"]).status.code(), Some(64));
    assert!(!fs::exists(stage.sign("asked")).unwrap());
}
