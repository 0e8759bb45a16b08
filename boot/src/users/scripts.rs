//! Install scripts of packages: whose native code is missing, and those that the user allows to run.
//!
//! ```text
//! package.json, binding.gyp → does it need native code? → is there any in the image? → a warning
//! allow-scripts             → a copy of the package and of what it needs → npm run → the package's folder
//! ```
//!
//! A script is code of a stranger, and runs with the rights of whoever builds. So only those run that are named, and in a
//! copy, for the image's node and architecture. Nothing runs in the app's own folder.

use super::build_context::link;
use super::dependencies::Dependencies;
use super::home::Home;
use super::modules::{Wanted, cpu, reached};
use super::{left_out, native, packages, secrets};
use crate::host::Host;
use crate::host::cache::remove;
use crate::host::digest::Key;
use crate::host::error::{Error, Result, Tried};
use crate::host::foreign;
use crate::host::run::Run;
use crate::parts::node::{self, Choice, DEFAULT};
use crate::parts::npm::{pack, unpack};
use serde_json::Value;
use shim::arches::Arch;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Must change when scripts are run in another way.
const RECIPE: &str = "scripts 2";
/// The scripts of a package that npm runs when it installs it, in their order.
const EVENTS: [&str; 3] = ["preinstall", "install", "postinstall"];
/// What a script runs that fetches or compiles native code.
const TOOLS: [&str; 6] = ["node-gyp", "prebuild", "node-pre-gyp", "cmake-js", "node-waf", "neon"];
/// What a compiler leaves in `build`, beside the addon.
const LEFTOVERS: [&str; 11] =
    ["obj.target", "obj", ".deps", "node_gyp_bins", "Makefile", "config.gypi", "mk", "Makefile.old", "a", "o", "d"];

/// Warnings about packages that need native code and have none. Without those that the app works without.
pub fn warnings(home: &Home, packages: &Dependencies, arch: &Arch) -> Vec<String> {
    let needed = &packages.needed;
    let native = |path: &Path| native_code(home, &packages.place(path), None);
    let mut found = BTreeSet::new();
    for (path, package) in needed.packages.iter().filter(|(_, package)| !package.optional) {
        let gyp = packages.context.host(path).join("binding.gyp").is_file();
        // the code may be in a package of its own for each architecture
        let mut parts = needed.edges.iter().filter(|edge| edge.from == *path);
        let optional = |name: &str| !package.manifest["optionalDependencies"][name].is_null();
        if needs(&package.manifest, gyp) && !native(path) && !parts.any(|edge| optional(&edge.name) && native(&edge.to))
        {
            found.insert(&package.name);
        }
    }
    let text = |name: &String| {
        format!(
            "{name} has no native code for {arch}: its install script did not run\n  next: allow-scripts = [\"{name}\"] in nodeos.toml"
        )
    };
    found.into_iter().map(text).collect()
}

/// Whether a package fetches or compiles native code when it is installed.
fn needs(manifest: &Value, gyp: bool) -> bool {
    let script = |event: &&str| manifest["scripts"][*event].as_str();
    let tool = |script: &str| TOOLS.iter().any(|tool| script.contains(tool));
    // npm compiles what has such a file, unless there is a script
    let implied = gyp && manifest["gypfile"] != false && EVENTS.iter().take(2).all(|event| script(event).is_none());
    implied || EVENTS.iter().filter_map(script).any(tool)
}

/// Whether a folder of a home has an addon, for that architecture.
fn native_code(home: &Home, folder: &Path, arch: Option<&Arch>) -> bool {
    let folder = format!("{}/", folder.display());
    let own = |path: &String| path.strip_prefix(&folder).is_some_and(|inside| !inside.contains("node_modules/"));
    let mut addons = home.paths().filter(own).filter(|path| path.ends_with(".node"));
    addons.any(|path| native::machine(home, &path).is_some_and(|it| arch.is_none_or(|arch| arch.elf_machine == it)))
}

/// Runs the scripts of the packages with these names, and puts what they made into the home.
pub fn run(
    host: &Host,
    home: &mut Home,
    packages: &Dependencies,
    names: &[String],
    node: Option<&Choice>,
    arch: &Arch,
) -> Result<()> {
    for name in names {
        let called = |(path, package): &(&PathBuf, &super::modules::Package)| {
            (package.name == *name || package.manifest["name"] == **name).then(|| (*path).clone())
        };
        let found: Vec<PathBuf> = packages.needed.packages.iter().filter_map(|it| called(&it)).collect();
        if found.is_empty() {
            return Err(Error::new(
                format!("run the install script of {name}"),
                "the app needs no package of that name",
            )
            .next("remove it from allow-scripts in nodeos.toml"));
        }
        for path in found {
            let tried = format!("run the install script of {name} for {arch}");
            let made = one(host, packages, &path, name, node, arch).map_err(|error| error.within(&tried))?;
            let to = packages.place(&path).display().to_string();
            home.copy_but(&made, &to, &|path, _| left_out::always(path) || path.ends_with("node_modules"))?;
            let manifest = packages.reader.manifest(&packages.context, &path).unwrap_or_default();
            let gyp = made.join("binding.gyp").is_file();
            if needs(&manifest, gyp) && !native_code(home, Path::new(&to), Some(arch)) {
                return Err(Error::new(tried, format!("it ended, and {name} still has no native code for {arch}")));
            }
        }
    }
    Ok(())
}

