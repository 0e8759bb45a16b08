//! An app's folder may be somebody else's: where a file of settings is expected, there may be a FIFO, a link to a device
//! that never ends, or a file that fills the memory.

use crate::users::Scratch;
use boot::host::Host;
use boot::host::cache::Cache;
use boot::host::progress::Progress;
use boot::users::app::code;
use nix::{sys::stat::Mode, unistd::mkfifo};
use shim::arches::Arch;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// Far more than it takes to refuse a file.
const DEADLINE: Duration = Duration::from_secs(60);

fn fifo(path: &Path) {
    mkfifo(path, Mode::S_IRWXU).unwrap();
}

fn endless(path: &Path) {
    symlink("/dev/zero", path).unwrap();
}

fn huge(path: &Path) {
    File::create(path).unwrap().set_len(100 << 30).unwrap();
}

/// What is said of an app, in which that file is made so.
fn said(file: &str, make: fn(&Path)) -> String {
    let scratch = Scratch::new();
    let app = scratch.folder().join("app");
    for folder in ["inner", "node_modules/x"] {
        fs::create_dir_all(app.join(folder)).unwrap();
        fs::write(app.join(folder).join("package.json"), r#"{"name": "inner", "version": "1.0.0"}"#).unwrap();
    }
    let manifest = r#"{"main": "x.js", "dependencies": {"inner": "file:./inner"}, "optionalDependencies": {"x": "1"}}"#;
    fs::write(app.join("package.json"), manifest).unwrap();
    fs::write(app.join("x.js"), "").unwrap();
    if !file.starts_with("node_modules") {
        fs::remove_dir_all(app.join("node_modules")).unwrap();
    }
    let _ = fs::remove_file(app.join(file));
    make(&app.join(file));
    let host = Host { cache: Cache::at(scratch.folder().join("cache")).unwrap(), progress: Progress::Silent };
    let (send, said) = channel();
    thread::spawn(move || {
        let done = code(&host, &app.into(), Arch::host(), "");
        send.send(done.map_or_else(|error| error.to_string(), |home| home.to_string()))
    });
    said.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("{file}: it hangs"))
}

#[test]
fn files_that_never_end_or_are_too_large_are_refused_by_name() {
    for file in [
        "package.json",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "pnpm-lock.yaml",
        "yarn.lock",
        "bun.lock",
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
        ".nodeosignore",
    ] {
        for (make, why) in [
            (fifo as fn(&Path), "it is not a regular file"),
            (endless, "it is not a regular file"),
            (huge, "it is larger than 64 MiB, the most that is read"),
        ] {
            let said = said(file, make);
            let named = said.contains(&format!("/app/{file}: "));
            assert!(named && said.contains(why) && said.contains("\n  next: "), "{file}: {said}");
        }
    }
}

#[test]
fn the_manifest_of_a_package_hangs_nothing() {
    for file in ["inner/package.json", "node_modules/x/package.json"] {
        for make in [fifo as fn(&Path), endless, huge] {
            said(file, make);
        }
    }
}
