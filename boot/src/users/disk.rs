//! Reads an ext4 filesystem in place: inodes, their content, the names in folders. Nothing is written.
//!
//! Folders are read by inode, not by path: so any depth is possible, and no name is looked up twice. Checksums are
//! verified as e2fsck does it. The filesystem may come from anybody: nothing in it makes this read without end, or use
//! more memory than `budget` allows.
//!
//! <https://docs.kernel.org/filesystems/ext4/>

mod budget;
mod runs;

use self::budget::Budget;
pub use self::budget::HELD;
use self::runs::Runs;
use super::superblock::{Superblock, repair};
use crate::host::digest::crc32c;
use crate::host::error::{Error, Result};
use crate::host::window::Window;
use std::fmt::Display;

/// The inode of the top folder.
pub const ROOT: u32 = 2;
/// The longest link target that the kernel reads: PATH_MAX.
const LONGEST_LINK: u64 = 4096;
/// `EXT4_ENCRYPT_FL`, `EXT4_EXTENTS_FL`, `EXT4_INLINE_DATA_FL`.
const ENCRYPTED: u32 = 0x800;
const EXTENTS: u32 = 0x80000;
const INLINE: u32 = 0x1000_0000;
/// A filesystem.
pub struct Disk {
    window: Window,
    superblock: Superblock,
    budget: Budget,
}

/// A file, a folder, a link or something else.
#[derive(Clone, Debug)]
pub struct Inode {
    pub number: u32,
    /// Type and permissions, as in `st_mode`.
    pub mode: u16,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its size.
    pub size: u64,
    /// The number of its names.
    pub links: u16,
    flags: u32,
    block: [u8; 60],
    seed: Option<u32>,
}

impl Inode {
    fn is(&self, kind: u16) -> bool {
        self.mode & 0o170_000 == kind
    }

    /// Whether it is a folder.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.is(0o040_000)
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.is(0o100_000)
    }

    /// Whether it is encrypted. In an encrypted folder, the names are too.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0
    }

    /// Whether it is a symbolic link.
    #[must_use]
    pub fn is_link(&self) -> bool {
        self.is(0o120_000)
    }
}

impl Disk {
    /// A complete filesystem.
    #[must_use]
    pub fn new(window: Window, superblock: Superblock) -> Self {
        Self { window, superblock, budget: Budget::default() }
    }

    /// Its superblock.
    #[must_use]
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// The inode of that number.
    pub fn inode(&self, number: u32) -> Result<Inode> {
        let wrong = |why: &str| self.damaged(&format_args!("inode {number}"), why);
        let index = number.checked_sub(1).filter(|index| *index < self.superblock.inodes);
        let index = index.ok_or_else(|| wrong("there is no inode of that number"))?;
        let (group, index) = (index / self.superblock.group_inodes, index % self.superblock.group_inodes);
        let table = self.table(group)?;
        let size = u64::from(self.superblock.inode_size);
        let at = table.saturating_mul(self.superblock.block_size).saturating_add(u64::from(index) * size);
        let bytes = self.bytes(at, size)?;
        let seed = self.superblock.seed.map(|seed| crc32c(crc32c(seed, &number.to_le_bytes()), &bytes[0x64..0x68]));
        if seed.is_some_and(|seed| !sum_is_right(seed, &bytes)) {
            return Err(wrong("its checksum is wrong"));
        }
        let mut block = [0; 60];
        block.copy_from_slice(&bytes[0x28..0x64]);
        Ok(Inode {
            number,
            mode: half(&bytes, 0),
            uid: u32::from(half(&bytes, 0x02)) | u32::from(half(&bytes, 0x78)) << 16,
            gid: u32::from(half(&bytes, 0x18)) | u32::from(half(&bytes, 0x7a)) << 16,
            size: u64::from(word(&bytes, 0x04)) | u64::from(word(&bytes, 0x6c)) << 32,
            links: half(&bytes, 0x1a),
            flags: word(&bytes, 0x20),
            block,
            seed,
        })
    }

