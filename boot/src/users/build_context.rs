//! The build context of an app: the folders of the host in which its packages may lie, and how node finds one there.
//!
//! Paths are relative to `base`. No link leads out of what is open: an app may be somebody else's, and could name any
//! file of the host.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// As many links as Linux follows (path_resolution(7)).
const LINKS: u32 = 40;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildContext {
    /// A folder of the host, without links in its path, that all of the others are below.
    pub base: PathBuf,
    /// The app's folder.
    pub app: PathBuf,
    /// The folder with the lock file: the app's, or that of its workspace.
    pub root: PathBuf,
    /// Folders that packages may come from, beside the app's.
    pub open: Vec<PathBuf>,
    /// A copy in which packages were installed: its `node_modules` count in place of those in `base`.
    pub installed: Option<PathBuf>,
}

/// Why a link leads to no package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// Nothing is there.
    Dangling,
    /// It leads to this path of the host, which is not open.
    Outside(PathBuf),
}

impl BuildContext {
    /// Where a path is on the host.
    pub fn host(&self, path: &Path) -> PathBuf {
        let installed = self.installed.as_ref().filter(|_| in_modules(path));
        installed.unwrap_or(&self.base).join(path)
    }

    /// The path of a file of the host, if it is below one of the two folders.
    pub fn of_host(&self, path: &Path) -> Option<PathBuf> {
        let folders = self.installed.iter().chain([&self.base]);
        folders.filter_map(|folder| path.strip_prefix(folder).ok()).next().map(Path::to_owned)
    }

    /// Whether packages may come from there.
    pub fn is_open(&self, path: &Path) -> bool {
        path.starts_with(&self.app) || self.open.iter().any(|open| path.starts_with(open))
    }

    /// The path after following all links.
    pub fn real(&self, path: &Path) -> Result<PathBuf, Unresolved> {
        let mut todo: VecDeque<OsString> = parts(path).collect();
        let (mut done, mut links) = (PathBuf::new(), 0);
        while let Some(part) = todo.pop_front() {
            if part == ".." {
                if !done.pop() {
                    let rest: PathBuf = todo.iter().collect();
                    return Err(outside(self.base.parent().unwrap_or(&self.base).join(rest)));
                }
                continue;
            }
            done.push(&part);
            let host = self.host(&done);
            let found = fs::symlink_metadata(&host).map_err(|_| Unresolved::Dangling)?;
            if !found.is_symlink() {
                continue;
            }
            links += 1;
            let target = fs::read_link(&host).ok().filter(|_| links <= LINKS).ok_or(Unresolved::Dangling)?;
            done.pop();
            let target = if target.is_absolute() {
                done = PathBuf::new();
                self.of_host(&target).ok_or_else(|| outside(target))?
            } else {
                target
            };
            parts(&target).rev().for_each(|part| todo.push_front(part));
        }
        if self.is_open(&done) { Ok(done) } else { Err(Unresolved::Outside(self.host(&done))) }
    }

    /// The `node_modules/NAME` that node takes for a package that a file in this folder names, and its real path.
    pub fn resolve(&self, folder: &Path, name: &str) -> Option<(PathBuf, Result<PathBuf, Unresolved>)> {
        let mut unresolved = None;
        for above in folder.ancestors().filter(|above| !above.ends_with("node_modules")) {
            let entry = above.join("node_modules").join(name);
            if !self.is_open(&entry) || fs::symlink_metadata(self.host(&entry)).is_err() {
                continue;
            }
            match self.real(&entry) {
                Ok(real) => return Some((entry, Ok(real))),
                Err(why) => unresolved = unresolved.or(Some((entry, Err(why)))),
            }
        }
        unresolved
    }
}

/// A target that is not there at all is not outside of anything.
fn outside(target: PathBuf) -> Unresolved {
    match fs::symlink_metadata(&target) {
        Err(error) if error.kind() == ErrorKind::NotFound => Unresolved::Dangling,
        _ => Unresolved::Outside(target),
    }
}

fn parts(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    let named = |part: &Component| matches!(part, Component::Normal(_) | Component::ParentDir);
    path.components().filter(named).map(|part| part.as_os_str().to_owned())
}

