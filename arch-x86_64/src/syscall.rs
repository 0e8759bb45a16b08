//! The system call instruction, for the calls that rustix does not have.
#![allow(unsafe_code)]

/// Makes system call `number`; a result in `-4095..0` is a negated errno.
///
/// # Safety
/// The arguments must be valid for that call: the kernel reads and writes through them.
pub unsafe fn syscall6(number: usize, a: [usize; 6]) -> isize {
    let [a0, a1, a2, a3, a4, a5] = a;
    let result: isize;
    // SAFETY: `syscall` clobbers only rcx and r11 (psABI, A.2.1); the caller guarantees the rest.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a0, in("rsi") a1, in("rdx") a2, in("r10") a3, in("r8") a4, in("r9") a5,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}
