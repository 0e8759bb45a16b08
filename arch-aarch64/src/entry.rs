//! The first instructions of a static program on aarch64.
//!
//! The kernel enters with `sp` at `argc` (AAPCS64 process entry). Nothing else is set up. The program supplies
//! `nodeos_start`, which never returns.
#![allow(unsafe_code)]

#[cfg(target_env = "musl")]
core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, #0",     // the outermost frame
    "mov x30, #0",     // there is no return address
    "mov x0, sp",      // first argument: the address of argc (sp is 16-aligned here)
    "bl nodeos_start", // does not return
    "brk #1",
);
