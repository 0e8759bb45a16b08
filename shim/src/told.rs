//! What the initramfs should hold: written first into the archive, compared by the shim.
//!
//! The kernel unpacks into a tmpfs of half the RAM and goes on when that is full. The last file of the
//! archive is named here with its size, so that a short one is noticed before node fails to start.

use core::fmt;

use crate::cut;

/// Bytes of it at most. The guest reads 256 (`guest/place.rs`, `text`).
pub const MAX: usize = 128;

/// The content of `layout::TOLD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told<'a> {
    /// Bytes of all files of the archive together.
    pub total: u64,
    /// Bytes of the archive's last file.
    pub size: u64,
    /// That file.
    pub path: &'a str,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} {}", self.total, self.size, self.path)
    }
}

impl<'a> Told<'a> {
    /// Reads the file's text.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (total, rest) = cut::once(text.trim_ascii_end(), b' ')?;
        let (size, path) = cut::once(rest, b' ')?;
        Some(Self { total: cut::number(total, 10)?, size: cut::number(size, 10)?, path })
    }

    /// The RAM, in MiB, of a machine that can unpack this, seen from one that could not: `ram` is what its kernel
    /// has to give, `rootfs` what its rootfs may hold. That is half of the RAM less the packed initramfs
    /// (mm/shmem.c, `shmem_default_max_blocks`), so each byte that is missing takes two. The kernel keeps about
    /// 20 MiB for itself.
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
        // a machine of 144 MiB: 128 to give, of which the rootfs may have 39
        assert_eq!(told.memory_needed(128 << 20, 39 << 20), 128 + 2 * (52 - 39) + 24);
    }

    #[test]
    fn invalid_records_are_refused() {
        for text in ["", "12", "12 x /a", "-1 2 /a"] {
            assert_eq!(Told::parse(text), None, "{text}");
        }
    }
}
