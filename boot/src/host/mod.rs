//! What any program of the host needs: files, programs, errors, progress.

pub mod cache;
pub mod digest;
pub mod error;
pub mod folder;
pub mod interrupt;
pub mod progress;
pub mod run;
pub mod shown;
pub mod size;
pub mod tool;
pub mod window;

use cache::Cache;
use error::Result;
use progress::Progress;

/// What every long operation is given: the cache, and which lines of progress to print.
#[derive(Clone, Debug)]
pub struct Host {
    /// What was made before.
    pub cache: Cache,
    /// Which lines of progress are printed.
    pub progress: Progress,
}

impl Host {
    /// With the user's own cache.
    pub fn open(progress: Progress) -> Result<Self> {
        Ok(Self { cache: Cache::open()?, progress })
    }
}
