//! The effects: what PID 1 does, in the order in which it does it.

/// Text that is being made: one type, for each length of it would bring its own code.
pub type Text = heapless::String<1536>;

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
