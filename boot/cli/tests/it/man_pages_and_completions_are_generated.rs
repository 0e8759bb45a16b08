//! Manual pages are reproducible and never overwrite other files. Shells complete verbs and
//! options.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::command::{Stage, stderr};
use crate::users::names;

fn man(stage: &Stage, out: &Path) -> Output {
    stage.nodeos().arg("man").arg("--out").arg(out).output().unwrap()
}

fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    names(folder).into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

#[test]
fn man_pages_are_identical_when_written_twice() {
    let (stage, other) = (Stage::new(), Stage::new());
    let pages = stage.sign("share/man/man1");
    assert!(man(&stage, &pages).status.success(), "missing folders are made");
    fs::write(pages.join("ls.1"), "a page of others").unwrap();
    let done = man(&stage, &pages);
    assert!(done.status.success(), "its own pages are replaced: {}", stderr(&done));
    assert_eq!(fs::read(pages.join("ls.1")).unwrap(), b"a page of others");
    fs::remove_file(pages.join("ls.1")).unwrap();
    assert!(man(&other, &other.sign("pages")).status.success());
    assert_eq!(content(&pages), content(&other.sign("pages")));
}

#[test]
fn man_pages_never_overwrite_other_files() {
    let stage = Stage::new();
    let refused = |out: &Path, why: &str| {
        let done = man(&stage, out);
        assert_eq!(done.status.code(), Some(64), "{}", stderr(&done));
        let said = stderr(&done);
        assert!(said.contains(&format!("--out {}: ", out.display())) && said.contains(why), "{said}");
    };
    fs::write(stage.sign("file"), "").unwrap();
    refused(&stage.sign("file"), "it is a file");
    refused(&stage.sign("file/man1"), "/file/man1: ENOTDIR");
    let pages = stage.sign("pages");
    fs::create_dir(&pages).unwrap();
    fs::write(pages.join("nodeos-users.1"), "my notes").unwrap();
    refused(&pages, "nodeos-users.1 is there, and nodeos man did not write it");
    assert_eq!(names(&pages), ["nodeos-users.1"], "nothing is written after a refusal");
}

/// A machine that only builds may lack man(1). The unit test of the titles still runs there.
#[test]
fn man_shows_each_page_without_warnings() {
    let stage = Stage::new();
    let pages = stage.sign("pages");
    assert!(man(&stage, &pages).status.success());
    if boot::host::run::find("man").is_none() {
        not_tried("man");
        return;
    }
    for page in names(&pages) {
        let mut command = stage.run("man");
        command.args(["--warnings", "--local-file"]).arg(pages.join(&page));
        command.envs([("LC_ALL", "C"), ("MANPAGER", "cat"), ("MANWIDTH", "100")]);
        let done = command.output().unwrap();
        let text = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && stderr(&done).is_empty(), "{page}: {}", stderr(&done));
        for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"] {
            assert!(text.lines().any(|line| line == heading), "{page} has no {heading}: {text}");
        }
    }
}

/// Prints a note directly to stderr, because the test runner hides the output of tests that pass.
fn not_tried(program: &str) {
    let _ = writeln!(io::stderr(), "not tried: there is no {program} on this machine");
}

/// What bash would offer at a press of tab after these words.
fn offered(script: &str, words: &str) -> String {
    let ask = format!(
        "source /dev/stdin; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
         complete -p nodeos >&2 && _nodeos nodeos \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; \
         printf '%s ' \"${{COMPREPLY[@]}}\""
    );
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", &ask]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut bash = bash.spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let done = bash.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", stderr(&done));
    assert!(stderr(&done).starts_with("complete ") && stderr(&done).contains(" -F _nodeos "), "{}", stderr(&done));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn bash_completes_verbs_and_options() {
    let stage = Stage::new();
    let done = stage.nodeos().args(["completions", "bash"]).output().unwrap();
    let script = String::from_utf8(done.stdout).unwrap();
    assert_eq!(offered(&script, "nodeos ru"), "run ");
    assert_eq!(offered(&script, "nodeos users pa"), "passwd ");
    assert_eq!(offered(&script, "nodeos run --mem"), "--memory ");
    assert_eq!(offered(&script, "nodeos completions f"), "fish ");
}

/// Each shell parses the whole script without running it.
#[test]
fn every_shell_accepts_its_completion_script() {
    let stage = Stage::new();
    for shell in ["bash", "zsh", "fish"] {
        let done = stage.nodeos().args(["completions", shell]).output().unwrap();
        assert!(done.status.success() && !done.stdout.is_empty(), "{}", stderr(&done));
        if boot::host::run::find(shell).is_none() {
            not_tried(shell);
            continue;
        }
        let script = stage.sign(shell);
        fs::write(&script, done.stdout).unwrap();
        let done = stage.run(shell).arg("-n").arg(&script).output().unwrap();
        assert!(done.status.success() && stderr(&done).is_empty(), "{shell}: {}", stderr(&done));
    }
}
