//! The first instructions of a static program on aarch64.
//!
//! The kernel enters with `sp` at `argc` (AAPCS64 process entry) and nothing else that is ours.
//! The program supplies `nodeos_start`, which never returns.
#![allow(unsafe_code)]

#[cfg(target_env = "musl")]
core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, #0",     // the outermost frame
    "mov x30, #0",     // nobody to return to
    "mov x0, sp",      // first argument: where argc lies (sp is 16-aligned here)
    "bl nodeos_start", // does not return
    "brk #1",
);
