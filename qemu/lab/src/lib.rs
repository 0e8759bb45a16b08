//! Measures the cost of a NodeOS machine.
//!
//! ```text
//! console text -> readings -> figures;  image + meter -> machines -> figures   readings, measure
//! figures -> budget: does a change cost more?                                  budget
//! contenders -> the same program on other systems -> comparison                bench, comparison
//! figures, comparison -> a page                                                report
//! ```
//!
//! 1. `figures`, `readings`, `budget`, `comparison` and `report` are pure: text and numbers in, values out.
//! 2. Only `measure` and `bench` boot machines: images come from `boot`, machines from `qemu`.
//! 3. The name of a figure tells where it comes from. Figures that depend on the host's load have no budget.
//!
//! Absent on purpose: making images and media (`boot`), talking to QEMU (`qemu`).

pub mod bench;
pub mod budget;
pub mod comparison;
pub mod figures;
pub mod measure;
pub mod readings;
pub mod report;
mod syscall;
