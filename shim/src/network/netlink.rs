//! Messages of rtnetlink (rtnetlink(7)): what the kernel is asked, and what it says about links, addresses and routers.
//! Numbers: include/uapi/linux/{netlink,rtnetlink,if_link,if_addr}.h.

use core::net::Ipv4Addr;

use heapless::String;

use super::{Address, Buffer, Mac, bytes::Bytes, lease::Route};

mod listed;

pub use self::listed::{Listed, MOST, list};

/// The groups whose messages are heard: links (group 1), IPv6 addresses (9), options of routers (20).
pub const GROUPS: u32 = 1 | 1 << 8 | 1 << 19;

/// The mark of what DHCP has configured, for routes (RTPROT_DHCP) and here for addresses too.
const DHCP: u8 = 16;
const INET: u8 = 2;
const INET6: u8 = 10;

const NEWLINK: u16 = 16;
const DELLINK: u16 = 17;
const GETLINK: u16 = 18;
const NEWADDR: u16 = 20;
const DELADDR: u16 = 21;
const GETADDR: u16 = 22;
const NEWROUTE: u16 = 24;
const DELROUTE: u16 = 25;
const NEWNDUSEROPT: u16 = 68;
const ERROR: u16 = 2;
const DONE: u16 = 3;

const REQUEST: u16 = 1;
const ACK: u16 = 4;
const REPLACE: u16 = 0x100;
const DUMP: u16 = 0x300;
const CREATE: u16 = 0x400;

/// IFF_UP, IFF_LOOPBACK, IFF_LOWER_UP (include/uapi/linux/if.h).
const UP: u32 = 1;
const LOOPBACK: u32 = 1 << 3;
const LOWER_UP: u32 = 1 << 16;

/// A request that is being built.
struct Request(Buffer);

impl Request {
    fn new(kind: u16, flags: u16, body: &[&[u8]]) -> Self {
        let mut bytes = Buffer::new();
        let header = [&[0; 4][..], &kind.to_ne_bytes(), &(REQUEST | flags).to_ne_bytes(), &[0; 8]];
        for part in header.iter().chain(body) {
            let _ = bytes.extend_from_slice(part);
        }
        Self(bytes)
    }

    /// Adds an attribute.
    fn put(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len().saturating_add(4)).unwrap_or(0);
        for part in [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value] {
            let _ = self.0.extend_from_slice(part);
        }
        let padded = self.0.len().next_multiple_of(4);
        let _ = self.0.resize(padded, 0);
        self
    }

    fn number(self, kind: u16, value: u32) -> Self {
        self.put(kind, &value.to_ne_bytes())
    }

    fn done(mut self) -> Buffer {
        let length = u32::try_from(self.0.len()).unwrap_or(0);
        if let Some(place) = self.0.get_mut(..4) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
        self.0
    }
}

/// Asks for all links.
#[must_use]
pub fn links() -> Buffer {
    Request::new(GETLINK, DUMP, &[&[0; 16]]).done()
}

/// Asks for all addresses.
#[must_use]
pub fn addresses() -> Buffer {
    Request::new(GETADDR, DUMP, &[&[0; 8]]).done()
}

/// `struct ifinfomsg`, with flags that are to be set.
fn link(index: u32, flags: u32) -> Request {
    let flags = flags.to_ne_bytes();
    Request::new(NEWLINK, ACK, &[&[0; 4], &index.to_ne_bytes(), &flags, &flags])
}

/// Sets a link up.
#[must_use]
pub fn up(index: u32) -> Buffer {
    link(index, UP).done()
}

/// Does not use routes of a link whose cable is out, so that another one takes over.
#[must_use]
pub fn without_dead_routes(index: u32) -> Buffer {
    const AF_SPEC: u16 = 26;
    const INET_CONF: u16 = 1;
    const IGNORE_ROUTES_WITH_LINKDOWN: u16 = 29; // include/uapi/linux/ip.h, IPV4_DEVCONF_*
    // each attribute is the value of the one before it
    let setting = Request(Buffer::new()).number(IGNORE_ROUTES_WITH_LINKDOWN, 1).0;
    let settings = Request(Buffer::new()).put(INET_CONF, &setting).0;
    let family = Request(Buffer::new()).put(INET.into(), &settings).0;
    link(index, 0).put(AF_SPEC, &family).done()
}

