//! Boots the app of a row.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use boot::{
    image::{erofs::Packing, manifest::Manifest},
    parts::node::{Choice, DEFAULT},
    users::app::{self, App},
};
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, host};

use crate::rows::{ROWS, State};

/// For emulation: a bundler that compiles an app takes minutes.
const DEADLINE: Duration = Duration::from_secs(900);

/// The folder with the app of each row.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("apps")
}

/// The app prints its line, once, and ends with 0; or it fails as its row says.
pub fn runs(arch: &'static Arch, name: &str) {
    let row = ROWS.iter().find(|row| row.name == name).unwrap();
    let node = Choice::parse(DEFAULT, arch).unwrap();
    let path = folder().join(row.folder());
    let allow_scripts = Manifest::load(&path).unwrap_or_else(|error| panic!("{error}")).allow_scripts;
    let app = App { writable: row.writable, node: Some(node), allow_scripts, ..App::from(path) };
    if let State::Refused(error, _) = row.state(arch) {
        let refused = app::layer(&host(), &[app], arch, "", Packing::Stored).unwrap_err().to_string();
        assert!(refused.contains(error), "{refused}");
        return;
    }
    let start = Instant::now();
    let machine = Boot::on(arch).app(app).memory(row.memory_mib);
    let made = start.elapsed().as_secs();
    let mut vm = machine.start();
    let ending = vm.ending_within(DEADLINE).unwrap_or_else(|failure| panic!("{failure}"));
    let said = vm.transcript();
    println!("{arch} {}: {made} s to make, {} s in all\n{said}", row.package, start.elapsed().as_secs());
    let line = row.line();
    let printed = said.lines().filter(|said| said.trim_end() == line).count();
    let works = printed == 1 && ending.last_word == Some(LastWord::PowerOff(0));
    match row.state(arch) {
        State::Works | State::Limited(_) => assert!(works, "not `{line}` and status 0:\n{said}"),
        State::Refused(..) => unreachable!("it was refused above"),
        State::Fails(error, _) => {
            assert!(!works, "it works now: change its row");
            assert!(said.contains(error), "it fails, but not with `{error}`:\n{said}");
        }
    }
}

/// A name of a row, its folder and what it pins are one thing, and no folder is without a row.
#[test]
fn each_folder_has_a_row() {
    let folders = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    folders.sort();
    let mut rows: Vec<_> = ROWS.iter().map(|row| folder().join(row.folder())).collect();
    rows.sort();
    assert_eq!(rows, folders);
}
