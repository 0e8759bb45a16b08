//! An app's packages: installed as the lock file says, or taken from `node_modules`, in a workspace or alone. What the
//! image has is run by this host's node, from a copy of it. The registry has to be reachable.

use crate::users::Scratch;
use boot::host::Host;
use boot::host::cache::Cache;
use boot::host::progress::Progress;
use boot::users::app::{App, code};
use boot::users::dependencies::outside;
use boot::users::home::{Content, Entry, Home};
use shim::arches::{ALL, Arch};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

const WORKSPACE: &str = r#"{"name": "ws", "private": true, "workspaces": ["packages/*"]}"#;
const API: &str = r#"{"name": "api", "version": "1.0.0", "dependencies": {"shared": "1.0.0", "ms": "2.0.0"},
    "devDependencies": {"wrappy": "1.0.2"}}"#;
const SHARED: &str = r#"{"name": "shared", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}}"#;
/// Both have an `ms` of their own version.
const FILES: [(&str, &str); 5] = [
    ("package.json", WORKSPACE),
    ("packages/api/package.json", API),
    ("packages/api/index.js", "console.log(require('ms/package.json').version, require('shared'))"),
    ("packages/shared/package.json", SHARED),
    ("packages/shared/index.js", "module.exports = require('ms/package.json').version"),
];

fn host(scratch: &Scratch) -> Host {
    Host { cache: Cache::at(scratch.folder().join("cache")).unwrap(), progress: Progress::Silent }
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }
}

/// A workspace with these files too, in which `shared` is named so.
fn workspace(scratch: &Scratch, name: &str, shared: &str, more: &[(&str, &str)]) -> PathBuf {
    let folder = scratch.folder().join(name);
    write(&folder, &FILES);
    let api = API.replace(r#""shared": "1.0.0""#, &format!(r#""shared": "{shared}""#));
    write(&folder, &[("packages/api/package.json", &api)]);
    write(&folder, more);
    folder
}

/// The paths below a folder.
fn listing(folder: &Path) -> String {
    String::from_utf8(Command::new("find").arg(folder).output().unwrap().stdout).unwrap()
}

/// Runs a file of the app as it is in the image: at another place, where no folder above has packages.
fn run(home: &Home, file: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (path, entry) in home.entries() {
        let at = folder.path().join(OsStr::from_bytes(path));
        match entry {
            Entry::Folder => fs::create_dir_all(at).unwrap(),
            Entry::File(Content::Bytes(bytes), _) => fs::write(at, bytes).unwrap(),
            Entry::File(Content::File(from), _) => fs::copy(from, at).map(|_| ()).unwrap(),
            Entry::Link(says) => symlink(OsStr::from_bytes(says), at).unwrap(),
        }
    }
    let done = Command::new("node").arg(file).current_dir(folder.path().join("app")).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).trim().to_owned();
    if done.status.success() { said } else { format!("{said} {}", String::from_utf8_lossy(&done.stderr)) }
}

fn of(scratch: &Scratch, app: &Path) -> Result<Home, String> {
    code(&host(scratch), &app.to_owned().into(), Arch::host(), "").map_err(|error| error.to_string())
}

/// The folders in `node_modules` that are packages.
fn has(home: &Home, name: &str) -> bool {
    home.paths().any(|path| path.contains(&format!("/{name}/package.json")))
}

