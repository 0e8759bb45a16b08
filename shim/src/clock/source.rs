//! Where the time came from: a file with one line, `layout::TIME_SOURCE`, which `/clock` writes and `/control` reads.
//!
//! A line is a time server, by its name or its address, or one of the constants here. They have a blank, which no server
//! has. What follows the first line of the file is what is left of a longer one.

use super::{FLOOR, Nanoseconds, SECOND};
use crate::{cut, say, say::Text};

/// The real-time clock.
pub const RTC: &str = "real-time clock";
/// The time that was saved last.
pub const SAVED: &str = "saved time";
/// The date of this version.
pub const BUILD: &str = "build date";

/// Where the time came from that a machine begins with: `now`, so long after the kernel's start. A real-time clock says
/// when the kernel started, which is later than what was saved before. Else `/setup` has set the clock to that (`at_boot`),
/// later than at the kernel's start.
#[must_use]
pub fn at_start(now: Nanoseconds, since_start: Nanoseconds, saved: Option<i64>) -> &'static str {
    let known = saved.filter(|saved| *saved >= FLOOR);
    if now.saturating_sub(since_start) >= known.unwrap_or(FLOOR).saturating_mul(SECOND) {
        return RTC;
    }
    if known.is_some() { SAVED } else { BUILD }
}

/// The line for that source.
#[must_use]
pub fn line(source: &str) -> Text {
    let mut text = Text::new();
    say!(&mut text, source, "\n");
    text
}

/// The source in such a file.
#[must_use]
pub fn read(file: &str) -> Option<&str> {
    cut::once(file, b'\n').map(|(line, _)| line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::at_boot;

    /// What `/setup` and, ten seconds after the start, `/clock` do.
    fn source(rtc: i64, saved: Option<i64>) -> &'static str {
        let now = at_boot(rtc, saved).map_or(rtc + 10, |set| set + 7);
        at_start(now * SECOND, 10 * SECOND, saved)
    }

    #[test]
    fn the_time_came_from_what_set_the_clock() {
        for (rtc, saved, expected) in [
            // no real-time clock, or one with an empty battery
            (3, None, BUILD),
            (3, Some(FLOOR + 1000), SAVED),
            // saved by an older version
            (3, Some(FLOOR - 1000), BUILD),
            (FLOOR, None, RTC),
            (FLOOR + 5000, Some(FLOOR + 1000), RTC),
            // behind what was saved
            (FLOOR + 999, Some(FLOOR + 1000), SAVED),
            // off for less than a second
            (FLOOR + 1000, Some(FLOOR + 1000), RTC),
            // not believed
            (FLOOR * 3, None, BUILD),
            (FLOOR * 3, Some(FLOOR + 1000), SAVED),
        ] {
            assert_eq!(source(rtc, saved), expected, "{rtc} {saved:?}");
        }
    }

    #[test]
    fn a_shorter_line_takes_the_place_of_a_longer_one() {
        let (longer, shorter) = (line("time.example.org"), line(RTC));
        let mut file = longer.as_bytes().to_vec();
        assert_eq!(read(&longer), Some("time.example.org"));
        file[..shorter.len()].copy_from_slice(shorter.as_bytes());
        assert_eq!(read(std::str::from_utf8(&file).unwrap()), Some(RTC));
        assert_eq!((read(""), read("time.exam")), (None, None), "not written yet");
    }
}
