//! The cache: finished files and folders by kind and key, below the user's cache folder.
//!
//! 1. An entry that exists is complete: it is made under a temporary name and renamed when it is finished.
//! 2. Only one process makes an entry: a file lock per entry, which the kernel releases when the process ends.
//! 3. A key includes all inputs (`digest`), so an entry never changes and is never compared again.
//! 4. An entry that another command may be using is never removed: the time of an entry is that of its last use.

pub mod clean;

use crate::host::error::{Result, Tried};
use crate::host::folder::{self, Kept};
use crate::host::interrupt::{self, Making};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Longer than any command uses its entries: the test suites run for less than an hour.
const IN_USE: Duration = Duration::from_hours(3);
/// Entries that were not used for this long are removed.
const OLDEST: Duration = Duration::from_hours(30 * 24);
/// The maximum size of all entries of one kind in bytes, not counting those in use.
const ROOM: u64 = 2 << 30;

/// A cache folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The user's cache: `$XDG_CACHE_HOME/nodeos`, else `$HOME/.cache/nodeos`.
    pub fn open() -> Result<Self> {
        Self::at(folder::own(Kept::Cache)?)
    }

    /// The cache in that folder, which is created if it is missing.
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

    /// Returns the entry. If it is missing, `make` creates it at the given path, as a file or a folder.
    pub fn entry(&self, kind: &str, key: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let path = self.root.join(kind).join(key);
        // entries are removed under this lock
        let lock = self.lock(kind, key);
        if path.exists() {
            // a read-only cache works too: no entry is removed there
            let _ = touch(&path);
            return Ok(path);
        }
        let _lock = lock?;
        let new = self.making(kind, key);
        remove(&new)?; // left by a process that was interrupted
        let _making = Making::start();
        let made = make(&new)
            .and_then(|()| interrupt::check(|| format!("make {}", path.display())))
            // unpacked files may have an old modification time
            .and_then(|()| touch(&new))
            .and_then(|()| fs::rename(&new, &path).tried("rename to", &path));
        if made.is_err() {
            remove(&new)?;
        }
        made.map(|()| path)
    }

    /// Removes entries whose key starts with `prefix`: those that were not used for long, and the oldest of the others
    /// while they take too much space. An entry that cannot be removed stays: what was just made can be used anyway.
    pub fn prune(&self, kind: &str, prefix: &str) {
        // in a read-only cache, say, or beside another user's files
        let _ = self.prune_to(kind, prefix, ROOM);
    }

    fn prune_to(&self, kind: &str, prefix: &str, mut room: u64) -> Result<()> {
        let folder = self.root.join(kind);
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).tried("list", &folder)?.flatten() {
            // locks and unfinished entries do not count
            if let Some(name) = entry.file_name().to_str()
                && name.starts_with(prefix)
                && !name.starts_with('.')
                && let Some(unused) = unused(&entry.path())
                && unused > IN_USE
            {
                found.push((unused, name.to_owned()));
            }
        }
        found.sort();
        let mut failed = Ok(());
        for (unused, name) in found {
            let bytes = bytes(&folder.join(&name));
            if unused > OLDEST || bytes > room {
                // the others may be removable
                failed = failed.and(self.remove_unused(kind, &name));
            } else {
                room -= bytes;
            }
        }
        failed
    }

    /// Removes an entry, unless a command has used it meanwhile.
    fn remove_unused(&self, kind: &str, key: &str) -> Result<()> {
        let _lock = self.lock(kind, key)?;
        let path = self.root.join(kind).join(key);
        if unused(&path).is_none_or(|unused| unused <= IN_USE) {
            return Ok(());
        }
        // rename it first: if this is interrupted, the rest is no entry, and the next process that makes the entry
        // removes it
        let old = self.making(kind, key);
        remove(&old)?;
        fs::rename(&path, &old).tried("move away", &path)?;
        remove(&old)
    }

    /// The path where an entry is made, and removed. What is there is not an entry.
    fn making(&self, kind: &str, key: &str) -> PathBuf {
        self.root.join(kind).join(format!(".{key}.new"))
    }

    /// A lock of that name, held until the file is dropped. Waits if another command holds it.
    pub fn lock(&self, kind: &str, key: &str) -> Result<File> {
        let folder = self.root.join(kind);
        fs::create_dir_all(&folder).tried("make the folder", &folder)?;
        let path = folder.join(format!(".{key}.lock"));
        let file = File::create(&path).tried("make the lock", &path)?;
        file.lock().tried("lock", &path)?;
        Ok(file)
    }
}

