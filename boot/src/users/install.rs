//! Installs an app's packages in a copy, as the lock file says. The app's own folder is never written to.

use super::build_context::BuildContext;
use super::left_out::Ignored;
use super::local::locals;
use super::managers::{self, Install};
use super::modules::cpu;
use super::secrets::{self, Secret};
use super::workspace::Workspace;
use super::{left_out, packages, settings};
use crate::host::Host;
use crate::host::cache::remove;
use crate::host::digest::{Key, file as digest_of};
use crate::host::error::{Error, Result, Tried};
use crate::host::foreign;
use crate::host::run::Run;
use crate::parts::npm::{pack, unpack};
use serde_json::{Value, json};
use shim::arches::Arch;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Must change when packages are installed in another way.
const RECIPE: &str = "workspaces 3";
/// What managers read in the folder with the lock file. Settings may name the registry.
const SETTINGS: [&str; 4] = [".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml"];
/// Folders there with changes to packages.
const PATCHES: [&str; 2] = ["patches", ".yarn/patches"];
/// How many lines of its stdout an error repeats.
const LAST_LINES: usize = 12;
/// Programs of an app that a manager runs where it finds them.
const PROGRAMS: [&str; 4] = ["yarn.config.cjs", ".pnpmfile.cjs", ".pnpmfile.mjs", "pnpmfile.js"];
/// What every manager is told, whatever settings it finds: which git it runs, and that no git reads files of this host.
const VARIABLES: [(&str, &str); 3] =
    [("npm_config_git", "git"), ("npm_config_global", "false"), ("GIT_ALLOW_PROTOCOL", "http:https:ssh:git")];

/// A copy of the app's folders with its packages.
pub struct Installed {
    pub folder: PathBuf,
    /// What the cache does not keep of packages that were copied from the host.
    pub secrets: Vec<Secret>,
}

/// A copy of the folders, relative to the build context's base, with nothing but `node_modules` in them.
pub fn install(
    host: &Host,
    context: &BuildContext,
    workspace: &Workspace,
    install: &Install,
    arch: &Arch,
    dev: bool,
) -> Result<Installed> {
    let inputs = inputs(context, workspace)?;
    let version = install.version.as_ref().map_or("", |(version, _)| version);
    let mut key = Key::default().with("recipe", RECIPE).with("arch", arch.name).with("dev", [u8::from(dev)]);
    key = key.with("manager", install.manager.name).with("version", version);
    for path in [&context.app, &context.root] {
        key = key.with("folder", path.as_os_str().as_encoded_bytes());
    }
    for path in &inputs {
        key = key.with("path", path.as_os_str().as_encoded_bytes());
        key = key.with("digest", digest_of(&host.cache, &context.base.join(path))?);
    }
    let program = program(host, install)?;
    let made = host.cache.entry("packages", &format!("app-{}", key.name()), |new| {
        let name = install.manager.name;
        let phase = host.progress.start(name, "install the app's dependencies");
        for path in &inputs {
            let dropped = copy(&context.base.join(path), &new.join(path))?;
            if !dropped.is_empty() {
                let text = format!("of {}, these settings do not count here: {}", path.display(), dropped.join(", "));
                host.progress.say("app", &format!("{text}\n  next: settings of your own belong into your home's file"));
            }
        }
        let folder = new.join(&context.root);
        fs::create_dir_all(&folder).tried("make the folder", &folder)?;
        adapt(&folder, install, arch)?;
        let run = command(install, program.as_deref(), arch, dev, &only(context, install)?);
        let within = format!("install the dependencies of {}", context.base.join(&context.app).display());
        run_manager(run.within(&folder)).map_err(|error| {
            error.next("is the registry reachable? npm ping. Does the lock file fit package.json?").within(&within)
        })?;
        // a package beside the app has a tree of its own, which no manager installs with the app's
        for beside in context.open.iter().filter(|open| beside(context, open)) {
            npm_beside(&new.join(beside), arch).map_err(|error| error.within(&within))?;
        }
        let taken = secrets::take_out(new, &inputs)?;
        phase.done(&if install.locked {
            format!(
                "installed the app's dependencies{}",
                if version.is_empty() { String::new() } else { format!(" with {name} {version}") }
            )
        } else {
            "installed the app's dependencies; a lock file would pin them".to_owned()
        });
        // the cache keeps no file of the app: some are secret
        only_modules(new)?;
        secrets::write(new, &taken)
    })?;
    host.cache.prune("packages", "app-");
    let secrets = secrets::read(&made)?;
    Ok(Installed { folder: made, secrets })
}

fn beside(context: &BuildContext, open: &Path) -> bool {
    !open.starts_with(&context.root) && !open.ends_with("node_modules")
}