/// The folder of a package after its scripts have run.
fn one(
    host: &Host,
    packages: &Dependencies,
    path: &Path,
    name: &str,
    node: Option<&Choice>,
    arch: &Arch,
) -> Result<PathBuf> {
    let default = Choice::parse(DEFAULT, arch)?;
    let Choice::Release { version, .. } = node.unwrap_or(&default) else {
        return Err(Error::new("find the headers of node", "nodeos.toml or --node names a file, not a version")
            .next("--node VERSION"));
    };
    let context = &packages.context;
    let all = reached(context, &packages.reader, &[path.to_owned()], Wanted { dev: false, only: None });
    let folders: Vec<PathBuf> = [path.to_owned()].into_iter().chain(all.packages.keys().cloned()).collect();
    // the copy, as a value: its digest is the key
    let mut copy = Home::new("scripts", 0);
    for folder in &folders {
        let inside = folder.display().to_string();
        copy.copy_but(&context.host(folder), &inside, &|path, is_folder| {
            // the cache keeps this copy
            let secret = packages.is_local(folder) && secrets::is_secret(path);
            path.ends_with("node_modules") || left_out::always(path) || secret || packages.ignores(path, is_folder)
        })?;
    }
    for edge in all.edges.iter().filter(|edge| edge.entry != edge.to) {
        copy.link(&edge.entry.display().to_string(), &link(&edge.entry, &edge.to).display().to_string());
    }
    for edge in all.edges.iter().filter(|edge| edge.from == path) {
        let Some(package) = all.packages.get(&edge.to) else { continue };
        for (program, file) in packages::programs(&package.manifest) {
            // npm's own refuses, one of the app's would compile for this machine
            if !arch.is_host() && program == "node-gyp" {
                continue;
            }
            let (at, file) = (path.join("node_modules/.bin").join(program), edge.to.join(file));
            if copy.runnable(&file.display().to_string()) {
                copy.link(&at.display().to_string(), &link(&at, &file).display().to_string());
            }
        }
    }
    let key = Key::default().with("recipe", RECIPE).with("arch", arch.name).with("node", version);
    let key = copy.digest(key.with("package", path.as_os_str().as_encoded_bytes()))?.name();
    // nothing is compiled for another architecture
    let headers = if arch.is_host() { Some(headers(host, version, arch)?) } else { None };
    let program = node::node(host, Arch::host(), &Choice::parse(version, Arch::host())?)?;
    let made = host.cache.entry("scripts", &format!("{arch}-{key}"), |new| {
        let phase = host.progress.start("scripts", &format!("run the install script of {name}"));
        write(&copy, new)?;
        for event in events(&new.join(path))? {
            npm_run(event, &new.join(path), version, headers.as_deref(), &program, arch)?;
        }
        clean(&new.join(path).join("build"))?;
        phase.done(&format!("ran the install script of {name} for {arch}, node {version}"));
        Ok(())
    })?;
    host.cache.prune("scripts", "");
    Ok(made.join(path))
}

/// Writes a copy to the disk.
fn write(copy: &Home, to: &Path) -> Result<()> {
    use super::home::{Content, Entry};
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    fs::create_dir(to).tried("make the folder", to)?;
    for (path, entry) in copy.entries() {
        let at = to.join(OsStr::from_bytes(path));
        match entry {
            Entry::Folder => fs::create_dir(&at).tried("make the folder", &at)?,
            Entry::Link(says) => symlink(OsStr::from_bytes(says), &at).tried("make the link", &at)?,
            Entry::File(Content::Bytes(bytes), _) => fs::write(&at, bytes).tried("write", &at)?,
            Entry::File(Content::File(from), run) => {
                fs::copy(from, &at).tried("copy", from)?;
                let mode = fs::Permissions::from_mode(if *run { 0o755 } else { 0o644 });
                fs::set_permissions(&at, mode).tried("make writable", &at)?;
            }
        }
    }
    Ok(())
}

/// The scripts that a package has. npm's own, if there is none and a binding.gyp, is written into the copy.
fn events(folder: &Path) -> Result<Vec<&'static str>> {
    let path = folder.join("package.json");
    let text = foreign::text(&path)?;
    let mut manifest = packages::parse(&text).map_err(|why| Error::new(format!("read {}", path.display()), why))?;
    let has = |manifest: &Value, event: &str| manifest["scripts"][event].is_string();
    let implied = folder.join("binding.gyp").is_file() && manifest["gypfile"] != false;
    if implied && !has(&manifest, "install") && !has(&manifest, "preinstall") {
        if !manifest["scripts"].is_object() {
            manifest["scripts"] = Value::Object(serde_json::Map::new());
        }
        manifest["scripts"]["install"] = "node-gyp rebuild".into();
        fs::write(&path, manifest.to_string()).tried("write", &path)?;
    }
    Ok(EVENTS.into_iter().filter(|event| has(&manifest, event)).collect())
}

