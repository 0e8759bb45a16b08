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

/// The host, as every long operation sees it: where results are kept, and how much is said.
#[derive(Clone, Debug)]
pub struct Host {
    /// What was made before.
    pub cache: Cache,
    /// How much is said.
    pub progress: Progress,
}

impl Host {
    /// With the cache of whoever runs this program.
    pub fn open(progress: Progress) -> Result<Self> {
        Ok(Self { cache: Cache::open()?, progress })
    }
}
