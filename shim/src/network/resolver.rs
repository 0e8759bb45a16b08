//! Name servers and domains from leases and from routers, and the text of `/etc/resolv.conf` (resolv.conf(5)).

use core::net::Ipv6Addr;

use heapless::Vec;

use super::{
    V6,
    bytes::Bytes,
    dhcp::NEVER,
    lease::{FOREVER, Lease, SERVERS},
    names::{self, Search},
};
use crate::{
    cut, say,
    say::{Say, Text},
};

/// What the routers on a cable advertise (RFC 8106).
#[derive(Clone, Debug, Default)]
pub struct Advertised {
    /// Name servers, and when each ends.
    servers: Vec<(Ipv6Addr, u64), SERVERS>,
    /// Domains.
    search: Search,
    /// When they end.
    until: u64,
}

impl Advertised {
    /// Takes options of an advertisement, up to the first one that is damaged.
    #[inline(never)]
    pub fn take(&mut self, options: &[u8], now: u64) {
        const SERVERS: u8 = 25;
        const DOMAINS: u8 = 31;
        let mut bytes = Bytes(options);
        while let Some((kind, mut value)) = next(&mut bytes) {
            let Some(life) = value.take(2).and_then(|_| value.be32()) else { return };
            let until = match life {
                FOREVER => NEVER,
                life => now.saturating_add(u64::from(life).saturating_mul(1000)),
            };
            match kind {
                SERVERS => {
                    while let Some(ip) = value.array().map(u128::from_be_bytes).map(Ipv6Addr::from_bits) {
                        self.server(ip, until);
                    }
                }
                DOMAINS => {
                    self.search.clear();
                    names::add_all(&mut self.search, value.0);
                    self.until = until;
                }
                _ => {}
            }
        }
        self.expire(now);
    }

    /// Adds a server, or sets when it ends. If there are too many, the one that ends first goes.
    fn server(&mut self, ip: Ipv6Addr, until: u64) {
        if ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || ip.to_ipv4_mapped().is_some() {
            return;
        }
        if let Some(known) = self.servers.iter_mut().find(|(known, _)| *known == ip) {
            known.1 = until;
        } else if self.servers.is_full() {
            if let Some(first) = self.servers.iter_mut().min_by_key(|(_, until)| *until)
                && first.1 < until
            {
                *first = (ip, until);
            }
        } else {
            let _ = self.servers.push((ip, until));
        }
    }

    /// Forgets what has ended.
    pub fn expire(&mut self, now: u64) {
        self.servers.retain(|(_, until)| *until > now);
        if self.until <= now {
            self.search.clear();
        }
    }

    /// When something ends; `NEVER` if nothing does.
    #[must_use]
    pub fn due(&self) -> u64 {
        let servers = self.servers.iter().map(|(_, until)| *until).min().unwrap_or(NEVER);
        servers.min(if self.search.is_empty() { NEVER } else { self.until })
    }
}

/// The next option: its kind, and what follows its length (RFC 4861 4.6: in units of eight bytes, with both).
fn next<'a>(bytes: &mut Bytes<'a>) -> Option<(u8, Bytes<'a>)> {
    let [kind, units] = bytes.array()?;
    let length = usize::from(units).checked_mul(8)?.checked_sub(2)?;
    Some((kind, Bytes(bytes.take(length)?)))
}

/// What one card knows.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The card's name.
    pub name: &'a str,
    /// What its lease says.
    pub lease: Option<&'a Lease>,
    /// What its routers say.
    pub routers: &'a Advertised,
}

