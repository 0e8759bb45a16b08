//! The effects: what PID 1 does, in the order in which it does it.

#[macro_use]
pub mod log;

pub mod boot;
pub mod device;
pub mod execute;
pub mod homes;
pub mod logon;
pub mod password;
pub mod place;
pub mod privilege;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod stop;
