//! Sizes as users write them: `256M`, `256MB` and `256MiB` are MiB, `1G` and so on are GiB.

use shim::policy::size;

/// A number of bytes; the unit is required.
pub fn bytes(text: &str) -> Result<u64, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let short = unit.get(..1).filter(|_| ["M", "MB", "MiB", "G", "GB", "GiB"].contains(&unit));
    let digits = text.strip_suffix(unit).unwrap_or_default();
    let bytes = short.and_then(|short| size(&format!("{digits}{short}")));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| "expected a size as in 256M or 4G".to_owned())
}

/// An amount of RAM; a number without a unit is MiB.
pub fn memory_mib(text: &str) -> Result<u32, String> {
    let mib = text.parse().ok().or_else(|| u32::try_from(bytes(text).ok()? >> 20).ok());
    // less cannot hold the kernel, and no test machine has more
    mib.filter(|mib| (16..=1024 * 1024).contains(mib))
        .ok_or_else(|| "expected an amount of RAM between 16M and 1024G, as in 256M or 1G".to_owned())
}

/// A size as a person reads it: `52.4 MB`.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn shown(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A limit, without rounding: `64 MiB`.
#[must_use]
pub fn exact(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1, "bytes")];
    let unit = units.iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
    let (unit, name) = unit.unwrap_or(&(1, "bytes"));
    format!("{} {name}", bytes / unit)
}

#[cfg(test)]
mod tests {
    use super::{bytes, exact, memory_mib, shown};

    #[test]
    fn limits_are_shown_without_rounding() {
        assert_eq!([0, 16, (1 << 20) + 1].map(exact), ["0 bytes", "16 bytes", "1048577 bytes"]);
        assert_eq!([1 << 20, 64 << 20, 1 << 30].map(exact), ["1 MiB", "64 MiB", "1 GiB"]);
    }

    #[test]
    fn sizes_are_shown_in_megabytes() {
        assert_eq!((shown(0).as_str(), shown(52_428_800).as_str()), ("0.0 MB", "52.4 MB"));
    }

    #[test]
    fn sizes_are_parsed_or_refused() {
        assert_eq!(bytes("256M"), Ok(256 << 20));
        assert_eq!(bytes("4G"), Ok(4 << 30));
        for text in ["", "4", "M", "0G", "-1G", "1.5G", "1T", "99999999999999999999M", "18446744073709551615G"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn memory_sizes_are_parsed_or_refused() {
        for (text, mib) in [("64", 64), ("64M", 64), ("256MiB", 256), ("1G", 1024), ("2GiB", 2048)] {
            assert_eq!(memory_mib(text), Ok(mib), "{text}");
        }
        for text in ["", "M", "0", "15M", "1.5G", "64K", "-64", "9999999999G", "4194304G", "64 M"] {
            assert!(memory_mib(text).is_err(), "{text}");
        }
    }
}
