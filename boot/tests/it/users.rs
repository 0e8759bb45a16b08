//! Users images for the tests, and checks of them.

use boot::users::home::Home;
use boot::users::image::{Create, create};
use boot::users::logon::Logon;
use shim::logon_file::LogonFile;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder that holds one image.
pub struct Scratch {
    folder: TempDir,
}

impl Scratch {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn image(&self) -> PathBuf {
        self.folder.path().join("users.img")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Names of all files in the folder.
    pub fn names(&self) -> Vec<String> {
        names(self.folder.path())
    }

    /// An image of 16 MiB with these homes.
    pub fn with(homes: &[Home]) -> Self {
        let scratch = Self::new();
        create(&scratch.image(), small(), homes).unwrap();
        scratch
    }
}

pub fn small() -> Create {
    Create { size: 16 << 20, force: false }
}

/// root, ana with an init and odd names, and a guest.
pub fn homes() -> Vec<Home> {
    let mut ana = Home::new("ana, \"la\" <7>", 70_000);
    ana.program("init", "#!/usr/bin/env node\n");
    for name in [
        "a b",
        "q\"uo\"te",
        "<2>",
        "-n",
        "#",
        "com,ma",
        "col:on",
        "back\\slash",
        "dollar$HOME",
        "tab\there",
        "ñandú",
        "*",
    ] {
        ana.file(&format!("odd/{name}/{name}"), name);
        ana.link(&format!("odd/{name}/link to {name}"), name);
    }
    ana.link("long", &"x/".repeat(500));
    ana.file("empty", "");
    ana.file("large", vec![7; 300_000]);
    let mut guest = Home::new("guest", 1001);
    let password = Logon::Guest.stored().unwrap();
    guest.logon(&LogonFile { password, ..LogonFile::default() }).unwrap();
    vec![Home::new("root", 0), ana, guest]
}

/// Names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What e2fsck reports, or nothing if the filesystem is clean.
pub fn fsck(image: &Path) -> String {
    let done = Command::new(boot::host::run::find("e2fsck").unwrap()).arg("-fn").arg(image).output().unwrap();
    match done.status.code() {
        Some(0) => String::new(),
        _ => String::from_utf8_lossy(&done.stdout).into_owned() + "not clean",
    }
}
