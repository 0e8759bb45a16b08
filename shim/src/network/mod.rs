//! What `/net` decides: which packets it sends and believes, what a lease says, and what the files in `/run/net` say.
//!
//! ```text
//! bytes from the wire -> packet -> message -> lease     read, or refused as a whole
//! State + Event -> dhcp -> Action -> message -> packet  one `Client` for each network card
//! bytes of rtnetlink <-> netlink                        links, addresses, routes
//! servers, domains -> resolver -> resolv.conf
//! ```
//!
//! 1. Whatever comes from the network is hostile. A packet that breaks a rule is dropped as if it had not come, so that
//!    no answer can stop the client from asking again.
//! 2. Nothing here reads a clock: time is a number of milliseconds since the kernel started.
//! 3. Text from the network becomes text of a file only letter by letter (`names`).
//! 4. No server can make the client busy: between two requests of a lease are 30 seconds at least, and what fails is
//!    tried again at ever longer intervals.
//!
//! Absent on purpose: DHCPv6 (the kernel configures IPv6 by router advertisements), DHCPRELEASE (an address is kept for
//! the next boot), wireless networks, and user-defined options.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use heapless::Vec;

use crate::{
    cut, displayed, say,
    say::{Say, Text},
};

pub mod arp;
pub mod bytes;
pub mod dhcp;
pub mod lease;
pub mod message;
pub mod names;
pub mod netlink;
pub mod packet;
pub mod resolver;
pub mod wanted;

/// The most network cards that are configured. Others are named in a line of the log.
pub const NICS: usize = 8;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// The Ethernet address of all stations.
pub const EVERYONE: Mac = [0xff; 6];

/// Bytes that are being built. There is only one type, because each length would add its own code. The largest is a DHCP
/// message with its headers: 240 bytes and at most six options and a name.
pub type Buffer = Vec<u8, 512>;

/// An IPv4 address and the length of its network's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address of the machine.
    pub ip: Ipv4Addr,
    /// The length of the prefix, at most 32.
    pub length: u8,
}

impl Address {
    /// Whether another address is in the same network.
    #[must_use]
    pub fn reaches(&self, other: Ipv4Addr) -> bool {
        (self.ip.to_bits() ^ other.to_bits()) & mask(self.length) == 0
    }

    /// The network's broadcast address; `None` if it has none (RFC 3021).
    #[must_use]
    pub fn broadcast(&self) -> Option<Ipv4Addr> {
        (self.length < 31).then(|| Ipv4Addr::from_bits(self.ip.to_bits() | !mask(self.length)))
    }

    /// Whether a machine can have this address in a network of this size.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let network = Ipv4Addr::from_bits(self.ip.to_bits() & mask(self.length));
        let of_a_host = self.length >= 31 || (self.ip != network && self.broadcast() != Some(self.ip));
        is_unicast(self.ip) && of_a_host
    }

    /// Parses `10.0.2.15/24`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (ip, length) = cut::once(text, b'/')?;
        let length =
            u8::try_from(cut::small(length, 10)?).ok().filter(|length| SHORTEST <= *length && *length <= 32)?;
        Some(Self { ip: parse(ip)?, length }).filter(Self::is_usable)
    }
}

/// The shortest prefix that a network may have: that of the largest networks that there ever were (class A, RFC 791). A
/// shorter one would make large parts of the Internet unreachable.
pub const SHORTEST: u8 = 8;

/// The mask of a prefix.
#[must_use]
pub fn mask(length: u8) -> u32 {
    u32::MAX.checked_shl(32_u32.saturating_sub(length.into())).unwrap_or(0)
}

/// Whether one machine can have this address: not "this network", loopback, multicast or reserved (RFC 6890).
#[must_use]
pub fn is_unicast(ip: Ipv4Addr) -> bool {
    let [first, ..] = ip.octets();
    first != 0 && first != 127 && first < 224
}

/// Parses an address of four numbers. None begins with a zero: some programs would read it in base eight.
#[must_use]
#[inline(never)]
pub fn parse(text: &str) -> Option<Ipv4Addr> {
    let mut parts = Some(text);
    let mut octet = || {
        let part = cut::next(&mut parts, b'.').filter(|part| part.len() == 1 || !part.starts_with('0'))?;
        u8::try_from(cut::small(part, 10)?).ok()
    };
    let ip = Ipv4Addr::new(octet()?, octet()?, octet()?, octet()?);
    parts.is_none().then_some(ip)
}

/// Parses an address of either kind. The parser of core would add 2 KiB to a program.
#[must_use]
pub fn parse_any(text: &str) -> Option<IpAddr> {
    match parse(text) {
        Some(ip) => Some(IpAddr::V4(ip)),
        None => parse_v6(text).map(IpAddr::V6),
    }
}

/// Parses an IPv6 address (RFC 4291 2.2).
#[inline(never)]
fn parse_v6(text: &str) -> Option<Ipv6Addr> {
    let mut all = Groups::new();
    let gap = text.as_bytes().windows(2).position(|two| two == b"::");
    let Some(gap) = gap else {
        groups(text, true, &mut all)?;
        return all.into_array().ok().map(|all: [u16; 8]| all.into());
    };
    groups(text.get(..gap)?, false, &mut all)?;
    let mut rest = Groups::new();
    groups(text.get(gap.checked_add(2)?..)?, true, &mut rest)?;
    // the gap is at least one group
    let zeros = 7_usize.checked_sub(all.len())?.checked_sub(rest.len())?;
    (0..=zeros).try_for_each(|_| all.push(0).ok())?;
    all.extend_from_slice(&rest).ok()?;
    all.into_array().ok().map(|all: [u16; 8]| all.into())
}

