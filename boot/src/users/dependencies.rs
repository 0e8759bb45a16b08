//! The packages of an app: where they are, or how they are installed, and how they come into its image.
//!
//! ```text
//! package.json, lock files → Facts → Plan → (an install in a copy) → what is reached → Home
//! ```
//!
//! `/app` is the app's folder. What it needs of its workspace, or of a folder beside it, is in `VIRTUAL_STORE` (pnpm's
//! word), laid out as on the host, with links from `/app/node_modules`: every package finds what it found there.

use super::build_context::{BuildContext, Unresolved, in_modules, link};
use super::home::{Entry, Home};
use super::install::{install, wants};
use super::left_out::Ignored;
use super::local::{locals, locked};
use super::managers::{self, Facts, Plan, plan};
use super::modules::{Reached, Reader, Wanted, local_packages, reached};
use super::secrets::Secret;
use super::workspace::{self, Workspace};
use super::{left_out, packages};
use crate::host::Host;
use crate::host::error::{Error, Result, Tried};
use crate::host::foreign;
use crate::host::size;
use shim::arches::Arch;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The app's folder in its image.
const APP: &str = "app";
/// Where packages are that are not in the app's folder.
const VIRTUAL_STORE: &str = "app/node_modules/.workspace";

/// An app's packages.
#[derive(Debug)]
pub(super) struct Dependencies {
    pub context: BuildContext,
    pub reader: Reader,
    pub needed: Reached,
    /// Packages that only the app's development needs.
    dropped: BTreeSet<PathBuf>,
    /// Packages that come from a folder of the host, and what their `.nodeosignore` leaves out: those that lie outside of
    /// `node_modules`, and copies of them in there.
    local: BTreeMap<PathBuf, Ignored>,
    /// What the cache does not have of such copies.
    secrets: Vec<Secret>,
}

/// Finds the packages of an app's folder, whose path has no links. Installs them if they are not there.
pub(super) fn of(host: &Host, app: &Path, arch: &Arch, dev: bool) -> Result<Dependencies> {
    let tried = || format!("take the dependencies of {}", app.display());
    let workspace = workspace::of(app)?;
    let workspace = workspace.unwrap_or_else(|| Workspace { root: app.to_owned(), members: Vec::new() });
    let named = named(app, &workspace);
    let mut context = context(app, &workspace, &named);
    let reader = Reader::default();
    let start = start(&context, &workspace);
    let facts = facts(&context, &start, &reader, dev)?;
    let plan = plan(&facts).map_err(|why| Error::new(tried(), why))?;
    let mut secrets = Vec::new();
    if let Plan::Install(how) = &plan {
        relative(&workspace, &named)?;
        let installed = install(host, &context, &workspace, how, arch, dev)?;
        (context.installed, secrets) = (Some(installed.folder), installed.secrets);
    }
    let only = context.installed.as_ref().map(|_| arch);
    let needed = reached(&context, &reader, &start, Wanted { dev, only });
    if let Some(unresolved) = needed.unresolved.first().filter(|_| plan != Plan::Nothing) {
        return Err(refused(&context, unresolved).within(tried()));
    }
    let manager = facts.locks.first().map_or("npm", |(lock, _)| manager_of(lock));
    for (_, name) in needed.missing.iter().filter(|_| plan == Plan::Present) {
        let why = format!("{name} is in package.json and not in node_modules\n  next: {manager} install");
        host.progress.say("app", &why);
    }
    let all = reached(&context, &reader, &start, Wanted { dev: true, only: None });
    let dropped = all.packages.into_keys().filter(|path| !needed.packages.contains_key(path)).collect();
    let folders = named.folders;
    let names = folders.iter().filter_map(|folder| manifest(folder)["name"].as_str().map(str::to_owned)).collect();
    let mut local = BTreeMap::new();
    for path in local_packages(&context, &reader, &needed, &names) {
        let ignored = left_out::ignored(&context.host(&path))?;
        local.insert(path, ignored);
    }
    let found = Dependencies { context, reader, needed, dropped, local, secrets };
    found.tell(host);
    Ok(found)
}

/// What package.json files name outside of the app's folder and its workspace, on the host.
pub fn outside(app: &Path) -> Result<Vec<PathBuf>> {
    let app = fs::canonicalize(app).tried("find", app)?;
    let workspace = workspace::of(&app)?.unwrap_or_else(|| Workspace { root: app.clone(), members: Vec::new() });
    Ok(named(&app, &workspace).outside)
}

