//! The parts of a medium that is one file, and their positions. Their content is not read here.

use super::ALL;
use crate::host::error::Result;
use crate::host::window::Window;
use crate::users::place::{self, Partition};

/// The parts of a file that is a medium.
pub struct Listing {
    /// The kernel's default command line; a boot menu may have other entries.
    pub cmdline: Option<String>,
    pub parts: Vec<Listed>,
}

/// A file or a partition of a medium.
pub struct Listed {
    /// Its path on the medium, or `partition N`.
    pub path: String,
    pub window: Result<Window>,
}

impl Listed {
    pub(super) fn partition(Partition { number, window, .. }: Partition) -> Self {
        Self { path: format!("partition {number}"), window: Ok(window) }
    }
}

/// Lists a medium, with the name of its row, or a disk with a partition table, as `disk`. `None` for any other file.
pub fn list(window: &Window) -> Result<Option<(&'static str, Listing)>> {
    for medium in ALL {
        if let Some(listing) = (medium.list)(window)? {
            return Ok(Some((medium.name, listing)));
        }
    }
    let partitions = place::partitions(window)?;
    let parts: Vec<_> = partitions.into_iter().map(Listed::partition).collect();
    Ok((!parts.is_empty()).then_some(("disk", Listing { cmdline: None, parts })))
}
