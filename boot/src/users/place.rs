//! Finds a users partition: it is a whole file, or a partition of a card's or a disk's image.

use super::superblock::{self, Found, Superblock};
use crate::host::error::{Error, Result};
use crate::host::window::Window;
use shim::{layout::USERS_LABEL, mbr};
use std::path::Path;

/// A users partition.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its bytes.
    pub window: Window,
    /// Its superblock.
    pub superblock: Superblock,
}

/// One partition of a table.
#[derive(Clone, Debug)]
pub struct Partition {
    /// From 1 on.
    pub number: u8,
    /// Its type.
    pub kind: u8,
    /// Its bytes.
    pub window: Window,
}

impl Place {
    /// Finds the users partition in a file. An error tells what the file is instead, and where the homes are.
    pub fn of(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(folder(path));
        }
        let window = Window::open(path)?;
        let found = superblock::of(&window)?;
        if found != Found::None {
            return Ok(Self { superblock: found.whole(&window)?, window });
        }
        let failed = |why: String| Error::new(format!("find a users partition in {}", path.display()), why);
        if window.is_iso() {
            return Err(failed("it is an ISO, whose homes travel in its initramfs".to_owned()).next(
                "change the image that it was built of, and build again: nodeos build --target iso --users FILE",
            ));
        }
        let partitions = partitions(&window)?;
        if partitions.is_empty() {
            return Found::None.whole(&window).map(|superblock| Self { window, superblock });
        }
        for Partition { window, .. } in &partitions {
            // other partitions may be damaged
            let found = superblock::of(window).unwrap_or(Found::None);
            match found {
                Found::Whole(superblock) if is_users(&superblock) => {
                    return Ok(Self { window: window.clone(), superblock });
                }
                Found::Short { .. } => return Err(cut(path)),
                _ => {}
            }
        }
        let why =
            format!("none of its {} partitions is an ext4 filesystem with the label {USERS_LABEL}", partitions.len());
        Err(failed(why).next("a card has one if it was built with homes: nodeos build --target sd --users FILE"))
    }
}

fn is_users(superblock: &Superblock) -> bool {
    superblock.label.split(|byte| *byte == 0).next() == Some(USERS_LABEL.as_bytes())
}

fn cut(path: &Path) -> Error {
    let tried = format!("find a users partition in {}", path.display());
    Error::new(tried, "its partition is cut short: the file ends before it")
        .next("copy it again, from where it is whole")
}

/// The error for a folder: some media are folders.
pub fn folder(path: &Path) -> Error {
    let failed = |why: &str| Error::new(format!("find a users partition in {}", path.display()), why);
    let homes = path.join("users.ext4");
    if homes.is_file() {
        let next = format!("take {}", homes.display());
        return failed("it is a folder, with the homes in a file of their own").next(next);
    }
    if path.join("boot.ipxe").is_file() {
        return failed("it is a folder for the network, whose homes travel in its initramfs")
            .next("change the image that it was built of, and build again: nodeos build --target pxe --users FILE");
    }
    failed("it is a folder").next("name an image: nodeos users create FILE makes one")
}

/// The partitions of a disk with an MBR (UEFI 2.10, 5.2.1), without those that contain others; none without a table.
pub fn partitions(disk: &Window) -> Result<Vec<Partition>> {
    let head = disk.head(mbr::TABLE as u64)?;
    let Some(table) = head.as_slice().try_into().ok().filter(mbr::is_table) else { return Ok(Vec::new()) };
    let partition = |number: u8| {
        let entry = mbr::entry(&table, usize::from(number) - 1)?;
        let real = entry.kind != 0 && !entry.is_nested() && entry.start > 0 && entry.sectors > 0;
        real.then(|| Partition { number, kind: entry.kind, window: disk.part(entry.start * 512, entry.sectors * 512) })
    };
    Ok((1..=4).filter_map(partition).collect())
}

#[cfg(test)]
mod tests {
    use super::{Window, partitions};

    #[test]
    fn partitions_are_read_from_the_table() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut sector = vec![0; 512 * 64];
        for (number, kind, start, length) in
            [(0, 0x0c, 8_u32, 8_u32), (1, 0x05, 16, 8), (2, 0x83, 32, 1 << 20), (3, 0x83, 0, 1)]
        {
            let at = 446 + 16 * number;
            sector[at + 4] = kind;
            sector[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
            sector[at + 12..at + 16].copy_from_slice(&length.to_le_bytes());
        }
        let found = |sector: &[u8]| {
            std::fs::write(file.path(), sector).unwrap();
            let found = partitions(&Window::open(file.path()).unwrap()).unwrap();
            found
                .iter()
                .map(|part| (part.number, part.kind, part.window.at(), part.window.length()))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(&sector), []);
        sector[510..512].copy_from_slice(&[0x55, 0xaa]);
        // the third one claims more than the file has
        assert_eq!(found(&sector), [(1, 0x0c, 4096, 4096), (3, 0x83, 16384, 16384)]);
        assert_eq!(found(&sector[..400]), []);
    }
}
