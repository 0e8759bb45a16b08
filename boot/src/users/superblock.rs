//! What an ext4 superblock says at a glance: whether it is one, and whether its journal waits to be replayed.
//!
//! <https://docs.kernel.org/filesystems/ext4/super.html>

use crate::error::{Result, Tried};
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

/// What a file's first bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Superblock {
    /// Of no ext4.
    None,
    /// Of one that was unmounted.
    Clean,
    /// Of one that is mounted, or whose machine was cut off.
    Recover,
}

/// Looks at a file.
pub fn of(path: &Path) -> Result<Superblock> {
    let mut bytes = Vec::with_capacity(AT + READ);
    let file = File::open(path).tried("open", path)?;
    file.take((AT + READ) as u64).read_to_end(&mut bytes).tried("read", path)?;
    Ok(judge(bytes.get(AT..).unwrap_or_default()))
}

fn judge(bytes: &[u8]) -> Superblock {
    match (bytes.get(MAGIC.0..MAGIC.0 + 2), bytes.get(INCOMPAT)) {
        (Some(magic), Some(features)) if magic == MAGIC.1 => {
            if features & RECOVER == 0 {
                Superblock::Clean
            } else {
                Superblock::Recover
            }
        }
        _ => Superblock::None,
    }
}

#[cfg(test)]
mod tests {
    use super::{INCOMPAT, MAGIC, READ, RECOVER, Superblock, judge};

    #[test]
    fn a_superblock_is_told_from_other_bytes() {
        let mut bytes = vec![0; READ];
        assert_eq!((judge(&bytes), judge(&[])), (Superblock::None, Superblock::None));
        bytes[MAGIC.0..MAGIC.0 + 2].copy_from_slice(&MAGIC.1);
        assert_eq!((judge(&bytes), judge(&bytes[..READ - 4])), (Superblock::Clean, Superblock::None));
        bytes[INCOMPAT] |= RECOVER;
        assert_eq!(judge(&bytes), Superblock::Recover);
    }
}
