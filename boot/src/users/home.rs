//! A home as a value: its entries and their paths. Its owner is the user.

use crate::host::digest::Key;
use crate::host::error::{Error, Result, Tried};
use shim::layout::LOGON_FILE;
use shim::logon_file::LogonFile;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Bytes(Vec<u8>),
    /// The content that this file of the host has when the image is written.
    File(PathBuf),
}

/// An entry of a home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Folder,
    /// A file, and whether it is executable.
    File(Content, bool),
    /// A symbolic link and its target.
    Link(Vec<u8>),
}

impl Entry {
    /// File type and permissions, as in an inode. Files that must stay secret have a mode of their own.
    #[must_use]
    pub fn mode(&self, path: &[u8]) -> u16 {
        match self {
            Self::Folder => 0o040_755,
            Self::File(..) if path == LOGON_FILE.as_bytes() => 0o100_600,
            Self::File(_, true) => 0o100_755,
            Self::File(_, false) => 0o100_644,
            Self::Link(_) => 0o120_777,
        }
    }
}

/// A user's home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The user's name.
    pub name: String,
    /// Its uid.
    pub uid: u32,
    /// Its gid.
    pub gid: u32,
    /// By path below the home, without a leading slash; a folder comes before its content.
    entries: BTreeMap<Vec<u8>, Entry>,
}

impl Home {
    /// An empty home.
    #[must_use]
    pub fn new(name: &str, uid: u32) -> Self {
        Self { name: name.to_owned(), uid, gid: uid, entries: BTreeMap::new() }
    }

    /// All entries, folders before their content.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_slice(), entry))
    }

    /// The entry at that path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path.as_bytes())
    }

    /// The file at a path after following links, and the path of that file.
    #[must_use]
    pub fn file_at(&self, path: &str) -> Option<(String, &Content)> {
        let mut todo: VecDeque<String> = path.split('/').map(str::to_owned).collect();
        let (mut done, mut links) = (Vec::new(), 0);
        while let Some(part) = todo.pop_front() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    done.pop();
                    continue;
                }
                _ => done.push(part),
            }
            if let Entry::Link(says) = self.get(&done.join("/"))? {
                // as many links as Linux follows (path_resolution(7))
                links += 1;
                let says = std::str::from_utf8(says).ok().filter(|_| links <= 40)?;
                done.pop();
                if says.starts_with('/') {
                    done.clear();
                }
                says.rsplit('/').for_each(|part| todo.push_front(part.to_owned()));
            }
        }
        let path = done.join("/");
        match self.get(&path)? {
            Entry::File(content, _) => Some((path, content)),
            _ => None,
        }
    }

    /// Removes an entry that is no folder.
    pub fn remove(&mut self, path: &[u8]) {
        self.entries.remove(path);
    }

    /// Adds a file, and the folders above it.
    pub fn file(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.put(path.as_bytes(), Entry::File(Content::Bytes(content.into()), false));
    }

    /// The same for an executable file.
    pub fn program(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.put(path.as_bytes(), Entry::File(Content::Bytes(content.into()), true));
    }

    /// Adds a copy of a file of the host.
    pub fn host_file(&mut self, path: &str, from: &Path) {
        self.put(path.as_bytes(), Entry::File(Content::File(from.to_owned()), false));
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, says: &str) {
        self.put(path.as_bytes(), Entry::Link(says.into()));
    }

    /// Adds the logon file.
    pub fn logon(&mut self, file: &LogonFile) -> Result<()> {
        self.file(LOGON_FILE, super::logon::text(file)?);
        Ok(())
    }

    /// Makes a file executable; false if there is none.
    pub fn runnable(&mut self, path: &str) -> bool {
        match self.entries.get_mut(path.as_bytes()) {
            Some(Entry::File(_, run)) => {
                *run = true;
                true
            }
            _ => false,
        }
    }

    /// The paths of all files.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        let files = self.entries.iter().filter(|(_, entry)| matches!(entry, Entry::File(..)));
        files.map(|(path, _)| String::from_utf8_lossy(path).into_owned())
    }

    /// Adds an entry, and the folders above it.
    fn put(&mut self, path: &[u8], entry: Entry) {
        for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            self.entries.entry(path.get(..at).unwrap_or_default().to_vec()).or_insert(Entry::Folder);
        }
        self.entries.insert(path.to_vec(), entry);
    }

    /// Copies a folder of the host with its files, folders and links, except those named in `leave_out`. Of the modes
    /// only the execute permission is kept; times and owners are not.
    pub fn copy(&mut self, from: &Path, to: &str, leave_out: &[&str]) -> Result<()> {
        self.copy_but(from, to, &|path, _| leave_out.iter().any(|name| path.ends_with(name)))
    }

    /// The same, except what is left out: a path of the host, and whether it is a folder.
    pub fn copy_but(&mut self, from: &Path, to: &str, left_out: &dyn Fn(&Path, bool) -> bool) -> Result<()> {
        if !to.is_empty() {
            self.put(to.as_bytes(), Entry::Folder);
        }
        self.copy_children(from, to.as_bytes(), left_out)
    }

    fn copy_children(&mut self, from: &Path, to: &[u8], left_out: &dyn Fn(&Path, bool) -> bool) -> Result<()> {
        let entries = fs::read_dir(from).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
        for entry in entries.tried("read the folder", from)? {
            let (path, name) = (entry.path(), entry.file_name());
            let folder = entry.file_type().tried("look at", &path)?.is_dir();
            if !left_out(&path, folder) {
                let slash: &[u8] = if to.is_empty() { b"" } else { b"/" };
                self.copy_one(&path, &[to, slash, name.as_bytes()].concat(), left_out)?;
            }
        }
        Ok(())
    }

    fn copy_one(&mut self, path: &Path, inside: &[u8], left_out: &dyn Fn(&Path, bool) -> bool) -> Result<()> {
        let found = fs::symlink_metadata(path).tried("look at", path)?;
        if found.is_dir() {
            self.put(inside, Entry::Folder);
            self.copy_children(path, inside, left_out)
        } else if found.is_file() {
            let run = found.permissions().mode() & 0o111 != 0;
            self.put(inside, Entry::File(Content::File(path.to_owned()), run));
            Ok(())
        } else if found.is_symlink() {
            let says = fs::read_link(path).tried("read the link", path)?;
            self.put(inside, Entry::Link(says.into_os_string().into_vec()));
            Ok(())
        } else {
            Err(Error::new(format!("copy {}", path.display()), "it is not a file, folder or link")
                .next("remove it from the folder"))
        }
    }

    /// The bytes, inodes and blocks of `block` bytes that the home needs.
    pub fn needs(&self, block: u64) -> Result<Needs> {
        let mut needs = Needs { bytes: 0, inodes: 1, blocks: 1 };
        for (_, entry) in self.entries() {
            let bytes = match entry {
                Entry::Folder => block,
                Entry::File(Content::Bytes(bytes), _) => bytes.len() as u64,
                Entry::File(Content::File(path), _) => fs::metadata(path).tried("look at", path)?.len(),
                Entry::Link(says) => {
                    if says.len() < 60 {
                        0
                    } else {
                        block
                    }
                } // short ones are stored in the inode
            };
            needs.bytes += bytes;
            needs.inodes += 1;
            needs.blocks += bytes.div_ceil(block);
        }
        Ok(needs)
    }

    /// Adds everything in the home to a key.
    pub fn digest(&self, key: Key) -> Result<Key> {
        let mut key = key.with("home", &self.name).with("owner", format!("{}:{}", self.uid, self.gid));
        for (path, entry) in self.entries() {
            key = key.with("path", path).with("mode", entry.mode(path).to_le_bytes());
            key = match entry {
                Entry::Folder => key,
                Entry::File(Content::Bytes(bytes), _) => key.with("bytes", bytes),
                Entry::File(Content::File(path), _) => key.with("bytes", fs::read(path).tried("read", path)?),
                Entry::Link(says) => key.with("link", says),
            };
        }
        Ok(key)
    }
}