/// Sets the number of bytes in a packet.
#[must_use]
pub fn mtu(index: u32, bytes: u32) -> Buffer {
    link(index, 0).number(4, bytes).done()
}

/// Sets an address, or new lifetimes of it. The kernel removes it after so many seconds, also if nobody renews it.
#[must_use]
pub fn set_address(index: u32, address: Address, seconds: u32, metric: u32) -> Buffer {
    let life = seconds.to_ne_bytes();
    let mut request = of_address(NEWADDR, CREATE | REPLACE, index, address);
    if let Some(broadcast) = address.broadcast() {
        request = request.put(4, &broadcast.octets());
    }
    // struct ifa_cacheinfo: preferred, valid, and two times that only the kernel sets
    let mut lives = [0; 16];
    lives.iter_mut().zip(life.iter().chain(&life)).for_each(|(to, from)| *to = *from);
    request.put(6, &lives).number(9, metric).put(11, &[DHCP]).done()
}

/// Removes an address, and with it the routes from it (net/ipv4/fib_frontend.c, `fib_del_ifaddr`).
#[must_use]
pub fn remove_address(index: u32, address: Address) -> Buffer {
    of_address(DELADDR, 0, index, address).done()
}

/// `struct ifaddrmsg` and the address.
fn of_address(kind: u16, flags: u16, index: u32, address: Address) -> Request {
    let ip = address.ip.octets();
    Request::new(kind, ACK | flags, &[&[INET, address.length, 0, 0], &index.to_ne_bytes()]).put(2, &ip).put(1, &ip)
}

/// Sets a route from that address.
#[must_use]
pub fn set_route(index: u32, route: &Route, from: Ipv4Addr, metric: u32) -> Buffer {
    of_route(NEWROUTE, CREATE | REPLACE, index, route, metric).put(7, &from.octets()).done()
}

/// Removes a route.
#[must_use]
pub fn remove_route(index: u32, route: &Route, metric: u32) -> Buffer {
    of_route(DELROUTE, 0, index, route, metric).done()
}

/// `struct rtmsg` and where it leads. The table is the main one, and the route an ordinary one.
fn of_route(kind: u16, flags: u16, index: u32, route: &Route, metric: u32) -> Request {
    const MAIN: u8 = 254;
    const SCOPE_LINK: u8 = 253;
    const UNICAST: u8 = 1;
    let scope = if route.gateway.is_some() { 0 } else { SCOPE_LINK };
    let body = [INET, route.length, 0, 0, MAIN, DHCP, scope, UNICAST, 0, 0, 0, 0];
    let mut request = Request::new(kind, ACK | flags, &[&body]).number(4, index).number(6, metric);
    if route.length > 0 {
        request = request.put(1, &route.to.octets());
    }
    match route.gateway {
        Some(gateway) => request.put(5, &gateway.octets()),
        None => request,
    }
}

/// A network card, or another link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String<16>,
    /// Its Ethernet address; `None` if it is no wired card.
    pub mac: Option<Mac>,
    /// Whether it is set up.
    pub up: bool,
    /// Whether the cable is in, as far as the card knows.
    pub carrier: bool,
    /// Bytes in a packet.
    pub mtu: u32,
}

/// What the kernel says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A link is there, or has changed.
    Link(Link),
    /// A link is gone.
    Gone(u32),
    /// A link has an IPv4 address that an earlier `/net` set, for so many seconds.
    Ours(u32, Address, u32),
    /// A link has an IPv6 address that the whole network reaches.
    Global(u32),
    /// Options in the advertisement of a router (RFC 4861 4.6).
    Router(u32, &'a [u8]),
    /// The answer to a request: an errno, or zero.
    Answer(i32),
    /// The end of a list.
    Done,
}

