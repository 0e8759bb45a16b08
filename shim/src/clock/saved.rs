//! The file with the last time that is known. `/setup` and `/clock` read it, `/clock` writes it in place.
//!
//! | bytes | content |
//! |---|---|
//! | 0–7 | `MAGIC` |
//! | 8–15 | seconds since 1970, little-endian |
//! | 16–23 | FNV-1a of the bytes before, little-endian |
//!
//! It lies in one sector, so that a power cut leaves the old time or the new one. A file that is anything else counts
//! as none.

use super::END;

/// The first bytes.
pub const MAGIC: [u8; 8] = *b"nodetime";
/// Bytes of the file.
pub const LENGTH: usize = 24;

/// The content of the file for that time, in seconds since 1970.
#[must_use]
pub fn write(seconds: i64) -> [u8; LENGTH] {
    let mut file = [0; LENGTH];
    let parts = MAGIC.into_iter().chain(seconds.to_le_bytes()).chain(check(seconds).to_le_bytes());
    file.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    file
}

/// The time in such a file; `None` if it is damaged, or says a time before 1970 or after 2200.
#[must_use]
pub fn read(file: &[u8]) -> Option<i64> {
    let (magic, rest) = file.split_first_chunk::<8>()?;
    let (seconds, rest) = rest.split_first_chunk()?;
    let seconds = i64::from_le_bytes(*seconds);
    let whole = *magic == MAGIC && rest == check(seconds).to_le_bytes();
    (whole && (0..END).contains(&seconds)).then_some(seconds)
}

/// FNV-1a with 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>).
fn check(seconds: i64) -> u64 {
    let hashed = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    MAGIC.into_iter().chain(seconds.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, hashed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::FLOOR, network::bytes::mutations};

    #[test]
    fn a_saved_time_is_read_again() {
        for seconds in [0, FLOOR, END - 1] {
            assert_eq!(read(&write(seconds)), Some(seconds));
        }
        // the format must not change: a partition outlives its system
        assert_eq!(write(FLOOR)[..16], *b"nodetime\x00\xc8\x08\x6b\0\0\0\0");
        assert_eq!(check(FLOOR), 0x81bb_23bd_702f_17ed);
    }

    #[test]
    fn a_damaged_file_counts_as_none() {
        for seconds in [-1, i64::MIN, END, i64::MAX] {
            assert_eq!(read(&write(seconds)), None, "{seconds}");
        }
        let whole = write(FLOOR);
        assert_eq!(read(b""), None);
        assert_eq!(read(&[0; LENGTH]), None);
        assert_eq!(read(&[&whole[..], &[0]].concat()), None, "too long");
        assert_eq!(read(&[b"nodetimf", &whole[8..]].concat()), None);
        for bit in 0..LENGTH * 8 {
            let mut file = whole;
            file[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&file), None, "bit {bit}");
        }
        // half of an older file
        let older = write(FLOOR - 1);
        for cut in 9..LENGTH {
            let torn = [&whole[..cut], &older[cut..]].concat();
            assert!(torn == whole || torn == older || read(&torn).is_none(), "{cut}");
        }
        mutations(&whole, 20_000, |file| assert!(file == whole || read(file).is_none(), "{file:?}"));
    }
}
