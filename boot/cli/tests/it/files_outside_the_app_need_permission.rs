//! A `nodeos.toml` of a foreign app cannot include files of the host without permission.

use std::fs;

use crate::command::{Stage, stderr};

#[test]
fn including_a_host_file_needs_allow_include_even_with_yes() {
    let stage = Stage::new();
    let app = stage.sign("app");
    fs::create_dir(&app).unwrap();
    fs::write(app.join("index.js"), "").unwrap();
    fs::write(app.join("nodeos.toml"), "include = [\"/etc/passwd\"]\n").unwrap();
    let run = |verb: &str, words: &[&str]| {
        let mut command = stage.nodeos();
        command.arg(verb).arg(&app).arg("--users").arg(stage.sign("gone.ext4")).args(words).env("CI", "true");
        if verb == "build" {
            command.arg("--out").arg(stage.sign("out"));
        }
        let done = command.output().unwrap();
        (done.status.code(), stderr(&done))
    };
    for (verb, words) in [("build", &[][..]), ("run", &[]), ("build", &["-y"]), ("run", &["-y", "--dry-run"])] {
        let (status, said) = run(verb, words);
        assert_eq!(status, Some(64), "{said}");
        assert!(said.contains("nodeos.toml takes from outside of its folder:\n  include: /etc/passwd\n"), "{said}");
        assert!(said.contains("next: --allow-include"), "{said}");
        // with permission, the same command fails only at its next error
        let (_, said) = run(verb, &[words, &["--allow-include"]].concat());
        assert!(said.contains("gone.ext4") && !said.contains("takes from outside"), "{said}");
    }
    assert!(!stage.sign("out").exists());
}