/// What package.json files name on this host.
struct Named {
    /// The folders whose package.json says what is installed.
    folders: BTreeSet<PathBuf>,
    /// Folders and archives outside of the workspace.
    outside: Vec<PathBuf>,
}

fn named(app: &Path, workspace: &Workspace) -> Named {
    let members = workspace.members.iter().map(|member| workspace.root.join(member));
    let mut todo: Vec<PathBuf> = [app.to_owned(), workspace.root.clone()].into_iter().chain(members).collect();
    let (mut folders, mut found) = (BTreeSet::new(), BTreeSet::new());
    while let Some(folder) = todo.pop() {
        if !folders.insert(folder.clone()) {
            continue;
        }
        let manifest = manifest(&folder);
        // what is not there is reported by whoever looks for it
        let named = locals(&manifest).into_iter().filter_map(|path| fs::canonicalize(folder.join(path)).ok());
        for path in named.filter(|path| !workspace.root.starts_with(path)) {
            if !path.starts_with(&workspace.root) {
                found.insert(path.clone());
            }
            todo.push(path);
        }
    }
    // one that is inside of another comes with it
    let inside = |path: &PathBuf| path.ancestors().skip(1).any(|above| found.contains(above));
    let outside = found.iter().filter(|path| !inside(path)).cloned().collect();
    Named { folders, outside }
}

fn manifest(folder: &Path) -> serde_json::Value {
    packages::parse(&foreign::text(&folder.join("package.json")).unwrap_or_default()).unwrap_or_default()
}

/// Where packages may be. Of a workspace, that is what its packages have, and the `node_modules` of its root.
fn context(app: &Path, workspace: &Workspace, named: &Named) -> BuildContext {
    let mut base = workspace.root.as_path();
    for path in &named.outside {
        while !path.starts_with(base) {
            base = base.parent().unwrap_or(Path::new("/"));
        }
    }
    let below = |path: &Path| path.strip_prefix(base).unwrap_or(path).to_owned();
    let root = below(&workspace.root);
    let members = workspace.members.iter().map(|member| root.join(member));
    let open = members.chain([root.join("node_modules")]).chain(named.outside.iter().map(|path| below(path))).collect();
    BuildContext { base: base.to_owned(), app: below(app), root, open, installed: None }
}

/// Refuses paths that would lead a package manager out of the copy: absolute ones, and those of a lock file that nobody
/// was asked about.
fn relative(workspace: &Workspace, Named { folders, outside }: &Named) -> Result<()> {
    let refused = |file: &Path, path: &str, why: &str, next: &str| {
        let tried = format!("install what {} asks for", file.display());
        Err(Error::new(tried, format!("{path} is {why}")).next(next))
    };
    for folder in folders {
        if let Some(local) = locals(&manifest(folder)).iter().find(|local| local.starts_with(['/', '~'])) {
            let next = "write a path relative to that file";
            return refused(&folder.join("package.json"), local, "an absolute path", next);
        }
    }
    let open = |path: &Path| [&workspace.root].into_iter().chain(outside).any(|open| path.starts_with(open));
    for lock in managers::LOCKS.map(|name| workspace.root.join(name)) {
        let Some(text) = foreign::if_there(&lock, foreign::TEXT)? else { continue };
        for path in locked(&String::from_utf8_lossy(&text)) {
            // managers differ in what a path is relative to; one that is not there harms nobody
            let there = folders.iter().filter_map(|folder| fs::canonicalize(folder.join(&path)).ok());
            if path.starts_with(['/', '~']) || there.into_iter().any(|path| !open(&path)) {
                let next = "name that path in package.json, as in \"x\": \"file:../x\", and install again";
                return refused(&lock, &path, "outside of the folder, and no package.json names it", next);
            }
        }
    }
    Ok(())
}

/// The app, and the packages of the workspace that are inside of it.
fn start(context: &BuildContext, workspace: &Workspace) -> Vec<PathBuf> {
    let members = workspace.members.iter().map(|member| context.root.join(member));
    let inside = members.filter(|member| member.starts_with(&context.app) && *member != context.app);
    [context.app.clone()].into_iter().chain(inside).collect()
}

