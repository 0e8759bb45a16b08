//! The demo: the session from the blog post on which NodeOS is based, but not all users have uid 0.
//!
//! | home   | uid  | logon             | has                                          |
//! |--------|------|-------------------|----------------------------------------------|
//! | root   | 0    | password `root`   | the shell                                    |
//! | nodeos | 1000 | password `nodeos` | the shell, an init, slap, blessed and npm    |
//! | guest  | 1001 | none asked        | the shell                                    |
//!
//! The sources are in `examples/demo`. They are compiled in, so that the command does not need a clone.

use super::home::Home;
use super::image::{Create, create};
use super::logon::{Logon, Shell, set_shell, well_known};
use super::nsh::{self, Nsh};
use super::packages;
use crate::host::Host;
use crate::host::digest::Key;
use crate::host::error::{Error, Result};
use shim::layout::HOME_INIT;
use shim::logon_file::{LogonFile, Password};
use std::path::PathBuf;

/// A file of `examples/demo`.
macro_rules! source {
    ($path:literal) => {
        include_str!(concat!("../../../examples/demo/", $path))
    };
}

const INIT: &str = source!("init");
const NPMRC: &str = source!("npmrc");
const PACKAGES: (&str, &str) = (source!("packages/package.json"), source!("packages/package-lock.json"));
/// Modules that slap needs, but that node 24 or a machine without a compiler cannot load; see the start of the files.
const STAND_INS: [(&str, &str); 2] =
    [("npm", source!("stand-ins/npm.js")), ("pathwatcher", source!("stand-ins/pathwatcher.js"))];
/// The part of npm that names a project after its folder: `/` has no name, and npm could not install there.
const OF_ROOT: &str = source!("stand-ins/name-from-folder.js");
const OF_ROOT_AT: &str = "lib/node_modules/npm/node_modules/@npmcli/name-from-folder/lib/index.js";
/// Must be increased when this file makes something different from the same sources.
const VERSION: &str = "2";

/// Files in slap's package by mistake: 50 MB of profiles by its authors.
const LEFT_OUT: [&str; 6] = [packages::OF_NPM, "coverage", "roger-v8.log", "taneltm-v8.log", "v8.log", STAND_INS[1].0];

/// The demo's users partition, from the cache if it was made before. Copy it before a machine may write to it.
pub fn image(host: &Host, size: u64) -> Result<PathBuf> {
    let mut key = Key::default().with("version", VERSION).with("size", size.to_le_bytes());
    for text in [INIT, NPMRC, OF_ROOT, PACKAGES.0, PACKAGES.1] {
        key = key.with("source", text);
    }
    key = STAND_INS.iter().fold(nsh::key(key), |key, (name, text)| key.with(name, text));
    host.cache.entry("users", &format!("demo-{}", key.name()), |new| {
        let homes = homes(host)?;
        let phase = host.progress.start("users", "write the demo's homes");
        create(new, Create { size, force: false }, &homes)?;
        phase.done("wrote the demo's homes: root, nodeos (password nodeos), guest (no password)");
        Ok(())
    })
}

/// The demo's homes.
pub fn homes(host: &Host) -> Result<Vec<Home>> {
    let shell = Nsh::fetch(host)?;
    let installed = packages::install(host, "the demo", PACKAGES.0, PACKAGES.1)?;
    let password = |name: &str| well_known(name, name).map(Some);
    let mut homes = Vec::new();
    for (name, uid, password) in
        [("root", 0, password("root")?), ("nodeos", 1000, password("nodeos")?), ("guest", 1001, Logon::Guest.stored()?)]
    {
        let mut home = Home::new(name, uid);
        with_shell(&mut home, &shell, password)?;
        homes.push(home);
    }
    if let Some(nodeos) = homes.iter_mut().find(|home| home.name == "nodeos") {
        nodeos.program(HOME_INIT, INIT);
        nodeos.file(".npmrc", NPMRC);
        for package in ["blessed", "npm", "slap"] {
            packages::global(nodeos, &installed, package, &LEFT_OUT)?;
        }
        for (name, text) in STAND_INS {
            nodeos.file(&format!("lib/node_modules/slap/node_modules/{name}/index.js"), text);
        }
        if nodeos.get(OF_ROOT_AT).is_none() {
            return Err(Error::new("let npm install into /", format!("npm has no {OF_ROOT_AT} any more"))
                .next("see examples/demo/stand-ins/name-from-folder.js"));
        }
        nodeos.file(OF_ROOT_AT, OF_ROOT);
    }
    Ok(homes)
}

/// Gives a home the shell.
fn with_shell(home: &mut Home, shell: &Nsh, password: Option<Password>) -> Result<()> {
    shell.put(home)?;
    let mut file = LogonFile { password, ..LogonFile::default() };
    set_shell(&mut file, &Shell { path: nsh::PATH.to_owned(), args: Vec::new() })?;
    home.logon(&file)
}

#[cfg(test)]
mod tests {
    use super::{INIT, Nsh, with_shell};
    use crate::users::home::Home;
    use std::fs;

    #[test]
    fn the_demo_init_is_the_one_of_the_post() {
        assert_eq!(INIT, "#!/usr/bin/env node\n\nconsole.log(\"Hello! I'm a user init script :-)\")\n");
    }

    #[test]
    fn a_home_with_the_shell_has_a_logon_file_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("node_modules")).unwrap();
        let mut home = Home::new("guest", 1001);
        with_shell(&mut home, &Nsh::at(folder.path()), None).unwrap();
        let text = home.to_string();
        assert!(text.contains("100600 etc/logon.json\n") && text.contains("bin/nsh -> "), "{text}");
    }
}
