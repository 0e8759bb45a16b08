//! Which filesystem or partition is on a block device, from its first bytes.
//!
//! Offsets: ext4, Documentation/filesystems/ext4/super.rst; EROFS, fs/erofs/erofs_fs.h; GPT, UEFI 2.10
//! section 5.3; MBR disk signature, block/partitions/msdos.c. None of these bytes are trusted: a device that can be
//! plugged in may come from an attacker. A match only leads to an attempt to mount it.

use crate::{cut, device::Device};

/// The offsets of the blocks that identify a filesystem: the superblocks of ext4 and EROFS are in the first block, the
/// primary volume descriptor of ISO 9660 is the other (ECMA-119, 8.4).
pub const BLOCKS: [u64; 2] = [0, 32768];
/// How many bytes are read there.
pub const BLOCK: usize = 2048;

/// ext4's `s_magic`, and its offset in a superblock.
pub const EXT4: (usize, [u8; 2]) = (0x38, [0x53, 0xef]);
/// EROFS's `EROFS_SUPER_MAGIC_V1`: the first bytes of its superblock.
pub const EROFS: [u8; 4] = [0xe2, 0xe1, 0xf5, 0xe0];
/// The first bytes of ISO 9660's primary volume descriptor.
pub const ISO: &[u8] = b"\x01CD001";
/// The offset of the superblocks of ext4 and EROFS.
const SUPERBLOCK: usize = 1024;
const EXT4_AT: usize = SUPERBLOCK + EXT4.0;

struct Kind {
    block: u64,
    magic_at: usize,
    magic: &'static [u8],
    label_at: usize,
    label_len: usize,
    uuid_at: Option<usize>,
    size: fn(&[u8]) -> Option<u64>,
}

const KINDS: [Kind; 3] = [
    Kind {
        block: 0,
        magic_at: EXT4_AT,
        magic: &EXT4.1,
        label_at: 1024 + 0x78,
        label_len: 16,
        uuid_at: Some(1024 + 0x68),
        // s_blocks_count_lo, s_log_block_size
        size: |block| shifted(number(block, 1024 + 4)?, number(block, 1024 + 24)?.checked_add(10)?),
    },
    Kind {
        block: 0,
        magic_at: SUPERBLOCK,
        magic: &EROFS,
        label_at: 1024 + 64,
        label_len: 16,
        uuid_at: Some(1024 + 48),
        // blocks, blkszbits
        size: |block| shifted(number(block, 1024 + 36)?, (*block.get(1024 + 12)?).into()),
    },
    Kind {
        block: 32768,
        magic_at: 0,
        magic: ISO,
        label_at: 40,
        label_len: 32,
        uuid_at: None,
        // volume space size, in blocks of 2048
        size: |block| shifted(number(block, 80)?, 11),
    },
];

fn bytes(block: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    block.get(at..at.checked_add(len)?)
}

fn number(block: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes(block, at, 4)?.try_into().ok()?))
}

/// No filesystem has blocks of more than 64 KiB.
fn shifted(blocks: u32, bits: u32) -> Option<u64> {
    if bits <= 16 { u64::from(blocks).checked_shl(bits) } else { None }
}

fn kind(block: &[u8], at: u64) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.block == at && bytes(block, kind.magic_at, kind.magic.len()) == Some(kind.magic))
}

/// Whether the filesystem with this block has that label or UUID.
#[must_use]
pub fn matches(block: &[u8], at: u64, device: Device<'_>) -> bool {
    let Some(kind) = kind(block, at) else { return false };
    match device {
        Device::Label(wanted) => bytes(block, kind.label_at, kind.label_len)
            .and_then(|label| label.split(|byte| *byte == 0).next())
            .is_some_and(|label| label.trim_ascii_end() == wanted.as_bytes()),
        Device::Uuid(wanted) => {
            kind.uuid_at.and_then(|at| bytes(block, at, 16)).is_some_and(|uuid| same(uuid, Order::Rfc, wanted))
        }
        Device::Path(_) | Device::PartUuid(_) => false,
    }
}

/// Whether that first block is ext4's.
#[must_use]
pub fn is_ext4(block: &[u8]) -> bool {
    bytes(block, EXT4_AT, EXT4.1.len()) == Some(&EXT4.1)
}

/// Whether that first block is EROFS's.
#[must_use]
pub fn is_erofs(block: &[u8]) -> bool {
    bytes(block, SUPERBLOCK, EROFS.len()) == Some(&EROFS)
}