fn touch(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.set_modified(SystemTime::now())).tried("touch", path)
}

/// The time since an entry's last use. An entry with a time in the future counts as in use.
fn unused(path: &Path) -> Option<Duration> {
    let used = fs::symlink_metadata(path).and_then(|found| found.modified()).ok()?;
    Some(SystemTime::now().duration_since(used).unwrap_or_default())
}

/// The disk usage of a file or a folder in bytes. What cannot be read counts as 0.
fn bytes(path: &Path) -> u64 {
    let Ok(found) = fs::symlink_metadata(path) else { return 0 };
    let below = if found.is_dir() { fs::read_dir(path).ok() } else { None };
    let below: u64 = below.into_iter().flatten().flatten().map(|entry| bytes(&entry.path())).sum();
    // st_blocks counts 512 bytes (stat(2))
    found.blocks() * 512 + below
}

/// Removes a file, or a folder with everything in it. It is no error if there is none.
pub fn remove(path: &Path) -> Result<()> {
    let done = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    done.tried("remove", path)
}

/// Writes a file atomically: it is there completely or not at all.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    // several threads of one program may write the same file
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

/// The same for a new file; a file that is there stays, and then this returns false.
pub fn write_new(path: &Path, content: &[u8]) -> Result<bool> {
    // fails early, and writes nothing beside it
    if fs::symlink_metadata(path).is_ok() {
        return Ok(false);
    }
    let folder = folder::above(path);
    // the umask applies; without this, only its owner could read it
    let everybody = fs::Permissions::from_mode(0o666);
    let new = tempfile::Builder::new().prefix(".nodeos-").permissions(everybody).tempfile_in(folder);
    let mut new = new.tried("make a file in", folder)?;
    // its own errors name the other file, and no errno
    new.as_file_mut().write_all(content).tried("write", path)?;
    // another command may have made it meanwhile
    match new.persist_noclobber(path) {
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        done => done.map(|_| true).map_err(|failed| failed.error).tried("rename to", path),
    }
}