fn facts(context: &BuildContext, start: &[PathBuf], reader: &Reader, dev: bool) -> Result<Facts> {
    let root = context.base.join(&context.root);
    let there = |folder: &Path| context.base.join(folder).join("node_modules").is_dir();
    let read = |name: &str| {
        let bytes = foreign::if_there(&root.join(name), foreign::TEXT)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    let mut locks = Vec::new();
    for name in managers::LOCKS {
        locks.extend(read(name)?.map(|text| (name, text)));
    }
    let named = [&context.app, &context.root].into_iter().filter_map(|folder| reader.manifest(context, folder));
    let settings = read(".yarnrc.yml")?.unwrap_or_default();
    Ok(Facts {
        wanted: start
            .iter()
            .filter_map(|folder| reader.manifest(context, folder))
            .any(|manifest| wants(&manifest, dev)),
        present: there(&context.root) || there(&context.app),
        named: named.filter_map(|manifest| managers::named(&manifest)).next(),
        locks,
        linker: managers::yaml(&settings, "nodeLinker").map(str::to_owned),
        plug_and_play: root.join(".pnp.cjs").is_file() && root.join(".yarn/cache").is_dir(),
    })
}

fn manager_of(lock: &str) -> &'static str {
    managers::ALL.iter().find(|manager| manager.locks.contains(&lock)).map_or("npm", |manager| manager.name)
}

/// A link that leads to no package of the app.
fn refused(context: &BuildContext, (from, name, entry, unresolved): &(PathBuf, String, PathBuf, Unresolved)) -> Error {
    let host = |path: &Path| context.base.join(path).display().to_string();
    let says = fs::read_link(context.host(entry)).unwrap_or_default();
    let tried = format!("find {name}, which {} names", host(&from.join("package.json")));
    let at = host(entry);
    match unresolved {
        Unresolved::Dangling => {
            Error::new(tried, format!("{at} is a link to {}, and nothing is there", says.display()))
                .next("install the packages again, or remove node_modules: NodeOS then installs them")
        }
        Unresolved::Outside(path) => Error::new(
            tried,
            format!("{at} is a link to {}, outside of the folder", path.display()),
        )
        .next(format!(
            "name that folder in package.json, as in \"{name}\": \"file:../{name}\", or install {name} without a link"
        )),
    }
}

impl Dependencies {
    /// Says how much stays on the host.
    fn tell(&self, host: &Host) {
        let inside = |path: &&PathBuf| path.starts_with(&self.context.app);
        let dropped: Vec<_> = self.dropped.iter().filter(inside).collect();
        if self.context.installed.is_some() || dropped.is_empty() {
            return;
        }
        let bytes = dropped.iter().map(|path| bytes(&self.context.host(path))).sum::<u64>();
        let (count, more) = (dropped.len(), if dropped.len() == 1 { "" } else { "s" });
        let size = size::shown(bytes);
        host.progress.say(
            "app",
            &format!("left out {count} package{more} that only devDependencies need, {size}; dev = true in nodeos.toml keeps them"),
        );
    }

    /// Whether a file or folder of the app's folder on the host is left out.
    pub fn leaves_out(&self, path: &Path) -> bool {
        let Some(path) = self.context.of_host(path).filter(|path| in_modules(path)) else { return false };
        // in place of these, there are those of the copy
        let own = self.context.installed.is_some() && path.ends_with("node_modules") && {
            let folder = path.parent().unwrap_or(Path::new(""));
            folder == self.context.app || self.context.open.iter().any(|open| open == folder)
        };
        own || self.drops(&path)
    }

    /// Whether the `.nodeosignore` of a local package leaves a file or folder of the host out.
    pub fn ignores(&self, path: &Path, folder: bool) -> bool {
        let of = |(at, ignored): (&PathBuf, &Ignored)| {
            path.starts_with(self.context.host(at)) && ignored.leaves_out(path, folder)
        };
        self.local.iter().any(of)
    }

    /// Whether a package comes from a folder of the host, also if a manager has copied it into `node_modules`.
    pub fn is_local(&self, package: &Path) -> bool {
        !in_modules(package) || self.local.contains_key(package)
    }

    /// Whether a path of the image is the app's own, or that of a local package.
    pub fn own(&self, path: &str) -> bool {
        let path = Path::new(path);
        let inside = |at: &PathBuf| path.strip_prefix(self.place(at)).is_ok_and(|inside| !in_modules(inside));
        !in_modules(path) || self.local.keys().any(inside)
    }

    /// Whether a path, or what it leads to, is of a package for development.
    fn drops(&self, path: &Path) -> bool {
        if self.dropped.is_empty() {
            return false;
        }
        let is_link = fs::symlink_metadata(self.context.host(path)).is_ok_and(|found| found.is_symlink());
        let real = if is_link { self.context.real(path).ok() } else { Some(path.to_owned()) };
        real.is_some_and(|real| real.ancestors().any(|above| self.dropped.contains(above)) && !self.needs_inside(&real))
    }

