//! Assembles NodeOS: from a manifest to a kernel, an initramfs and a carbon copy, and media made of them.
//!
//! ```text
//! manifest -> closure -> tree -> archive -> image -> medium
//! ```
//!
//! | room | holds | uses |
//! |---|---|---|
//! | `host` | files, programs, errors, progress: what any program of the host needs | |
//! | `parts` | where pieces come from: kernel, node, Debian's libraries, the shim | `host` |
//! | `image` | the waist, [`image::Image`]: everything before it builds one, every medium takes one | `parts` |
//! | `users` | users partitions, without root | `image` |
//! | `assembly` | what a person wants, made by the rooms above | `users` |
//! | `media` | a row and a file for each kind of medium | `assembly` |
//! | `inspect` | what is in a file that may be anybody's | `media` |
//! | `tools` | which programs of the host all of it needs | `media` |
//!
//! The contract with the guest (names, places, parameters) is the shim's library; the shim's binaries are input paths.
//!
//! 1. `elf`, `closure`, `tree`, `words`, `steps` do no I/O: values in, values out, and every value prints
//!    itself.
//! 2. No clock, host uid, hostname or directory order reaches a byte of an image: built twice, equal.
//! 3. Nothing needs root, and nothing half-written stays: a temporary name, then a rename (`cache`), and a ctrl-c that
//!    waits until the temporary one is gone (`interrupt`).
//! 4. What is missing or of the wrong architecture is found before anything is written.
//!
//! Absent on purpose: a registry client (npm, apt and dpkg are asked, with the user's own settings), a build system.

pub mod assembly;
pub mod host;
pub mod image;
pub mod inspect;
pub mod media;
pub mod parts;
pub mod tools;
pub mod users;
