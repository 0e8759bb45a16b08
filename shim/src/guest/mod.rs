//! The effects of the guest's programs: what PID 1 does, and what `/logon` does for it.
//!
//! `place`, `log` and `privilege` serve both. `logon` alone reads what users write about themselves.

#[macro_use]
mod log;

mod boot;
mod device;
mod execute;
mod homes;
pub mod logon;
pub mod pid1;
mod place;
mod privilege;
mod report;
mod run;
mod sandbox;
mod stop;
