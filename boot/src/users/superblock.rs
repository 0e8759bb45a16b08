//! What an ext4 superblock says at a glance: whether it is one, all of it, and whether its journal waits to be replayed.
//!
//! <https://docs.kernel.org/filesystems/ext4/super.html>

use crate::error::{Error, Result, Tried};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Where it begins, and how much of it is read.
const AT: usize = 1024;
const READ: usize = 0x64;
/// `s_magic`, `EXT4_SUPER_MAGIC`.
const MAGIC: (usize, [u8; 2]) = (0x38, 0xef53_u16.to_le_bytes());
/// `s_feature_incompat`, of which `INCOMPAT_RECOVER` is 4: mounted, or not unmounted when its machine ended.
const INCOMPAT: usize = 0x60;
const RECOVER: u8 = 4;
/// `s_blocks_count_lo`, `s_log_block_size`: 1024 shifted by that.
const BLOCKS: usize = 0x04;
const BLOCK_SIZE: usize = 0x18;

/// What a file's first bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Superblock {
    /// Of no ext4.
    None,
    /// Of one that was unmounted.
    Clean,
    /// Of one that is mounted, or whose machine was cut off.
    Recover,
    /// Of one that needs so many bytes, and the file has fewer.
    Short(u64),
}

impl Superblock {
    /// Refuses what is no ext4, or not all of one; `users list` and `run` say the same.
    pub fn whole(self, path: &Path) -> Result<()> {
        let failed = |why: &str| Error::new(format!("read {}", path.display()), why);
        match self {
            Self::None => Err(failed("it is no ext4 filesystem").next("nodeos users create FILE makes one")),
            Self::Short(needed) => Err(failed(&format!("it is cut short: the filesystem in it has {needed} bytes"))
                .next("copy it again, from where it is whole")),
            Self::Clean | Self::Recover => Ok(()),
        }
    }
}

/// Looks at a file.
pub fn of(path: &Path) -> Result<Superblock> {
    let mut bytes = Vec::with_capacity(AT + READ);
    let file = File::open(path).tried("open", path)?;
    file.take((AT + READ) as u64).read_to_end(&mut bytes).tried("read", path)?;
    let length = std::fs::metadata(path).tried("look at", path)?.len();
    Ok(judge(bytes.get(AT..).unwrap_or_default(), length))
}

fn judge(bytes: &[u8], length: u64) -> Superblock {
    let number = |at: usize| bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
    match (bytes.get(MAGIC.0..MAGIC.0 + 2), bytes.get(INCOMPAT)) {
        (Some(magic), Some(features)) if magic == MAGIC.1 => {
            let size = 1024_u64.checked_shl(number(BLOCK_SIZE).unwrap_or(0)).unwrap_or(0);
            match size.saturating_mul(number(BLOCKS).unwrap_or(0).into()) {
                needed if needed > length => Superblock::Short(needed),
                _ if features & RECOVER == 0 => Superblock::Clean,
                _ => Superblock::Recover,
            }
        }
        _ => Superblock::None,
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_SIZE, BLOCKS, INCOMPAT, MAGIC, READ, RECOVER, Superblock, judge};

    #[test]
    fn a_superblock_is_told_from_other_bytes() {
        let mut bytes = vec![0; READ];
        bytes[BLOCKS] = 3;
        bytes[BLOCK_SIZE] = 2;
        assert_eq!((judge(&bytes, 12288), judge(&[], 12288)), (Superblock::None, Superblock::None));
        bytes[MAGIC.0..MAGIC.0 + 2].copy_from_slice(&MAGIC.1);
        assert_eq!((judge(&bytes, 12288), judge(&bytes[..READ - 4], 12288)), (Superblock::Clean, Superblock::None));
        bytes[INCOMPAT] |= RECOVER;
        assert_eq!((judge(&bytes, 12288), judge(&bytes, 12287)), (Superblock::Recover, Superblock::Short(12288)));
    }
}