#[test]
fn a_workspace_is_installed_by_the_manager_that_wrote_its_lock_file() {
    let scratch = Scratch::new();
    let pnpm = ("pnpm-workspace.yaml", "packages:\n  - packages/*\n");
    for (name, shared, more) in [
        ("npm", "1.0.0", &[("package-lock.json", include_str!("locks/package-lock.json"))][..]),
        ("pnpm", "workspace:*", &[("pnpm-lock.yaml", include_str!("locks/pnpm-lock.yaml")), pnpm]),
        ("yarn 1", "1.0.0", &[("yarn.lock", include_str!("locks/yarn-1.lock"))]),
        (
            "yarn 4",
            "1.0.0",
            &[
                ("yarn.lock", include_str!("locks/yarn-8.lock")),
                (".yarnrc.yml", "nodeLinker: node-modules\nyarnPath: /bin/false\n"),
            ],
        ),
    ] {
        let folder = workspace(&scratch, name, shared, more);
        let before = listing(&folder);
        // the package alone
        let home = of(&scratch, &folder.join("packages/api")).unwrap();
        assert_eq!(run(&home, "index.js"), "2.0.0 2.1.3", "{name}: {home}");
        assert!(has(&home, "ms") && !has(&home, "wrappy"), "{name}: development packages: {home}");
        // the whole workspace
        write(
            &folder,
            &[("package.json", &WORKSPACE.replace("\"private\"", "\"main\": \"packages/api/index.js\", \"private\""))],
        );
        let home = of(&scratch, &folder).unwrap();
        assert_eq!(run(&home, "packages/api/index.js"), "2.0.0 2.1.3", "{name}: {home}");
        assert!(!has(&home, "wrappy"), "{name}: {home}");
        write(&folder, &[("package.json", WORKSPACE)]);
        assert_eq!(listing(&folder), before, "{name}: it wrote into the folder");
    }
    // nothing of the folders is kept
    let kept = listing(&scratch.folder().join("cache/packages"));
    assert!(!kept.contains("packages/api/index.js") && !kept.contains("yarnrc"), "{kept}");
}

