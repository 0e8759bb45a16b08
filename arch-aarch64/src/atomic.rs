//! Compare and exchange. The compiler's own version reads a variable to find out which instruction is available
//! (outline atomics), but the guest's programs have no static variables. Exclusive load and store work on every
//! machine.
#![allow(unsafe_code)]

use core::sync::atomic::AtomicU64;

/// Replaces `was` by `new`; false if another value is there.
pub fn exchange(place: &AtomicU64, was: u64, new: u64) -> bool {
    let (found, _failed): (u64, u32);
    // SAFETY: reads and writes the number in `place`, which is aligned and shared.
    unsafe {
        core::arch::asm!(
            "2:",
            "ldaxr {found}, [{place}]",
            "cmp {found}, {was}",
            "b.ne 3f",
            "stlxr {failed:w}, {new}, [{place}]",
            "cbnz {failed:w}, 2b",
            "3:",
            place = in(reg) place.as_ptr(),
            was = in(reg) was,
            new = in(reg) new,
            found = out(reg) found,
            failed = out(reg) _failed,
            options(nostack),
        );
    }
    found == was
}
