//! What a lease says, once everything in it is checked.

use core::net::Ipv4Addr;

use heapless::{String, Vec};

use super::{
    Address, SHORTEST,
    bytes::Bytes,
    is_unicast, mask,
    message::{Reply, VALUE, option},
    names::{self, Search},
};

/// A lease that does not end, and an address of the kernel that does not (include/linux/inetdevice.h,
/// `INFINITY_LIFE_TIME`).
pub const FOREVER: u32 = u32::MAX;
/// The shortest lease that is believed, in seconds. With a shorter one, a server would have a machine ask all the time.
pub const LEAST: u32 = 60;
/// The shortest time in seconds before a lease is renewed: half of the shortest lease.
pub const LEAST_RENEWAL: u32 = 30;
/// The most routes of a lease.
pub const ROUTES: usize = 16;
/// The most name servers, because the C library reads three (resolv.conf(5), MAXNS).
pub const SERVERS: usize = 3;
/// The most time servers; four are enough to recognise one that is wrong (RFC 5905 is silent about more).
pub const TIME_SERVERS: usize = 4;
/// Bytes in a packet: with fewer the kernel takes IPv6 from the card (RFC 8200 5), and no common card takes more.
const MTU: core::ops::RangeInclusive<u16> = 1280..=9000;

/// A way to a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The network's first address.
    pub to: Ipv4Addr,
    /// The length of its prefix; zero for all addresses.
    pub length: u8,
    /// The next hop; `None` if the network is on this cable.
    pub gateway: Option<Ipv4Addr>,
}

impl Route {
    /// Whether it leads to all addresses.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.length == 0
    }
}

/// A lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The machine's address.
    pub address: Address,
    /// Who gave it.
    pub server: Ipv4Addr,
    /// How long it lasts, in seconds, or `FOREVER`.
    pub seconds: u32,
    /// When it is renewed (T1), in seconds.
    pub renew: u32,
    /// When any server may renew it (T2), in seconds.
    pub rebind: u32,
    /// Routes, in the order in which they can be made.
    pub routes: Vec<Route, ROUTES>,
    /// Name servers.
    pub servers: Vec<Ipv4Addr, SERVERS>,
    /// Domains in which names are looked for.
    pub search: Search,
    /// Time servers.
    pub time: Vec<Ipv4Addr, TIME_SERVERS>,
    /// Bytes in a packet, if the server says so.
    pub mtu: Option<u16>,
    /// A name for the machine; empty for none.
    pub host: String<64>,
}

impl Lease {
    /// A lease of which only the address is known: it was found on the card.
    #[must_use]
    pub fn found(address: Address, seconds: u32) -> Self {
        Self {
            address,
            server: Ipv4Addr::UNSPECIFIED,
            seconds,
            renew: seconds,
            rebind: seconds,
            routes: Vec::new(),
            servers: Vec::new(),
            search: Search::new(),
            time: Vec::new(),
            mtu: None,
            host: String::new(),
        }
    }

    /// The lease in an answer; `None` if no machine can use it.
    #[must_use]
    pub fn read(reply: &Reply<'_>) -> Option<Self> {
        let length = match reply.option(option::MASK, &mut [0; VALUE]) {
            Some(value) => prefix(u32::from_be_bytes(value.try_into().ok()?))?,
            None => of_class(reply.yours),
        };
        let address = Address { ip: reply.yours, length };
        address.is_usable().then_some(())?;
        let seconds = reply.number(option::LEASE)?.max(LEAST);
        let mut lease = Self::found(address, seconds);
        lease.server = reply.server;
        (lease.renew, lease.rebind) = times(seconds, reply.number(option::RENEW), reply.number(option::REBIND));
        let mut room = [0; VALUE];
        match reply.option(option::ROUTES, &mut room) {
            // with these, the other one does not count (RFC 3442)
            Some(list) => lease.classless(list),
            None => lease.router(reply),
        }
        addresses(reply, option::SERVERS, &mut lease.servers);
        addresses(reply, option::NTP, &mut lease.time);
        if let Some(list) = reply.option(option::SEARCH, &mut room) {
            names::add_all(&mut lease.search, list);
        }
        if lease.search.is_empty()
            && let Some(domain) = reply.option(option::DOMAIN, &mut room).and_then(names::domain)
        {
            names::add(&mut lease.search, domain);
        }
        let mtu = reply.option(option::MTU, &mut room).and_then(|value| value.try_into().ok());
        lease.mtu = mtu.map(u16::from_be_bytes).filter(|mtu| MTU.contains(mtu));
        if let Some(host) = reply.option(option::HOST, &mut room).and_then(names::host) {
            lease.host = String::try_from(host).unwrap_or_default();
        }
        Some(lease)
    }