/// The size in bytes of the filesystem with this block.
#[must_use]
pub fn size(block: &[u8], at: u64) -> Option<u64> {
    (kind(block, at)?.size)(block)
}

/// The length of the mark of a carbon copy.
pub const MARK: usize = 144;

/// The mark directly after a carbon copy of ours, made from the block of its superblock. Media are written from front
/// to back, so if the mark is there, everything before it is there too, except for a few writes that were still in
/// progress.
#[must_use]
pub fn mark(block: &[u8]) -> Option<[u8; MARK]> {
    let mut mark = [0; MARK];
    let (head, copy) = mark.split_first_chunk_mut::<16>()?;
    *head = *b"nodeos: whole\0\0\0";
    for (to, from) in copy.iter_mut().zip(bytes(block, 1024, 128)?) {
        *to = *from;
    }
    Some(mark)
}

/// How many bytes of each of a disk's first two sectors describe its partitions.
pub const TABLE: usize = 512;

/// A disk's partition table: the beginnings of its first two sectors, and the size of its logical sectors in bytes. All
/// numbers in a table are in units of these (UEFI 2.10, 5.3.1).
pub struct Disk {
    /// The first: the MBR.
    pub mbr: [u8; TABLE],
    /// The second: the header of a GPT.
    pub gpt: [u8; TABLE],
    /// Bytes of a sector.
    pub sector: u32,
}

/// Whether partition `number` of a disk is the one with that PARTUUID. `entry` is its GPT entry; an MBR disk needs
/// none.
#[must_use]
pub fn is_partition(disk: &Disk, entry: &[u8], number: u32, wanted: &str) -> bool {
    if gpt_entry(disk, number).is_some() {
        return bytes(entry, 16, 16).is_some_and(|uuid| same(uuid, Order::Gpt, wanted));
    }
    let Some(&[a, b, c, d]) = bytes(&disk.mbr, 440, 4) else { return false };
    let Some((signature, partition)) = cut::once(wanted, b'-') else { return false };
    (signature.len(), partition.len()) == (8, 2)
        && cut::small(signature, 16) == Some(u32::from_le_bytes([a, b, c, d]))
        && cut::small(partition, 16) == Some(number)
}

/// The offset of the GPT entry of partition `number`, in bytes from the start of the disk; `None` without a GPT.
#[must_use]
pub fn gpt_entry(disk: &Disk, number: u32) -> Option<u64> {
    let header = &disk.gpt;
    if bytes(header, 0, 8)? != b"EFI PART" {
        return None;
    }
    let first = u64::from_le_bytes(bytes(header, 72, 8)?.try_into().ok()?);
    let size = u32::from_le_bytes(bytes(header, 84, 4)?.try_into().ok()?);
    let before = u64::from(number.checked_sub(1)?).checked_mul(u64::from(size))?;
    first.checked_mul(disk.sector.into())?.checked_add(before)
}

#[derive(Clone, Copy)]
enum Order {
    Rfc,
    /// The first three fields are little-endian.
    Gpt,
}