/// Whether a path is in a `node_modules`, or is one.
pub fn in_modules(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "node_modules")
}

/// The text of a link at a path that leads to another one; both are relative to the same folder.
pub fn link(at: &Path, target: &Path) -> PathBuf {
    let folder = at.parent().unwrap_or(Path::new(""));
    let same = folder.components().zip(target.components()).take_while(|(one, other)| one == other).count();
    let up = folder.components().skip(same).map(|_| Path::new(".."));
    up.chain(target.components().skip(same).map(|part| Path::new(part.as_os_str()))).collect()
}

#[cfg(test)]
mod tests {
    use super::{BuildContext, Unresolved, link};
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    fn context(folder: &Path, links: &[(&str, &str)]) -> BuildContext {
        for made in ["ws/node_modules/a", "ws/packages/api/lib", "ws/packages/b", "ws/secret", "outer"] {
            fs::create_dir_all(folder.join(made)).unwrap();
        }
        for (at, target) in links {
            fs::create_dir_all(folder.join(at).parent().unwrap()).unwrap();
            symlink(target, folder.join(at)).unwrap();
        }
        BuildContext {
            base: folder.to_owned(),
            app: "ws/packages/api".into(),
            root: "ws".into(),
            open: ["ws/node_modules", "ws/packages/b", "outer"].map(PathBuf::from).to_vec(),
            installed: None,
        }
    }

    #[test]
    fn a_package_is_found_as_node_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(folder.path()).unwrap();
        let whole = base.join("outer");
        let context = context(
            &base,
            &[
                ("ws/node_modules/@w/b", "../../packages/b"),
                ("ws/packages/api/node_modules/outer", "../../../../outer"),
                ("ws/packages/api/node_modules/whole", whole.to_str().unwrap()),
                ("ws/packages/api/node_modules/secret", "../../../secret"),
                ("ws/packages/api/node_modules/etc", "/etc"),
                ("ws/packages/api/node_modules/up", "../../../../../../../../../../etc"),
                ("ws/packages/api/node_modules/gone", "../../gone"),
                ("ws/packages/api/node_modules/loop", "loop"),
                ("ws/packages/api/node_modules/a", "gone"),
            ],
        );
        let found = |name: &str| context.resolve(Path::new("ws/packages/api/lib"), name).map(|(_, real)| real);
        for (name, real) in
            [("@w/b", "ws/packages/b"), ("outer", "outer"), ("whole", "outer"), ("a", "ws/node_modules/a")]
        {
            assert_eq!(found(name), Some(Ok(real.into())), "{name}");
        }
        for (name, unresolved) in [
            ("secret", Unresolved::Outside(base.join("ws/secret"))),
            ("etc", Unresolved::Outside("/etc".into())),
            ("gone", Unresolved::Dangling),
            ("loop", Unresolved::Dangling),
        ] {
            assert_eq!(found(name), Some(Err(unresolved)), "{name}");
        }
        assert!(matches!(found("up"), Some(Err(Unresolved::Outside(_)))));
        assert_eq!(found("none"), None);
        // in a copy, the same names lead to the packages there
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir_all(copy.path().join("ws/node_modules")).unwrap();
        symlink("../packages/b", copy.path().join("ws/node_modules/c")).unwrap();
        let copied = BuildContext { installed: Some(copy.path().to_owned()), ..context };
        let found = copied.resolve(Path::new("ws/packages/api"), "c").unwrap();
        assert_eq!(found, ("ws/node_modules/c".into(), Ok("ws/packages/b".into())));
        assert_eq!(copied.host(Path::new("ws/packages/b")), base.join("ws/packages/b"));
    }

    #[test]
    fn a_link_is_as_short_as_it_can_be() {
        for (at, target, text) in [
            ("app/node_modules/a", "app/node_modules/.workspace/a", ".workspace/a"),
            ("app/node_modules/@s/a", "app/node_modules/.workspace/a", "../.workspace/a"),
            ("app/node_modules/.workspace/node_modules/a", "app", "../../.."),
        ] {
            assert_eq!(link(Path::new(at), Path::new(target)), Path::new(text));
        }
    }
}
