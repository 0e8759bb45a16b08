//! How much of one filesystem is read, and how much of it is held at once.
//!
//! Folders may share their blocks, and a file of kilobytes may say that it has terabytes: what a filesystem says of
//! itself bounds nothing. These numbers are beyond five hundred homes with `node_modules`: some millions of names.

use std::cell::Cell;

/// Names and blocks of folders that are read before it is given up, all together: thirty millions.
const STEPS: u64 = 1 << 25;
/// Bytes of names that are held at once: those of a folder, and of the folders above it.
pub const HELD: u64 = 256 << 20;
/// What a name takes beside its bytes.
const EACH: u64 = 64;

/// What may still be read.
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

/// The room that is left when that name is held too.
pub(super) fn held(room: u64, (name, _): &(Vec<u8>, u32)) -> Result<u64, String> {
    let takes = EACH + name.len() as u64;
    room.checked_sub(takes).ok_or_else(|| {
        let needed = HELD - room + takes;
        format!("its names and those of the folders above it take at least {needed} bytes, and at most {HELD} are held")
    })
}
