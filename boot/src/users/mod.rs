//! Users partitions: an ext4 filesystem in a file or in a partition of a card's image, with one home per directory at
//! its top.
//!
//! ```text
//! homes (values) -> script (text) -> mke2fs, debugfs, e2fsck on a copy -> rename
//! ```
//!
//! 1. A [`home::Home`] is a value: what lies where, with which mode. Its owner is the user.
//! 2. Nothing is mounted and nothing needs root: debugfs writes inodes with the owners we name, `disk` reads.
//!    (`mke2fs -d` takes owners and times from a source tree, and only root can make such a tree.)
//! 3. Every change is made to a copy that e2fsck has called clean, and then renamed: a change that fails, for
//!    whatever reason, leaves the file as it was.
//! 4. Which homes are users is judged by the shim's own code, so that `list` says what the machine will say.
//!
//! Absent on purpose: editing what is in use (a device, a mounted filesystem), extended attributes, ACLs.

pub mod app;
pub mod carried;
pub mod debugfs;
pub mod demo;
pub mod disk;
mod edit;
pub mod environment;
mod epoch;
pub mod ext4;
mod flags;
pub mod home;
pub mod image;
pub mod kept;
pub mod logon;
pub mod names;
mod native;
mod packages;
pub mod place;
pub mod policy;
pub mod read;
mod script;
mod shell;
mod start;
pub mod superblock;