/// Runs one script, with the image's version of node, as npm would for that architecture.
fn npm_run(event: &str, folder: &Path, version: &str, headers: Option<&Path>, node: &Path, arch: &Arch) -> Result<()> {
    let beside = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
    let bin = beside.path().join("bin");
    fs::create_dir(&bin).tried("make the folder", &bin)?;
    symlink(node, bin.join("node")).tried("make the link", bin.join("node"))?;
    let old = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&old)));
    let path = path.map_err(|error| Error::new("set PATH", error))?;
    let mut run = Run::new("npm").args(["run", "--ignore-scripts", "--loglevel=error", event]).within(folder);
    run = run.env("PATH", path).env("JOBS", "max");
    // else the user's own setting would count
    run = run.env("npm_config_nodedir", headers.unwrap_or(Path::new("")));
    for (names, value) in [
        (&["runtime"][..], "node"),
        (&["target"], version),
        (&["platform", "target_platform"], "linux"),
        (&["arch", "target_arch"], cpu(arch)),
        (&["libc", "target_libc"], "glibc"),
    ] {
        for name in names {
            run = run.env(&format!("npm_config_{name}"), value);
        }
    }
    let mut next = "is the network up? To compile: apt-get install g++ make python3".to_owned();
    if !arch.is_host() {
        let refuses = beside.path().join("node-gyp.js");
        let text = format!(
            "console.error('node-gyp compiles for {} alone, and the image is for {arch}'); process.exit(1)\n",
            Arch::host()
        );
        fs::write(&refuses, text).tried("write", &refuses)?;
        run = run.env("npm_config_node_gyp", refuses);
        next = format!("build on a machine with {arch}, or use a package that has native code for it");
    }
    run.ok().map_err(|error| error.next(next))
}

/// The headers of a release of node, for node-gyp: its `nodedir`.
fn headers(host: &Host, version: &str, arch: &Arch) -> Result<PathBuf> {
    let Choice::Release { integrity, .. } = Choice::parse(version, arch)? else {
        return Err(Error::new("find the headers of node", format!("{version} is not a version")));
    };
    let key = Key::default().with("integrity", integrity.as_deref().unwrap_or("npm's")).name();
    host.cache.entry("headers", &format!("{version}-{arch}-{key}"), |new| {
        let phase = host.progress.start("node", &format!("fetch the headers of node {version}"));
        let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
        let archive = pack(arch.node_package, version, integrity.as_deref(), folder.path())?;
        unpack(&archive, "package/include", &new.join("include"))?;
        phase.done(&format!("the headers of node {version}"));
        Ok(())
    })
}

/// Removes what a compiler left: large, and with paths of this host.
fn clean(build: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(build) else { return Ok(()) };
    for entry in entries {
        let path = entry.tried("list", build)?.path();
        let is = |part: Option<&std::ffi::OsStr>| part.is_some_and(|part| LEFTOVERS.iter().any(|name| part == *name));
        if is(path.file_name()) || is(path.extension()) {
            remove(&path)?;
        } else if path.is_dir() && !path.is_symlink() {
            clean(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{clean, needs};
    use serde_json::json;
    use std::fs;

    #[test]
    fn a_package_needs_its_script_if_that_fetches_or_compiles_code() {
        for (manifest, gyp, expected) in [
            (json!({"scripts": {"install": "prebuild-install || node-gyp rebuild --release"}}), true, true),
            (json!({"scripts": {"install": "node scripts/prebuild.js || node-gyp rebuild"}}), true, true),
            (json!({"scripts": {"install": "node-gyp-build"}}), true, true),
            (json!({"scripts": {"install": "node-pre-gyp install --fallback-to-build"}}), false, true),
            (json!({}), true, true),
            (json!({"gypfile": false}), true, false),
            // checks only: the code is in optional packages
            (json!({"scripts": {"postinstall": "node install.js"}}), false, false),
            (json!({"scripts": {"install": "node install/check.js || npm run build"}}), false, false),
            (json!({"scripts": {"postinstall": "node -e \"console.log('thanks')\""}}), false, false),
            (json!({"scripts": {"build": "node-gyp rebuild", "prepare": "node-gyp rebuild"}}), false, false),
            (json!({}), false, false),
        ] {
            assert_eq!(needs(&manifest, gyp), expected, "{manifest}");
        }
    }

    #[test]
    fn what_a_compiler_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        for path in
            ["Release/x.node", "Release/obj.target/x/a.o", "Release/x.a", "Makefile", "x.target.mk", "Release/helper"]
        {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        clean(folder.path()).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(folder.path().join("Release")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["helper", "x.node"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
