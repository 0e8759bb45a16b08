//! Digests: the keys of the cache, and the digests of files.
//!
//! A large file is hashed only once: its digest is stored by path, size, inode and times of change.

use crate::host::cache::{Cache, write_whole};
use crate::host::error::{Result, Tried};
use crate::host::interrupt;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use uuid::Uuid;

/// Collects named values into one key.
#[derive(Clone, Debug, Default)]
pub struct Key {
    hash: Sha256,
}

impl Key {
    /// Adds a value. Lengths are hashed too, so `("a", "bc")` differs from `("ab", "c")`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for part in [name.as_bytes(), value.as_ref()] {
            self.hash.update((part.len() as u64).to_le_bytes());
            self.hash.update(part);
        }
        self
    }

    /// Adds the content of a file, but not its path.
    pub fn with_file(self, cache: &Cache, name: &str, path: &Path) -> Result<Self> {
        Ok(self.with(name, file(cache, path)?))
    }

    /// All 32 bytes.
    #[must_use]
    pub fn bytes(self) -> [u8; 32] {
        self.hash.finalize().into()
    }

    /// The key as a file name: 128 bits in hex.
    #[must_use]
    pub fn name(self) -> String {
        hex(self.bytes().get(..16).unwrap_or_default())
    }

    /// The key as a UUID: version 8, custom (RFC 9562, 5.8).
    #[must_use]
    pub fn uuid(self) -> String {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(self.bytes()).for_each(|(to, from)| *to = from);
        Uuid::new_v8(bytes).to_string()
    }
}

/// CRC-32C as the kernel's filesystems use it: it begins with `sum`, all ones at first, and is not inverted at the end.
#[must_use]
pub fn crc32c(sum: u32, bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let (mut sum, mut bit) = (index as u32, 0);
            while bit < 8 {
                sum = (sum >> 1) ^ (0x82F6_3B78 & (sum & 1).wrapping_neg());
                bit += 1;
            }
            table[index] = sum;
            index += 1;
        }
        table
    };
    bytes.iter().fold(sum, |sum, byte| (sum >> 8) ^ TABLE[usize::from(sum as u8 ^ byte)])
}

/// The SHA-256 of a file, in hex.
pub fn file(cache: &Cache, path: &Path) -> Result<String> {
    let found = fs::metadata(path).tried("look at", path)?;
    let path_of = fs::canonicalize(path).tried("resolve", path)?;
    let state = format!(
        "{} {} {} {}.{} {}.{}",
        found.dev(),
        found.ino(),
        found.size(),
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec()
    );
    let key = Key::default().with("path", path_of.as_os_str().as_bytes()).with("state", state).name();
    let memo = cache.root().join("digests").join(key);
    if let Ok(known) = fs::read_to_string(&memo) {
        return Ok(known);
    }
    let mut hash = Sha256::new();
    let mut open = File::open(path).tried("open", path)?;
    let mut block = vec![0; 1 << 20];
    loop {
        // terabytes of holes take an hour
        interrupt::check(|| format!("read {}", path.display()))?;
        match open.read(&mut block).tried("read", path)? {
            0 => break,
            read => hash.update(block.get(..read).unwrap_or_default()),
        }
    }
    let digest = hex(&hash.finalize());
    // hashing a small file is faster than reading its stored digest
    if found.size() > 1 << 20 {
        let folder = cache.root().join("digests");
        fs::create_dir_all(&folder).tried("make the folder", &folder)?;
        write_whole(&memo, digest.as_bytes())?;
    }
    Ok(digest)
}

/// Bytes in lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Key, file};
    use crate::host::cache::Cache;
    use std::fs;

    #[test]
    fn a_key_depends_on_every_part_and_its_boundaries() {
        let key = |a, b| Key::default().with(a, b).name();
        assert_eq!(key("a", "bc"), key("a", "bc"));
        assert_ne!(key("a", "bc"), key("ab", "c"));
        assert_eq!(key("a", "b").len(), 32);
    }

    #[test]
    fn a_uuid_has_its_version_variant_and_hyphens() {
        let text = Key::default().with("a", "b").uuid();
        assert_eq!((text.len(), &text[14..15], "89ab".contains(&text[19..20])), (36, "8", true));
    }

    #[test]
    fn a_changed_file_gets_a_new_digest() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("cache")).unwrap();
        let path = folder.path().join("big");
        fs::write(&path, vec![1; 2 << 20]).unwrap();
        let first = file(&cache, &path).unwrap();
        assert_eq!(file(&cache, &path).unwrap(), first);
        assert_eq!(fs::read_dir(cache.root().join("digests")).unwrap().count(), 1);
        fs::write(&path, vec![2; 2 << 20]).unwrap();
        assert_ne!(file(&cache, &path).unwrap(), first);
    }
}
