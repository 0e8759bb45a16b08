//! The addresses of the machine, for the door.

use core::net::{IpAddr, Ipv6Addr};

use heapless::Vec;

use super::{DONE, ERROR, INET, INET6, NEWADDR, NOT_YET, any, attribute};
use crate::network::bytes::Bytes;

/// Further addresses are left out, so that all of them fit into one `Text`. The kernel lists IPv4 first
/// (net/core/rtnetlink.c, `rtnl_dump_all`): each card (`NICS`) may have one such address. A router that advertises many
/// prefixes (at most 16 for a card, net/ipv6/addrconf.c, `max_addresses`) cannot take their places.
pub const MOST: usize = 16;

/// An address of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The number of the card.
    pub index: u32,
    /// The address.
    pub ip: IpAddr,
    /// The length of its network's prefix.
    pub length: u8,
}

/// Takes a part of the list of all addresses, as `addresses` asks for it. False once it has ended, or is full.
pub fn list(mut bytes: Bytes<'_>, into: &mut Vec<Listed, MOST>) -> bool {
    while let Some((kind, body)) = any(&mut bytes) {
        match kind {
            DONE | ERROR => return false,
            NEWADDR => {
                if let Some(one) = of(body)
                    && into.push(one).is_err()
                {
                    return false;
                }
            }
            _ => {}
        }
    }
    true
}

/// An address that works, and by which others may reach the machine.
fn of(mut bytes: Bytes<'_>) -> Option<Listed> {
    let [family, length, flags, _scope] = bytes.array()?;
    let index = bytes.ne32()?;
    let (mut address, mut local) = (None, None);
    while let Some((kind, value)) = attribute(&mut bytes) {
        // between two machines alone, the first one is of the other machine (include/uapi/linux/if_addr.h)
        match kind {
            1 => address = Some(value),
            2 => local = Some(value),
            _ => {}
        }
    }
    let mut value = Bytes(local.or(address)?);
    let (ip, longest) = match family {
        INET => (IpAddr::V4(value.ip()?), 32),
        INET6 if flags & NOT_YET == 0 => (IpAddr::V6(Ipv6Addr::from(value.array::<16>()?)), 128),
        _ => return None,
    };
    let of_one_link = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    (!ip.is_loopback() && !of_one_link && length <= longest).then_some(Listed { index, ip, length })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{bytes::mutations, netlink::Request};

    fn message(family: u8, length: u8, flags: u8, attributes: &[(u16, &str)]) -> std::vec::Vec<u8> {
        let start = Request::new(NEWADDR, 0, &[&[family, length, flags, 0], &7_u32.to_ne_bytes()]);
        let all = attributes.iter().fold(start, |request, (kind, ip)| match ip.parse() {
            Ok(IpAddr::V4(ip)) => request.put(*kind, &ip.octets()),
            Ok(IpAddr::V6(ip)) => request.put(*kind, &ip.octets()),
            Err(_) => request.put(*kind, ip.as_bytes()),
        });
        all.done().to_vec()
    }

    fn end() -> std::vec::Vec<u8> {
        Request::new(DONE, 0, &[&[0; 4]]).done().to_vec()
    }

    fn listed(packet: &[u8]) -> (std::vec::Vec<String>, bool) {
        let mut all = Vec::new();
        let more = list(Bytes(packet), &mut all);
        (all.iter().map(|one| format!("{} {}/{}", one.index, one.ip, one.length)).collect(), more)
    }

    #[test]
    fn addresses_by_which_others_reach_the_machine_are_listed() {
        for (family, length, flags, attributes, expected) in [
            (INET, 24, 0x80, &[(1, "10.0.2.15"), (2, "10.0.2.15"), (3, "eth0")][..], Some("7 10.0.2.15/24")),
            (INET, 32, 0x80, &[(1, "10.0.0.1"), (2, "10.0.0.2")], Some("7 10.0.0.2/32")),
            (INET6, 64, 0x80, &[(1, "2001:db8::5")], Some("7 2001:db8::5/64")),
            (INET6, 64, 0x80, &[(1, "fd00::5")], Some("7 fd00::5/64")),
            (INET, 8, 0x80, &[(1, "127.0.0.1"), (2, "127.0.0.1")], None),
            (INET6, 128, 0x80, &[(1, "::1")], None),
            (INET6, 64, 0x80, &[(1, "fe80::5054:ff:fe12:3456")], None),
            (INET6, 64, 0x40, &[(1, "2001:db8::5")], None),
            (INET6, 64, 0x88, &[(1, "2001:db8::5")], None),
            (INET, 33, 0x80, &[(1, "10.0.2.15")], None),
            (INET6, 129, 0x80, &[(1, "2001:db8::5")], None),
            (INET6, 64, 0x80, &[(1, "10.0.2.15")], None),
            (INET, 24, 0x80, &[], None),
            (17, 24, 0x80, &[(1, "10.0.2.15")], None),
        ] {
            let (all, more) = listed(&message(family, length, flags, attributes));
            assert_eq!((all.first().map(String::as_str), more), (expected, true), "{attributes:?}");
        }
    }

    #[test]
    fn a_list_comes_in_parts_and_ends() {
        let one = message(INET, 24, 0, &[(2, "10.0.2.15")]);
        assert_eq!(listed(&[&one[..], &one].concat()), (vec!["7 10.0.2.15/24".to_owned(); 2], true));
        assert_eq!(listed(&[&one[..], &end(), &one].concat()), (vec!["7 10.0.2.15/24".to_owned()], false));
        let error = Request::new(ERROR, 0, &[&(-1_i32).to_ne_bytes()]).done();
        assert_eq!(listed(&error), (vec![], false));
    }

    #[test]
    fn a_list_has_an_end_before_the_kernels() {
        let (all, more) = listed(&message(INET6, 64, 0, &[(1, "2001:db8::5")]).repeat(MOST + 1));
        assert_eq!((all.len(), more), (MOST, false));
        mutations(&[message(INET6, 64, 0, &[(1, "2001:db8::5")]), end()].concat(), 4000, |packet| {
            assert!(listed(packet).0.len() <= MOST);
        });
    }
}
