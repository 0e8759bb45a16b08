//! Where the pieces of an image come from: the kernel, node, Debian's libraries, the shim.

pub mod closure;
pub mod debian;
pub mod elf;
pub mod kconfig;
pub mod kernel;
pub mod node;
pub mod npm;
pub mod shim;
mod steps;
pub mod strip;

/// What went into an image, by name.
pub type Versions = Vec<(&'static str, String)>;
