//! Boots the app of a row.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use boot::{
    parts::node::{Choice, DEFAULT},
    users::app::App,
};
use shim::{arches::Arch, last_word::LastWord};
use tests::Boot;

use crate::rows::{ROWS, Row, State};

/// For emulation: a bundler that compiles an app takes minutes.
const DEADLINE: Duration = Duration::from_secs(900);

/// The folder with the app of each row.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("apps")
}

/// The app prints its line, once, and ends with 0; or it fails as its row says.
pub fn runs(arch: &'static Arch, name: &str) {
    let row = ROWS.iter().find(|row| row.name == name).unwrap();
    let interface = Choice::parse(DEFAULT, arch).unwrap().interface();
    let path = folder().join(row.folder());
    let app = App { writable: row.writable, interface, ..App::from(path) };
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
        State::NeedsScript(error) | State::Fails(error, _) => {
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
    let scripts = |row: &&Row| matches!(row.everywhere, State::NeedsScript(_));
    for row in ROWS.iter().filter(scripts) {
        let asks = std::fs::read_to_string(folder().join(row.folder()).join("nodeos.toml")).unwrap();
        assert!(asks.contains(&format!("allow-scripts = [\"{}\"]", row.package)), "{}: {asks}", row.name);
    }
}
