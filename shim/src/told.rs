//! What the initramfs should hold. The record is the first file of the archive, and the shim compares it.
//!
//! The kernel unpacks the initramfs into a tmpfs of half the RAM, and ignores it if that is full. This record has the
//! last file of the archive and its size, so that a truncated one is noticed before node fails to start.

use core::fmt;

use crate::cut;

/// The maximum length in bytes. The guest reads 256 (`guest/place.rs`, `text`).
pub const MAX: usize = 128;

/// The content of `layout::TOLD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told<'a> {
    /// Bytes of all files of the archive together.
    pub total: u64,
    /// Bytes of the archive's last file.
    pub size: u64,
    /// The path of that file.
    pub path: &'a str,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} {}", self.total, self.size, self.path)
    }
}

impl<'a> Told<'a> {
    /// Parses the file's text.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (total, rest) = cut::once(text.trim_ascii_end(), b' ')?;
        let (size, path) = cut::once(rest, b' ')?;
        Some(Self { total: cut::number(total, 10)?, size: cut::number(size, 10)?, path })
    }

    /// The RAM, in MiB, of a machine that can unpack this, calculated on one that could not: `ram` is the memory that
    /// its kernel can use, `rootfs` the capacity of its rootfs. That is half of the RAM minus the packed initramfs
    /// (mm/shmem.c, `shmem_default_max_blocks`), so each missing byte needs two bytes of RAM. The kernel keeps about 20
    /// MiB for itself.
    #[must_use]
    pub fn memory_needed(&self, ram: u64, rootfs: u64) -> u64 {
        let more = self.total.saturating_sub(rootfs).saturating_mul(2);
        (ram.saturating_add(more) >> 20).saturating_add(24)
    }
}

#[cfg(test)]
mod tests {
    use super::Told;

    #[test]
    fn a_size_record_round_trips() {
        let told = Told { total: 52 << 20, size: 51 << 20, path: "/carbon.erofs" };
        assert_eq!(Told::parse(&told.to_string()), Some(told));
        // a machine with 144 MiB: 128 are usable, and the rootfs may hold 39
        assert_eq!(told.memory_needed(128 << 20, 39 << 20), 128 + 2 * (52 - 39) + 24);
    }

    #[test]
    fn invalid_records_are_refused() {
        for text in ["", "12", "12 x /a", "-1 2 /a"] {
            assert_eq!(Told::parse(text), None, "{text}");
        }
    }
}
