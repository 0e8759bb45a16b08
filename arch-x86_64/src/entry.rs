//! The first instructions of a static program on x86_64.
//!
//! The kernel enters with `rsp` at `argc` (psABI, "Process Initialization"). Nothing else is set up. The program
//! supplies `nodeos_start`, which never returns.
#![allow(unsafe_code)]

#[cfg(target_env = "musl")]
core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",      // the outermost frame
    "mov rdi, rsp",      // first argument: the address of argc
    "and rsp, -16",      // the ABI's alignment before a call
    "call nodeos_start", // does not return
    "ud2",
);
