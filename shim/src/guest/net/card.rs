//! A network card: its sockets, its address and its routes.

use core::net::Ipv4Addr;

use heapless::Vec;
use rustix::{fd::OwnedFd, io::Result, rand::GetRandomFlags};

use super::Machine;
use crate::{
    network::{
        Address, Buffer, EVERYONE, Mac, arp,
        dhcp::{Action, Client, Event, News},
        lease::{FOREVER, Lease, ROUTES, Route},
        message::{Ask, LONGEST, Reply},
        netlink::{self, Link},
        packet,
        resolver::{Advertised, Source},
    },
    say,
    say::Text,
    sys::{
        self,
        packet::{Protocol, open, receive, send},
    },
};

/// How many packets of a card are taken before others are looked at.
const AT_ONCE: usize = 16;

/// A card.
pub struct Card {
    link: Link,
    mac: Mac,
    /// The bytes in a packet before a server said otherwise.
    mtu: u32,
    /// Those that it was told last, whether it took them or not.
    asked: u32,
    /// The fixed address; the client is not used with one.
    fixed: Option<Lease>,
    client: Client,
    routers: Advertised,
    /// Whether it was in the last list of links.
    pub seen: bool,
    /// Whether it has an IPv6 address that the whole network reaches.
    pub global: bool,
    /// For messages of DHCP servers, while one is expected.
    pub packets: Option<OwnedFd>,
    /// For ARP packets, while neighbours are asked.
    pub neighbours: Option<OwnedFd>,
    /// The routes that are set.
    routes: Vec<Route, ROUTES>,
}

impl Card {
    /// Sets the card up. `found` is an address that it has from an earlier `/net`, and for how many seconds.
    pub fn new(link: &Link, fixed: Option<&Lease>, found: Option<(Address, u32)>, machine: &Machine<'_>) -> Self {
        let mut client = Client::default();
        if let Some((address, seconds)) = found.filter(|_| fixed.is_none()) {
            client = Client::resume(address, seconds, sys::milliseconds());
        }
        let card = Self {
            mac: link.mac.unwrap_or_default(),
            mtu: link.mtu,
            asked: link.mtu,
            // its cable counts as out until `update`
            link: Link { carrier: false, ..link.clone() },
            fixed: fixed.cloned(),
            client,
            routers: Advertised::default(),
            seen: true,
            global: false,
            packets: None,
            neighbours: None,
            routes: Vec::new(),
        };
        let dead = machine.kernel.ask(&netlink::without_dead_routes(card.index()));
        card.tried("ignore routes of a cable that is out on", dead, machine);
        card.tried("set up", machine.kernel.ask(&netlink::up(card.index())), machine);
        card
    }

    /// Takes what the kernel says about it.
    pub fn update(&mut self, link: Link, machine: &Machine<'_>) {
        let (before, after) = (self.link.carrier, link.carrier);
        (self.link, self.seen) = (link, true);
        if before == after {
            return;
        }
        if !self.is_fixed() {
            self.step(Event::Carrier(after), machine);
        } else if after {
            self.apply(machine);
            self.tell(News::Got, machine);
        }
    }

    pub fn index(&self) -> u32 {
        self.link.index
    }

    pub fn is_fixed(&self) -> bool {
        self.fixed.is_some()
    }

    pub fn has_carrier(&self) -> bool {
        self.link.carrier
    }

    /// What it has, fixed or by DHCP.
    pub fn lease(&self) -> Option<&Lease> {
        self.fixed.as_ref().or(self.client.lease())
    }

    pub fn is_ready(&self) -> bool {
        self.link.carrier && (self.global || self.lease().is_some())
    }

