//! An app's code as a layer: `nodeos run APP`.
//!
//! ```text
//! folder or file, words → Home (a value: what is in it) → Tree → EROFS image, mounted at /apps
//! ```
//!
//! The user `app`, who cannot log on, has it below a home that holds only what the app writes. `/app` is read-only,
//! unless the app asks for another. `layout::APP_INIT` starts node as if it ran the app's entry: `process.argv`,
//! `require.main` and `import.meta.main` have their usual values, and the exit status is the app's, because there is only
//! one process.

use super::environment::Variable;
use super::home::{Content, Entry, Home};
use super::image::{Create, create};
use super::nsh::Nsh;
use super::shell::Word;
use super::start::{self, EXTENSIONS, Files, Start};
use super::{dependencies, left_out, names, native, packages, scripts, secrets};
use crate::host::Host;
use crate::host::digest::Key;
use crate::host::error::{Error, Result, Tried};
use crate::host::foreign;
use crate::host::shown::Shown;
use crate::image::erofs;
use crate::image::erofs::Packing;
use crate::image::manifest::Include;
use crate::image::tree::{self, Tree};
use crate::parts::node::Choice;
use serde_json::Value;
use shim::arches::Arch;
use shim::layout::{APP_ENVIRONMENT, APP_FOLDER, APP_INIT, APP_POLICY, FIRST_UID};
use shim::policy::Policy;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// JavaScript that says what to do when a write into `/app` fails. SQLite has numbers for it (sqlite3.h,
/// `SQLITE_READONLY` and `SQLITE_CANTOPEN`), and better-sqlite3 has names.
const HINT: &str = "process.on('uncaughtExceptionMonitor', error => {\n\
                    const { code, path, errcode } = Object(error)\n\
                    const sqlite = /^SQLITE_(READONLY|CANTOPEN)/.test(code) || code === 'ERR_SQLITE_ERROR' && [8, 14].includes(errcode & 255)\n\
                    const app = path === undefined || !String(path).startsWith('/') || String(path).startsWith('/app/')\n\
                    if (sqlite || code === 'EROFS' && app) console.error(\
                    'nodeos: /app is read-only: write to another folder, such as /data, or set writable = true in nodeos.toml')\n})\n";
/// JavaScript that says what to do when a program needs a shell: exec() passes its error to a callback, and only
/// execSync() throws it. The listener takes no error from anybody.
const NO_SHELL: &str = "{\nlet said = false\nconst hint = error => {\n\
                        if (said || error?.code !== 'ENOENT' || !/^(\\/bin\\/)?sh$/.test(error.path)) return\nsaid = true\n\
                        console.error('nodeos: there is no /bin/sh: set shell = true in nodeos.toml')\n}\n\
                        process.on('uncaughtExceptionMonitor', hint)\n\
                        require('node:diagnostics_channel').subscribe('child_process', ({ process: child }) => \
                        child.on(require('node:events').errorMonitor, hint))\n}\n";
/// JavaScript that keeps what node has compiled: node itself would do it only at its exit, to which a server that is
/// stopped or loses power never comes.
const KEEP_COMPILED: &str = "if (process.env.NODE_COMPILE_CACHE) require('node:timers').setTimeout(() => {\n\
                             try { require('node:module').flushCompileCache?.() } catch {}\n}, 10_000).unref?.()\n";
/// An app: a file or a folder, and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// The user that runs it.
    pub name: String,
    pub path: PathBuf,
    /// The policy of its user, if its image has one.
    pub policy: Option<Policy>,
    /// The start command in nodeos.toml; it takes precedence over package.json.
    pub start: Option<String>,
    /// Arguments, after those of its own `"start"`.
    pub words: Vec<String>,
    /// Environment variables; those of its own `"start"` come after them.
    pub environment: Vec<Variable>,
    /// Files in the image besides the default libraries: native addons may need them.
    pub includes: Vec<Include>,
    /// Whether it can make files in its own folder.
    pub writable: bool,
    /// Whether it has a `/bin/sh`.
    pub shell: bool,
    /// The node of the image: native addons may be made for another.
    pub node: Option<Choice>,
    /// Packages whose install scripts run on this host, in a copy.
    pub allow_scripts: Vec<String>,
    /// Whether packages that only its development needs are in the image too.
    pub dev: bool,
}

impl From<PathBuf> for App {
    fn from(path: PathBuf) -> Self {
        Self {
            name: names::APP.to_owned(),
            path,
            policy: None,
            start: None,
            words: Vec::new(),
            environment: Vec::new(),
            includes: Vec::new(),
            writable: false,
            shell: false,
            node: None,
            allow_scripts: Vec::new(),
            dev: false,
        }
    }
}