    /// A package that is needed may lie in one that is not.
    fn needs_inside(&self, path: &Path) -> bool {
        let needed = |above: &Path| self.needed.packages.contains_key(above);
        path.ancestors().any(needed)
            || self.needed.packages.range(path.to_owned()..).next().is_some_and(|(next, _)| next.starts_with(path))
    }

    /// Where a path is in the image.
    pub fn place(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.context.app) {
            Ok(inside) => Path::new(APP).join(inside),
            Err(_) => Path::new(VIRTUAL_STORE).join(path),
        }
    }

    /// Puts the packages into a home that has the app's folder.
    pub fn add(&self, home: &mut Home) -> Result<()> {
        let context = &self.context;
        let dropped = |path: &Path| context.of_host(path).is_some_and(|path| self.drops(&path));
        if let Some(installed) =
            context.installed.as_ref().map(|folder| folder.join(&context.app)).filter(|it| it.is_dir())
        {
            home.copy_but(&installed, APP, &|path, folder| {
                left_out::always(path) || dropped(path) || self.ignores(path, folder)
            })?;
        }
        for path in self.needed.packages.keys().filter(|path| !path.starts_with(&context.app)) {
            // an app may be inside of a package that it needs: the root of its workspace
            if context.app.starts_with(path) {
                continue;
            }
            let (from, to) = (context.host(path), text(&self.place(path))?);
            home.copy_but(&from, &to, &|path, folder| {
                left_out::always(path) || path.ends_with("node_modules") || self.ignores(path, folder)
            })?;
        }
        for Secret { copy, source } in &self.secrets {
            let to = text(&self.place(copy))?;
            let folder = to.rsplit_once('/').map_or("", |(folder, _)| folder);
            if home.get(folder) == Some(&Entry::Folder) {
                home.host_file(&to, &context.base.join(source));
            }
        }
        self.links(home)
    }

    /// Makes links to packages outside of the app's folder, and changes those that led there.
    fn links(&self, home: &mut Home) -> Result<()> {
        let context = &self.context;
        let own = |path: &Path| path.starts_with(&context.app);
        for edge in &self.needed.edges {
            let at = match own(&edge.from) && !own(&edge.entry) {
                true => Path::new(APP).join("node_modules").join(&edge.name),
                false => self.place(&edge.entry),
            };
            let target = self.place(&edge.to);
            if at != target && !(own(&edge.entry) && own(&edge.to)) {
                home.link(&text(&at)?, &text(&link(&at, &target))?);
            }
        }
        let modules = |path: &&Vec<u8>| in_modules(Path::new(OsStr::from_bytes(path)));
        let all: Vec<Vec<u8>> = home
            .entries()
            .filter(|(_, entry)| matches!(entry, Entry::Link(_)))
            .map(|(path, _)| path.to_vec())
            .collect();
        for path in all.iter().filter(modules) {
            let at = Path::new(OsStr::from_bytes(path));
            let Ok(inside) = at.strip_prefix(APP).map(|inside| context.app.join(inside)) else { continue };
            if at.starts_with(VIRTUAL_STORE) || self.needed.edges.iter().any(|edge| edge.entry == inside) {
                continue;
            }
            match context.real(&inside) {
                Ok(real) if own(&real) => {}
                Ok(real) if real.ancestors().any(|above| self.needed.packages.contains_key(above)) => {
                    home.link(&text(at)?, &text(&link(at, &self.place(&real)))?);
                }
                // what leads nowhere does no harm, and may be made by the app
                Err(Unresolved::Dangling) => {}
                Ok(_) | Err(Unresolved::Outside(_)) => {
                    // one that was made for an edge has no entry on the host
                    if fs::symlink_metadata(context.host(&inside)).is_ok() {
                        home.remove(path);
                    }
                }
            }
        }
        Ok(())
    }
}

fn text(path: &Path) -> Result<String> {
    let why =
        || Error::new(format!("put {} into the image", path.display()), "its name is not UTF-8").next("rename it");
    path.to_str().map(str::to_owned).ok_or_else(why)
}

/// The size of a folder's files, without those of packages in it.
fn bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let below = entries.filter(|entry| entry.file_name() != "node_modules").map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => bytes(&entry.path()),
        Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |found| found.len()),
        _ => 0,
    });
    below.sum()
}
