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

#[test]
fn packages_beside_the_app_and_install_scripts_need_permission_too() {
    let stage = Stage::new();
    let (app, outer) = (stage.sign("app"), stage.sign("outer"));
    for folder in [&app, &outer] {
        fs::create_dir(folder).unwrap();
    }
    fs::write(outer.join("package.json"), "{}").unwrap();
    fs::write(app.join("index.js"), "").unwrap();
    let run = |words: &[&str]| {
        let done = stage.nodeos().args(["run", "--dry-run"]).arg(&app).args(words).output().unwrap();
        (done.status.code(), stderr(&done))
    };
    fs::write(app.join("package.json"), r#"{"dependencies": {"outer": "file:../outer"}}"#).unwrap();
    let (status, said) = run(&[]);
    let outer = fs::canonicalize(outer).unwrap();
    let text = format!("package.json takes from outside of its folder:\n  package.json: {}\n", outer.display());
    assert!(status == Some(64) && said.contains(&text), "{said}");
    fs::write(app.join("package.json"), "{}").unwrap();
    fs::write(app.join("nodeos.toml"), "allow-scripts = [\"x\"]\n").unwrap();
    let (status, said) = run(&[]);
    let text =
        "nodeos.toml takes from outside of its folder:\n  allow-scripts: x runs its install script on this machine\n";
    assert!(status == Some(64) && said.contains(text), "{said}");
}