/// The image with the code of these apps; their `APP_INIT` does `first` before all else, which is JavaScript.
pub fn layer(host: &Host, apps: &[App], arch: &Arch, first: &str, packing: Packing) -> Result<PathBuf> {
    let mut tree = Tree::default();
    for app in apps {
        let code = code(host, app, arch, first).map_err(|error| match app.name.as_str() {
            names::APP => error,
            // which of several
            name => error.within(format!("build the app {name}")),
        })?;
        add(&mut tree, &code, app.writable)?;
    }
    erofs::image(host, &erofs::APPS, packing, arch.name, &tree)
}

/// A users partition with the apps' homes, in which nothing is yet; from the cache. Whoever lets a machine write makes a
/// copy.
pub fn homes(host: &Host, apps: &[App], size: u64) -> Result<PathBuf> {
    let homes: Vec<Home> = apps.iter().zip(FIRST_UID..).map(|(app, uid)| Home::new(&app.name, uid)).collect();
    let key = Key::default().with("size", size.to_le_bytes());
    let key = homes.iter().try_fold(key, |key, home| home.digest(key))?.name();
    host.cache.entry("users", &format!("app-{key}"), |new| create(new, Create { size, force: false }, &homes))
}

/// Adds code as files of root's. With `writable`, the app makes new files in its folders, as everybody does in `/tmp`.
fn add(tree: &mut Tree, code: &Home, writable: bool) -> Result<()> {
    for (path, entry) in code.entries() {
        let text = |what: &str, bytes: &[u8]| {
            let tried = format!("put {} into the image", Shown::of(path));
            let why = || Error::new(tried, format!("{what} is not UTF-8")).next("rename it");
            String::from_utf8(bytes.to_vec()).map_err(|_| why())
        };
        let mode = u32::from(entry.mode(path)) & 0o777;
        let entry = match entry {
            Entry::Folder if writable && path.starts_with(APP_FOLDER.as_bytes()) => tree::Entry::Dir { mode: 0o1777 },
            Entry::Folder => tree::Entry::Dir { mode },
            Entry::File(Content::File(source), _) => tree::Entry::File { source: source.clone(), mode },
            Entry::File(Content::Bytes(bytes), _) => tree::Entry::Text { content: text("its text", bytes)?, mode },
            Entry::Link(says) => tree::Entry::Symlink { target: text("what the link says", says)? },
        };
        tree.put(&format!("/{}/{}", code.name, text("its name", path)?), entry)?;
    }
    Ok(())
}

/// What to name where no app is.
const AN_APP: &str = "name a .js, .mjs, .cjs or .ts file, or a folder with a package.json";

/// Whether an app is a folder, and not a file. Refuses what is no app.
pub fn is_folder(app: &Path) -> Result<bool> {
    let found = fs::metadata(app).tried("look at", app).map_err(|error| error.next(AN_APP))?;
    let runs = |extension| EXTENSIONS.iter().any(|other| extension == *other);
    if found.is_dir() || app.extension().is_some_and(runs) {
        return Ok(found.is_dir());
    }
    let why = format!("it is neither a folder nor a file that ends with .{}", EXTENSIONS.join(", ."));
    Err(Error::new(format!("run {}", app.display()), why)
        .next("for a users partition: --users FILE; for a medium, name what `nodeos build` wrote"))
}

/// The app's code, below `/app`. Prints what the user should know about it.
pub fn code(host: &Host, app: &App, arch: &Arch, first: &str) -> Result<Home> {
    let (home, warnings) = code_and_warnings(host, app, arch, first)?;
    warnings.iter().for_each(|warning| host.progress.say("app", warning));
    Ok(home)
}

