//! The system call instruction, for the calls that rustix does not have.
#![allow(unsafe_code)]

/// Makes system call `number`; a result in `-4095..0` is a negated errno.
///
/// # Safety
/// The arguments must be valid for that call: the kernel reads and writes through them.
pub unsafe fn syscall6(number: usize, a: [usize; 6]) -> isize {
    let [a0, a1, a2, a3, a4, a5] = a;
    let result: isize;
    // SAFETY: `svc #0` clobbers only x0 (arch/arm64 ABI); the caller guarantees the rest.
    unsafe {
        core::arch::asm!(
            "svc #0",
            inlateout("x0") a0 => result,
            in("x1") a1, in("x2") a2, in("x3") a3, in("x4") a4, in("x5") a5,
            in("x8") number,
            options(nostack),
        );
    }
    result
}
