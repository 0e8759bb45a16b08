//! An ext4 filesystem, read where it lies: inodes, what they hold, the names in folders. Nothing is written.
//!
//! Folders are read by inode, not by path: no depth is too deep, and no name is looked up twice. Checksums are held
//! against what they cover, as e2fsck does it. The filesystem is anybody's: nothing in it makes this read for ever, or
//! take more memory than what lies in it.
//!
//! <https://docs.kernel.org/filesystems/ext4/>

use super::superblock::{Superblock, repair};
use crate::digest::crc32c;
use crate::error::{Error, Result};
use crate::window::Window;
use std::fmt::Display;

/// The folder at the top.
pub const ROOT: u32 = 2;
/// The longest link that the kernel reads: PATH_MAX.
const LONGEST_LINK: u64 = 4096;
/// More names are no folder.
const MOST_NAMES: usize = 1 << 22;
/// `EXT4_EXTENTS_FL`, `EXT4_INLINE_DATA_FL`.
const EXTENTS: u32 = 0x80000;
const INLINE: u32 = 0x1000_0000;
/// An extent from this length on is one that was not written yet: it reads as zeros.
const UNWRITTEN: u16 = 0x8000;
/// A tree of extents is that deep (`EXT4_MAX_EXTENT_DEPTH`).
const DEEPEST: u16 = 5;

/// A filesystem.
pub struct Disk {
    window: Window,
    superblock: Superblock,
    /// The block in which each group's inodes begin.
    tables: Vec<u64>,
}

/// A file, a folder, a link or something else.
#[derive(Clone, Debug)]
pub struct Inode {
    /// Its number.
    pub number: u32,
    /// Type and permissions, as in `st_mode`.
    pub mode: u16,
    /// Its owner.
    pub uid: u32,
    /// And group.
    pub gid: u32,
    /// Bytes in it.
    pub size: u64,
    /// Names that lead to it.
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

    /// Whether it is a symbolic link.
    #[must_use]
    pub fn is_link(&self) -> bool {
        self.is(0o120_000)
    }
}

/// Blocks that follow each other in a file and on the disk.
struct Run {
    /// The first, counted in the file.
    at: u64,
    /// The first, counted on the disk; `None` for zeros.
    on_disk: Option<u64>,
    blocks: u64,
}

impl Disk {
    /// Opens a filesystem of which nothing is missing.
    pub fn open(window: Window, superblock: Superblock) -> Result<Self> {
        let mut disk = Self { window, superblock, tables: Vec::new() };
        let Superblock { block_size, blocks, first_block, group_blocks, descriptor_size, .. } = disk.superblock;
        let groups = blocks.saturating_sub(first_block).div_ceil(group_blocks.into());
        let size = usize::from(descriptor_size);
        let mut table = disk.bytes((first_block + 1).saturating_mul(block_size), groups.saturating_mul(size as u64))?;
        for (group, descriptor) in table.chunks_exact_mut(size).zip(0_u32..).map(|(bytes, group)| (group, bytes)) {
            let sum = half(descriptor, 0x1e);
            if let Some(seed) = disk.superblock.seed {
                descriptor[0x1e..0x20].fill(0);
                let right = crc32c(crc32c(seed, &group.to_le_bytes()), descriptor) & 0xffff;
                if u32::from(sum) != right {
                    return Err(disk.damaged(&format_args!("group {group}"), "its checksum is wrong"));
                }
            }
            let high = if size >= 64 { word(descriptor, 0x28) } else { 0 };
            disk.tables.push(u64::from(word(descriptor, 0x08)) | u64::from(high) << 32);
        }
        Ok(disk)
    }

    /// What its superblock says.
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
        let table = self.tables.get(group as usize).ok_or_else(|| wrong("it has no group"))?;
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

    /// The names in a folder but `.` and `..`, in the order of bytes, each with its inode's number.
    pub fn names(&self, folder: &Inode) -> Result<Vec<(Vec<u8>, u32)>> {
        let block_size = self.superblock.block_size;
        let mut names = Vec::new();
        for run in self.runs(folder)? {
            for index in 0..run.blocks {
                let Some(on_disk) = run.on_disk else { continue };
                let block = self.bytes((on_disk + index).saturating_mul(block_size), block_size)?;
                self.entries(folder, &block, &mut names)?;
                if names.len() > MOST_NAMES {
                    let what = format_args!("the folder with inode {}", folder.number).to_string();
                    return Err(self.damaged(&what, &format!("it has more than {MOST_NAMES} names")));
                }
            }
        }
        names.sort();
        Ok(names)
    }

