//! Compare and exchange.

use core::sync::atomic::{AtomicU64, Ordering};

/// Replaces `was` by `new`; false if another value is there.
pub fn exchange(place: &AtomicU64, was: u64, new: u64) -> bool {
    place.compare_exchange(was, new, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}
