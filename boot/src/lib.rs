//! Assembles NodeOS: turns a manifest into a kernel, an initramfs and a carbon copy, and makes media of them.
//!
//! ```text
//! manifest -> closure -> tree -> archive -> image -> medium
//! ```
//!
//! | module | contains | uses |
//! |---|---|---|
//! | `host` | files, programs, errors, progress: common to all programs of the host | |
//! | `parts` | the sources of the pieces: kernel, node, Debian's libraries, the shim | `host` |
//! | `image` | the center, [`image::Image`]: everything before it builds one, every medium is made from one | `parts` |
//! | `users` | users partitions, without root | `image` |
//! | `assembly` | makes what the user wants with the modules above | `users` |
//! | `media` | a row and a file for each kind of medium | `assembly` |
//! | `inspect` | the content of a file that may come from anybody | `media` |
//! | `update` | another version of an app on a medium | `inspect` |
//! | `tools` | the programs of the host that all of this needs | `media` |
//!
//! The contract with the guest (names, places, parameters) is the shim's library; the shim's binaries are input paths.
//!
//! 1. `elf`, `closure`, `tree`, `words`, `steps` do no I/O: values in, values out, and every value can be printed.
//! 2. No clock, uid, hostname or directory order of the host affects an image: two builds give equal bytes.
//! 3. Nothing needs root, and no unfinished file stays: files get a temporary name and are then renamed (`cache`), and
//!    a ctrl-c first removes the temporary ones (`interrupt`).
//! 4. Missing parts and parts for the wrong architecture are found before anything is written.
//!
//! Absent on purpose: a registry client (it uses npm, apt and dpkg, with the user's own settings), a build system.

pub mod assembly;
pub mod host;
pub mod image;
pub mod inspect;
pub mod media;
pub mod parts;
pub mod tools;
pub mod update;
pub mod users;
