//! The effects of the guest's programs, a module each, over what they share.
//!
//! | program | is |
//! |---|---|
//! | `/init` | PID 1: boots, supervises, stops |
//! | `/setup` | mounts what there is before any user, and ends |
//! | `/mend` | says what is wrong with a users partition, and has e2fsck mend it |
//! | `/sandbox` | makes a user's root, and stays as its reaper |
//! | `/broker` | shows each device to the users who may open it, while nobody else has it |
//! | `/logon` | asks who somebody is, and starts a user's programs; alone reads what users write about themselves |

#[macro_use]
mod log;

pub mod broker;
mod each_user;
mod execute;
pub mod logon;
mod machine;
pub mod mend;
mod node;
pub mod pid1;
mod place;
mod policy;
mod privilege;
mod program;
mod report;
pub mod sandbox;
pub mod setup;
mod terminal;
mod uevents;