/// The text for these cards, the most important one first. The servers of lease and routers of a card take turns, so
/// that one that only IPv6 reaches is among the three.
#[inline(never)]
pub fn text<'a>(sources: impl Iterator<Item = Source<'a>>, text: &mut Text) {
    let (mut count, mut search) = (0_usize, Search::new());
    for Source { name, lease, routers } in sources {
        for turn in 0..SERVERS {
            if let Some(ip) = lease.and_then(|lease| lease.servers.get(turn)).filter(|_| count < SERVERS) {
                say!(text, "nameserver ", *ip, "\n");
                count = count.saturating_add(1);
            }
            if let Some((ip, _)) = routers.servers.get(turn).filter(|_| count < SERVERS) {
                say!(text, "nameserver ", V6(*ip));
                if ip.is_unicast_link_local() {
                    say!(text, "%", name);
                }
                "\n".say(text);
                count = count.saturating_add(1);
            }
        }
        for domains in [lease.map_or("", |lease| &lease.search), &routers.search] {
            let mut domains = Some(domains).filter(|domains| !domains.is_empty());
            while let Some(domain) = cut::next(&mut domains, b' ') {
                names::add(&mut search, domain);
            }
        }
    }
    if !search.is_empty() {
        say!(text, "search ", search, "\n");
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::network::{Address, bytes::mutations};

    fn option(kind: u8, life: u32, value: &[u8]) -> Vec<u8> {
        let mut bytes = [&[kind, 0, 0, 0][..], &life.to_be_bytes(), value].concat();
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes[1] = u8::try_from(bytes.len() / 8).unwrap();
        bytes
    }

    fn ip(text: &str) -> [u8; 16] {
        text.parse::<Ipv6Addr>().unwrap().octets()
    }

    fn lease(servers: &[[u8; 4]], search: &str) -> Lease {
        let mut lease = Lease::found(Address::parse("10.0.2.15/24").unwrap(), 60);
        servers.iter().for_each(|server| lease.servers.push((*server).into()).unwrap());
        search.split(' ').for_each(|domain| names::add(&mut lease.search, domain));
        lease
    }

    fn file(sources: &[(Option<&Lease>, &Advertised)]) -> std::string::String {
        let mut written = Text::new();
        let sources = sources.iter().map(|(lease, routers)| Source { name: "eth0", lease: *lease, routers });
        text(sources, &mut written);
        written.as_str().to_owned()
    }

    #[test]
    fn servers_of_lease_and_router_take_turns() {
        let lease = lease(&[[10, 0, 2, 3], [10, 0, 2, 4]], "example.org");
        let mut routers = Advertised::default();
        let servers = [ip("2001:db8::53"), ip("fe80::1")].concat();
        routers.take(&[option(25, 600, &servers), option(31, 600, b"\x03lan\x00\x07example\x03org\x00")].concat(), 0);
        assert_eq!(
            file(&[(Some(&lease), &routers)]),
            "nameserver 10.0.2.3\nnameserver 2001:db8::53\nnameserver 10.0.2.4\nsearch example.org lan\n"
        );
        assert_eq!(
            file(&[(None, &routers)]),
            "nameserver 2001:db8::53\nnameserver fe80::1%eth0\nsearch lan example.org\n"
        );
        assert_eq!(file(&[(None, &Advertised::default())]), "");
    }

    #[test]
    fn cards_come_in_their_order_and_three_servers_are_enough() {
        let one = lease(&[[1, 1, 1, 1], [2, 2, 2, 2]], "one");
        let two = lease(&[[3, 3, 3, 3], [4, 4, 4, 4]], "two one");
        let none = Advertised::default();
        assert_eq!(
            file(&[(Some(&one), &none), (Some(&two), &none)]),
            "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nsearch one two\n"
        );
    }

    #[test]
    fn what_a_router_says_ends() {
        let mut routers = Advertised::default();
        assert_eq!(routers.due(), NEVER);
        routers.take(&option(25, 10, &ip("2001:db8::1")), 1000);
        routers.take(&option(25, FOREVER, &ip("2001:db8::2")), 1000);
        routers.take(&option(31, 5, b"\x03lan\x00"), 1000);
        assert_eq!(routers.due(), 6000);
        routers.expire(6000);
        assert_eq!(routers.due(), 11_000);
        routers.expire(11_000);
        assert_eq!((routers.due(), file(&[(None, &routers)]).as_str()), (NEVER, "nameserver 2001:db8::2\n"));
        routers.take(&option(25, 0, &ip("2001:db8::2")), 12_000);
        assert_eq!(file(&[(None, &routers)]), "", "a router takes it back");
    }

    #[test]
    fn a_router_cannot_fill_the_list_with_servers_that_end_sooner() {
        let mut routers = Advertised::default();
        for last in 1..=9 {
            routers.take(&option(25, 100 + last, &ip(&format!("2001:db8::{last}"))), 0);
        }
        routers.take(&option(25, 1, &ip("2001:db8::ff")), 0);
        routers.take(&option(25, 999, &[ip("::"), ip("::1"), ip("ff02::1")].concat()), 0);
        let servers: Vec<_> = routers.servers.iter().map(|(ip, _)| ip.segments()[7]).collect();
        assert_eq!(servers, [7, 8, 9]);
    }

    #[test]
    fn no_advertisement_leads_out_of_its_bounds() {
        let options = [option(25, 600, &ip("2001:db8::53")), option(31, 600, b"\x03lan\x00")].concat();
        mutations(&options, 4000, |options| {
            let mut routers = Advertised::default();
            routers.take(options, 0);
            let written = file(&[(None, &routers)]);
            let known = |line: &str| line.starts_with("nameserver ") || line.starts_with("search ");
            assert!(written.lines().all(known) && written.is_ascii(), "{written}");
        });
    }
}
