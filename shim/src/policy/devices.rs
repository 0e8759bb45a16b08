//! Which devices a policy can grant, and how it names them.

use heapless::String;

/// The name of a device below /dev. A `*` at the end matches any suffix.
pub type Pattern = String<32>;

/// Prefixes of the names of devices that can be granted: those that are attached to a machine for its users.
///
/// Others are never granted: disks under any name (`sd*`, `sg*`, `bsg/`, `nvme*`, `mtd*`, `loop*`, `bus/usb/`), memory,
/// the kernel's log, consoles, and devices that control the machine (`watchdog`, `kvm`, `fuse`, `net/tun`, `uinput`).
pub const GRANTABLE: &str = "cec dri/render gpiochip gpiomem hidraw hwrng i2c- iio:device input/event input/js input/mouse lirc \
    media pps rtc snd/ spidev ttyACM ttyAMA ttyS ttyUSB usb/hiddev usb/lp v4l-subdev video vport";

/// Whether a device of that name may be granted at all.
fn grantable(device: &str) -> bool {
    GRANTABLE.split_ascii_whitespace().any(|start| device.starts_with(start))
}

/// Whether this is the name of a device that may be granted. It cannot lead to any other place below /dev.
#[must_use]
pub fn is_device(name: &str) -> bool {
    grantable(name) && is_pattern(name) && !name.ends_with('*')
}

/// Whether a pattern matches any such device.
#[must_use]
pub fn can_grant(pattern: &str) -> bool {
    let name = pattern.strip_suffix('*');
    grantable(pattern)
        || name.is_some_and(|name| GRANTABLE.split_ascii_whitespace().any(|start| start.starts_with(name)))
}

/// Whether the text is a valid pattern: the characters of device names, at most one star, at the end, and no `..`.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    let name = text.strip_suffix('*').unwrap_or(text);
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    // core's substring search would add 1.5 KiB to a program
    let climbs = name.as_bytes().windows(2).any(|two| two == b"..");
    !name.is_empty() && name.bytes().all(letter) && !climbs && !name.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::{GRANTABLE, can_grant, is_device};

    #[test]
    fn devices_that_control_the_machine_are_never_granted() {
        for name in [
            "sda",
            "sg0",
            "mem",
            "kmsg",
            "port",
            "loop0",
            "loop-control",
            "nvme0",
            "ng0n1",
            "mtd0",
            "vda",
            "mmcblk0",
            "tty0",
            "console",
            "watchdog",
            "watchdog0",
            "bus/usb/001/002",
            "net/tun",
            "uinput",
            "kvm",
            "mapper/control",
            "vcs",
            "ptmx",
        ] {
            assert!(!is_device(name) && !can_grant(name), "{name}");
        }
        for pattern in ["i2c-1", "ttyUSB*", "tty*", "input/*", "video*", "hwrng"] {
            assert!(can_grant(pattern), "{pattern}");
        }
        for way in ["snd/../sda", "snd/..", "hwrng/../mem", "video*", "i2c-\n", ""] {
            assert!(!is_device(way), "{way}");
        }
        assert!(is_device("snd/pcmC0D0p") && is_device("iio:device0"));
        let document = include_str!("../../../docs/users-partition.md");
        for start in GRANTABLE.split_ascii_whitespace() {
            assert!(document.contains(&format!("`{start}`")), "docs/users-partition.md lacks {start}");
        }
    }
}
