//! Seconds since 1970 as a date in UTC, and back. The algorithms are Howard Hinnant's, "chrono-Compatible Low-Level
//! Date Algorithms" (`civil_from_days`, `days_from_civil`).

use super::YEAR;
use crate::{
    displayed, say,
    say::{Say, Text},
};

const DAY: i64 = 24 * 60 * 60;
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;
/// Days of 400 years.
const ERA: i64 = 146_097;

/// A date and time in UTC.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    pub year: i64,
    /// From 1 to 12.
    pub month: u8,
    /// From 1 to 31.
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

impl Date {
    /// The date of a time after 1970.
    #[must_use]
    pub fn of(seconds: i64) -> Self {
        let seconds = seconds.max(0);
        let small = |number: i64| u8::try_from(number).unwrap_or(0);
        let (days, rest) = (seconds / DAY, seconds % DAY);
        let days = days.saturating_add(DAYS_TO_1970);
        let (era, of_era) = (days / ERA, days % ERA);
        // leap days are left out: one in 4 years, none in 100 years, one in 400 years
        let leaps = |of_era: i64| (of_era / 1460).wrapping_sub(of_era / 36_524).wrapping_add(of_era / 146_096);
        let year = of_era.wrapping_sub(leaps(of_era)) / 365;
        // years begin in March here, so that the leap day is the last
        let of_year = of_era.wrapping_sub(year.wrapping_mul(365).wrapping_add(year / 4).wrapping_sub(year / 100));
        let month = of_year.wrapping_mul(5).wrapping_add(2) / 153;
        let day = of_year.wrapping_sub(month.wrapping_mul(153).wrapping_add(2) / 5).wrapping_add(1);
        let (next_year, month) = if month < 10 { (0, month.wrapping_add(3)) } else { (1, month.wrapping_sub(9)) };
        Self {
            year: era.wrapping_mul(400).wrapping_add(year).wrapping_add(next_year),
            month: small(month),
            day: small(day),
            hour: small(rest / 3600),
            minute: small(rest / 60 % 60),
            second: small(rest % 60),
        }
    }
}

impl Say for Date {
    fn say(&self, text: &mut Text) {
        let year = u64::try_from(self.year).unwrap_or(0);
        say!(text, year, "-", Two(self.month), "-", Two(self.day), " ");
        say!(text, Two(self.hour), ":", Two(self.minute), ":", Two(self.second));
    }
}

/// A number of two digits.
struct Two(u8);

impl Say for Two {
    fn say(&self, text: &mut Text) {
        say!(text, if self.0 < 10 { "0" } else { "" }, self.0);
    }
}

/// How long something took, in words: the largest unit alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub u64);

impl Say for Span {
    /// Takes milliseconds.
    fn say(&self, text: &mut Text) {
        const UNITS: [(u64, &str); 5] = [
            (YEAR.unsigned_abs() * 1000, "year"),
            (DAY.unsigned_abs() * 1000, "day"),
            (3_600_000, "hour"),
            (60_000, "minute"),
            (1000, "second"),
        ];
        // of one hour, the minutes are still of interest
        let large = |(size, _): &&(u64, &str)| self.0 >= size.saturating_mul(2);
        match UNITS.iter().find(large).or(UNITS.last().filter(|(size, _)| self.0 == *size)) {
            Some((size, unit)) => {
                let count = self.0.checked_div(*size).unwrap_or(0);
                say!(text, count, " ", *unit, if count == 1 { "" } else { "s" });
            }
            None => say!(text, self.0, " milliseconds"),
        }
    }
}

displayed!(Date, Span);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::END;

    #[test]
    fn seconds_become_dates() {
        for (seconds, date) in [
            (0, "1970-01-01 00:00:00"),
            (-1, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (951_868_800, "2000-03-01 00:00:00"),
            (1_078_012_800, "2004-02-29 00:00:00"),
            (2_085_978_495, "2036-02-07 06:28:15"),
            (2_085_978_496, "2036-02-07 06:28:16"),
            (4_107_542_399, "2100-02-28 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
            (1_795_788_191, "2026-11-27 14:03:11"),
        ] {
            assert_eq!(Date::of(seconds).to_string(), date, "{seconds}");
        }
        // nothing overflows
        assert!(Date::of(i64::MAX).year > 0);
    }

    #[test]
    fn every_day_until_2200_follows_the_one_before() {
        let mut before = Date::of(0);
        for day in 1..END / DAY {
            let date = Date::of(day * DAY);
            let next_day = (date.year, date.month, date.day) == (before.year, before.month, before.day + 1);
            let next_month = (date.year, date.month, date.day) == (before.year, before.month + 1, 1);
            let next_year = (date.year, date.month, date.day) == (before.year + 1, 1, 1);
            let leap = before.year % 4 == 0 && (before.year % 100 != 0 || before.year % 400 == 0);
            let length = match before.month {
                2 => 28 + u8::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let expected = if before.day < length { next_day } else { next_month || before.month == 12 && next_year };
            assert!(expected, "{before} {date}");
            before = date;
        }
    }

    #[test]
    fn a_span_is_said_in_its_largest_unit() {
        for (milliseconds, text) in [
            (0, "0 milliseconds"),
            (1000, "1 second"),
            (1999, "1999 milliseconds"),
            (2000, "2 seconds"),
            (119_000, "119 seconds"),
            (120_000, "2 minutes"),
            (7_200_000, "2 hours"),
            (200_000_000, "2 days"),
            (1_795_788_191_000, "56 years"),
        ] {
            assert_eq!(Span(milliseconds).to_string(), text);
        }
    }
}