    /// What it knows of name servers.
    pub fn source(&self) -> Source<'_> {
        Source { name: &self.link.name, lease: self.lease(), routers: &self.routers }
    }

    /// When `time` is due.
    pub fn due(&self) -> u64 {
        self.client.due().min(self.routers.due())
    }

    pub fn time(&mut self, machine: &Machine<'_>) {
        let now = sys::milliseconds();
        self.routers.expire(now);
        if self.client.due() <= now {
            self.step(Event::Time, machine);
        }
    }

    /// Takes options of a router's advertisement.
    pub fn router(&mut self, options: &[u8]) {
        self.routers.take(options, sys::milliseconds());
    }

    /// Takes messages of DHCP servers.
    #[inline(never)]
    pub fn packets(&mut self, machine: &Machine<'_>) {
        let mut room = [0; LONGEST as usize + 28];
        for _ in 0..AT_ONCE {
            let (Some(socket), Some(xid)) = (&self.packets, self.client.listens()) else { return };
            let Ok((bytes, station)) = receive(socket, &mut room) else { return };
            if let Some(reply) = packet::unwrap(bytes).and_then(|message| Reply::read(message, self.mac, xid)) {
                self.step(Event::Reply(&reply, station), machine);
            }
        }
    }

    /// Takes ARP packets.
    pub fn neighbours(&mut self, machine: &Machine<'_>) {
        let mut room = [0; 64];
        for _ in 0..AT_ONCE {
            let (Some(socket), Some(ip)) = (&self.neighbours, self.client.probed()) else { return };
            let Ok((bytes, _)) = receive(socket, &mut room) else { return };
            if arp::conflicts(bytes, self.mac, ip) {
                self.step(Event::Conflict, machine);
            }
        }
    }

    /// Takes a step of the client.
    fn step(&mut self, event: Event<'_>, machine: &Machine<'_>) {
        for action in self.client.step(event, sys::milliseconds(), random()) {
            match action {
                // what cannot be sent is sent again
                Action::Send(ask) => drop(self.send(&ask, machine)),
                Action::Probe(ip) => drop(self.neighbour(arp::probe(self.mac, ip))),
                Action::Announce(ip) => drop(self.neighbour(arp::announcement(self.mac, ip))),
                Action::Apply => self.apply(machine),
                Action::Remove(address) => self.remove(address, machine),
                Action::Tell(news) => self.tell(news, machine),
            }
        }
        self.packets.take_if(|_| self.client.listens().is_none());
        self.neighbours.take_if(|_| self.client.probed().is_none());
    }

    #[inline(never)]
    fn send(&mut self, ask: &Ask, machine: &Machine<'_>) -> Option<()> {
        if self.packets.is_none() {
            self.packets = open(self.index(), Protocol::Ip, &packet::FILTER).ok();
        }
        let (ip, station) = ask.to.unwrap_or((Ipv4Addr::BROADCAST, EVERYONE));
        let packet = packet::wrap(ask.current, ip, &ask.bytes(self.mac, &machine.host)?)?;
        send(self.packets.as_ref()?, self.index(), Protocol::Ip, station, &packet).ok()
    }

    fn neighbour(&mut self, packet: Buffer) -> Option<()> {
        if self.neighbours.is_none() {
            self.neighbours = open(self.index(), Protocol::Arp, &[]).ok();
        }
        send(self.neighbours.as_ref()?, self.index(), Protocol::Arp, EVERYONE, &packet).ok()
    }

    /// Gives the card what its lease says. Whatever is there already stays as it is.
    fn apply(&mut self, machine: &Machine<'_>) {
        let Some(lease) = self.lease() else { return };
        let (address, routes) = (lease.address, lease.routes.clone());
        let mtu = lease.mtu.map_or(self.mtu, u32::from);
        let seconds = if self.fixed.is_some() { FOREVER } else { self.client.left(sys::milliseconds()) };
        let (index, metric) = (self.index(), self.metric());
        // a card that refuses it is not asked at each renewal
        if core::mem::replace(&mut self.asked, mtu) != mtu {
            self.tried("set the packet size of", machine.kernel.ask(&netlink::mtu(index, mtu)), machine);
        }
        let set = machine.kernel.ask(&netlink::set_address(index, address, seconds, metric));
        self.tried("set the address of", set, machine);
        for route in self.routes.iter().filter(|route| !routes.contains(route)) {
            let _ = machine.kernel.ask(&netlink::remove_route(index, route, metric));
        }
        for route in &routes {
            let set = machine.kernel.ask(&netlink::set_route(index, route, address.ip, metric));
            // a line for each renewal would be too many
            if !self.routes.contains(route) {
                self.tried("set a route of", set, machine);
            }
        }
        self.routes = routes;
    }

    /// Takes an address from the card, and its routes with it. The kernel may have done it already.
    fn remove(&mut self, address: Address, machine: &Machine<'_>) {
        self.routes.clear();
        let _ = machine.kernel.ask(&netlink::remove_address(self.index(), address));
    }

    /// Routes of the first card come before those of others.
    fn metric(&self) -> u32 {
        self.index().saturating_add(100)
    }

    fn tried(&self, what: &str, result: Result<()>, machine: &Machine<'_>) {
        if let Err(errno) = result {
            error!(machine.log, "cannot ", what, " ", self.link.name, ": ", errno);
        }
    }

    fn tell(&self, news: News, machine: &Machine<'_>) {
        let (log, name) = (machine.log, &self.link.name);
        match news {
            News::Silence => error!(log, "no DHCP server answers on ", name, "; still trying"),
            News::Got => {
                let Some(lease) = self.lease() else { return };
                let how = if self.fixed.is_some() { " as net= says" } else { " by DHCP" };
                let mut line = Text::new();
                say!(&mut line, name, ": ", lease.address, how);
                match lease.gateway() {
                    Some(gateway) => say!(&mut line, ", gateway ", gateway),
                    None => say!(&mut line, ", no gateway"),
                }
                log.info(&mut line);
            }
            News::Lost(address) => error!(log, name, ": the lease of ", address, " has ended: no server renews it"),
            News::Refused(address) => {
                error!(log, name, ": a DHCP server refuses ", address, "; asking for another one")
            }
            News::Taken(address) => {
                error!(log, name, ": another machine has ", address, ", which a DHCP server offers; asking again");
            }
        }
    }
}

/// A random number. It need not be secret, so it does not wait until the kernel has collected enough of it.
fn random() -> u32 {
    let mut bytes = [0; 4];
    let _ = rustix::rand::getrandom(&mut bytes, GetRandomFlags::INSECURE);
    u32::from_ne_bytes(bytes)
}
