//! Another version of an app on a medium: `nodeos build`, `run`, `update-app`, `run`, as a person does it.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use boot::users::place::Place;
use shim::arches::{ALL, Arch};

fn nodeos(words: &[&str]) -> Output {
    let nodeos = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("nodeos");
    Command::new(nodeos).arg("-q").args(words).output().unwrap()
}

fn done(words: &[&str]) -> String {
    let output = nodeos(words);
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {text}");
    text.into_owned()
}

/// An app that adds its version to a file of its home, and prints the file.
fn version(folder: &Path, version: &str) -> PathBuf {
    let path = folder.join(version).join("app.js");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    let script = format!(
        "const fs = require('fs')
        fs.appendFileSync('/data.txt', '{version} ')
        const all = fs.readFileSync('/data.txt', 'utf8')
        console.log(`${{all}}by ${{process.getuid()}}, ${{process.argv[2]}}, ${{process.env.WHO}}`)"
    );
    std::fs::write(&path, script).unwrap();
    std::fs::write(path.with_file_name("nodeos.toml"), crate::ENDS).unwrap();
    path
}

/// All bytes of the homes.
fn homes(medium: &Path) -> Vec<u8> {
    let file = if medium.is_dir() { medium.join("users.ext4") } else { medium.to_owned() };
    let window = Place::of(&file).unwrap().window;
    let mut bytes = vec![0; usize::try_from(window.length()).unwrap()];
    File::open(file).unwrap().read_exact_at(&mut bytes, window.at()).unwrap();
    bytes
}

fn a_new_version_sees_the_data_of_the_old_one(target: &str, arch: &Arch) {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| version(folder.path(), name));
    let [built, medium] = ["built", "medium"].map(|name| folder.path().join(name));
    let at = |path: &PathBuf| path.to_str().unwrap().to_owned();
    done(&["build", &at(&one), "--target", target, "--arch", arch.name, "--out", &at(&built), "--", "first"]);
    // nodeos run throws away what a machine writes to a card as it was built, but not to a copy
    tests::run("cp", &["-r", "--sparse=always", &at(&built), &at(&medium)]);
    let said = done(&["run", &at(&medium)]);
    assert!(said.contains("one by 1000, first, undefined"), "{said}");
    let before = homes(&medium);
    done(&["update-app", &at(&medium), &at(&two), "--env", "WHO=me", "--", "second"]);
    assert!(homes(&medium) == before, "the homes changed");
    let said = done(&["run", &at(&medium)]);
    assert!(said.contains("one two by 1000, second, me"), "{said}");
}

#[test]
fn a_new_version_in_a_folder_sees_the_data_of_the_old_one() {
    ALL.iter().for_each(|arch| a_new_version_sees_the_data_of_the_old_one("direct", arch));
}

#[test]
fn a_new_version_on_a_card_sees_the_data_of_the_old_one() {
    a_new_version_sees_the_data_of_the_old_one("sd", crate::first("sd"));
}
