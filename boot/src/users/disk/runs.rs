//! Finds the blocks of a file, by extents or by tables of blocks.

use super::{Disk, EXTENTS, Inode, half, word};
use crate::host::digest::crc32c;
use crate::host::error::{Error, Result};

/// An extent with at least this length was not written yet: it reads as zeros.
const UNWRITTEN: u16 = 0x8000;
/// The maximum depth of a tree of extents (`EXT4_MAX_EXTENT_DEPTH`).
const DEEPEST: u16 = 5;

/// No folder, and no file that is read here, has more pieces.
const MOST: usize = 1 << 20;

/// Blocks that follow each other in a file and on the disk.
pub(super) struct Run {
    /// The first block, counted in the file.
    pub(super) at: u64,
    /// The first block, counted on the disk; `None` for zeros.
    pub(super) on_disk: Option<u64>,
    pub(super) blocks: u64,
}

/// Collects the runs of a file.
pub(super) struct Runs<'a> {
    disk: &'a Disk,
    file: &'a Inode,
    runs: Vec<Run>,
    blocks: u64,
}

impl<'a> Runs<'a> {
    /// The blocks of a file.
    pub(super) fn of(disk: &'a Disk, file: &'a Inode) -> Result<Vec<Run>> {
        let mut runs = Self { disk, file, runs: Vec::new(), blocks: 0 };
        if file.flags & EXTENTS != 0 {
            runs.extents(&file.block, DEEPEST + 1)?;
        } else {
            runs.mapped()?;
        }
        Ok(runs.runs)
    }

    fn wrong(&self, why: &str) -> Error {
        self.disk.damaged(&format_args!("where inode {} has its data", self.file.number), why)
    }

    fn push(&mut self, at: u64, on_disk: Option<u64>, blocks: u64) -> Result<()> {
        self.blocks += blocks;
        if on_disk.is_some() && self.blocks > self.disk.superblock.blocks {
            return Err(self.wrong("it has more blocks than the filesystem"));
        }
        if self.runs.len() == MOST {
            return Err(self.wrong(&format!("it has more than {MOST} pieces")));
        }
        self.runs.push(Run { at, on_disk, blocks });
        Ok(())
    }

    /// Reads a node of the tree of extents; its depth must be less than `above` (ext4_extents.h).
    fn extents(&mut self, node: &[u8], above: u16) -> Result<()> {
        let (entries, depth) = (usize::from(half(node, 2)), half(node, 6));
        if half(node, 0) != 0xf30a || depth >= above || 12 + entries * 12 > node.len() {
            return Err(self.wrong("a node of its extents is damaged"));
        }
        for entry in node[12..12 + entries * 12].chunks_exact(12) {
            if depth == 0 {
                let length = half(entry, 4);
                if length == 0 {
                    return Err(self.wrong("a piece of it has no block"));
                }
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

    /// Counts a block that contains the numbers of others, because these could form a loop.
    fn count(&mut self) -> Result<()> {
        self.blocks += 1;
        if self.blocks > self.disk.superblock.blocks {
            return Err(self.wrong("it has more blocks than the filesystem"));
        }
        self.disk.step(1)
    }

    fn node(&self, block: u64) -> Result<Vec<u8>> {
        let size = self.disk.superblock.block_size;
        self.disk.bytes(block.saturating_mul(size), size)
    }

    /// Twelve blocks, and the blocks of a table, of a table of tables, and of a third level.
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
