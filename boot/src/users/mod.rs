//! Users partitions: an ext4 filesystem in a file, or in a partition of a card's image. Each folder at its top is a
//! home.
//!
//! ```text
//! homes (values) -> script (text) -> mke2fs, debugfs, e2fsck on a copy -> rename
//! ```
//!
//! 1. A [`home::Home`] is a value: entries with paths and modes. Its owner is the user.
//! 2. Nothing is mounted and nothing needs root: debugfs writes inodes with the given owners, `disk` reads.
//!    (`mke2fs -d` takes owners and times from a source tree, and only root can make such a tree.)
//! 3. Every change is made to a copy, which is renamed when e2fsck finds it clean. If a change fails for any reason,
//!    the file is unchanged.
//! 4. The shim's own code decides which homes are users, so `list` reports the same as the machine.
//!
//! Absent on purpose: changes to filesystems in use (a device, a mounted filesystem), extended attributes, ACLs.

pub mod app;
mod build_context;
pub mod carried;
pub mod debugfs;
pub mod demo;
pub mod dependencies;
pub mod disk;
mod edit;
pub mod environment;
mod epoch;
pub mod ext4;
mod flags;
pub mod home;
pub mod image;
mod install;
pub mod kept;
mod left_out;
mod local;
pub mod logon;
pub mod machine;
mod managers;
mod modules;
pub mod names;
mod native;
pub mod nsh;
mod packages;
pub mod place;
pub mod policy;
pub mod read;
pub mod roots;
mod script;
mod scripts;
mod secrets;
mod settings;
mod shell;
mod start;
pub mod superblock;
mod workspace;
