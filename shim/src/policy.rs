//! `.policy/USER.json` on the users partition: what root grants a user, and how much of the machine.
//!
//! ```json
//! {"memory": "128M", "high": "112M", "pids": 256, "devices": ["i2c-1", "ttyUSB*"], "network": "shared"}
//! ```
//!
//! Every key may be absent; one that is not known is an error, for a limit that is misspelt is none. A file that
//! cannot be read counts as `STRICTEST`, never as an open door. `Display` writes what `parse` reads.

use heapless::{String, Vec};

use crate::{cut, displayed, json::Json, say, say::Say};

/// At most this many `devices`.
pub const MAX_DEVICES: usize = 16;
/// A longer file is refused unread.
pub const MAX_FILE: usize = 1024;
/// The least memory that a policy may set, and the least default on a machine that has it. With less, node reads its own
/// pages again and again and never starts.
pub const LEAST_MEMORY: u64 = 64 << 20;
/// The fewest processes and threads: two of node, a shell and what it runs, have 22.
pub const LEAST_PIDS: u32 = 32;

/// A device below /dev, by its name; a `*` at the end stands for any rest.
pub type Pattern = String<32>;

/// Whose network a user has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// The machine's.
    #[default]
    Shared,
    /// One of the own sandbox, in which there is `lo` and nothing else.
    Private,
}

/// The file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Bytes of memory, file pages and kernel memory of the sandbox included.
    pub memory: Option<u64>,
    /// Bytes from which on what can be taken back is, and who asks for more waits. None by default: node that leaks would stand
    /// still where it is otherwise killed.
    pub high: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u32>,
    /// Devices that the user may open.
    pub devices: Vec<Pattern, MAX_DEVICES>,
    /// The network.
    pub network: Network,
}

impl Policy {
    /// What counts for a file that cannot be read.
    pub const STRICTEST: Self = Self {
        memory: Some(LEAST_MEMORY),
        high: None,
        pids: Some(LEAST_PIDS),
        devices: Vec::new(),
        network: Network::Private,
    };

    /// Reads the file's bytes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut why = "it is malformed";
        let mut policy = Self::default();
        let mut json = Json::of(bytes).ok_or(why)?;
        let read = json.list('{', '}', &mut |json| {
            let mut key = String::<16>::new();
            json.string(&mut key)?;
            json.take(':')?;
            match key.as_str() {
                key @ ("memory" | "high") => {
                    let mut text = String::<16>::new();
                    json.string(&mut text)?;
                    let least = |bytes: &u64| *bytes >= LEAST_MEMORY;
                    let bytes =
                        said(size(&text).filter(least), &mut why, "memory and high are sizes from 64M, as in 128M")?;
                    *(if key == "high" { &mut policy.high } else { &mut policy.memory }) = Some(bytes);
                }
                "pids" => {
                    let least = |pids: &u32| *pids >= LEAST_PIDS;
                    let pids = json.number().and_then(|number| u32::try_from(number).ok()).filter(least);
                    policy.pids = Some(said(pids, &mut why, "pids is a number from 32")?);
                }
                "network" => {
                    let mut text = String::<16>::new();
                    json.string(&mut text)?;
                    policy.network = said(network(&text), &mut why, "network is shared or private")?;
                }
                "devices" => {
                    policy.devices.clear();
                    json.list('[', ']', &mut |json| {
                        let mut name = Pattern::new();
                        let whole = json.string(&mut name)?;
                        let good = (whole && is_pattern(&name)).then_some(());
                        said(good, &mut why, "a device is a name below /dev, with a * at its end or none")?;
                        said(can_grant(&name).then_some(()), &mut why, "it has a device that is never granted")?;
                        said(policy.devices.push(name).ok(), &mut why, "there are more than 16 devices")
                    })?;
                }
                _ => said(None, &mut why, "it has a key that is none of memory, high, pids, devices, network")?,
            }
            Some(())
        });
        if read.is_some() && json.peek().is_none() { Ok(policy) } else { Err(why) }
    }

    /// Whether a serial line may be among them.
    #[must_use]
    pub fn grants_lines(&self) -> bool {
        self.devices.iter().any(|pattern| {
            let name = pattern.strip_suffix('*').unwrap_or(pattern);
            name.starts_with("tty") || "tty".starts_with(name)
        })
    }

    /// Whether the user may open that device: a name below /dev.
    #[must_use]
    pub fn grants(&self, device: &str) -> bool {
        self.devices.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => device.starts_with(start),
            None => device == pattern.as_str(),
        })
    }
}

fn said<T>(value: Option<T>, why: &mut &'static str, text: &'static str) -> Option<T> {
    if value.is_none() {
        *why = text;
    }
    value
}

/// `shared` or `private`.
#[must_use]
pub fn network(text: &str) -> Option<Network> {
    match text {
        "shared" => Some(Network::Shared),
        "private" => Some(Network::Private),
        _ => None,
    }
}

/// `512K`, `128M`, `1G`, or bytes.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let (digits, shift) = [("K", 10), ("M", 20), ("G", 30)]
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))
        .unwrap_or((text, 0));
    let number = cut::number(digits, 10)?;
    number.checked_shl(shift).filter(|bytes| bytes.checked_shr(shift) == Some(number))
}

