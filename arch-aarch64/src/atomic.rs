//! Compare and exchange. The compiler's own looks up in a variable which instruction there is (outline atomics), and
//! the guest's programs have no variables; exclusive load and store are on every machine of this kind.
#![allow(unsafe_code)]

use core::sync::atomic::AtomicU64;

/// Puts `new` where `was` is; false if another value is there.
pub fn exchange(place: &AtomicU64, was: u64, new: u64) -> bool {
    let (found, _failed): (u64, u32);
    // SAFETY: reads and writes the number that `place` is, which is aligned and shared.
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