    /// The gateway of all addresses.
    #[must_use]
    pub fn gateway(&self) -> Option<Ipv4Addr> {
        self.routes.iter().find(|route| route.is_default()).and_then(|route| route.gateway)
    }

    /// The first gateway of option 3.
    fn router(&mut self, reply: &Reply<'_>) {
        let mut routers = Vec::<Ipv4Addr, 1>::new();
        addresses(reply, option::ROUTER, &mut routers);
        let Some(gateway) = routers.first().copied() else { return };
        if self.address.length == 32 {
            // clouds give a machine an address alone, and a gateway on the same cable
            let _ = self.routes.push(Route { to: gateway, length: 32, gateway: None });
        }
        self.add(Route { to: Ipv4Addr::UNSPECIFIED, length: 0, gateway: Some(gateway) });
    }

    /// The routes of option 121, up to the first one that is damaged.
    fn classless(&mut self, list: &[u8]) {
        let mut bytes = Bytes(list);
        while let Some(route) = next(&mut bytes) {
            self.add(route);
        }
    }

    /// Adds a route whose gateway is on this cable. The kernel would refuse others (net/ipv4/fib_semantics.c,
    /// `fib_check_nh_v4_gw`).
    fn add(&mut self, route: Route) {
        let on_cable = |gateway: Ipv4Addr| {
            let by = |route: &Route| {
                let network = Address { ip: route.to, length: route.length };
                route.gateway.is_none() && network.reaches(gateway)
            };
            self.address.reaches(gateway) || self.routes.iter().any(by)
        };
        let good = |gateway: Ipv4Addr| {
            let edge = self.address.broadcast() == Some(gateway);
            is_unicast(gateway) && gateway != self.address.ip && !edge && on_cable(gateway)
        };
        if route.gateway.is_none_or(good) {
            let _ = self.routes.push(route);
        }
    }
}

/// A route in the form of RFC 3442.
fn next(bytes: &mut Bytes<'_>) -> Option<Route> {
    let length = bytes.byte().filter(|length| *length <= 32)?;
    let mut to = [0; 4];
    let octets = usize::from(length.div_ceil(8));
    to.get_mut(..octets)?.copy_from_slice(bytes.take(octets)?);
    let gateway = bytes.ip()?;
    let to = Ipv4Addr::from_bits(u32::from_be_bytes(to) & mask(length));
    Some(Route { to, length, gateway: Some(gateway).filter(|gateway| !gateway.is_unspecified()) })
}

/// The addresses in an option that one machine can have, each once.
fn addresses<const N: usize>(reply: &Reply<'_>, code: u8, list: &mut Vec<Ipv4Addr, N>) {
    let mut room = [0; VALUE];
    let mut bytes = Bytes(reply.option(code, &mut room).unwrap_or_default());
    while let Some(ip) = bytes.ip() {
        if is_unicast(ip) && !list.contains(&ip) {
            let _ = list.push(ip);
        }
    }
}

/// The length of the prefix with that mask.
fn prefix(bits: u32) -> Option<u8> {
    let length = u8::try_from(bits.leading_ones()).ok()?;
    (mask(length) == bits && length >= SHORTEST).then_some(length)
}

/// The length of the prefix that an address had before there were masks (RFC 791 2.3).
fn of_class(ip: Ipv4Addr) -> u8 {
    let [first, ..] = ip.octets();
    match first {
        ..128 => 8,
        128..192 => 16,
        _ => 24,
    }
}

/// When a lease is renewed, and when others are asked too. Times out of order are replaced by those of RFC 2131 4.4.5.
fn times(lease: u32, renew: Option<u32>, rebind: Option<u32>) -> (u32, u32) {
    if lease == FOREVER {
        return (FOREVER, FOREVER);
    }
    let of = |eighths: u64| u32::try_from(u64::from(lease).saturating_mul(eighths) / 8).unwrap_or(lease);
    let rebind = rebind.filter(|rebind| *rebind < lease && *rebind > LEAST_RENEWAL).unwrap_or(of(7));
    let renew = renew.unwrap_or(of(4)).max(LEAST_RENEWAL);
    (if renew < rebind { renew } else { of(4).min(rebind).max(LEAST_RENEWAL) }, rebind)
}

#[cfg(test)]
mod tests;