/// The program of a manager, from the registry; npm is the host's.
fn program(host: &Host, install: &Install) -> Result<Option<PathBuf>> {
    let (Some((package, program)), Some((version, integrity))) = (install.manager.package, &install.version) else {
        return Ok(None);
    };
    let key = Key::default().with("package", package).with("integrity", integrity.unwrap_or("npm's")).name();
    let folder = host.cache.entry("managers", &format!("{}-{version}-{key}", install.manager.name), |new| {
        let phase = host.progress.start(install.manager.name, &format!("fetch {package} {version}"));
        let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
        let archive = pack(package, version, *integrity, folder.path())?;
        unpack(&archive, "package", new)?;
        phase.done(&format!("{package} {version}"));
        Ok(())
    })?;
    Ok(Some(folder.join(program)))
}

/// The command line.
fn command(install: &Install, program: Option<&Path>, arch: &Arch, dev: bool, only: &[String]) -> Run {
    let manager = install.manager;
    let mut run = match program {
        Some(program) => Run::new("node").arg(program),
        None => Run::new("npm"),
    };
    let verb = if install.locked { manager.locked } else { manager.unlocked };
    run = run.args(verb.split(' ')).args(manager.words.iter().map(|word| word.replace("{arch}", cpu(arch))));
    if !dev {
        run = run.args(manager.production);
    }
    // the first yarn knows no other machine than the one it runs on
    if manager.package.is_some_and(|(package, _)| package == "yarn") && !arch.is_host() {
        run = run.arg("--ignore-platform");
    }
    run = run.args(only);
    manager.variables.iter().chain(&VARIABLES).fold(run, |run, (name, value)| run.env(name, value))
}

/// Runs a manager. An error has the end of its stdout: pnpm and the later yarn write the reason there.
fn run_manager(run: Run) -> Result<()> {
    let mut said = Vec::new();
    run.lines(|line| said.push(format!("\n    {line}"))).map_err(|mut error| {
        error.why += &said.split_off(said.len().saturating_sub(LAST_LINES)).concat();
        error
    })
}

/// Words with which npm and pnpm install what one package of the workspace needs.
fn only(context: &BuildContext, install: &Install) -> Result<Vec<String>> {
    let inside = context.app.strip_prefix(&context.root).unwrap_or(Path::new(""));
    if inside == Path::new("") {
        return Ok(Vec::new());
    }
    let text = foreign::text(&context.base.join(&context.app).join("package.json"))?;
    let name = packages::parse(&text).ok().and_then(|manifest| manifest["name"].as_str().map(str::to_owned));
    Ok(match (install.manager.name, name) {
        ("npm", _) => vec![format!("--workspace={}", inside.display())],
        ("pnpm", Some(name)) => vec![format!("--filter={name}...")],
        _ => Vec::new(),
    })
}

/// Changes settings in the copy: the machine that is installed for, and nothing of the folder that would run.
fn adapt(folder: &Path, install: &Install, arch: &Arch) -> Result<()> {
    let machine = json!({"os": ["linux"], "cpu": [cpu(arch)], "libc": ["glibc"]});
    let path = folder.join(".yarnrc.yml");
    if let Some(text) = foreign::text_if_there(&path)? {
        // JSON is YAML
        fs::write(&path, format!("{text}supportedArchitectures: {machine}\n")).tried("write", &path)?;
    }
    let path = folder.join("package.json");
    if install.manager.name == "pnpm" && path.exists() {
        let text = foreign::text(&path)?;
        let wrong = |why| Error::new(format!("read {}", path.display()), why);
        let mut manifest = packages::parse(&text).map_err(wrong)?;
        if !manifest["pnpm"].is_object() {
            manifest["pnpm"] = json!({});
        }
        manifest["pnpm"]["supportedArchitectures"] = machine;
        fs::write(&path, manifest.to_string()).tried("write", &path)?;
    }
    Ok(())
}

/// Installs the packages of a folder beside the app.
fn npm_beside(folder: &Path, arch: &Arch) -> Result<()> {
    let text = foreign::text(&folder.join("package.json")).unwrap_or_default();
    if !wants(&packages::parse(&text).unwrap_or_default(), false) {
        return Ok(());
    }
    let locked = folder.join("package-lock.json").exists() || folder.join("npm-shrinkwrap.json").exists();
    let npm = Install { manager: managers::ALL[0], version: None, locked };
    command(&npm, None, arch, false, &[]).within(folder).ok()
}

/// Whether a package.json asks for packages.
pub fn wants(manifest: &Value, dev: bool) -> bool {
    let kinds = ["dependencies", "optionalDependencies", "devDependencies"];
    kinds
        .iter()
        .take(if dev { 3 } else { 2 })
        .any(|kind| manifest[*kind].as_object().is_some_and(|packages| !packages.is_empty()))
}