/// The same, with the warnings as text.
pub fn code_and_warnings(host: &Host, app_of: &App, arch: &Arch, first: &str) -> Result<(Home, Vec<String>)> {
    let App { name, policy, path: app, start: own, words, environment, .. } = app_of;
    let App { includes, writable, shell, node, allow_scripts, dev, .. } = app_of;
    let tried = || format!("run {}", app.display());
    let (mut home, mut said) = (Home::new(name, FIRST_UID), Vec::new());
    let mut start = if is_folder(app)? {
        // a link to a folder would be copied as a link, and npm would write to its target
        let app = &fs::canonicalize(app).tried("find", app)?;
        let manifest = manifest(app)?;
        let (ignored, packages) = (left_out::ignored(app)?, dependencies::of(host, app, arch, *dev)?);
        home.copy_but(app, "app", &|path, folder| {
            left_out::always(path)
                || ignored.leaves_out(path, folder)
                || packages.leaves_out(path)
                || packages.ignores(path, folder)
        })?;
        packages.add(&mut home)?;
        scripts::run(host, &mut home, &packages, allow_scripts, node.as_ref(), arch)?;
        said.extend(scripts::warnings(&home, &packages, arch));
        if ignored.lines() > 0 {
            said.push(format!(".nodeosignore counts, with {} lines: what they name stays here", ignored.lines()));
        }
        said.extend(secrets::named(&home, &|path| packages.own(path)));
        said.extend(left_out::links(&home, app));
        said.extend(left_out::large(&home, app));
        start::of(own.as_deref(), &manifest, &Folder { home: &home, manifest: &manifest }, *shell)
            .map_err(|why| Error::new(tried(), why))?
    } else {
        let name = app.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Error::new(tried(), "its name is not UTF-8").next("rename it"))?;
        home.host_file(&format!("app/{name}"), app);
        Start { entry: name.to_owned(), ..Start::default() }
    };
    let given = environment.iter().map(|(name, value)| (name.clone(), Word::from(value.as_str())));
    start.variables.splice(0..0, given);
    start.args.extend(words.iter().map(|word| Word::from(word.as_str())));
    if *shell {
        Nsh::fetch(host)?.put(&mut home)?;
    }
    let hints = [(*writable, HINT), (*shell, NO_SHELL)].into_iter().filter(|(there, _)| !there).map(|(_, hint)| hint);
    let first = [first, KEEP_COMPILED].into_iter().chain(hints).collect::<String>();
    home.program(APP_INIT.trim_start_matches('/'), start.init(&first).map_err(|why| Error::new(tried(), why))?);
    let variables = start.environment().map_err(|why| Error::new(tried(), why))?;
    if !variables.is_empty() {
        home.file(APP_ENVIRONMENT, variables);
    }
    if let Some(policy) = policy {
        home.file(APP_POLICY, format!("{policy}\n"));
    }
    let interface = node.as_ref().and_then(Choice::interface);
    said.extend(native::warnings(&home, arch, includes, interface)?);
    Ok((home, said))
}

/// The folder's package.json; an empty one if there is none.
fn manifest(app: &Path) -> Result<Value> {
    let path = app.join("package.json");
    match foreign::text_if_there(&path)? {
        Some(text) => packages::parse(&text)
            .map_err(|why| Error::new(format!("read {}", path.display()), format!("it is not JSON: {why}"))),
        None => Ok(Value::Object(serde_json::Map::new())),
    }
}

/// The app's folder in the machine.
struct Folder<'a> {
    home: &'a Home,
    manifest: &'a Value,
}

impl Files for Folder<'_> {
    fn is_file(&self, path: &str) -> bool {
        self.home.file_at(&format!("app/{path}")).is_some()
    }

    fn main(&self, folder: &str) -> Option<String> {
        let (_, content) = self.home.file_at(&format!("app/{folder}/package.json"))?;
        let Content::File(file) = content else { return None };
        let manifest = packages::parse(&foreign::text(file).ok()?).ok()?;
        manifest["main"].as_str().map(str::to_owned)
    }

    fn program(&self, name: &str) -> Option<String> {
        let own = |path: String| path.strip_prefix("app/").map(str::to_owned);
        let (path, content) = match self.home.file_at(&format!("app/node_modules/.bin/{name}")) {
            Some(found) if interpreter(found.1).as_deref() == Some(b"node") => return own(found.0),
            // that of pnpm is a script for sh, and a package of a workspace may have none
            _ => self.home.file_at(&self.of_dependency(name)?)?,
        };
        own(path).filter(|_| interpreter(content).as_deref() == Some(b"node"))
    }
}

impl Folder<'_> {
    /// The path of a program that a package has which package.json names.
    fn of_dependency(&self, program: &str) -> Option<String> {
        let kinds = ["dependencies", "optionalDependencies", "devDependencies"];
        let mut names = kinds.iter().filter_map(|kind| self.manifest[*kind].as_object()).flat_map(|all| all.keys());
        names.find_map(|name| {
            let folder = format!("app/node_modules/{name}");
            let (_, content) = self.home.file_at(&format!("{folder}/package.json"))?;
            let Content::File(file) = content else { return None };
            let manifest = packages::parse(&foreign::text(file).ok()?).ok()?;
            let programs = packages::programs(&manifest);
            programs.into_iter().find(|(name, _)| name == program).map(|(_, path)| format!("{folder}/{path}"))
        })
    }
}

/// The name of the program that a script is for.
fn interpreter(content: &Content) -> Option<Vec<u8>> {
    let Content::File(file) = content else { return None };
    let mut start = [0; 64];
    let read = File::open(file).and_then(|mut file| file.read(&mut start)).ok()?;
    let line = start.get(..read)?.split(|byte| *byte == b'\n').next()?;
    let line = line.strip_prefix(b"#!")?;
    line.split(|byte| b" /\r".contains(byte)).rfind(|part| !part.is_empty()).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::Value;
    use crate::users::packages;

    #[test]
    fn a_json_syntax_error_names_the_line() {
        assert!(packages::parse("{\n \"main\": }").unwrap_err().contains("line 2 column 10"));
        assert_eq!(packages::parse("[]"), Err("it is not a JSON object".to_owned()));
        assert_eq!(packages::parse("\u{feff}{}"), Ok(Value::Object(serde_json::Map::new())));
    }
}