    /// The first block of a group's inodes. It reads only this one descriptor: all of them may not fit into memory.
    fn table(&self, group: u32) -> Result<u64> {
        let wrong = |why: &str| self.damaged(&format_args!("group {group}"), why);
        let Superblock { block_size, blocks, first_block, group_blocks, descriptor_size, seed, .. } = self.superblock;
        if u64::from(group) >= blocks.saturating_sub(first_block).div_ceil(group_blocks.into()) {
            return Err(wrong("there is no group of that number"));
        }
        let size = u64::from(descriptor_size);
        let mut descriptor = self.bytes((first_block + 1) * block_size + u64::from(group) * size, size)?;
        let sum = half(&descriptor, 0x1e);
        descriptor[0x1e..0x20].fill(0);
        let right = seed.map(|seed| crc32c(crc32c(seed, &group.to_le_bytes()), &descriptor) & 0xffff);
        if right.is_some_and(|right| u32::from(sum) != right) {
            return Err(wrong("its checksum is wrong"));
        }
        let high = if size >= 64 { word(&descriptor, 0x28) } else { 0 };
        Ok(u64::from(word(&descriptor, 0x08)) | u64::from(high) << 32)
    }

    /// The names in a folder except `.` and `..`, sorted by bytes, each with the number of its inode. `room` is how
    /// many more bytes of names may be in memory.
    pub fn names(&self, folder: &Inode, room: &mut u64) -> Result<Vec<(Vec<u8>, u32)>> {
        let block_size = self.superblock.block_size;
        let mut names = Vec::new();
        for run in self.runs(folder)? {
            let Some(on_disk) = run.on_disk else { continue };
            for index in 0..run.blocks {
                self.step(1)?;
                let block = self.bytes((on_disk + index).saturating_mul(block_size), block_size)?;
                let before = names.len();
                self.entries(folder, &block, &mut names)?;
                self.step((names.len() - before) as u64)?;
                *room = names[before..]
                    .iter()
                    .try_fold(*room, budget::held)
                    .map_err(|why| self.beyond(&format_args!("the folder with inode {}", folder.number), &why))?;
            }
        }
        names.sort();
        Ok(names)
    }

    /// Counts names, and the blocks that were read to find names or data.
    fn step(&self, count: u64) -> Result<()> {
        self.budget.take(count).map_err(|why| self.beyond(&"the folders", &why))
    }

    /// The error of a filesystem that exceeds the budget.
    pub(super) fn beyond(&self, what: &dyn Display, why: &str) -> Error {
        let next = format!("debugfs -c -R 'ls -l /' {} lists one folder, however much is in the others", self.window);
        Error::new(self.tried(what), why).next(next)
    }

    /// The entries in one block of a folder. Inner nodes of a hashed folder look like a single unused entry.
    fn entries(&self, folder: &Inode, block: &[u8], names: &mut Vec<(Vec<u8>, u32)>) -> Result<()> {
        let wrong = |why: &str| self.damaged(&format_args!("the folder with inode {}", folder.number), why);
        // struct ext4_dir_entry_tail
        let (body, tail) = block.split_at(block.len() - 12);
        let seed = folder.seed.filter(|_| tail.starts_with(&[0, 0, 0, 0, 12, 0, 0, 0xde]));
        if seed.is_some_and(|seed| word(tail, 8) != crc32c(seed, body)) {
            return Err(wrong("its checksum is wrong"));
        }
        let mut at = 0;
        while let Some(head) = block.get(at..at + 8) {
            let (number, length) = (word(head, 0), record_length(half(head, 4), block.len()));
            let name_length = if self.superblock.filetype() { usize::from(head[6]) } else { half(head, 6).into() };
            let entry = block.get(at..at + length).filter(|entry| entry.len() >= 8 && length.is_multiple_of(4));
            let entry = entry.ok_or_else(|| wrong("an entry is longer than its block"))?;
            if number != 0 {
                let name = entry.get(8..8 + name_length).ok_or_else(|| wrong("a name is longer than its entry"))?;
                match name {
                    b"." | b".." => {}
                    [_, ..] if folder.is_encrypted() => names.push((encrypted(name), number)),
                    [_, ..] if !name.iter().any(|byte| matches!(byte, b'/' | 0)) => names.push((name.to_vec(), number)),
                    _ => return Err(wrong("a name in it is empty, or has a slash or a NUL")),
                }
            }
            at += length;
        }
        Ok(())
    }

    /// The target of a link.
    pub fn link(&self, link: &Inode) -> Result<Vec<u8>> {
        let inside = usize::try_from(link.size).ok().filter(|_| link.flags & EXTENTS == 0);
        match inside.and_then(|size| link.block.get(..size)).filter(|says| says.len() < link.block.len()) {
            Some(says) => Ok(says.to_vec()),
            None => self.content(link, LONGEST_LINK),
        }
    }

