//! Packages that package.json names by a path: yarn and pnpm copy them into `node_modules`, npm links them. For all of
//! them, what may hold a secret is named when it goes into the image, and the cache keeps none of it.

use crate::users::Scratch;
use boot::host::Host;
use boot::host::cache::Cache;
use boot::host::progress::Progress;
use boot::users::app::{App, code_and_warnings};
use boot::users::home::{Content, Entry, Home};
use shim::arches::Arch;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

const SECRETS: [(&str, &str); 4] = [
    (".env", "PASSWORD=secret-of-env"),
    ("tls/server.key", "secret-of-key"),
    (".npmrc", "//registry.npmjs.org/:_authToken=secret-of-npmrc\n"),
    ("inner/.env.local", "secret-of-inner"),
];

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }
}

/// An app with a package beside it, which has another one inside.
fn app(scratch: &Scratch, manager: &str) -> App {
    let outer = scratch.folder().join("outer");
    write(&outer, &SECRETS);
    let of_outer = r#"{"name": "outer", "version": "1.0.0", "dependencies": {"inner": "file:./inner"}}"#;
    write(
        &outer,
        &[
            ("package.json", of_outer),
            ("index.js", "module.exports = require('inner') + 1"),
            ("inner/package.json", r#"{"name": "inner", "version": "1.0.0"}"#),
            ("inner/index.js", "module.exports = 41"),
            (".nodeosignore", "/data\n"),
            ("data/customers", "secret-of-data"),
        ],
    );
    let manifest =
        format!(r#"{{"main": "x.js", "packageManager": "{manager}", "dependencies": {{"outer": "file:../outer"}}}}"#);
    let app = scratch.folder().join("app");
    write(&app, &[("package.json", &manifest), ("x.js", "")]);
    App::from(app)
}

/// The files below a folder of the host that have `secret-of` in them.
fn secret_files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(secret_files(&path));
        } else if fs::read(&path).is_ok_and(|text| text.windows(9).any(|part| part == b"secret-of")) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// The same of an image.
fn in_image(home: &Home) -> Vec<String> {
    let mut found = Vec::new();
    for (path, entry) in home.entries() {
        if let Entry::File(Content::File(from), _) = entry
            && fs::read_to_string(from).is_ok_and(|text| text.contains("secret-of"))
        {
            found.push(Path::new(OsStr::from_bytes(path)).display().to_string());
        }
    }
    found
}

#[test]
fn the_cache_keeps_no_secret_of_a_local_package_and_the_image_names_it() {
    for manager in ["npm@11.0.0", "yarn@1.22.22", "pnpm@10.34.9"] {
        let scratch = Scratch::new();
        let app = app(&scratch, manager);
        let cache = scratch.folder().join("cache");
        let host = Host { cache: Cache::at(&cache).unwrap(), progress: Progress::Silent };
        let (home, warnings) = code_and_warnings(&host, &app, Arch::host(), "").unwrap();
        assert_eq!(secret_files(&cache), [""; 0], "{manager}");
        // once in each copy of a package: the app may read them
        let found = in_image(&home);
        let has = |name: &str| found.iter().any(|path| path.ends_with(name));
        assert!(has("outer/.env") && has("outer/tls/server.key") && has("inner/.env.local"), "{manager}: {found:?}");
        assert!(!has(".npmrc") && !has("data/customers"), "{manager}: {found:?}");
        let named = warnings.iter().find(|text| text.contains("may hold secrets")).cloned().unwrap_or_default();
        let expected = format!("/{} and {} more may hold secrets", found[0], found.len() - 1);
        assert!(named.starts_with(&expected), "{manager}: {expected}: {warnings:?}");
    }
}

/// The same where a person's yarn has made the copy.
#[test]
fn a_copy_in_node_modules_is_searched_for_secrets_too() {
    let scratch = Scratch::new();
    let app = app(&scratch, "yarn@1.22.22");
    let app = App { allow_scripts: vec!["outer".to_owned()], ..app };
    let modules = app.path.join("node_modules");
    write(&modules.join("outer"), &SECRETS);
    let other = (".env", "of a package that somebody published");
    write(&modules.join("other"), &[("package.json", r#"{"name": "other"}"#), other]);
    let outer = r#"{"name": "outer", "version": "1.0.0", "dependencies": {"other": "1"},
        "scripts": {"install": "touch made"}}"#;
    write(
        &modules.join("outer"),
        &[("package.json", outer), (".nodeosignore", "/data\n/inner\n"), ("data/customers", "secret-of-data")],
    );
    let cache = scratch.folder().join("cache");
    let host = Host { cache: Cache::at(&cache).unwrap(), progress: Progress::Silent };
    // node is large, so it comes from the user's cache
    for kind in ["node", "headers"] {
        let shared = Cache::open().unwrap().root().join(kind);
        fs::create_dir_all(&shared).unwrap();
        symlink(shared, cache.join(kind)).unwrap();
    }
    let (home, warnings) = code_and_warnings(&host, &app, Arch::host(), "").unwrap();
    assert!(home.file_at("app/node_modules/outer/made").is_some(), "the script did not run");
    assert_eq!(secret_files(&cache), [""; 0]);
    assert_eq!(in_image(&home), ["app/node_modules/outer/.env", "app/node_modules/outer/tls/server.key"]);
    let expected = "/app/node_modules/outer/.env and 1 more may hold secrets";
    assert!(warnings.iter().any(|text| text.starts_with(expected)), "{warnings:?}");
}