#[cfg(test)]
mod tests {
    use super::Cache;
    use crate::host::error::{Error, Tried};
    use std::fs::{self, File};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, SystemTime};

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
        assert_eq!(fs::read(cache.root().join("k/a")).unwrap(), b"x");
        super::remove(&cache.root().join("k/a")).unwrap();
        assert!(!cache.root().join("k/a").exists());
    }

    /// Makes an entry that was used that many hours ago.
    fn entry(cache: &Cache, key: &str, hours: u64) {
        let path = cache.entry("k", key, |path| fs::write(path, key).tried("write", path)).unwrap();
        let then = SystemTime::now() - Duration::from_hours(hours);
        File::open(path).unwrap().set_modified(then).unwrap();
    }

    fn entries(cache: &Cache) -> Vec<String> {
        let names = fs::read_dir(cache.root().join("k")).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    }

    #[test]
    fn pruning_removes_entries_that_nobody_used_for_a_month() {
        let (_folder, cache) = cache();
        for (key, hours) in [("x-now", 0), ("x-day", 24), ("x-old", 24 * 31), ("x-taken", 24 * 31), ("y-old", 24 * 31)]
        {
            entry(&cache, key, hours);
        }
        cache.entry("k", "x-taken", |_| panic!("it is there")).unwrap();
        cache.prune("k", "x-");
        assert_eq!(entries(&cache), ["x-day", "x-now", "x-taken", "y-old"]);
    }

    #[test]
    fn pruning_removes_the_oldest_entries_above_the_limit_but_none_in_use() {
        let (_folder, cache) = cache();
        let all = ["a-now", "b-soon", "c-day", "d-week"];
        let large = |hours: [u64; 4]| {
            for (key, hours) in all.into_iter().zip(hours) {
                entry(&cache, key, hours);
            }
        };
        large([0, 1, 24, 24 * 7]);
        let bytes = super::bytes(&cache.root().join("k/a-now"));
        cache.prune_to("k", "", bytes).unwrap();
        assert_eq!(entries(&cache), ["a-now", "b-soon", "c-day"]);
        cache.prune_to("k", "", 0).unwrap();
        assert_eq!(entries(&cache), ["a-now", "b-soon"]);
        assert_eq!(fs::read_dir(cache.root().join("k")).unwrap().count(), 2 + all.len(), "locks stay");
    }

    #[test]
    fn an_entry_that_cannot_be_removed_keeps_no_other_and_fails_nothing() {
        let (_folder, cache) = cache();
        for key in ["x-1", "x-2"] {
            entry(&cache, key, 24 * 31);
        }
        // even root cannot make a file where a folder is
        fs::remove_file(cache.root().join("k/.x-1.lock")).unwrap();
        fs::create_dir(cache.root().join("k/.x-1.lock")).unwrap();
        cache.prune("k", "x-");
        assert_eq!(entries(&cache), ["x-1"]);
        cache.prune("no such kind", "");
    }

    #[test]
    fn an_entry_is_taken_from_a_cache_where_no_lock_can_be_made() {
        let (_folder, cache) = cache();
        entry(&cache, "a", 24);
        // even root cannot make a file where a folder is
        let lock = cache.root().join("k/.a.lock");
        fs::remove_file(&lock).unwrap();
        fs::create_dir(&lock).unwrap();
        let path = cache.entry("k", "a", |_| panic!("it is there")).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"a");
        fs::create_dir(cache.root().join("k/.b.lock")).unwrap();
        assert!(cache.entry("k", "b", |_| Ok(())).unwrap_err().to_string().contains("make the lock"));
    }

    #[test]
    fn a_new_entry_is_in_use_however_old_its_files_are() {
        let (_folder, cache) = cache();
        let then = SystemTime::now() - Duration::from_hours(24 * 365);
        let make = |path: &std::path::Path| {
            fs::write(path, "x").tried("write", path)?;
            File::open(path).and_then(|file| file.set_modified(then)).tried("touch", path)
        };
        cache.entry("k", "a", make).unwrap();
        cache.prune_to("k", "", 0).unwrap();
        assert_eq!(entries(&cache), ["a"]);
    }

    #[test]
    fn threads_can_write_the_same_file() {
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
    fn a_new_file_replaces_none_and_only_one_of_several_threads_makes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let made: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|n: u8| {
                    let path = &path;
                    scope.spawn(move || super::write_new(path, &[n; 9]).unwrap())
                })
                .collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        let (text, left) = (fs::read(&path).unwrap(), fs::read_dir(folder.path()).unwrap().count());
        assert_eq!((made, text.len(), left), (1, 9, 1));
        assert!(!super::write_new(&path, b"other").unwrap());
        assert_eq!(fs::read(&path).unwrap(), text);
        // a link that leads nowhere is something too
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("gone", &link).unwrap();
        assert!(!super::write_new(&link, b"").unwrap() && !folder.path().join("gone").exists());
    }

    #[test]
    fn a_failed_maker_leaves_no_entry() {
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
    fn leftovers_of_an_interrupted_maker_are_not_an_entry_and_are_removed() {
        let (_folder, cache) = cache();
        fs::create_dir_all(cache.root().join("k/.a.new/half")).unwrap();
        assert!(!cache.root().join("k/a").exists());
        let path = cache.entry("k", "a", |path| fs::write(path, "whole").map_err(|e| Error::io("w", &e))).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"whole");
        assert!(!cache.root().join("k/.a.new").exists());
    }
}
