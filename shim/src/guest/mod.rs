//! The effects: what PID 1 does, in the order in which it does it.

pub mod boot;
pub mod device;
pub mod execute;
pub mod homes;
pub mod log;
pub mod logon;
pub mod password;
pub mod place;
pub mod privilege;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod stop;
