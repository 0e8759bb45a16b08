//! `nodeos update-app` refuses wrong arguments with a reason and a next step.

use std::fs;
use std::path::PathBuf;

use boot::host::Host;
use boot::host::cache::Cache;
use boot::host::progress::Progress;
use boot::image::erofs::Packing;
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
    let layer = layer(&host, &[app], Arch::named("x86_64").unwrap(), "", Packing::Compressed).unwrap();
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

#[test]
fn arguments_in_the_wrong_order_and_files_of_a_medium_get_the_right_command() {
    let stage = Stage::new();
    let (folder, app) = (direct(&stage), stage.sign("app.js"));
    let (folder, app) = (folder.to_str().unwrap(), app.to_str().unwrap());
    let (status, wrong_way) = said(&stage, &[app, folder]);
    let next = format!("  next: MEDIUM comes first: nodeos update-app {folder} {app}\n");
    assert!(status == Some(64) && wrong_way.ends_with(&next), "{wrong_way}");
    for file in ["apps.erofs", "users.ext4", "manifest.json"] {
        let (status, said) = said(&stage, &[&format!("{folder}/{file}"), app]);
        let next = format!("  next: name its folder: nodeos update-app {folder} {app}\n");
        assert!(status == Some(64) && said.ends_with(&next), "{said}");
    }
    let (_, said) = said(&stage, &[app, app]);
    assert!(said.contains("it is no medium that nodeos build wrote\n  next: name a folder of --target"), "{said}");
}

#[test]
fn a_path_that_does_not_exist_gets_a_next_step() {
    let stage = Stage::new();
    let (folder, none) = (direct(&stage), stage.sign("none"));
    let (folder, none) = (folder.to_str().unwrap(), none.to_str().unwrap());
    let (_, medium) = said(&stage, &[none, folder]);
    assert!(medium.contains("none: it does not exist\n  next: name a folder of --target direct"), "{medium}");
    let (_, app) = said(&stage, &[folder, none]);
    assert!(app.contains("none: ") && app.contains("\n  next: name a .js, .mjs, .cjs or .ts file"), "{app}");
}
