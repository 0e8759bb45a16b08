//! IP and UDP headers around a DHCP message (RFC 791, RFC 768). The kernel adds the Ethernet header.

use core::net::Ipv4Addr;

use super::{Buffer, bytes::Bytes};
use crate::seccomp::Instruction;

/// The port of DHCP clients (RFC 2131 4.1).
pub const CLIENT: u16 = 68;
/// The port of DHCP servers.
pub const SERVER: u16 = 67;

/// The length of both headers.
const HEADERS: u16 = 20 + 8;
/// The length of a UDP header.
const UDP_HEADER: u16 = 8;
/// The number of the protocol.
const UDP: u8 = 17;

/// Lets a socket take UDP packets to the client's port alone, so that no other packet wakes the program: classic BPF on a
/// packet that begins with its IP header (Documentation/networking/filter.rst).
pub const FILTER: [Instruction; 9] = {
    const fn step(code: u16, value: u32, yes: u8, no: u8) -> Instruction {
        Instruction { code, yes, no, value }
    }
    [
        step(0x30, 9, 0, 0),             // load the protocol
        step(0x15, UDP as u32, 0, 6),    // is it UDP?
        step(0x28, 6, 0, 0),             // load where a fragment begins
        step(0x45, 0x1fff, 4, 0),        // only the first one has ports
        step(0xb1, 0, 0, 0),             // the length of the header
        step(0x48, 2, 0, 0),             // load the port behind it
        step(0x15, CLIENT as u32, 0, 1), // is it ours?
        step(0x06, 0xffff, 0, 0),        // take all of the packet
        step(0x06, 0, 0, 0),             // take nothing
    ]
};

/// A packet from a DHCP client to a server; `None` if the message is too long.
#[must_use]
pub fn wrap(from: Ipv4Addr, to: Ipv4Addr, message: &[u8]) -> Option<Buffer> {
    let all = u16::try_from(message.len()).ok()?.checked_add(HEADERS)?;
    let udp = all.checked_sub(20)?;
    let mut packet = Buffer::new();
    // version 4, five words; best effort; neither identification nor fragment; 64 hops (RFC 1700)
    for part in [&[0x45, 0][..], &all.to_be_bytes(), &[0, 0, 0, 0, 64, UDP, 0, 0], &from.octets(), &to.octets()] {
        packet.extend_from_slice(part).ok()?;
    }
    let checksum = !sum(0, &packet);
    packet.get_mut(10..12)?.copy_from_slice(&checksum.to_be_bytes());
    for part in [CLIENT, SERVER, udp, 0] {
        packet.extend_from_slice(&part.to_be_bytes()).ok()?;
    }
    packet.extend_from_slice(message).ok()?;
    let checksum = match !sum(pseudo(from, to, udp), packet.get(20..)?) {
        // zero says that there is no checksum
        0 => u16::MAX,
        checksum => checksum,
    };
    packet.get_mut(26..28)?.copy_from_slice(&checksum.to_be_bytes());
    Some(packet)
}

/// The message in a packet from a DHCP server to a client; `None` for anything else, and for a damaged one.
#[must_use]
pub fn unwrap(packet: &[u8]) -> Option<&[u8]> {
    let mut ip = Bytes(packet);
    let first = ip.byte()?;
    let header = usize::from(first & 15).checked_mul(4).filter(|length| first >> 4 == 4 && *length >= 20)?;
    ip.take(1)?;
    let length = usize::from(ip.be16()?);
    // a frame may have padding behind the packet (Ethernet's frames have 46 bytes at least)
    let packet = packet.get(..length)?;
    let (header, datagram) = packet.split_at_checked(header)?;
    ip.take(2)?;
    // not a fragment; the flag "do not fragment" does not count
    (ip.be16()? & 0x3fff == 0).then_some(())?;
    ip.take(1)?;
    (ip.byte()? == UDP && sum(0, header) == u16::MAX).then_some(())?;
    ip.take(2)?;
    let (from, to) = (ip.ip()?, ip.ip()?);

    let mut udp = Bytes(datagram);
    (udp.be16()? == SERVER && udp.be16()? == CLIENT).then_some(())?;
    let length = udp.be16()?;
    let checksum = udp.be16()?;
    let datagram = datagram.get(..length.into())?;
    let pseudo = pseudo(from, to, length);
    // a server on the same host leaves the sum to a card that does not exist: then the field has that of the pseudo
    // header alone (include/linux/skbuff.h, CHECKSUM_PARTIAL)
    let good = checksum == 0 || checksum == pseudo || sum(pseudo, datagram) == u16::MAX;
    good.then_some(())?;
    datagram.get(UDP_HEADER.into()..)
}

/// The sum of what UDP adds to its checksum of the IP header.
fn pseudo(from: Ipv4Addr, to: Ipv4Addr, length: u16) -> u16 {
    let start = sum(length, &from.octets());
    sum(sum(start, &to.octets()), &[0, UDP])
}

