//! The effects of the guest's programs, a module each, over what they share.
//!
//! | program | is |
//! |---|---|
//! | `/init` | PID 1: boots, supervises, stops |
//! | `/sandbox` | makes a user's root, and stays as its reaper |
//! | `/logon` | asks who somebody is, and starts a user's programs; alone reads what users write about themselves |

#[macro_use]
mod log;

mod execute;
pub mod logon;
pub mod pid1;
mod place;
mod privilege;
mod program;
mod report;
pub mod sandbox;