type Groups = Vec<u16, 8>;

/// Adds groups of four hexadecimal digits. The last two of an address may have the form of an IPv4 address.
#[inline(never)]
fn groups(text: &str, last: bool, into: &mut Groups) -> Option<()> {
    let mut parts = Some(text).filter(|text| !text.is_empty());
    while let Some(part) = cut::next(&mut parts, b':') {
        if last && parts.is_none() && part.len() > 4 {
            let [a, b, c, d] = parse(part)?.octets();
            into.push(u16::from_be_bytes([a, b])).ok()?;
            return into.push(u16::from_be_bytes([c, d])).ok();
        }
        let group = cut::small(part, 16).filter(|_| part.len() <= 4)?;
        into.push(group.try_into().ok()?).ok()?;
    }
    Some(())
}

impl Say for Ipv4Addr {
    #[inline(never)]
    fn say(&self, text: &mut Text) {
        let [a, b, c, d] = self.octets();
        say!(text, a, ".", b, ".", c, ".", d);
    }
}

impl Say for Address {
    fn say(&self, text: &mut Text) {
        say!(text, self.ip, "/", self.length);
    }
}

displayed!(Address);

/// An IPv6 address as a part of a text.
pub struct V6(pub Ipv6Addr);

impl Say for V6 {
    /// The longest run of zeros is left out, as in RFC 5952.
    #[inline(never)]
    fn say(&self, text: &mut Text) {
        let groups = self.0.segments();
        let (mut best, mut run) = ((8_usize, 1_usize), (0_usize, 0_usize));
        for (at, group) in groups.iter().enumerate() {
            run = match *group {
                0 if run.1 > 0 => (run.0, run.1.saturating_add(1)),
                0 => (at, 1),
                _ => (0, 0),
            };
            if run.1 > best.1 {
                best = run;
            }
        }
        let behind = best.0.saturating_add(best.1);
        for (at, group) in groups.iter().enumerate() {
            if at == best.0 {
                "::".say(text);
            } else if at < best.0 || at >= behind {
                if at > 0 && at != behind {
                    ":".say(text);
                }
                hexadecimal(*group, text);
            }
        }
    }
}

fn hexadecimal(number: u16, text: &mut Text) {
    if number > 15 {
        hexadecimal(number >> 4, text);
    }
    let digit = usize::from(number & 15);
    "0123456789abcdef".get(digit..=digit).unwrap_or("").say(text);
}

displayed!(V6);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_only_in_their_usual_form() {
        assert_eq!(parse("192.0.2.1"), Some(Ipv4Addr::new(192, 0, 2, 1)));
        for text in ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.", "a.b.c.d", "1.2.3.4 ", "+1.2.3.4"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(Address::parse("10.0.2.15/24").unwrap().to_string(), "10.0.2.15/24");
        for text in [
            "10.0.2.15",
            "10.0.2.15/33",
            "10.0.2.15/7",
            "10.0.2.0/24",
            "10.0.2.255/24",
            "127.0.0.1/8",
            "0.0.0.1/8",
            "224.0.0.1/24",
            "255.255.255.255/32",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
        assert!(Address::parse("10.0.2.0/31").is_some() && Address::parse("10.0.2.255/32").is_some());
    }

    #[test]
    fn addresses_are_parsed_as_the_standard_library_parses_them() {
        let mut good = 0;
        let mut same = |text: &str| {
            let parsed = parse_any(text);
            assert_eq!(parsed, text.parse().ok(), "{text}");
            good += u32::from(parsed.is_some());
        };
        for text in [
            "",
            ":",
            "::",
            ":::",
            "::1",
            "1::",
            "1::2::3",
            "::1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7::",
            "1:2:3:4::5:6:7:8",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7:8",
            "::1.2.3.4",
            "1.2.3.4::",
            "1:2:3:4:5:6:1.2.3.4",
            "1:2:3:4:5:6:7:1.2.3.4",
            "::1:2:3:4:5:6:1.2.3.4",
            "::12345",
            "::g",
            "::01.2.3.4",
            "0.0.0.0",
            "00.0.0.0",
            "01.2.3.4",
            "1.2.3.4:",
            "::ffff:1.2.3",
            "FE80::A",
        ] {
            same(text);
        }
        for text in ["2001:db8:1:2:3:4:5:6", "2001:db8::53:0:1", "::ffff:192.0.2.1", "192.0.2.129"] {
            bytes::mutations(text.as_bytes(), 50_000, |bytes| {
                let _ = core::str::from_utf8(bytes).map(&mut same);
            });
        }
        assert!(good > 1000, "{good}");
    }

    #[test]
    fn a_network_reaches_its_own_addresses() {
        let address = Address::parse("192.0.2.130/25").unwrap();
        assert!(address.reaches(Ipv4Addr::new(192, 0, 2, 129)) && !address.reaches(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!(address.broadcast(), Some(Ipv4Addr::new(192, 0, 2, 255)));
        assert_eq!((mask(0), mask(8), mask(32)), (0, 0xff00_0000, u32::MAX));
    }

    #[test]
    fn ipv6_addresses_are_printed_as_the_standard_library_prints_them() {
        for text in
            ["::", "::1", "fe80::1", "2001:db8::53:0:0:1", "1:2:3:4:5:6:7:8", "1:0:2::", "0:1::", "1:0:2:3:4:5:6:7"]
        {
            let address: Ipv6Addr = text.parse().unwrap();
            assert_eq!(V6(address).to_string(), address.to_string());
        }
    }
}
