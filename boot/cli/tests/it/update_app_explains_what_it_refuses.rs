//! `nodeos update-app` refuses wrong arguments with a reason and a next step.

use std::fs;
use std::path::PathBuf;

use boot::host::Host;
use boot::host::cache::Cache;
use boot::host::progress::Progress;
use boot::media::Manifest;
use boot::users::app::{App, layer};
use boot::users::names::APP;
use shim::arches::Arch;

use crate::command::{Stage, stderr};

/// A folder as of `--target direct`, as far as the command looks at it.
fn direct(stage: &Stage) -> PathBuf {
    let (folder, app) = (stage.sign("out"), stage.sign("app.js"));
    fs::create_dir(&folder).unwrap();
    fs::write(&app, "").unwrap();
    let host = Host { cache: Cache::at(stage.sign("cache")).unwrap(), progress: Progress::Silent };
    let app = App { name: APP.to_owned(), ..App::from(app) };
    let layer = layer(&host, &[app], Arch::named("x86_64").unwrap(), "").unwrap();
    fs::copy(layer, folder.join("apps.erofs")).unwrap();
    let words = "users=LABEL=nodeos-users apps=LABEL=nodeos-apps\n";
    for (name, text) in [("kernel", ""), ("initramfs", ""), ("users.ext4", "homes"), ("cmdline", words)] {
        fs::write(folder.join(name), text).unwrap();
    }
    let manifest = Manifest {
        target: "direct".to_owned(),
        arch: "x86_64".to_owned(),
        cmdline: String::new(),
        bytes: 0,
        sha256: None,
        versions: [].into(),
        members: vec![],
    };
    fs::write(folder.join("manifest.json"), manifest.json().unwrap()).unwrap();
    folder
}

fn said(stage: &Stage, words: &[&str]) -> (Option<i32>, String) {
    let done = stage.nodeos().arg("update-app").args(words).output().unwrap();
    (done.status.code(), stderr(&done))
}

#[test]
fn options_of_build_are_refused_with_the_command_for_another_medium() {
    let stage = Stage::new();
    let folder = direct(&stage);
    let (folder, app) = (folder.to_str().unwrap(), stage.sign("app.js"));
    for (option, value) in [("--node", "26"), ("--append", "-x"), ("--users", "none"), ("--arch", "aarch64")] {
        let (status, said) = said(&stage, &[folder, app.to_str().unwrap(), option, value]);
        assert!(said.contains(&format!("cannot update {folder}: {option} is an option of build: ")), "{said}");
        assert!(said.contains(&format!("  next: leave {option} out; or build another medium with the same")), "{said}");
        assert_eq!(status, Some(64), "{said}");
    }
    let (_, said) = said(&stage, &["--help"]);
    assert!(!said.contains("--node"), "{said}");
}
