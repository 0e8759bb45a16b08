//! A tree of files as a value: sorted, owned by root, and printed in the format of `gen_init_cpio`.
//!
//! No I/O here: a file is the path of its source and its mode. The carbon copy is such a tree, and so is an initramfs.

use crate::host::error::{Error, Result};
use shim::layout::{CARBON_FOLDERS, E2FSCK};
use shim::programs::Program;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The entry at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A folder.
    Dir {
        /// Permission bits.
        mode: u32,
    },
    /// A file of the host.
    File {
        /// The path of its content on the host.
        source: PathBuf,
        /// Permission bits.
        mode: u32,
    },
    /// A file with its content.
    Text {
        content: String,
        /// Permission bits.
        mode: u32,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points.
        target: String,
    },
    /// A character device.
    Device {
        /// Permission bits.
        mode: u32,
        /// Its number.
        major: u32,
        /// Its number.
        minor: u32,
    },
}

/// Paths of the guest, absolute and normal, without `/` itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<String, Entry>,
}

impl Tree {
    /// Adds an entry, and the folders above it. Two different entries at one path are an error.
    pub fn put(&mut self, path: &str, entry: Entry) -> Result<()> {
        let mut above = path;
        while let Some((folder, _)) = above.rsplit_once('/').filter(|(folder, _)| !folder.is_empty()) {
            let folder_entry = self.entries.entry(folder.to_owned()).or_insert(Entry::Dir { mode: 0o755 });
            if !matches!(folder_entry, Entry::Dir { .. }) {
                return Err(Error::new(format!("put {path} into the image"), format!("{folder} is not a folder")));
            }
            above = folder;
        }
        match self.entries.insert(path.to_owned(), entry.clone()) {
            Some(other) if other != entry => {
                Err(Error::new(format!("put {path} into the image"), "something else is there already")
                    .next("give the include another path: { from = …, to = … }"))
            }
            _ => Ok(()),
        }
    }

    /// All entries, folders before their content.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }
}

/// One entry per line, sorted by path.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|(path, entry)| writeln!(f, "{}", Line { path, entry }))
    }
}

/// One line of a listing, in the format of gen_init_cpio (usr/gen_init_cpio.c).
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    pub path: &'a str,
    /// The entry there.
    pub entry: &'a Entry,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path;
        match self.entry {
            Entry::Dir { mode } => write!(f, "dir {path} {mode:o} 0 0"),
            Entry::File { source, mode } => write!(f, "file {path} {} {mode:o} 0 0", source.display()),
            Entry::Text { content, mode } => write!(f, "file {path} {:?} {mode:o} 0 0", content.trim_end()),
            Entry::Symlink { target } => write!(f, "slink {path} {target} 777 0 0"),
            Entry::Device { mode, major, minor } => write!(f, "nod {path} {mode:o} 0 0 c {major} {minor}"),
        }
    }
}

/// The parts of a carbon copy.
#[derive(Clone, Debug)]
pub struct Carbon<'a> {
    /// The binary of node.
    pub node: &'a Path,
    /// The shim's programs in it.
    pub programs: &'a [(&'static Program, &'a Path)],
    /// The program that repairs a users partition.
    pub e2fsck: &'a Path,
    /// Libraries and the loader, by their paths in the guest.
    pub libraries: &'a BTreeMap<String, PathBuf>,
    /// Included entries by their paths in the guest.
    pub includes: &'a BTreeMap<String, Entry>,
}

/// The tree of the carbon copy: the lower layer of every user's root.
pub fn carbon_tree(parts: &Carbon<'_>) -> Result<Tree> {
    let mut tree = Tree::default();
    for folder in CARBON_FOLDERS {
        tree.put(&format!("/{folder}"), Entry::Dir { mode: if folder == "tmp" { 0o1777 } else { 0o755 } })?;
    }
    tree.put("/etc", Entry::Dir { mode: 0o755 })?; // the runtime layer fills it
    let program = |source: &Path| Entry::File { source: source.to_owned(), mode: 0o755 };
    tree.put("/bin/node", program(parts.node))?;
    for (row, path) in parts.programs {
        tree.put(row.path, Entry::File { source: (*path).to_owned(), mode: row.mode })?;
    }
    tree.put(E2FSCK, program(parts.e2fsck))?;
    for (path, source) in parts.libraries {
        tree.put(path, program(source))?;
    }
    for (path, entry) in parts.includes {
        tree.put(path, entry.clone())?;
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::{Carbon, Entry, Tree, carbon_tree};
    use shim::programs;
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    const EXPECTED: &str = "\
dir /bin 755 0 0
file /bin/node n 755 0 0
dir /dev 755 0 0
dir /etc 755 0 0
dir /lib 755 0 0
file /lib/ld-linux-aarch64.so.1 s/ld 755 0 0
dir /proc 755 0 0
dir /run 755 0 0
dir /share 755 0 0
slink /share/x ../bin/node 777 0 0
dir /tmp 1777 0 0
dir /usr 755 0 0
dir /usr/bin 755 0 0
file /usr/bin/env e 755 0 0
dir /usr/sbin 755 0 0
file /usr/sbin/e2fsck f 755 0 0
";

    #[test]
    fn a_carbon_copy_holds_node_its_libraries_env_and_the_includes() {
        let libraries = BTreeMap::from([("/lib/ld-linux-aarch64.so.1".to_owned(), PathBuf::from("s/ld"))]);
        let link = Entry::Symlink { target: "../bin/node".to_owned() };
        let includes = BTreeMap::from([("/share/x".to_owned(), link)]);
        let [node, env, e2fsck] = ["n", "e", "f"].map(Path::new);
        let programs = [(&programs::ENV, env)];
        let parts = Carbon { node, programs: &programs, e2fsck, libraries: &libraries, includes: &includes };
        assert_eq!(carbon_tree(&parts).unwrap().to_string(), EXPECTED);
    }

    #[test]
    fn two_files_at_one_path_are_an_error() {
        let mut tree = Tree::default();
        let file = |name: &str| Entry::File { source: PathBuf::from(name), mode: 0o644 };
        tree.put("/a", file("x")).unwrap();
        tree.put("/a", file("x")).unwrap();
        assert!(tree.put("/a", file("y")).unwrap_err().to_string().contains("something else is there already"));
        assert!(tree.put("/a/b", file("y")).unwrap_err().to_string().contains("/a is not a folder"));
    }
}
