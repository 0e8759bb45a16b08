//! The sources of an image's pieces: the kernel, node, Debian's libraries, the shim.

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

/// The versions of the pieces of an image, by name.
pub type Versions = Vec<(&'static str, String)>;
