//! ARP packets (RFC 826): whether another machine has an address, before it is used (RFC 5227).

use core::net::Ipv4Addr;

use super::{Buffer, Mac, bytes::Bytes};

/// Ethernet, IPv4, and the lengths of their addresses.
const KIND: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// Asks which machine has an address; the sender's own address is left out (RFC 5227 1.1, "ARP Probe").
#[must_use]
pub fn probe(mac: Mac, ip: Ipv4Addr) -> Buffer {
    request(mac, Ipv4Addr::UNSPECIFIED, ip)
}

/// Tells all neighbours that this machine has the address from now on (RFC 5227 1.1, "ARP Announcement").
#[must_use]
pub fn announcement(mac: Mac, ip: Ipv4Addr) -> Buffer {
    request(mac, ip, ip)
}

fn request(mac: Mac, from: Ipv4Addr, to: Ipv4Addr) -> Buffer {
    let mut packet = Buffer::new();
    for part in [&KIND[..], &[0, 1], &mac, &from.octets(), &[0; 6], &to.octets()] {
        let _ = packet.extend_from_slice(part);
    }
    packet
}

/// Whether a packet shows that another machine has the address, or is about to take it (RFC 5227 2.1.1).
#[must_use]
pub fn conflicts(packet: &[u8], mac: Mac, ip: Ipv4Addr) -> bool {
    let mut bytes = Bytes(packet);
    let mut read = || {
        (bytes.take(6)? == KIND).then_some(())?;
        let probe = bytes.be16()? == 1;
        let (sender, from) = (bytes.array::<6>()?, bytes.ip()?);
        bytes.take(6)?;
        let probe = probe && from.is_unspecified() && bytes.ip()? == ip;
        Some(sender != mac && (from == ip || probe))
    };
    read().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::bytes::mutations;

    const OURS: Mac = [2, 0, 0, 0, 0, 1];
    const OTHER: Mac = [2, 0, 0, 0, 0, 2];
    const IP: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);

    #[test]
    fn another_machine_with_the_address_is_a_conflict() {
        let mut answer = announcement(OTHER, IP);
        assert!(conflicts(&answer, OURS, IP), "an announcement");
        answer[7] = 2;
        assert!(conflicts(&answer, OURS, IP), "an answer");
        assert!(conflicts(&probe(OTHER, IP), OURS, IP), "two machines probe at the same time");
    }

    #[test]
    fn our_own_packets_and_other_addresses_are_none() {
        let other = Ipv4Addr::new(10, 0, 2, 16);
        assert!(!conflicts(&probe(OURS, IP), OURS, IP) && !conflicts(&announcement(OURS, IP), OURS, IP));
        assert!(!conflicts(&probe(OTHER, other), OURS, IP) && !conflicts(&announcement(OTHER, other), OURS, IP));
        // a neighbour that only asks for it
        assert!(!conflicts(&request(OTHER, other, IP), OURS, IP));
        assert_eq!(probe(OURS, IP).len(), 28);
    }

    #[test]
    fn no_packet_leads_out_of_its_bounds() {
        mutations(&announcement(OTHER, IP), 4000, |packet| {
            let _ = conflicts(packet, OURS, IP);
        });
    }
}
