//! Reads an ext4 superblock: whether it is one, whether the filesystem is complete, how to read the rest, and whether a
//! machine will mount it.
//!
//! <https://docs.kernel.org/filesystems/ext4/super.html>

use crate::host::digest::crc32c;
use crate::host::error::{Error, Result};
use crate::host::shown::Shown;
use crate::host::window::Window;
use shim::{ext4, probe};

/// The offset and the length of the superblock.
const AT: u64 = 1024;
const LENGTH: usize = 1024;
/// `s_feature_incompat`: it is mounted, or was not unmounted when its machine ended.
const RECOVER: u32 = 4;
const FILETYPE: u32 = 2;
const WIDE: u32 = 0x80;
const CASEFOLD: u32 = 0x20000;
const CSUM_SEED: u32 = 0x2000;
/// Filetype, recover, extents, 64bit, mmp, flex_bg, ea_inode, metadata_csum_seed, largedir, encrypt, casefold.
const READ: u32 = FILETYPE | RECOVER | 0x40 | WIDE | 0x100 | 0x200 | 0x400 | CSUM_SEED | 0x4000 | 0x10000 | CASEFOLD;
/// `s_feature_ro_compat`.
const METADATA_CSUM: u32 = 0x400;

/// The result of a look at a file's first bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Not an ext4 filesystem.
    None,
    /// An ext4 filesystem that needs more bytes than the file has.
    Short {
        /// The size of the filesystem.
        needed: u64,
        /// The size of the file.
        there: u64,
    },
    /// A complete one.
    Whole(Superblock),
}

/// The superblock of a filesystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Bytes of a block.
    pub block_size: u64,
    /// Blocks.
    pub blocks: u64,
    /// The block with the superblock.
    pub first_block: u64,
    /// Blocks of a group.
    pub group_blocks: u32,
    /// Inodes.
    pub inodes: u32,
    /// Inodes of a group.
    pub group_inodes: u32,
    /// Bytes of an inode.
    pub inode_size: u16,
    /// Bytes of a group's descriptor.
    pub descriptor_size: u16,
    /// The initial value of metadata checksums; `None` if there are none.
    pub seed: Option<u32>,
    pub label: [u8; 16],
    /// The UUID.
    pub uuid: [u8; 16],
    incompat: u32,
    ro_compat: u32,
}

impl Found {
    /// Refuses other data and incomplete filesystems; `users list` and `run` report the same.
    pub fn whole(self, window: &Window) -> Result<Superblock> {
        let failed = |why: String| Error::new(format!("read {}", window.path().display()), why);
        match self {
            Self::None => Err(match refused(window) {
                Some(ext4::EMPTY) => failed("it is not an ext4 filesystem: it is empty".to_owned())
                    .next("nodeos users create FILE makes one"),
                why => failed(why.unwrap_or("it is not an ext4 filesystem").to_owned()),
            }),
            Self::Short { needed, there } => {
                let why = format!("it is cut short: the filesystem in it has {needed} bytes, and {there} are there");
                Err(failed(why).next("copy it again, from where it is whole"))
            }
            Self::Whole(superblock) => Ok(superblock),
        }
    }
}

impl Superblock {
    /// Whether its journal must be replayed.
    #[must_use]
    pub fn recover(&self) -> bool {
        self.incompat & RECOVER != 0
    }

    /// Whether entries of folders contain the file type, in place of the upper byte of the name's length.
    #[must_use]
    pub fn filetype(&self) -> bool {
        self.incompat & FILETYPE != 0
    }

    /// Why we cannot read it, for a filesystem that was not made by us.
    #[must_use]
    pub fn unreadable(&self) -> Option<String> {
        let names = [
            (0x1, "compression"),
            (0x8, "journal_dev"),
            (0x10, "meta_bg"),
            (0x1000, "dirdata"),
            (0x8000, "inline_data"),
        ];
        let unknown = self.incompat & !READ;
        let name = names.iter().find(|(bit, _)| unknown & bit != 0).map(|(_, name)| (*name).to_owned());
        match unknown {
            0 => None,
            _ => Some(format!(
                "it has the feature {}, which nodeos does not read",
                name.unwrap_or_else(|| format!("{unknown:#x}"))
            )),
        }
    }

    /// The label, as text that is safe to show.
    #[must_use]
    pub fn label(&self) -> String {
        Shown::of(self.label.split(|byte| *byte == 0).next().unwrap_or_default()).to_string()
    }

    /// The UUID as text.
    #[must_use]
    pub fn uuid(&self) -> String {
        uuid::Uuid::from_bytes(self.uuid).to_string()
    }
}

/// Reads the superblock of a file or a part of one.
pub fn of(window: &Window) -> Result<Found> {
    let head = window.head(AT + LENGTH as u64)?;
    let bytes = head.get(usize::try_from(AT).unwrap_or(0)..).unwrap_or_default();
    judge(bytes, window.length()).map_err(|why| {
        let path = window.path().display();
        Error::new(format!("read the superblock of {path}"), why).next(repair(window))
    })
}

/// Why a machine does not mount it for writing, or not at all, and a next step that keeps the homes: the shim's own
/// text.
#[must_use]
pub fn refused(window: &Window) -> Option<&'static str> {
    ext4::refused(&mut |at, block| window.read_exact_at(block, at).ok())
}