/// What can be granted, by the beginning of the kernel's name: what is attached to a machine for its users. Not here, and
/// so never granted: disks under any name (`sd*`, `sg*`, `bsg/`, `nvme*`, `mtd*`, `loop*`, `bus/usb/`), memory, the
/// kernel's log, consoles, and what rules the machine (`watchdog`, `kvm`, `fuse`, `net/tun`, `uinput`).
pub const GRANTABLE: &str = "cec dri/render gpiochip gpiomem hidraw hwrng i2c- iio:device input/event input/js input/mouse lirc \
    media pps rtc snd/ spidev ttyACM ttyAMA ttyS ttyUSB usb/hiddev usb/lp v4l-subdev video vport";

/// Whether a device of that name may be granted at all.
fn grantable(device: &str) -> bool {
    GRANTABLE.split_ascii_whitespace().any(|start| device.starts_with(start))
}

/// Whether that is the name of a device that may be granted, and no way to anything else below /dev.
#[must_use]
pub fn is_device(name: &str) -> bool {
    grantable(name) && is_pattern(name) && !name.ends_with('*')
}

/// Whether a pattern stands for any such device.
#[must_use]
pub fn can_grant(pattern: &str) -> bool {
    let name = pattern.strip_suffix('*');
    grantable(pattern)
        || name.is_some_and(|name| GRANTABLE.split_ascii_whitespace().any(|start| start.starts_with(name)))
}

/// Whether that can name devices: letters and what device names have, at most one star, at the end, and no `..`.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    let name = text.strip_suffix('*').unwrap_or(text);
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    // core's search for a text in a text is 1.5 KiB of a program
    let climbs = name.as_bytes().windows(2).any(|two| two == b"..");
    !name.is_empty() && name.bytes().all(letter) && !climbs && !name.starts_with('/')
}

impl Say for Policy {
    fn say(&self, text: &mut say::Text) {
        let mut before = "{";
        for (key, bytes) in [("memory", self.memory), ("high", self.high)] {
            if let Some(bytes) = bytes {
                let (number, unit) = if bytes.trailing_zeros() >= 20 { (bytes >> 20, "M") } else { (bytes, "") };
                say!(text, before, "\"", key, "\": \"", number, unit, "\"");
                before = ", ";
            }
        }
        if let Some(pids) = self.pids {
            say!(text, before, "\"pids\": ", pids);
            before = ", ";
        }
        if !self.devices.is_empty() {
            say!(text, before, "\"devices\": [");
            let mut comma = "";
            for device in &self.devices {
                say!(text, comma, "\"", device, "\"");
                comma = ", ";
            }
            say!(text, "]");
            before = ", ";
        }
        let network = if self.network == Network::Private { "private" } else { "shared" };
        say!(text, before, "\"network\": \"", network, "\"}");
    }
}

displayed!(Policy);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let full =
            r#"{"memory": "128M", "high": "112M", "pids": 256, "devices": ["i2c-1", "ttyUSB*"], "network": "private"}"#;
        let policy = Policy::parse(full.as_bytes()).unwrap();
        assert_eq!((policy.memory, policy.high), (Some(128 << 20), Some(112 << 20)));
        assert_eq!((policy.pids, policy.network), (Some(256), Network::Private));
        assert_eq!(policy.to_string(), full);
        assert_eq!(Policy::parse(b"{}"), Ok(Policy::default()));
        for policy in
            [Policy::STRICTEST, Policy::default(), Policy { memory: Some(LEAST_MEMORY + 1), ..Policy::default() }]
        {
            assert_eq!(Policy::parse(policy.to_string().as_bytes()), Ok(policy));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            ("", "malformed"),
            ("{", "malformed"),
            ("{} {}", "malformed"),
            (r#"{"memroy": "128M"}"#, "none of memory"),
            (r#"{"a key that is far too long for any": 1}"#, "none of memory"),
            (r#"{"memory": "63M"}"#, "from 64M"),
            (r#"{"high": "63M"}"#, "from 64M"),
            (r#"{"memory": "99999999999G"}"#, "from 64M"),
            (r#"{"memory": 128}"#, "malformed"),
            (r#"{"pids": 31}"#, "from 32"),
            (r#"{"pids": -20}"#, "from 32"),
            (r#"{"pids": 1.5}"#, "from 32"),
            (r#"{"pids": 4294967296}"#, "from 32"),
            (r#"{"network": "host"}"#, "shared or private"),
            (r#"{"devices": ["../mem"]}"#, "below /dev"),
            (r#"{"devices": ["/dev/mem"]}"#, "below /dev"),
            (r#"{"devices": ["*"]}"#, "below /dev"),
            (r#"{"devices": ["i2c-1", "sda"]}"#, "never granted"),
            (r#"{"devices": ["mem"]}"#, "never granted"),
            (r#"{"devices": ["bus/*"]}"#, "never granted"),
            (r#"{"devices": ["a*b"]}"#, "below /dev"),
        ] {
            let error = Policy::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        let many = format!(r#"{{"devices": [{}]}}"#, ["\"rtc\""; 17].join(","));
        assert_eq!(Policy::parse(many.as_bytes()), Err("there are more than 16 devices"));
    }

    #[test]
    fn what_rules_the_machine_is_never_granted() {
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
        let document = include_str!("../../docs/users-partition.md");
        for start in GRANTABLE.split_ascii_whitespace() {
            assert!(document.contains(&format!("`{start}`")), "docs/users-partition.md lacks {start}");
        }
    }

    #[test]
    fn a_star_stands_for_any_rest() {
        let policy = Policy::parse(br#"{"devices": ["ttyUSB*", "i2c-1"]}"#).unwrap();
        assert!(policy.grants("ttyUSB0") && policy.grants("ttyUSB") && policy.grants("i2c-1"));
        assert!(!policy.grants("i2c-10") && !policy.grants("ttyS0") && !Policy::STRICTEST.grants("i2c-1"));
    }
}