/// The space that a home needs on a filesystem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Bytes in files.
    pub bytes: u64,
    /// Files, folders and links.
    pub inodes: u64,
    /// Blocks of the filesystem.
    pub blocks: u64,
}

/// One line per entry, similar to `ls -l`.
impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}:{}", self.name, self.uid, self.gid)?;
        for (path, entry) in self.entries() {
            let name = String::from_utf8_lossy(path);
            write!(f, "  {:06o} {name}", entry.mode(path))?;
            match entry {
                Entry::Link(says) => writeln!(f, " -> {}", String::from_utf8_lossy(says))?,
                _ => writeln!(f)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, Entry, Home};
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn adding_a_file_adds_its_parent_folders() {
        let mut home = Home::new("ana", 1000);
        home.program("bin/x", "#!");
        home.file("etc/logon.json", "{}");
        home.link("lib/a/b", "../x");
        let text = "ana 1000:1000\n  040755 bin\n  100755 bin/x\n  040755 etc\n  100600 etc/logon.json\n  040755 lib\n  \
                    040755 lib/a\n  120777 lib/a/b -> ../x\n";
        assert_eq!(home.to_string(), text);
    }

    #[test]
    fn a_folder_is_copied_without_excluded_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("deep/.git")).unwrap();
        fs::write(at("deep/.git/config"), "").unwrap();
        fs::write(at("run"), "x").unwrap();
        fs::set_permissions(at("run"), fs::Permissions::from_mode(0o4710)).unwrap();
        symlink("/else where", at("deep/link")).unwrap();
        let mut home = Home::new("ana", 1000);
        home.copy(folder.path(), "app", &[".git"]).unwrap();
        let text = "ana 1000:1000\n  040755 app\n  040755 app/deep\n  120777 app/deep/link -> /else where\n  \
                    100755 app/run\n";
        assert_eq!(home.to_string(), text);
        assert_eq!(home.get("app/run"), Some(&Entry::File(Content::File(at("run")), true)));
    }

    #[test]
    fn a_file_is_found_through_links_to_folders() {
        let mut home = Home::new("ana", 1000);
        home.file("app/node_modules/.w/b/x.js", "");
        home.link("app/node_modules/b", ".w/b");
        home.link("start", "/app/node_modules/b/../b/x.js");
        home.link("loop", "loop");
        let found = |path: &str| home.file_at(path).map(|(path, _)| path);
        for path in ["app/node_modules/b/x.js", "start"] {
            assert_eq!(found(path).as_deref(), Some("app/node_modules/.w/b/x.js"), "{path}");
        }
        for path in ["app/node_modules/b", "app/node_modules/b/y.js", "loop", "gone"] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn special_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        let error = Home::new("ana", 1000).copy(folder.path(), "", &[]).unwrap_err().to_string();
        assert!(error.contains("socket: it is not a file, folder or link"), "{error}");
    }

    #[test]
    fn needs_counts_whole_blocks() {
        let mut home = Home::new("ana", 1000);
        home.file("a", vec![0; 4097]);
        home.link("b", "short");
        let needs = home.needs(4096).unwrap();
        assert_eq!((needs.bytes, needs.inodes, needs.blocks), (4097, 3, 3));
    }
}