/// Adds bytes to a sum in ones' complement (RFC 1071). Only the last ones may be an odd number.
fn sum(start: u16, bytes: &[u8]) -> u16 {
    bytes.chunks(2).fold(start, |sum, pair| {
        let high = pair.first().copied().unwrap_or(0);
        let (sum, carry) = sum.overflowing_add(u16::from_be_bytes([high, pair.get(1).copied().unwrap_or(0)]));
        sum.wrapping_add(carry.into())
    })
}

/// Puts headers of a server around a message, for tests.
#[cfg(test)]
pub fn from_server(from: Ipv4Addr, to: Ipv4Addr, message: &[u8]) -> Vec<u8> {
    let mut packet = wrap(from, to, message).unwrap();
    // the ports change places; the sum stays
    packet[20..24].rotate_left(2);
    packet.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::bytes::mutations;

    const FROM: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
    const TO: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 255);

    #[test]
    fn a_message_comes_through() {
        for message in [&b"even"[..], b"odd"] {
            let mut packet = from_server(FROM, TO, message);
            assert_eq!(unwrap(&packet), Some(message));
            packet.extend([0; 20]);
            assert_eq!(unwrap(&packet), Some(message), "with the padding of a frame");
        }
        assert_eq!(unwrap(&wrap(FROM, TO, b"a client's").unwrap()), None);
        assert!(wrap(FROM, TO, &[0; 600]).is_none());
    }

    #[test]
    fn checksums_are_calculated_as_others_do() {
        // calculated by Python from the same fields
        let packet = from_server(FROM, Ipv4Addr::new(10, 0, 2, 15), b"ab");
        assert_eq!((&packet[10..12], &packet[26..28]), (&[0x62, 0xbf][..], &[0x85, 0xe0][..]));
    }

    /// Runs the filter as net/core/filter.c does: a load behind the end takes nothing.
    fn taken(packet: &[u8]) -> u32 {
        let at = |from: u32, count: usize| {
            let bytes = packet.get(from as usize..from as usize + count)?;
            Some(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
        };
        let (mut a, mut x, mut next) = (0, 0, 0);
        loop {
            let Instruction { code, yes, no, value } = FILTER[next];
            let jump = |holds| usize::from(if holds { yes } else { no });
            let loaded = match code {
                0x30 => at(value, 1),
                0x28 => at(value, 2),
                0x48 => at(x + value, 2),
                _ => Some(a),
            };
            let Some(loaded) = loaded else { return 0 };
            a = loaded;
            match code {
                0xb1 => x = 4 * (at(value, 1).unwrap() & 15),
                0x15 => next += jump(a == value),
                0x45 => next += jump(a & value != 0),
                0x06 => return value,
                _ => {}
            }
            next += 1;
        }
    }

    #[test]
    fn the_filter_takes_packets_to_the_clients_port_alone() {
        let good = from_server(FROM, TO, b"message");
        assert!(taken(&good) > 1500);
        let mut options = [&good[..20], &[0; 8], &good[20..]].concat();
        options[0] = 0x47;
        assert!(taken(&options) > 0, "a longer header");
        for (at, to) in [(9, 6), (7, 1), (23, 69), (22, 1)] {
            let mut other = good.clone();
            other[at] = to;
            assert_eq!(taken(&other), 0, "byte {at}");
        }
        assert_eq!((taken(&good[..22]), taken(&[])), (0, 0));
    }

    #[test]
    fn damaged_packets_are_refused() {
        let good = from_server(FROM, TO, b"message");
        let change = |at: usize, to: u8| {
            let mut packet = good.clone();
            packet[at] = to;
            packet
        };
        for (at, to) in
            [(0, 0x46), (0, 0x65), (3, 200), (6, 0x20), (7, 1), (9, 6), (10, 1), (21, 1), (23, 69), (25, 200), (30, 1)]
        {
            assert_eq!(unwrap(&change(at, to)), None, "byte {at}");
        }
        let mut without = good.clone();
        without[26..28].fill(0);
        assert_eq!(unwrap(&without), Some(&b"message"[..]), "a checksum may be missing");
        let mut partial = good.clone();
        let length = u16::try_from(good.len() - 20).unwrap();
        partial[26..28].copy_from_slice(&pseudo(FROM, TO, length).to_be_bytes());
        assert_eq!(unwrap(&partial), Some(&b"message"[..]), "the host's card would add it");
    }

    #[test]
    fn no_packet_leads_out_of_its_bounds() {
        let packet = from_server(FROM, TO, b"a message");
        mutations(&packet, 4000, |packet| {
            if let Some(message) = unwrap(packet) {
                assert!(message.len() <= packet.len() - 28);
            }
        });
    }
}