/// Whether these 16 bytes are that UUID.
fn same(uuid: &[u8], order: Order, wanted: &str) -> bool {
    const GPT: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut digits = wanted.bytes().filter(|byte| *byte != b'-');
    let mut nibble = || char::from(digits.next()?).to_digit(16);
    (0..16).zip(GPT).all(|(rfc, gpt)| {
        let at = if matches!(order, Order::Rfc) { rfc } else { gpt };
        match (nibble(), nibble(), uuid.get(at)) {
            (Some(high), Some(low), Some(byte)) => high << 4 | low == u32::from(*byte),
            _ => false,
        }
    }) && digits.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(at: usize, bytes: &[u8], mut block: Vec<u8>) -> Vec<u8> {
        block[at..at + bytes.len()].copy_from_slice(bytes);
        block
    }

    const UUID: [u8; 16] = [0x1b, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xf0];
    const RFC: &str = "1b020304-0506-0708-090a-0b0c0d0e0ff0";

    #[test]
    fn ext4_is_found_by_label_and_uuid() {
        let block = with(1024 + 0x38, &[0x53, 0xef], vec![0; BLOCK]);
        let block = with(1024 + 0x78, b"nodeos-users", with(1024 + 0x68, &UUID, block));
        assert!(matches(&block, 0, Device::Label("nodeos-users")));
        assert!(!matches(&block, 0, Device::Label("nodeos")));
        assert!(matches(&block, 0, Device::Uuid(RFC)) && matches(&block, 0, Device::Uuid(&RFC.to_uppercase())));
        assert!(!matches(&block, 0, Device::Uuid(&RFC[1..])) && !matches(&block, 0, Device::Uuid(&format!("{RFC}0"))));
    }

    #[test]
    fn erofs_is_found_by_label() {
        let block = with(1024 + 64, b"nodeos-carbon", with(1024, &[0xe2, 0xe1, 0xf5, 0xe0], vec![0; BLOCK]));
        assert!(matches(&block, 0, Device::Label("nodeos-carbon")));
    }

    #[test]
    fn an_iso_is_found_by_its_volume_identifier() {
        let block = with(40, b"nodeos-carbon                   ", with(0, b"\x01CD001", vec![0; BLOCK]));
        assert!(matches(&block, 32768, Device::Label("nodeos-carbon")));
        assert!(!matches(&block, 0, Device::Label("nodeos-carbon")) && !matches(&block, 32768, Device::Uuid(RFC)));
    }

    #[test]
    fn the_size_of_a_filesystem_is_read() {
        let ext4 = with(1024 + 0x38, &[0x53, 0xef], vec![0; BLOCK]);
        let ext4 = with(1024 + 24, &2_u32.to_le_bytes(), with(1024 + 4, &100_u32.to_le_bytes(), ext4));
        assert_eq!(size(&ext4, 0), Some(100 << 12));
        let erofs = with(1024, &[0xe2, 0xe1, 0xf5, 0xe0], vec![0; BLOCK]);
        let erofs = with(1024 + 12, &[12], with(1024 + 36, &u32::MAX.to_le_bytes(), erofs));
        assert_eq!(size(&erofs, 0), Some(u64::from(u32::MAX) << 12));
        let iso = with(80, &7_u32.to_le_bytes(), with(0, b"\x01CD001", vec![0; BLOCK]));
        assert_eq!((size(&iso, 32768), size(&iso, 0)), (Some(7 << 11), None));
        // a superblock may contain anything
        assert_eq!(size(&with(1024 + 12, &[255], erofs), 0), None);
        assert_eq!(size(&with(1024 + 24, &u32::MAX.to_le_bytes(), ext4), 0), None);
    }

    #[test]
    fn a_mark_depends_on_its_superblock() {
        let block = with(1024, &UUID, vec![0; BLOCK]);
        let mark = mark(&block).unwrap();
        assert!(mark.starts_with(b"nodeos: whole") && mark[16..32] == UUID && mark[32..] == [0; 112]);
        assert_ne!(super::mark(&with(1024 + 127, &[1], block.clone())).unwrap(), mark);
        assert_eq!(super::mark(&block[..1024 + 127]), None);
    }

    #[test]
    fn other_and_short_blocks_match_nothing() {
        for block in [vec![], vec![0; 100], vec![0xff; BLOCK]] {
            assert!(!matches(&block, 0, Device::Label("")) && !matches(&block, 0, Device::Uuid(RFC)));
        }
    }

    #[test]
    fn a_gpt_partition_is_found_by_its_entry() {
        let gpt = with(0, b"EFI PART", vec![0; TABLE]);
        let gpt = with(84, &128u32.to_le_bytes(), with(72, &2u64.to_le_bytes(), gpt)).try_into().unwrap();
        for sector in [512, 4096] {
            let disk = Disk { mbr: [0; TABLE], gpt, sector };
            assert_eq!(gpt_entry(&disk, 3), Some(2 * u64::from(sector) + 2 * 128));
            let entry = with(16, &UUID, vec![0; 128]);
            assert!(is_partition(&disk, &entry, 3, "0403021b-0605-0807-090a-0b0c0d0e0ff0"));
            assert!(!is_partition(&disk, &entry, 3, RFC));
            assert_eq!(gpt_entry(&disk, 0), None);
        }
    }

    #[test]
    fn an_mbr_partition_is_found_by_signature_and_number() {
        let mbr = with(440, &0x00ab_cdef_u32.to_le_bytes(), vec![0; TABLE]).try_into().unwrap();
        let disk = Disk { mbr, gpt: [0; TABLE], sector: 512 };
        assert!(is_partition(&disk, &[], 2, "00abcdef-02"));
        assert!(!is_partition(&disk, &[], 1, "00abcdef-02"));
    }
}
