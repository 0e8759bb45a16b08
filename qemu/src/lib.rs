//! Runs a NodeOS machine in QEMU and reads its console.
//!
//! ```text
//! Machine -> args() -> Terminal::run: a person sits at it  -> Ending
//!                   -> Vm::start:     a test talks to it   -> expect, send, monitor -> Ending
//! ```
//!
//! 1. A machine is a value; its arguments are pure and table-tested.
//! 2. Every error message contains the command that repeats the run.
//! 3. A machine has ended well only if its last word confirms it; QEMU's exit status is not enough.
//! 4. Every wait has a deadline, and QEMU is killed with the process that started it.
//!
//! Absent on purpose: making images (`boot`), figures (`lab`), graphics, a second way to access the console.

pub mod console;
mod devices;
mod disk_full;
mod environment;
pub mod failure;
mod inherited;
pub mod machine;
pub mod monitor;
mod network;
pub mod passt;
mod process;
mod publish;
pub mod terminal;
pub mod vm;
