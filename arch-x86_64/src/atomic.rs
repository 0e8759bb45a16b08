//! Compare and exchange.

use core::sync::atomic::{AtomicU64, Ordering};

/// Puts `new` where `was` is; false if another value is there.
pub fn exchange(place: &AtomicU64, was: u64, new: u64) -> bool {
    place.compare_exchange(was, new, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}

#[cfg(test)]
mod tests {
    use super::exchange;
    use core::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn only_what_was_expected_is_replaced() {
        let place = AtomicU64::new(7);
        assert!(!exchange(&place, 8, 9) && exchange(&place, 7, 9));
        assert_eq!(place.load(Ordering::SeqCst), 9);
    }
}