#[test]
fn packages_that_are_there_are_taken_from_the_workspace_without_those_for_development() {
    let scratch = Scratch::new();
    let folder = workspace(&scratch, "ws", "workspace:*", &[]);
    // as npm lays them out: all in the root, but where two versions are needed
    let npm = folder.join("node_modules");
    let package = |version: &str| format!(r#"{{"version": "{version}"}}"#);
    write(
        &npm,
        &[
            ("ms/package.json", &package("2.0.0")),
            ("wrappy/package.json", &package("1.0.2")),
            ("unrelated/package.json", &package("1.0.0")),
            ("../packages/shared/node_modules/ms/package.json", &package("2.1.3")),
            ("../packages/other/package.json", "{}"),
        ],
    );
    for name in ["api", "shared", "other"] {
        symlink(format!("../packages/{name}"), npm.join(name)).unwrap();
    }
    let home = of(&scratch, &folder.join("packages/api")).unwrap();
    assert_eq!(run(&home, "index.js"), "2.0.0 2.1.3", "{home}");
    let packages: Vec<_> = home.paths().filter(|path| path.ends_with("package.json")).collect();
    assert_eq!(
        packages,
        [
            "app/node_modules/.workspace/node_modules/ms/package.json",
            "app/node_modules/.workspace/packages/shared/node_modules/ms/package.json",
            "app/node_modules/.workspace/packages/shared/package.json",
            "app/package.json"
        ]
    );
    let dev = App { dev: true, ..App::from(folder.join("packages/api")) };
    let home = code(&host(&scratch), &dev, Arch::host(), "").unwrap();
    assert!(has(&home, "wrappy") && !has(&home, "unrelated"), "{home}");

    // as pnpm does: links into .pnpm, and out of the package's folder
    fs::remove_dir_all(&npm).unwrap();
    fs::remove_dir_all(folder.join("packages/shared/node_modules")).unwrap();
    for (name, version) in [("ms", "2.0.0"), ("ms", "2.1.3"), ("wrappy", "1.0.2")] {
        write(&npm, &[(&format!(".pnpm/{name}@{version}/node_modules/{name}/package.json"), &package(version))]);
    }
    let link = |of: &str, name: &str, target: &str| {
        let modules = folder.join("packages").join(of).join("node_modules");
        fs::create_dir_all(&modules).unwrap();
        symlink(target, modules.join(name)).unwrap();
    };
    link("api", "ms", "../../../node_modules/.pnpm/ms@2.0.0/node_modules/ms");
    link("api", "wrappy", "../../../node_modules/.pnpm/wrappy@1.0.2/node_modules/wrappy");
    link("api", "shared", "../../shared");
    link("shared", "ms", "../../../node_modules/.pnpm/ms@2.1.3/node_modules/ms");
    let home = of(&scratch, &folder.join("packages/api")).unwrap();
    assert_eq!(run(&home, "index.js"), "2.0.0 2.1.3", "{home}");
    assert!(!home.to_string().contains("wrappy"), "{home}");
}

#[test]
fn a_package_beside_the_app_is_copied_with_its_own_packages() {
    let scratch = Scratch::new();
    let app = scratch.folder().join("app");
    let files = [
        ("package.json", r#"{"dependencies": {"outer": "file:../outer"}}"#),
        ("index.js", "console.log(require('outer'))"),
        (
            "../outer/package.json",
            r#"{"name": "outer", "version": "1.0.0", "dependencies": {"inner": "file:./inner"}}"#,
        ),
        ("../outer/index.js", "module.exports = require('inner') + 1"),
        ("../outer/.npmrc", "fund=false"),
        ("../outer/inner/package.json", r#"{"name": "inner", "version": "1.0.0"}"#),
        ("../outer/inner/index.js", "module.exports = 41"),
    ];
    write(&app, &files);
    let folder = fs::canonicalize(scratch.folder()).unwrap();
    assert_eq!(outside(&app).unwrap(), [folder.join("outer")]);
    let before = listing(scratch.folder());
    let home = of(&scratch, &app).unwrap();
    assert_eq!(run(&home, "index.js"), "42", "{home}");
    assert!(!home.to_string().contains(".npmrc"), "{home}");
    fs::remove_dir_all(scratch.folder().join("cache")).unwrap();
    assert_eq!(listing(scratch.folder()), before, "it wrote beside the app");
    // and the same where npm has made the link, as a person's npm does
    fs::create_dir(app.join("node_modules")).unwrap();
    fs::create_dir(folder.join("outer/node_modules")).unwrap();
    symlink("../../outer", app.join("node_modules/outer")).unwrap();
    symlink("../inner", folder.join("outer/node_modules/inner")).unwrap();
    let home = of(&scratch, &app).unwrap();
    assert_eq!(run(&home, "index.js"), "42", "{home}");
}

#[test]
fn a_link_that_leads_to_no_package_of_the_app_is_refused_by_name() {
    let scratch = Scratch::new();
    let app = scratch.folder().join("app");
    write(&app, &[("package.json", r#"{"dependencies": {"x": "1"}}"#), ("index.js", "")]);
    write(scratch.folder(), &[("secret/package.json", "{}"), ("secret/key", "")]);
    fs::create_dir(app.join("node_modules")).unwrap();
    let refused = |target: &str| {
        let _ = fs::remove_file(app.join("node_modules/x"));
        symlink(target, app.join("node_modules/x")).unwrap();
        of(&scratch, &app).unwrap_err()
    };
    let error = refused("../../gone");
    assert!(
        error.contains("app/node_modules/x is a link to ../../gone, and nothing is there\n  next: install"),
        "{error}"
    );
    let error = refused("../../secret");
    assert!(error.contains("/secret, outside of the folder\n  next: name that folder in package.json"), "{error}");
    // a link that package.json does not name is not needed
    write(&app, &[("package.json", "{}")]);
    let home = of(&scratch, &app).unwrap();
    assert!(!home.to_string().contains("node_modules/x"), "{home}");
}

#[test]
fn what_no_manager_here_can_install_is_refused_with_the_next_step() {
    for (lock, text, why) in [
        (
            "bun.lock",
            "{}",
            "nothing here can install what its bun.lock says\n  next: install the packages in the folder",
        ),
        (
            "yarn.lock",
            "__metadata:\n  version: 8\n",
            "Plug'n'Play, whose packages are no files of the folder\n  next: write nodeLinker",
        ),
    ] {
        let scratch = Scratch::new();
        let app = scratch.folder().join("app");
        write(&app, &[("package.json", r#"{"main": "x.js", "dependencies": {"x": "1"}}"#), ("x.js", ""), (lock, text)]);
        let error = of(&scratch, &app).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_lock_file_that_does_not_fit_package_json_is_refused_with_what_the_manager_says() {
    for (name, shared, lock, why) in [
        ("npm", "1.0.0", ("package-lock.json", include_str!("locks/package-lock.json")), "in sync"),
        ("pnpm", "workspace:*", ("pnpm-lock.yaml", include_str!("locks/pnpm-lock.yaml")), "ERR_PNPM_OUTDATED_LOCKFILE"),
        ("yarn", "1.0.0", ("yarn.lock", include_str!("locks/yarn-8.lock")), "YN0028"),
    ] {
        let scratch = Scratch::new();
        let settings =
            [(".yarnrc.yml", "nodeLinker: node-modules\n"), ("pnpm-workspace.yaml", "packages:\n  - packages/*\n")];
        let more = [lock, settings[0], settings[1]];
        let folder = workspace(&scratch, name, shared, &more[..if name == "pnpm" { 3 } else { 2 }]);
        let manifest = folder.join("packages/api/package.json");
        fs::write(&manifest, fs::read_to_string(&manifest).unwrap().replace("2.0.0", "2.1.2")).unwrap();
        let error = of(&scratch, &folder.join("packages/api")).unwrap_err();
        assert!(error.contains(why) && error.contains("Does the lock file fit package.json?"), "{name}: {error}");
    }
}

#[test]
fn an_absolute_path_in_package_json_is_not_installed() {
    let scratch = Scratch::new();
    let outer = scratch.folder().join("outer");
    write(&outer, &[("package.json", r#"{"name": "outer", "version": "1.0.0"}"#)]);
    let app = scratch.folder().join("app");
    let manifest = format!(r#"{{"main": "x.js", "dependencies": {{"outer": "file:{}"}}}}"#, outer.display());
    write(&app, &[("package.json", &manifest), ("x.js", "")]);
    let error = of(&scratch, &app).unwrap_err();
    assert!(error.contains("is an absolute path\n  next: write a path relative to that file"), "{error}");
    assert!(!outer.join("node_modules").exists());
}

/// yarn 1 knows no other machine than its own, and leaves out what is for another.
#[test]
fn packages_for_another_machine_come_from_their_package_json() {
    let other = ALL.iter().find(|arch| !arch.is_host()).unwrap();
    let scratch = Scratch::new();
    let app = scratch.folder().join("app");
    let cpu = |name: &str, cpu: &str| {
        format!(r#"{{"name": "{name}", "version": "1.0.0", "cpu": ["{cpu}"], "os": ["linux"]}}"#)
    };
    let manifest = r#"{"main": "x.js", "packageManager": "yarn@1.22.22", "optionalDependencies": {"arm": "file:./arm", "intel": "file:./intel"}}"#;
    write(
        &app,
        &[
            ("package.json", manifest),
            ("x.js", ""),
            ("arm/package.json", &cpu("arm", "arm64")),
            ("intel/package.json", &cpu("intel", "x64")),
        ],
    );
    for arch in [Arch::host(), other] {
        let home = code(&host(&scratch), &app.clone().into(), arch, "").unwrap();
        let own = if arch.name == "aarch64" { "arm" } else { "intel" };
        let found = ["arm", "intel"].map(|name| home.get(&format!("app/node_modules/{name}/package.json")).is_some());
        assert_eq!(found, ["arm", "intel"].map(|name| name == own), "{arch}: {home}");
    }
}
