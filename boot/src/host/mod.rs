//! What any program of the host needs: files, programs, errors, progress.

pub mod cache;
pub mod digest;
pub mod error;
pub mod interrupt;
pub mod progress;
pub mod run;
pub mod shown;
pub mod window;
