//! Common modules for all programs of the host: files, programs, errors, progress.

pub mod cache;
pub mod digest;
pub mod error;
pub mod folder;
pub mod foreign;
pub mod interrupt;
pub mod progress;
pub mod replacement;
pub mod run;
pub mod shown;
pub mod size;
pub mod tool;
pub mod window;

use cache::Cache;
use error::Result;
use progress::Progress;

/// The context of every long operation: the cache, and the output of progress.
#[derive(Clone, Debug)]
pub struct Host {
    /// Files that were made before.
    pub cache: Cache,
    /// Which lines of progress are printed.
    pub progress: Progress,
}

impl Host {
    /// With the user's cache.
    pub fn open(progress: Progress) -> Result<Self> {
        Ok(Self { cache: Cache::open()?, progress })
    }
}
