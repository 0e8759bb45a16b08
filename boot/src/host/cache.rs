//! The cache: finished things by kind and key, below the user's cache folder.
//!
//! 1. An entry that exists is whole: it is made under a temporary name and renamed when it is done.
//! 2. One maker at a time: a file lock per entry, which the kernel drops with the process.
//! 3. A key names everything that went in (`digest`), so an entry never changes and is never compared again.

use crate::host::error::{Result, Tried};
use crate::host::folder::{self, Kept};
use crate::host::interrupt::{self, Making};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// A cache folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The user's: `$XDG_CACHE_HOME/nodeos`, else `$HOME/.cache/nodeos`.
    pub fn open() -> Result<Self> {
        Self::at(folder::own(Kept::Cache)?)
    }

    /// The cache in that folder, which is made if it is missing.
    pub fn at(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        fs::create_dir_all(&root).tried("make the folder", &root)?;
        Ok(Self { root })
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A finished entry, if there is one.
    #[must_use]
    pub fn find(&self, kind: &str, key: &str) -> Option<PathBuf> {
        let path = self.root.join(kind).join(key);
        path.exists().then_some(path)
    }

    /// The entry; if it is missing, `make` fills the path it is given (a file or a folder, not there yet).
    pub fn entry(&self, kind: &str, key: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        if let Some(path) = self.find(kind, key) {
            return Ok(path);
        }
        let path = self.root.join(kind).join(key);
        let _lock = self.lock(kind, key)?;
        if path.exists() {
            return Ok(path); // another command made it while this one waited
        }
        let new = self.root.join(kind).join(format!(".{key}.new"));
        remove(&new)?; // of a maker that was interrupted
        let _making = Making::start();
        let made = make(&new)
            .and_then(|()| interrupt::check(|| format!("make {}", path.display())))
            .and_then(|()| fs::rename(&new, &path).tried("rename to", &path));
        if made.is_err() {
            remove(&new)?;
        }
        made.map(|()| path)
    }

    /// Keeps the `count` newest entries whose key starts with `prefix`; a used one counts as new.
    pub fn prune(&self, kind: &str, prefix: &str, used: &Path, count: usize) -> Result<()> {
        let touched = File::open(used).and_then(|file| file.set_modified(SystemTime::now()));
        touched.tried("touch", used)?;
        let folder = self.root.join(kind);
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).tried("list", &folder)?.flatten() {
            let modified = entry.metadata().and_then(|found| found.modified());
            if let (Some(name), Ok(modified)) = (entry.file_name().to_str(), modified)
                // locks and what is being made are no entries
                && name.starts_with(prefix)
                && !name.starts_with('.')
            {
                found.push((modified, name.to_owned()));
            }
        }
        found.sort();
        let old = found.len().saturating_sub(count);
        found.iter().take(old).try_for_each(|(_, name)| self.remove(kind, name))
    }

    /// Removes an entry, so that it is made anew.
    pub fn remove(&self, kind: &str, key: &str) -> Result<()> {
        let _lock = self.lock(kind, key)?;
        remove(&self.root.join(kind).join(key))
    }

    /// A lock of that name, held until the file is dropped; waits for another command that holds it.
    pub fn lock(&self, kind: &str, key: &str) -> Result<File> {
        let folder = self.root.join(kind);
        fs::create_dir_all(&folder).tried("make the folder", &folder)?;
        let path = folder.join(format!(".{key}.lock"));
        let file = File::create(&path).tried("make the lock", &path)?;
        file.lock().tried("lock", &path)?;
        Ok(file)
    }
}

/// Removes a file or a folder with all that is in it; none is no error.
pub fn remove(path: &Path) -> Result<()> {
    let done = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    done.tried("remove", path)
}

/// Writes a file so that it is there whole or not at all.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    // threads of one program may write the same
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}-{}.new", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let new = PathBuf::from(new);
    let written = fs::write(&new, content).tried("write", &new);
    let written = written.and_then(|()| fs::rename(&new, path).tried("rename to", path));
    if written.is_err() {
        remove(&new)?;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::Cache;
    use crate::host::error::Error;
    use std::fs;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("nodeos")).unwrap();
        (folder, cache)
    }

    #[test]
    fn an_entry_is_made_once() {
        let (_folder, cache) = cache();
        let made = AtomicU32::new(0);
        let make = || {
            cache.entry("k", "a", |path| {
                made.fetch_add(1, Ordering::Relaxed);
                fs::write(path, "x").map_err(|error| Error::io("write", &error))
            })
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| make().unwrap());
            }
        });
        assert_eq!(made.load(Ordering::Relaxed), 1);
        assert_eq!(fs::read(cache.find("k", "a").unwrap()).unwrap(), b"x");
        cache.remove("k", "a").unwrap();
        assert_eq!(cache.find("k", "a"), None);
    }

    #[test]
    fn old_entries_go_and_the_used_one_stays() {
        let (_folder, cache) = cache();
        let make =
            |key: &str| cache.entry("k", key, |path| fs::write(path, key).map_err(|e| Error::io("w", &e))).unwrap();
        let first = make("x-1");
        for key in ["x-2", "x-3", "y-1"] {
            make(key);
        }
        cache.prune("k", "x-", &first, 2).unwrap();
        let left = ["x-1", "x-2", "x-3", "y-1"].map(|key| cache.find("k", key).is_some());
        assert_eq!(left, [true, false, true, true]);
    }

    #[test]
    fn locks_are_no_entries_however_often_old_ones_go() {
        let (_folder, cache) = cache();
        for key in ["1", "2", "3", "4", "5"] {
            let made = cache.entry("k", key, |path| fs::write(path, key).map_err(|e| Error::io("w", &e))).unwrap();
            cache.prune("k", "", &made, 2).unwrap();
        }
        let names = fs::read_dir(cache.root().join("k")).unwrap().map(|entry| entry.unwrap().file_name());
        let names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        assert_eq!(names.iter().filter(|name| !name.starts_with('.')).count(), 2, "{names:?}");
        assert_eq!(names.iter().filter(|name| name.ends_with(".lock")).count(), 5, "{names:?}");
    }

    #[test]
    fn threads_may_write_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..50).for_each(|_| super::write_whole(&path, b"whole").unwrap()));
            }
        });
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!((fs::read(&path).unwrap(), left), (b"whole".to_vec(), vec!["x".into()]));
    }

    #[test]
    fn a_maker_that_fails_leaves_nothing() {
        let (_folder, cache) = cache();
        let failed = cache.entry("k", "a", |path| {
            fs::create_dir(path).unwrap();
            fs::write(path.join("half"), "").unwrap();
            Err(Error::new("make", "no"))
        });
        assert!(failed.is_err());
        let left: Vec<_> = fs::read_dir(cache.root().join("k")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, [".a.lock"]);
    }

    #[test]
    fn what_an_interrupted_maker_left_is_no_entry_and_is_cleared() {
        let (_folder, cache) = cache();
        fs::create_dir_all(cache.root().join("k/.a.new/half")).unwrap();
        assert_eq!(cache.find("k", "a"), None);
        let path = cache.entry("k", "a", |path| fs::write(path, "whole").map_err(|e| Error::io("w", &e))).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"whole");
        assert!(!cache.root().join("k/.a.new").exists());
    }
}
