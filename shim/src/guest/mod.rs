//! The effects of the guest's programs: one module for each program, and the modules that they share.
//!
//! | program | what it does |
//! |---|---|
//! | `/init` | PID 1: boots, supervises, stops |
//! | `/setup` | mounts everything before any user runs, and exits |
//! | `/mend` | finds out what is wrong with a users partition, and repairs it with e2fsck |
//! | `/sandbox` | makes a user's root, and stays as its reaper |
//! | `/broker` | shows each device to the users who may open it, as long as no other user holds it |
//! | `/net` | gives the network cards addresses, and tells users which name servers there are |
//! | `/log` | takes what users' inits print, for the console, the door and a syslog server |
//! | `/control` | the door: what users ask of the machine |
//! | `/users` | notices homes that root makes, changes or removes, and tells PID 1 |
//! | `/clock` | keeps the time: asks time servers, sets the clocks |
//! | `/logon` | asks for name and password, starts users' programs; only it reads files that users write |

#[macro_use]
mod log;

pub mod broker;
pub mod clock;
pub mod control;
mod each_user;
mod execute;
mod homes;
pub mod logger;
pub mod logon;
mod machine;
pub mod mend;
pub mod net;
mod node;
pub mod pid1;
mod place;
mod policy;
mod privilege;
mod program;
mod report;
mod rings;
pub mod sandbox;
mod service;
pub mod setup;
mod terminal;
mod uevents;
pub mod users;
mod waits;
mod words;