    /// The content of a file of at most `most` bytes.
    pub fn content(&self, file: &Inode, most: u64) -> Result<Vec<u8>> {
        if file.size > most {
            let why = format!("it has {} bytes, and at most {most} are read", file.size);
            return Err(Error::new(self.tried(&format_args!("inode {}", file.number)), why));
        }
        let block_size = self.superblock.block_size;
        let mut content = vec![0; usize::try_from(file.size).unwrap_or(0)];
        for run in self.runs(file)? {
            let start = run.at.saturating_mul(block_size);
            let length = run.blocks.saturating_mul(block_size).min(file.size.saturating_sub(start));
            let (Some(on_disk), true) = (run.on_disk, length > 0) else { continue };
            let bytes = self.bytes(on_disk.saturating_mul(block_size), length)?;
            let at = usize::try_from(start).unwrap_or(usize::MAX);
            content[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        Ok(content)
    }

    /// The blocks of a file. There are never more than the filesystem has.
    fn runs(&self, file: &Inode) -> Result<Vec<runs::Run>> {
        if file.flags & INLINE != 0 {
            return Err(
                self.damaged(&format_args!("inode {}", file.number), "its data lies inline, which is no feature here")
            );
        }
        Runs::of(self, file)
    }

    fn bytes(&self, at: u64, length: u64) -> Result<Vec<u8>> {
        let what = format_args!("{length} bytes at {at}").to_string();
        if length > self.window.length() {
            return Err(self.damaged(&what, "there are not as many"));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.window.read_exact_at(&mut bytes, at).map_err(|error| self.damaged(&what, &error.to_string()))?;
        Ok(bytes)
    }

    fn tried(&self, what: &dyn Display) -> String {
        format!("read {what} in {}", self.window.path().display())
    }

    /// The error of a damaged filesystem.
    pub fn damaged(&self, what: &dyn Display, why: &str) -> Error {
        Error::new(self.tried(what), why).next(repair(&self.window))
    }
}

/// An encrypted name as text for a path: it may have any bytes, and no program of this host can decrypt it.
fn encrypted(name: &[u8]) -> Vec<u8> {
    format!("(encrypted {})", crate::host::digest::hex(name)).into_bytes()
}

/// fs/ext4/inode.c, `ext4_inode_csum`: an inode of 128 bytes has only the lower half.
fn sum_is_right(seed: u32, inode: &[u8]) -> bool {
    const LOW: usize = 0x7c;
    const HIGH: usize = 0x82;
    let has_high = inode.len() > 128 && 128 + usize::from(half(inode, 0x80)) >= HIGH + 2;
    let mut covered = inode.to_vec();
    covered[LOW..LOW + 2].fill(0);
    let mut stored = u32::from(half(inode, LOW));
    if has_high {
        covered[HIGH..HIGH + 2].fill(0);
        stored |= u32::from(half(inode, HIGH)) << 16;
    }
    let sum = crc32c(seed, &covered);
    stored == if has_high { sum } else { sum & 0xffff }
}

/// fs/ext4/ext4.h, `ext4_rec_len_from_disk`: blocks of 64 KiB do not fit into 16 bits.
fn record_length(stored: u16, block: usize) -> usize {
    let stored = usize::from(stored);
    match stored {
        0 | 0xffff if block == 1 << 16 => block,
        _ if block < 1 << 16 => stored,
        _ => stored & 0xfffc | (stored & 3) << 16,
    }
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::{Budget, Disk, HELD, ROOT};
    use crate::host::run::Run;
    use crate::users::place::Place;

    #[test]
    fn a_filesystem_is_read_within_one_shared_budget() {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(1 << 20).unwrap();
        Run::new("mke2fs").args(["-q", "-F", "-t", "ext4", "-b", "1024"]).arg(image.path()).ok().unwrap();
        let Place { window, superblock } = Place::of(image.path()).unwrap();
        let mut disk = Disk::new(window, superblock);
        let root = disk.inode(ROOT).unwrap();
        let steps = |disk: &Disk| (0..100).take_while(|_| disk.names(&root, &mut { HELD }).is_ok()).count();
        assert_eq!(steps(&disk), 100);
        // each time a block and lost+found
        disk.budget = Budget::of(9);
        assert_eq!(steps(&disk), 4);
        let error = disk.names(&root, &mut { HELD }).unwrap_err().to_string();
        assert!(error.contains("at least 10 names and blocks lie in them, and at most 9 are read"), "{error}");
        assert!(error.contains("\n  next: debugfs -c -R 'ls -l /' /"), "{error}");
        // room for less than a name of ten bytes
        assert!(Disk::new(disk.window, disk.superblock).names(&root, &mut 73).is_err());
    }
}
