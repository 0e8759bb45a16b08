//! What the cache holds by kind, and removing it.

use super::{Cache, IN_USE, bytes, remove, unused};
use crate::host::error::{Error, Result, Tried};
use std::fs;

/// The entries of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub kind: String,
    pub entries: usize,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Bytes of entries that no command uses.
    pub unused: u64,
}

impl Cache {
    /// What the cache holds, by kind.
    pub fn held(&self) -> Result<Vec<Held>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.root()).tried("list", self.root())?.flatten() {
            let kind = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().is_ok_and(|found| found.is_dir()) {
                let mut held = Held { kind, entries: 0, bytes: 0, unused: 0 };
                for (path, _) in self.entries(&held.kind)? {
                    let bytes = bytes(&path);
                    held.entries += 1;
                    held.bytes += bytes;
                    held.unused += if free(&path) { bytes } else { 0 };
                }
                all.push(held);
            }
        }
        all.sort_by(|one, other| one.kind.cmp(&other.kind));
        Ok(all)
    }

    /// Removes all entries of a kind that no command uses. Returns how many bytes that freed, and what could not be
    /// removed.
    pub fn clean(&self, kind: &str) -> Result<(u64, Vec<Error>)> {
        let (mut freed, mut failed) = (0, Vec::new());
        for (path, name) in self.entries(kind)?.into_iter().filter(|(path, _)| free(path)) {
            let bytes = bytes(&path);
            // an unfinished entry, of a command that was killed
            let removed = if name.starts_with('.') { remove(&path) } else { self.remove_unused(kind, &name) };
            match removed {
                Ok(()) => freed += bytes,
                Err(error) => failed.push(error),
            }
        }
        Ok((freed, failed))
    }

    /// Locks do not count.
    fn entries(&self, kind: &str) -> Result<Vec<(std::path::PathBuf, String)>> {
        let folder = self.root().join(kind);
        let found = fs::read_dir(&folder).tried("list", &folder)?.flatten();
        let named = found.filter_map(|entry| Some((entry.path(), entry.file_name().to_str()?.to_owned())));
        Ok(named.filter(|(_, name)| !name.starts_with('.') || name.ends_with(".new")).collect())
    }
}

fn free(path: &std::path::Path) -> bool {
    unused(path).is_some_and(|unused| unused > IN_USE)
}

#[cfg(test)]
mod tests {
    use super::{Cache, Held};
    use crate::host::error::Tried;
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    #[test]
    fn only_what_no_command_uses_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        for (kind, key, hours) in [("a", "new", 0), ("a", "old", 4), ("b", "old", 100)] {
            let path = cache.entry(kind, key, |path| fs::write(path, vec![1; 8192]).tried("write", path)).unwrap();
            File::open(path).unwrap().set_modified(SystemTime::now() - Duration::from_hours(hours)).unwrap();
        }
        let held =
            |kind: &str, entries, unused| Held { kind: kind.to_owned(), entries, bytes: entries as u64 * 8192, unused };
        assert_eq!(cache.held().unwrap(), [held("a", 2, 8192), held("b", 1, 8192)]);
        let killed = cache.root().join("a/.killed.new");
        fs::write(&killed, "").unwrap();
        File::open(&killed).unwrap().set_modified(SystemTime::now() - Duration::from_hours(4)).unwrap();
        let (freed, failed) = cache.clean("a").unwrap();
        assert_eq!((freed, failed.len(), killed.exists()), (8192, 0, false));
        assert_eq!(cache.held().unwrap(), [held("a", 1, 0), held("b", 1, 8192)]);
        assert!(cache.root().join("a/new").exists());
    }
}