/// The files that an install reads, below the build context's base.
fn inputs(context: &BuildContext, workspace: &Workspace) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let root = &context.root;
    // each is small, and its name may be that of anything
    let add = |path: PathBuf, found: &mut BTreeSet<PathBuf>| -> Result<()> {
        found.extend(foreign::if_there(&context.base.join(&path), foreign::TEXT)?.map(|_| path));
        Ok(())
    };
    for name in managers::LOCKS.iter().chain(&SETTINGS) {
        add(root.join(name), &mut found)?;
    }
    for folder in PATCHES.map(|name| root.join(name)) {
        files(&context.base, &folder, root, &mut found)?;
    }
    let members = workspace.members.iter().map(|member| root.join(member));
    let beside = context.open.iter().filter(|open| beside(context, open)).cloned();
    for folder in [root.clone(), context.app.clone()].into_iter().chain(members).chain(beside) {
        for name in ["package.json", ".npmrc", "package-lock.json", "npm-shrinkwrap.json"] {
            add(folder.join(name), &mut found)?;
        }
        let text = foreign::text_if_there(&context.base.join(&folder).join("package.json"))?.unwrap_or_default();
        let Ok(manifest) = packages::parse(&text) else { continue };
        // managers link the programs of a package, if they are there
        found.extend(packages::programs(&manifest).into_iter().map(|(_, path)| folder.join(path)));
        for local in locals(&manifest) {
            let local = crate::parts::closure::normal(&format!("/{}", folder.join(&local).display()));
            files(&context.base, Path::new(local.trim_start_matches('/')), root, &mut found)?;
        }
    }
    found.retain(|path| !PROGRAMS.iter().any(|program| path.ends_with(program)));
    found.retain(|path| path.components().all(|part| part.as_os_str() != "..") && context.base.join(path).is_file());
    Ok(found)
}

/// All files of a folder, or the file itself; but a folder that has all of the app is not a package of it.
fn files(base: &Path, path: &Path, root: &Path, found: &mut BTreeSet<PathBuf>) -> Result<()> {
    let whole = base.join(path);
    if !whole.is_dir() || root.starts_with(path) {
        found.insert(path.to_owned());
        return Ok(());
    }
    below(base, path, &left_out::ignored(&whole)?, found)
}

fn below(base: &Path, path: &Path, ignored: &Ignored, found: &mut BTreeSet<PathBuf>) -> Result<()> {
    let whole = base.join(path);
    for entry in fs::read_dir(&whole).tried("list", &whole)? {
        let entry = entry.tried("list", &whole)?;
        let inside = path.join(entry.file_name());
        let kind = entry.file_type().tried("look at", entry.path())?;
        if left_out::always(&inside)
            || inside.ends_with("node_modules")
            || ignored.leaves_out(&entry.path(), kind.is_dir())
        {
            continue;
        }
        if kind.is_dir() {
            below(base, &inside, ignored, found)?;
        } else if kind.is_file() {
            // one that is too large would be read for its digest alone
            if inside.ends_with("package.json") {
                foreign::if_there(&base.join(&inside), foreign::TEXT)?;
            }
            found.insert(inside);
        }
    }
    Ok(())
}

/// Copies a file; of settings, only what counts. Returns the keys of the others.
fn copy(from: &Path, to: &Path) -> Result<Vec<String>> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).tried("make the folder", folder)?;
    }
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    let Some(settings) = settings::File::named(&name) else {
        return fs::copy(from, to).tried("copy", from).map(|_| Vec::new());
    };
    let (kept, dropped) = settings.counted(&foreign::text(from)?);
    fs::write(to, kept).tried("write", to)?;
    Ok(dropped)
}

/// Removes all but `node_modules`; tells whether anything is left.
fn only_modules(folder: &Path) -> Result<bool> {
    let mut any = false;
    for entry in fs::read_dir(folder).tried("list", folder)? {
        let entry = entry.tried("list", folder)?;
        let path = entry.path();
        let kind = entry.file_type().tried("look at", &path)?;
        let kept = kind.is_dir() && (entry.file_name() == "node_modules" || only_modules(&path)?);
        if !kept {
            remove(&path)?;
        }
        any |= kept;
    }
    Ok(any)
}

#[cfg(test)]
mod tests {
    use super::command;
    use crate::users::managers::{ALL, Install};
    use shim::arches::Arch;
    use std::path::Path;

    #[test]
    fn each_manager_runs_no_script_and_leaves_development_packages_out() {
        let arch = Arch::named("aarch64").unwrap();
        let line = |at: usize, locked, dev| {
            let manager = ALL[at];
            let program = manager.package.map(|(_, program)| Path::new(program));
            command(&Install { manager, version: None, locked }, program, arch, dev, &[]).to_string()
        };
        let npm = "--ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error --cpu=arm64 --os=linux --libc=glibc";
        assert_eq!(line(0, true, false), format!("npm ci {npm} --omit=dev"));
        assert_eq!(line(0, false, true), format!("npm install {npm}"));
        assert!(line(1, true, false).starts_with("node bin/pnpm.cjs install --frozen-lockfile --ignore-scripts"));
        assert!(line(1, true, false).ends_with(" --prod"));
        assert!(line(2, true, false).starts_with("node bin/yarn.js install --frozen-lockfile --ignore-scripts"));
        assert_eq!(line(3, true, false), "node bin/yarn.js install --immutable --mode=skip-build");
    }
}
