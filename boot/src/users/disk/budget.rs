//! Limits how much of one filesystem is read, and how much of it is in memory at once.
//!
//! Folders may share their blocks, and a file of kilobytes may claim to have terabytes, so the filesystem's own numbers
//! limit nothing. These limits are larger than five hundred homes with `node_modules`, which have some millions of
//! names.

use std::cell::Cell;

/// The maximum number of names and blocks of folders that are read in total: about thirty million.
const STEPS: u64 = 1 << 25;
/// The maximum number of bytes of names in memory at once: those of a folder, and of the folders above it.
pub const HELD: u64 = 256 << 20;
/// How many bytes a name takes besides its text.
const EACH: u64 = 64;

/// How much more may be read.
pub(super) struct Budget {
    left: Cell<u64>,
    most: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(STEPS)
    }
}

impl Budget {
    pub(super) fn of(most: u64) -> Self {
        Self { left: Cell::new(most), most }
    }

    pub(super) fn take(&self, count: u64) -> Result<(), String> {
        let Some(left) = self.left.get().checked_sub(count) else {
            let (most, read) = (self.most, self.most - self.left.get() + count);
            return Err(format!("at least {read} names and blocks lie in them, and at most {most} are read"));
        };
        self.left.set(left);
        Ok(())
    }
}

/// The remaining room after that name is added.
pub(super) fn held(room: u64, (name, _): &(Vec<u8>, u32)) -> Result<u64, String> {
    let takes = EACH + name.len() as u64;
    room.checked_sub(takes).ok_or_else(|| {
        let needed = HELD - room + takes;
        format!("its names and those of the folders above it take at least {needed} bytes, and at most {HELD} are held")
    })
}