/// The advice for a damaged filesystem: look first.
#[must_use]
pub fn repair(window: &Window) -> String {
    format!("e2fsck -fn {window} says what is wrong and changes nothing; without n it mends: do that on a copy")
}

fn judge(bytes: &[u8], there: u64) -> std::result::Result<Found, &'static str> {
    let Ok(bytes) = <&[u8; LENGTH]>::try_from(bytes) else { return Ok(Found::None) };
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let (magic_at, magic) = probe::EXT4;
    if bytes[magic_at..magic_at + magic.len()] != magic {
        return Ok(Found::None);
    }
    let (incompat, ro_compat) = (word(0x60), word(0x64));
    let wide = incompat & WIDE != 0;
    let sums = ro_compat & METADATA_CSUM != 0;
    if sums && word(0x3fc) != crc32c(!0, &bytes[..0x3fc]) {
        return Err("its checksum is wrong");
    }
    let block_size = Some(word(0x18)).filter(|bits| *bits <= 6).map(|bits| 1024_u64 << bits);
    let block_size = block_size.ok_or("its blocks are larger than 64 KiB")?;
    let [label, uuid] = [0x78, 0x68].map(|at| <[u8; 16]>::try_from(&bytes[at..at + 16]).unwrap_or_default());
    let superblock = Superblock {
        block_size,
        blocks: u64::from(word(0x04)) | if wide { u64::from(word(0x150)) << 32 } else { 0 },
        first_block: word(0x14).into(),
        group_blocks: word(0x20),
        inodes: word(0),
        group_inodes: word(0x28),
        // EXT2_GOOD_OLD_REV has no field for it
        inode_size: if word(0x4c) == 0 { 128 } else { half(0x58) },
        descriptor_size: if wide { half(0xfe) } else { 32 },
        seed: sums.then(|| if incompat & CSUM_SEED != 0 { word(0x270) } else { crc32c(!0, &uuid) }),
        label,
        uuid,
        incompat,
        ro_compat,
    };
    let needed = superblock.block_size.saturating_mul(superblock.blocks);
    // fs/ext4/super.c: `ext4_inode_info_init`, EXT4_MIN_DESC_SIZE_64BIT
    let Superblock { inode_size, descriptor_size, .. } = superblock;
    let sizes = inode_size.is_power_of_two()
        && inode_size >= 128
        && u64::from(inode_size) <= block_size
        && descriptor_size.is_power_of_two()
        && descriptor_size >= if wide { 64 } else { 32 };
    match superblock {
        _ if needed > there => Ok(Found::Short { needed, there }),
        superblock if sizes && superblock.group_blocks > 0 && superblock.group_inodes > 0 => {
            Ok(Found::Whole(superblock))
        }
        _ => Err("its sizes are impossible"),
    }
}

#[cfg(test)]
mod tests {
    use super::{CASEFOLD, Found, LENGTH, RECOVER, Superblock, judge};

    /// Three blocks of 4 KiB.
    fn bytes() -> Vec<u8> {
        let mut bytes = vec![0; LENGTH];
        for (at, value) in [
            (0, 16_u32),
            (4, 3),
            (0x18, 2),
            (0x20, 32768),
            (0x28, 16),
            (0x38, 0xef53),
            (0x4c, 1),
            (0x58, 256),
            (0xfe, 64),
        ] {
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    fn with(at: usize, bits: u32) -> Superblock {
        let mut bytes = bytes();
        bytes[at..at + 4].copy_from_slice(&bits.to_le_bytes());
        match judge(&bytes, 1 << 40) {
            Ok(Found::Whole(superblock)) => superblock,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_superblock_is_recognised_and_validated() {
        assert_eq!((judge(&[0; LENGTH], 12288), judge(&[], 12288)), (Ok(Found::None), Ok(Found::None)));
        assert_eq!(judge(&bytes()[..LENGTH - 4], 12288), Ok(Found::None));
        assert!(
            matches!(judge(&bytes(), 12288), Ok(Found::Whole(found)) if !found.recover() && found.inode_size == 256)
        );
        assert_eq!(judge(&bytes(), 12287), Ok(Found::Short { needed: 12288, there: 12287 }));
        assert!(with(0x60, RECOVER).recover());
        // an inode of 129 bytes would end in the middle of the upper half of a checksum
        for (at, value) in [(0x18, 7_u16), (0x20, 0), (0x28, 0), (0x58, 127), (0x58, 129), (0x58, 384), (0x58, 8192)] {
            let mut bytes = bytes();
            bytes[at..at + 4].copy_from_slice(&u32::from(value).to_le_bytes());
            assert!(judge(&bytes, 1 << 40).is_err(), "{at:#x} {value}");
        }
        for size in [32_u8, 65, 96] {
            let mut bytes = bytes();
            bytes[0x60] = 0x80; // WIDE
            bytes[0xfe] = size;
            assert!(judge(&bytes, 1 << 40).is_err(), "{size}");
        }
    }

    #[test]
    fn unsupported_features_are_named() {
        assert_eq!(with(0x60, 0x2c2 | CASEFOLD).unreadable(), None);
        assert!(with(0x60, 0x8000).unreadable().unwrap().contains("the feature inline_data"));
        assert!(with(0x60, 0x4000_0000).unreadable().unwrap().contains("0x40000000"));
    }
}