    /// The entries of one block of a folder. The inner nodes of a hashed one look like a single unused entry.
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
                if name.is_empty() || name.iter().any(|byte| matches!(byte, b'/' | 0)) {
                    return Err(wrong("a name in it is empty, or has a slash or a NUL"));
                }
                if name != b"." && name != b".." {
                    names.push((name.to_vec(), number));
                }
            }
            at += length;
        }
        Ok(())
    }

    /// What a link says.
    pub fn link(&self, link: &Inode) -> Result<Vec<u8>> {
        let inside = usize::try_from(link.size).ok().filter(|_| link.flags & EXTENTS == 0);
        match inside.and_then(|size| link.block.get(..size)).filter(|says| says.len() < link.block.len()) {
            Some(says) => Ok(says.to_vec()),
            None => self.content(link, LONGEST_LINK),
        }
    }

    /// What a file holds, which may be at most that much.
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

    /// Where the blocks of a file lie. They are no more than the filesystem has.
    fn runs(&self, file: &Inode) -> Result<Vec<Run>> {
        if file.flags & INLINE != 0 {
            return Err(
                self.damaged(&format_args!("inode {}", file.number), "its data lies inline, which is no feature here")
            );
        }
        let mut runs = Runs { disk: self, file, runs: Vec::new(), blocks: 0 };
        if file.flags & EXTENTS != 0 {
            runs.extents(&file.block, DEEPEST + 1)?;
        } else {
            runs.mapped()?;
        }
        Ok(runs.runs)
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

    /// The error of a filesystem that is damaged.
    pub fn damaged(&self, what: &dyn Display, why: &str) -> Error {
        Error::new(self.tried(what), why).next(repair(&self.window))
    }
}

/// Collects the runs of a file.
struct Runs<'a> {
    disk: &'a Disk,
    file: &'a Inode,
    runs: Vec<Run>,
    blocks: u64,
}

impl Runs<'_> {
    fn wrong(&self, why: &str) -> Error {
        self.disk.damaged(&format_args!("where inode {} has its data", self.file.number), why)
    }

    fn push(&mut self, at: u64, on_disk: Option<u64>, blocks: u64) -> Result<()> {
        self.blocks += blocks;
        if on_disk.is_some() && self.blocks > self.disk.superblock.blocks {
            return Err(self.wrong("it has more blocks than the filesystem"));
        }
        self.runs.push(Run { at, on_disk, blocks });
        Ok(())
    }

    /// A node of the tree of extents, which is less than `above` deep (ext4_extents.h).
    fn extents(&mut self, node: &[u8], above: u16) -> Result<()> {
        let (entries, depth) = (usize::from(half(node, 2)), half(node, 6));
        if half(node, 0) != 0xf30a || depth >= above || 12 + entries * 12 > node.len() {
            return Err(self.wrong("a node of its extents is damaged"));
        }
        for entry in node[12..12 + entries * 12].chunks_exact(12) {
            if depth == 0 {
                let length = half(entry, 4);
                let blocks = if length > UNWRITTEN { length - UNWRITTEN } else { length };
                let on_disk = u64::from(word(entry, 8)) | u64::from(half(entry, 6)) << 32;
                self.push(word(entry, 0).into(), Some(on_disk).filter(|_| length <= UNWRITTEN), blocks.into())?;
                continue;
            }
            self.count()?;
            let below = self.node(u64::from(word(entry, 4)) | u64::from(half(entry, 8)) << 32)?;
            let end = 12 + usize::from(half(&below, 4)) * 12;
            if let Some(seed) = self.file.seed {
                let sum = below.get(end..end + 4).map(|sum| word(sum, 0));
                if sum != below.get(..end).map(|covered| crc32c(seed, covered)) {
                    return Err(self.wrong("the checksum of its extents is wrong"));
                }
            }
            self.extents(&below, depth)?;
        }
        Ok(())
    }

    /// Counts a block that says where others are: they may lead to the same one over and over.
    fn count(&mut self) -> Result<()> {
        self.blocks += 1;
        if self.blocks > self.disk.superblock.blocks {
            return Err(self.wrong("it has more blocks than the filesystem"));
        }
        Ok(())
    }

    fn node(&self, block: u64) -> Result<Vec<u8>> {
        let size = self.disk.superblock.block_size;
        self.disk.bytes(block.saturating_mul(size), size)
    }

    /// Twelve blocks, and those of a table, of a table of tables, and of a third.
    fn mapped(&mut self) -> Result<()> {
        let table = self.file.block;
        let end = self.file.size.div_ceil(self.disk.superblock.block_size);
        let mut at = 0;
        for (slot, level) in table.chunks_exact(4).zip([0; 12].into_iter().chain([1, 2, 3])) {
            self.table(word(slot, 0).into(), level, &mut at, end)?;
        }
        Ok(())
    }

    fn table(&mut self, block: u64, level: u32, at: &mut u64, end: u64) -> Result<()> {
        let slots = self.disk.superblock.block_size / 4;
        match (block, level) {
            _ if *at >= end => Ok(()),
            (0, _) => {
                *at += slots.pow(level);
                Ok(())
            }
            (_, 0) => {
                *at += 1;
                self.push(*at - 1, Some(block), 1)
            }
            _ => {
                self.count()?;
                let table = self.node(block)?;
                table.chunks_exact(4).try_for_each(|slot| self.table(word(slot, 0).into(), level - 1, at, end))
            }
        }
    }
}

/// fs/ext4/inode.c, `ext4_inode_csum`: an inode of 128 bytes has the lower half alone.
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
