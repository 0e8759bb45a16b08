//! The machine's time: what `/clock` decides. Its effects are in `guest::clock`; `main.rs` is the program.
//!
//! ```text
//! server -> sntp::read -> Sample -> discipline::State -> step or slew
//! time -> saved::write -> a file on the users partition -> saved::read -> the next boot
//! ```
//!
//! 1. No program sees a time before `FLOOR`, nor, until servers have answered, before the time that was saved last.
//! 2. Nothing that a server sends is believed before two of three answers agree.
//! 3. A request tells a server nothing: its only content is a random number, which the answer must repeat.
//! 4. A machine at rest wakes up at most once in 64 seconds for its clock.
//!
//! Absent on purpose: leap seconds are not announced to the kernel. After one, the clock is a second off until the next
//! answer.

pub mod date;
pub mod discipline;
pub mod dns;
pub mod saved;
pub mod servers;
pub mod sntp;
pub mod source;

use core::net::IpAddr;

/// Nanoseconds since 1970 (UTC), or between two times. They last until 2262.
pub type Nanoseconds = i64;

/// Nanoseconds in a second.
pub const SECOND: Nanoseconds = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const MILLISECOND: Nanoseconds = 1_000_000;
/// Seconds in a year on average (365.2425 days).
pub const YEAR: i64 = 31_556_952;

/// The date of this version, 2026-11-27, in seconds since 1970: no time before it is right. A constant, because an image
/// that is built again must have the same bytes.
pub const FLOOR: i64 = 1_795_737_600;
/// The version whose date `FLOOR` is. A test holds it against Cargo.toml's.
pub const FLOOR_OF: &str = "0.2.0";
/// A clock that is later without an answer of a server is not believed: real-time clocks with an empty battery say
/// anything.
pub const LATEST: i64 = FLOOR + 30 * YEAR;
/// 2200-01-01: a later time is wrong, from any source.
pub const END: i64 = 7_258_118_400;

/// What the clock is set to at boot, if it must be set: `now` and `saved` are seconds since 1970. The kernel has set
/// the clock from a real-time clock where there is one.
#[must_use]
pub fn at_boot(now: i64, saved: Option<i64>) -> Option<i64> {
    let least = saved.unwrap_or(FLOOR).max(FLOOR);
    // what was saved after an answer of a server may be later than `LATEST`
    (now < least || now > LATEST.max(least.saturating_add(YEAR))).then_some(least)
}

/// Whether a server may have that address. A user of this machine could answer at its own addresses.
#[must_use]
pub fn is_of_others(address: &IpAddr) -> bool {
    let address = address.to_canonical();
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || broadcast)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn the_floor_is_the_date_of_this_version() {
        assert_eq!(
            FLOOR_OF,
            env!("CARGO_PKG_VERSION"),
            "this version is new: raise FLOOR to its date (date -d 2026-11-27Z +%s), and FLOOR_OF"
        );
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(FLOOR.unsigned_abs() <= now, "FLOOR is in the future: machines would never be right");
        assert_eq!(date::Date::of(FLOOR).to_string(), "2026-11-27 00:00:00");
        assert_eq!(date::Date::of(END).to_string(), "2200-01-01 00:00:00");
    }

    #[test]
    fn the_clock_is_never_before_the_floor_or_the_saved_time() {
        let later = FLOOR + 1000;
        for (now, saved, set) in [
            (0, None, Some(FLOOR)),
            (FLOOR - 1, None, Some(FLOOR)),
            (FLOOR, None, None),
            (0, Some(later), Some(later)),
            (FLOOR, Some(later), Some(later)),
            (later, Some(later), None),
            (later + 1, Some(later), None),
            // a partition of an older version
            (0, Some(FLOOR - 1000), Some(FLOOR)),
            // 2040: it could be right. 2099: it is not
            (2_208_988_800, None, None),
            (4_070_908_800, None, Some(FLOOR)),
            (4_070_908_800, Some(later), Some(later)),
            (i64::MAX, None, Some(FLOOR)),
            (i64::MIN, None, Some(FLOOR)),
            // a machine that has run for 40 years
            (LATEST + 10 * YEAR, Some(LATEST + 10 * YEAR), None),
            (i64::MAX, Some(i64::MAX), None),
        ] {
            assert_eq!(at_boot(now, saved), set, "{now} {saved:?}");
        }
    }
}
