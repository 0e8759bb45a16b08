//! The partition table of a card that was written from an image: its last partition may grow to the end of the card.
//!
//! Layout: UEFI 2.10, 5.2.1. Anybody may have written the table of a disk: if any field of it differs from those in our
//! images, the table stays unchanged.

/// The length of the part of the first sector that holds the table, in bytes.
pub const TABLE: usize = 512;
/// Less additional room than this, in bytes, is not worth a write.
const LEAST: u64 = 1 << 20;

const LINUX: u8 = 0x83;
const ENTRIES: usize = 446;
const ENTRY: usize = 16;

/// A partition that became larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grown {
    /// The sector with the new table.
    pub sector: [u8; TABLE],
    /// Where the partition begins, in bytes.
    pub start: u64,
    /// How long it is now, in bytes.
    pub length: u64,
}

/// One of the four partitions in a table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its type; 0 for none.
    pub kind: u8,
    /// Its first sector.
    pub start: u64,
    /// How many sectors it has.
    pub sectors: u64,
}

impl Entry {
    /// Whether it is the protective partition of a GPT, or a partition that contains others.
    #[must_use]
    pub const fn is_nested(&self) -> bool {
        matches!(self.kind, 0xee | 0x05 | 0x0f | 0x85)
    }
}

/// Whether the sector has a table.
#[must_use]
pub fn is_table(sector: &[u8; TABLE]) -> bool {
    sector.ends_with(&[0x55, 0xaa])
}

/// The entry of that number, from 0 on; `None` after the fourth.
#[must_use]
pub fn entry(sector: &[u8; TABLE], number: usize) -> Option<Entry> {
    let at = ENTRIES.checked_add(number.checked_mul(ENTRY)?)?;
    if number > 3 {
        return None;
    }
    let bytes: &[u8; ENTRY] = sector.get(at..at.checked_add(ENTRY)?)?.try_into().ok()?;
    let &[_, _, _, _, kind, _, _, _, a, b, c, d, e, f, g, h] = bytes;
    let sectors = u32::from_le_bytes([e, f, g, h]).into();
    Some(Entry { kind, start: u32::from_le_bytes([a, b, c, d]).into(), sectors })
}

/// The table of a disk of that many bytes, in logical sectors of `unit` bytes, after partition `number` (a Linux
/// partition, and the last one) has grown to the end of the disk. `None` if it already ends there, or if this table
/// makes it unsafe.
#[must_use]
pub fn grown(sector: &[u8; TABLE], number: u32, disk: u64, unit: u32) -> Option<Grown> {
    let bytes = u64::from(unit);
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    let last = entry(sector, index)?;
    if !is_table(sector) || last.kind != LINUX || last.start == 0 {
        return None;
    }
    for other in (0..4).filter(|other| *other != index) {
        let other = entry(sector, other)?;
        // a partition after it, or one that overlaps it
        if other.is_nested() || (other.kind != 0 && other.start.checked_add(other.sectors)? > last.start) {
            return None;
        }
    }
    // at most what 32 bits can count, in whole blocks of 4 KiB
    let block = 4096_u64.checked_div(bytes)?.max(1);
    let room = disk.checked_div(bytes)?.checked_sub(last.start)?.min(u32::MAX.into());
    let room = room.checked_sub(room.checked_rem(block)?)?;
    if room.checked_sub(last.sectors)?.checked_mul(bytes)? < LEAST {
        return None;
    }
    let mut sector = *sector;
    let at = ENTRIES.checked_add(index.checked_mul(ENTRY)?)?.checked_add(12)?;
    let [a, b, c, d] = u32::try_from(room).ok()?.to_le_bytes();
    for (byte, new) in sector.get_mut(at..)?.iter_mut().zip([a, b, c, d]) {
        *byte = new;
    }
    Some(Grown { sector, start: last.start.checked_mul(bytes)?, length: room.checked_mul(bytes)? })
}

#[cfg(test)]
mod tests {
    use super::{ENTRIES, ENTRY, Grown, TABLE};

    /// A table of partitions, each given as type, first sector and number of sectors.
    fn table(partitions: &[(u8, u32, u32)]) -> [u8; TABLE] {
        let mut sector = [0; TABLE];
        for (number, (kind, start, sectors)) in partitions.iter().enumerate() {
            let at = ENTRIES + number * ENTRY;
            sector[at + 4] = *kind;
            sector[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
            sector[at + 12..at + 16].copy_from_slice(&sectors.to_le_bytes());
        }
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        sector
    }

    fn grown(sector: &[u8; TABLE], number: u32, disk: u64) -> Option<Grown> {
        super::grown(sector, number, disk, 512)
    }

    const CARD: [(u8, u32, u32); 3] = [(0x0c, 2048, 2048), (0x83, 4096, 4096), (0x83, 8192, 8192)];

    #[test]
    fn the_last_partition_grows_to_the_end_of_the_disk() {
        let new = grown(&table(&CARD), 3, 1 << 30).unwrap();
        assert_eq!((new.start, new.length), (8192 * 512, (1 << 30) - 8192 * 512));
        let mut expected = CARD;
        expected[2].2 = (1 << 21) - 8192;
        assert_eq!(new.sector, table(&expected));
        assert_eq!(grown(&new.sector, 3, 1 << 30), None, "once is enough");
        // a card of 4 TB: the table counts sectors in 32 bits
        assert_eq!(grown(&table(&CARD), 3, 4 << 40).unwrap().length, (u64::from(u32::MAX) & !7) * 512);
    }

    #[test]
    fn the_sector_size_of_the_disk_is_used() {
        let small = [(0x0c, 256, 256), (0x83, 512, 512), (0x83, 1024, 1024)];
        let new = super::grown(&table(&small), 3, (1 << 30) + 4096, 4096).unwrap();
        assert_eq!((new.start, new.length), (1024 * 4096, (1 << 30) + 4096 - 1024 * 4096));
        assert_eq!(super::grown(&new.sector, 3, (1 << 30) + 4096, 4096), None, "once is enough");
        assert_eq!(super::grown(&table(&small), 3, 1 << 30, 0), None);
    }

    #[test]
    fn other_partition_tables_are_not_changed() {
        let disk = 1 << 30;
        for number in [0, 1, 2, 4, 5, u32::MAX] {
            assert_eq!(grown(&table(&CARD), number, disk), None, "partition {number}");
        }
        assert_eq!(grown(&table(&CARD), 3, 16384 * 512), None, "no room");
        assert_eq!(grown(&table(&CARD), 3, 16384 * 512 + (1 << 19)), None, "hardly any room");
        assert_eq!(grown(&table(&CARD), 3, 4096), None, "a disk shorter than its table says");
        for other in
            [(0xee, 1, 100), (0x05, 20000, 100), (0x83, 20000, 8), (0x83, 8000, 500), (0x83, u32::MAX, u32::MAX)]
        {
            let table = table(&[CARD[0], CARD[1], CARD[2], other]);
            assert_eq!(grown(&table, 3, disk), None, "{other:?}");
        }
        let swap = [CARD[0], CARD[1], (0x82, 8192, 8192)];
        assert_eq!(grown(&table(&swap), 3, disk), None, "no Linux partition");
        let mut unsigned = table(&CARD);
        unsigned[511] = 0;
        assert_eq!(grown(&unsigned, 3, disk), None, "no table at all");
    }
}
