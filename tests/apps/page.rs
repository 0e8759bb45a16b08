//! docs/compatibility.md, from the rows and their lock files.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use shim::arches::ALL;

use crate::{
    rows::{ROWS, Row, State},
    run::folder,
};

/// Set by `./nodeos test apps`: the page is written instead of compared.
const WRITE: &str = "NODEOS_WRITE_PAGE";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md")
}

/// Parses a file of a row's folder.
fn json(row: &Row, file: &str) -> Value {
    let path = folder().join(row.folder()).join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The version of the row's package in its lock file.
fn version(row: &Row) -> String {
    let lock = json(row, "package-lock.json");
    let version = lock["packages"][format!("node_modules/{}", row.package)]["version"].as_str();
    version.unwrap_or_else(|| panic!("{} is not in the lock file of {}", row.package, row.name)).to_owned()
}

fn text() -> String {
    let mut text = include_str!("page.md").to_owned();
    for row in ROWS {
        let states = ALL.iter().map(|arch| row.state(arch)).collect::<Vec<_>>();
        let marks: Vec<_> = states
            .iter()
            .map(|state| match state {
                State::Works => "yes",
                State::Limited(_) => "in part",
                State::Fails(..) | State::Refused(..) => "no",
            })
            .collect();
        let why = states.iter().find_map(|state| match state {
            State::Works => None,
            State::Limited(why) | State::Fails(_, why) | State::Refused(_, why) => Some((*why).to_owned()),
        });
        let does = [Some(row.does.to_owned()), why].into_iter().flatten().collect::<Vec<_>>().join("; ");
        writeln!(text, "| {} | {} | {} | {does} |", row.package, version(row), marks.join(" | ")).unwrap();
    }
    text
}

#[test]
fn the_page_says_what_the_rows_and_lock_files_say() {
    assert!(ALL.iter().map(|arch| arch.name).eq(["x86_64", "aarch64"]), "the columns of page.md");
    let text = text();
    if std::env::var_os(WRITE).is_some() {
        fs::write(page(), &text).unwrap();
    }
    let committed = fs::read_to_string(page()).unwrap_or_default();
    assert!(committed == text, "docs/compatibility.md is old: {WRITE}=1 cargo apps -- the_page writes it");
}

/// A version without a pin would change the page between two runs.
#[test]
fn versions_are_pinned() {
    for row in ROWS {
        let (manifest, lock) = (json(row, "package.json"), json(row, "package-lock.json"));
        let wanted = manifest["dependencies"].as_object().unwrap();
        assert_eq!(lock["packages"][""]["dependencies"], manifest["dependencies"], "{}", row.name);
        assert!(wanted.contains_key(row.package), "{}", row.name);
        for (package, version) in wanted {
            assert_eq!(lock["packages"][format!("node_modules/{package}")]["version"], *version, "{}", row.name);
        }
    }
}
