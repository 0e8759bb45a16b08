//! Ethernet frames of the tests: enough of ARP, IPv4, UDP and ICMPv6 to answer a machine.

use std::net::{Ipv4Addr, Ipv6Addr};

/// An Ethernet address.
pub type Mac = [u8; 6];

/// What a machine has sent, as far as a test cares.
pub enum Frame<'a> {
    /// A question who has an address.
    WhoHas { asks: Mac, from: Ipv4Addr, wanted: Ipv4Addr },
    /// A datagram to a DHCP server: where it goes, and the message.
    Dhcp { to: Ipv4Addr, message: &'a [u8] },
}

/// Reads a frame; `None` for anything else.
#[must_use]
pub fn read(frame: &[u8]) -> Option<Frame<'_>> {
    let ip = |bytes: &[u8]| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?));
    let packet = frame.get(14..)?;
    match frame.get(12..14)? {
        [8, 6] if packet.get(6..8)? == [0, 1] => Some(Frame::WhoHas {
            asks: packet.get(8..14)?.try_into().ok()?,
            from: ip(packet.get(14..18)?)?,
            wanted: ip(packet.get(24..28)?)?,
        }),
        [8, 0] if packet.get(9)? == &17 => {
            assert_eq!(sum(packet.get(..20)?), 0xffff, "the checksum of the IP header");
            let datagram = packet.get(20..)?;
            (datagram.get(2..4)? == [0, 67]).then_some(())?;
            let pseudo = [&packet[12..20], &[0, 17], &datagram[4..6], datagram].concat();
            assert_eq!(sum(&pseudo), 0xffff, "the checksum of the datagram");
            Some(Frame::Dhcp { to: ip(&packet[16..20])?, message: datagram.get(8..)? })
        }
        _ => None,
    }
}

/// A datagram of a DHCP server to that station.
#[must_use]
pub fn dhcp(from: (Mac, Ipv4Addr), to: (Mac, Ipv4Addr), message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len() + 8).unwrap();
    let mut datagram = [&[0, 67, 0, 68][..], &length.to_be_bytes(), &[0, 0], message].concat();
    let pseudo = [&from.1.octets()[..], &to.1.octets(), &[0, 17], &length.to_be_bytes(), &datagram].concat();
    datagram[6..8].copy_from_slice(&(!sum(&pseudo)).to_be_bytes());
    let mut header = [&[0x45, 0][..], &(length + 20).to_be_bytes(), &[0, 0, 0, 0, 64, 17, 0, 0]].concat();
    header.extend([from.1.octets(), to.1.octets()].concat());
    let checksum = !sum(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    [&to.0[..], &from.0, &[8, 0], &header, &datagram].concat()
}

/// The answer of the station that has an address.
#[must_use]
pub fn has(station: (Mac, Ipv4Addr), asks: (Mac, Ipv4Addr)) -> Vec<u8> {
    let arp = [&[0, 1, 8, 0, 6, 4, 0, 2][..], &station.0, &station.1.octets(), &asks.0, &asks.1.octets()].concat();
    [&asks.0[..], &station.0, &[8, 6], &arp].concat()
}

/// A router's advertisement to all nodes (RFC 4861 4.2), with a prefix for addresses and with name servers.
#[must_use]
pub fn advertisement(router: Mac, prefix: Ipv6Addr, seconds: u32, servers: &[Ipv6Addr]) -> Vec<u8> {
    let [a, b, c, d, e, f] = router;
    let from = Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
    let to = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let mut body = vec![134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    // the prefix, on this cable and for addresses of its own
    body.extend([3, 4, 64, 0xc0]);
    body.extend([seconds.to_be_bytes(), seconds.to_be_bytes(), [0; 4]].concat());
    body.extend(prefix.octets());
    body.extend([25, u8::try_from(1 + 2 * servers.len()).unwrap(), 0, 0]);
    body.extend(seconds.to_be_bytes());
    servers.iter().for_each(|server| body.extend(server.octets()));
    let length = u16::try_from(body.len()).unwrap();
    let pseudo = [&from.octets()[..], &to.octets(), &[0, 0], &length.to_be_bytes(), &[0, 0, 0, 58], &body].concat();
    let checksum = !sum(&pseudo);
    body[2..4].copy_from_slice(&checksum.to_be_bytes());
    let header = [&[0x60, 0, 0, 0][..], &length.to_be_bytes(), &[58, 255], &from.octets(), &to.octets()].concat();
    [&[0x33, 0x33, 0, 0, 0, 1][..], &router, &[0x86, 0xdd], &header, &body].concat()
}

/// The sum of words in ones' complement (RFC 1071).
fn sum(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}