/// Takes the next message that matters from what the kernel sent.
pub fn next<'a>(bytes: &mut Bytes<'a>) -> Option<Message<'a>> {
    loop {
        let (kind, mut body) = any(bytes)?;
        let message = match kind {
            NEWLINK => of_link(body).map(Message::Link),
            DELLINK => of_link(body).map(|link| Message::Gone(link.index)),
            NEWADDR => of_an_address(body),
            NEWNDUSEROPT => of_a_router(body),
            ERROR => body.ne32().map(|errno| Message::Answer(errno.cast_signed().saturating_neg())),
            DONE => Some(Message::Done),
            _ => None,
        };
        if message.is_some() {
            return message;
        }
    }
}

/// Takes the next message: its kind, and what follows its header.
fn any<'a>(bytes: &mut Bytes<'a>) -> Option<(u16, Bytes<'a>)> {
    let mut header = *bytes;
    let length = usize::try_from(header.ne32()?).ok().filter(|length| *length >= 16)?;
    let kind = header.ne16()?;
    // the kernel pads each message but the last of a packet
    let whole = bytes.take(length)?;
    bytes.take(length.next_multiple_of(4).saturating_sub(length).min(bytes.0.len()))?;
    Some((kind, Bytes(whole.get(16..)?)))
}

/// The next attribute: its kind without flags, and its value.
fn attribute<'a>(bytes: &mut Bytes<'a>) -> Option<(u16, &'a [u8])> {
    let (length, kind) = (usize::from(bytes.ne16()?), bytes.ne16()?);
    let value = bytes.take(length.checked_sub(4)?)?;
    bytes.take(length.next_multiple_of(4).saturating_sub(length).min(bytes.0.len()))?;
    Some((kind & 0x3fff, value))
}

fn of_link(mut bytes: Bytes<'_>) -> Option<Link> {
    const ETHERNET: u16 = 1; // include/uapi/linux/if_arp.h
    bytes.take(2)?;
    let kind = bytes.ne16()?;
    let (index, flags) = (bytes.ne32()?, bytes.ne32()?);
    bytes.take(4)?;
    let wired = kind == ETHERNET && flags & LOOPBACK == 0;
    let mut link =
        Link { index, name: String::new(), mac: None, up: flags & UP > 0, carrier: flags & LOWER_UP > 0, mtu: 0 };
    while let Some((kind, value)) = attribute(&mut bytes) {
        match kind {
            1 if wired => link.mac = value.try_into().ok(),
            3 => {
                let name = core::ffi::CStr::from_bytes_until_nul(value).ok().and_then(|name| name.to_str().ok());
                link.name = String::try_from(name.unwrap_or_default()).unwrap_or_default();
            }
            4 => link.mtu = Bytes(value).ne32()?,
            _ => {}
        }
    }
    Some(link)
}

/// IFA_F_DADFAILED and IFA_F_TENTATIVE: an IPv6 address that another machine has, or may have.
const NOT_YET: u8 = 0x48;

fn of_an_address(mut bytes: Bytes<'_>) -> Option<Message<'static>> {
    let [family, length, flags, scope] = bytes.array()?;
    let index = bytes.ne32()?;
    if family == INET6 {
        return (scope == 0 && flags & NOT_YET == 0).then_some(Message::Global(index));
    }
    let (mut ip, mut valid, mut ours) = (None, 0, false);
    while let Some((kind, value)) = attribute(&mut bytes) {
        let mut value = Bytes(value);
        match kind {
            2 => ip = value.ip(),
            6 => valid = value.ne32().and(value.ne32())?,
            11 => ours = value.byte()? == DHCP,
            _ => {}
        }
    }
    let address = Address { ip: ip.filter(|_| ours && family == INET)?, length };
    address.is_usable().then_some(Message::Ours(index, address, valid))
}

fn of_a_router(mut bytes: Bytes<'_>) -> Option<Message<'_>> {
    const ADVERTISEMENT: u8 = 134; // RFC 4861 4.2
    let family = bytes.byte()?;
    bytes.take(1)?;
    let (length, index) = (bytes.ne16()?, bytes.ne32()?);
    let kind = bytes.byte()?;
    bytes.take(7)?;
    let options = bytes.take(length.into())?;
    (family == INET6 && kind == ADVERTISEMENT).then_some(Message::Router(index, options))
}

#[cfg(test)]
mod tests;
