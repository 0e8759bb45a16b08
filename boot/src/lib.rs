//! Assembles NodeOS: from a manifest to a kernel, an initramfs and a carbon copy.
//!
//! ```text
//! manifest -> closure -> tree -> archive -> image -> medium
//! ```
//!
//! The waist is [`image::Image`]: everything before it builds one, every medium takes one. The contract with the
//! guest (names, places, parameters) is the shim's library; the shim's binaries are input paths.
//!
//! 1. `elf`, `closure`, `tree`, `manifest`, `words`, `steps` do no I/O: values in, values out, and every value prints
//!    itself.
//! 2. No clock, host uid, hostname or directory order reaches a byte of an image: built twice, equal.
//! 3. Nothing needs root, and nothing half-written stays: a temporary name, then a rename (`cache`), and a ctrl-c that
//!    waits until the temporary one is gone (`interrupt`).
//! 4. What is missing or of the wrong architecture is found before anything is written.
//!
//! Absent on purpose: a registry client (npm, apt and dpkg are asked, with the user's own settings), a build system.

pub mod archive;
pub mod assembly;
pub mod cache;
pub mod carbon;
pub mod closure;
pub mod debian;
pub mod digest;
pub mod elf;
pub mod error;
pub mod image;
pub mod inspect;
pub mod interrupt;
pub mod kconfig;
pub mod kernel;
pub mod manifest;
pub mod media;
pub mod node;
pub mod npm;
pub mod origin;
pub mod outside;
pub mod progress;
pub mod run;
pub mod shim;
pub mod shown;
mod steps;
pub mod strip;
pub mod tools;
pub mod tree;
pub mod unpack;
pub mod users;
pub mod window;
pub mod words;
