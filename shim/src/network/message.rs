//! DHCP messages (RFC 2131 2, RFC 2132), as bytes.

use core::net::Ipv4Addr;

use super::{Buffer, Mac, bytes::Bytes};

/// What a message is (RFC 2132 9.6).
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Decline = 4,
    Ack = 5,
    Nak = 6,
}

/// Numbers of options (RFC 2132; 119: RFC 3397; 121: RFC 3442).
#[allow(missing_docs)]
pub mod option {
    pub const MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const SERVERS: u8 = 6;
    pub const HOST: u8 = 12;
    pub const DOMAIN: u8 = 15;
    pub const MTU: u8 = 26;
    pub const NTP: u8 = 42;
    pub const REQUESTED: u8 = 50;
    pub const LEASE: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const KIND: u8 = 53;
    pub const SERVER: u8 = 54;
    pub const WANTED: u8 = 55;
    pub const LARGEST: u8 = 57;
    pub const RENEW: u8 = 58;
    pub const REBIND: u8 = 59;
    pub const SEARCH: u8 = 119;
    pub const ROUTES: u8 = 121;
    pub const END: u8 = 255;
}

/// What a server is asked for. 121 comes before 3, as RFC 3442 says.
const WANTED: [u8; 12] = [
    option::MASK,
    option::ROUTES,
    option::ROUTER,
    option::SERVERS,
    option::DOMAIN,
    option::SEARCH,
    option::MTU,
    option::NTP,
    option::HOST,
    option::LEASE,
    option::RENEW,
    option::REBIND,
];

/// What is before the options.
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// The shortest message: some relays drop shorter ones (RFC 1542 2.1).
const SHORTEST: usize = 300;
/// The longest message that is taken: what a packet of 1500 bytes holds.
pub const LONGEST: u16 = 1500 - 28;
/// The longest value of an option. Its parts are put together (RFC 3396).
pub const VALUE: usize = 512;

/// A message of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What it is.
    pub kind: Kind,
    /// The number of this exchange.
    pub xid: u32,
    /// Seconds since the client began to ask.
    pub seconds: u16,
    /// The address that the client has and uses.
    pub current: Ipv4Addr,
    /// The address that it wants, or does not.
    pub requested: Option<Ipv4Addr>,
    /// The server whose offer it takes.
    pub server: Option<Ipv4Addr>,
    /// Who gets it; `None` for all.
    pub to: Option<(Ipv4Addr, Mac)>,
}

impl Ask {
    /// Its bytes. `host` is the client's own name, empty for none.
    #[must_use]
    #[inline(never)]
    pub fn bytes(&self, mac: Mac, host: &str) -> Option<Buffer> {
        let mut bytes = Buffer::new();
        // from a client, Ethernet, six bytes, no hops
        bytes.extend_from_slice(&[1, 1, 6, 0]).ok()?;
        bytes.extend_from_slice(&self.xid.to_be_bytes()).ok()?;
        bytes.extend_from_slice(&self.seconds.to_be_bytes()).ok()?;
        // answers may go to our address before we have it: the socket takes them all the same (RFC 2131 4.1)
        bytes.extend_from_slice(&[0; 2]).ok()?;
        bytes.extend_from_slice(&self.current.octets()).ok()?;
        bytes.extend_from_slice(&[0; 12]).ok()?;
        bytes.extend_from_slice(&mac).ok()?;
        bytes.resize(236, 0).ok()?;
        bytes.extend_from_slice(&COOKIE).ok()?;
        let mut put = |code: u8, value: &[u8]| {
            bytes.extend_from_slice(&[code, u8::try_from(value.len()).ok()?]).ok()?;
            bytes.extend_from_slice(value).ok()
        };
        put(option::KIND, &[self.kind as u8])?;
        if let Some(ip) = self.requested {
            put(option::REQUESTED, &ip.octets())?;
        }
        if let Some(ip) = self.server {
            put(option::SERVER, &ip.octets())?;
        }
        // a refusal asks for nothing (RFC 2131 table 5)
        if self.kind != Kind::Decline {
            put(option::LARGEST, &LONGEST.to_be_bytes())?;
            put(option::WANTED, &WANTED)?;
            if !host.is_empty() {
                put(option::HOST, host.as_bytes())?;
            }
        }
        bytes.push(option::END).ok()?;
        if bytes.len() < SHORTEST {
            bytes.resize(SHORTEST, 0).ok()?;
        }
        Some(bytes)
    }
}

/// A message of a server.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// What it is: `Offer`, `Ack` or `Nak`.
    pub kind: Kind,
    /// The client's address.
    pub yours: Ipv4Addr,
    /// The server (RFC 2131 table 3: it must say so).
    pub server: Ipv4Addr,
    /// The areas with options.
    areas: [&'a [u8]; 3],
}

impl<'a> Reply<'a> {
    /// Reads an answer to this client in this exchange. A message that breaks a rule is refused as a whole.
    #[must_use]
    #[inline(never)]
    pub fn read(message: &'a [u8], mac: Mac, xid: u32) -> Option<Self> {
        let mut bytes = Bytes(message);
        (bytes.take(3)? == [2, 1, 6]).then_some(())?;
        bytes.take(1)?;
        (bytes.be32()? == xid).then_some(())?;
        bytes.take(8)?;
        let yours = bytes.ip()?;
        bytes.take(8)?;
        (bytes.take(6)? == mac).then_some(())?;
        bytes.take(10)?;
        let (name, file) = (bytes.take(64)?, bytes.take(128)?);
        (bytes.take(4)? == COOKIE).then_some(())?;

        let (mut room, mut overload) = ([0; VALUE], 0);
        let mut reply = Self { kind: Kind::Nak, yours, server: Ipv4Addr::UNSPECIFIED, areas: [bytes.0, &[], &[]] };
        if let Some(value) = reply.option(option::OVERLOAD, &mut room) {
            let areas = match *value {
                [areas] if (1..=3).contains(&areas) => areas,
                _ => return None,
            };
            overload = areas;
        }
        // the file's field comes first (RFC 2131 4.1)
        reply.areas = [bytes.0, if overload & 1 > 0 { file } else { &[] }, if overload & 2 > 0 { name } else { &[] }];
        reply.areas.iter().all(|area| is_whole(area)).then_some(())?;
        reply.kind = match *reply.option(option::KIND, &mut room)? {
            [2] => Kind::Offer,
            [5] => Kind::Ack,
            [6] => Kind::Nak,
            _ => return None,
        };
        reply.server = reply.ip(option::SERVER).filter(|ip| super::is_unicast(*ip))?;
        Some(reply)
    }

    /// The value of an option, put together from its parts (RFC 3396); `None` also if it is too long.
    #[inline(never)]
    #[must_use]
    pub fn option<'b>(&self, code: u8, room: &'b mut [u8; VALUE]) -> Option<&'b [u8]> {
        let (mut length, mut found) = (0_usize, false);
        for area in self.areas {
            let mut bytes = Bytes(area);
            while let Some((other, value)) = next(&mut bytes) {
                if other == code {
                    let end = length.checked_add(value.len())?;
                    room.get_mut(length..end)?.copy_from_slice(value);
                    (length, found) = (end, true);
                }
            }
        }
        room.get(..length).filter(|_| found)
    }

    /// An option that is one address.
    #[must_use]
    pub fn ip(&self, code: u8) -> Option<Ipv4Addr> {
        self.number(code).map(Ipv4Addr::from_bits)
    }

    /// An option that is a number of four bytes.
    #[must_use]
    pub fn number(&self, code: u8) -> Option<u32> {
        let value: [u8; 4] = self.option(code, &mut [0; VALUE])?.try_into().ok()?;
        Some(u32::from_be_bytes(value))
    }
}

/// The next option; `None` at the end.
fn next<'a>(bytes: &mut Bytes<'a>) -> Option<(u8, &'a [u8])> {
    loop {
        match bytes.byte()? {
            0 => {}
            option::END => return None,
            code => {
                let length = bytes.byte()?;
                return Some((code, bytes.take(length.into())?));
            }
        }
    }
}

/// Whether the last option ends with the area, or with the option that says so.
fn is_whole(area: &[u8]) -> bool {
    let mut bytes = Bytes(area);
    loop {
        let mut ahead = bytes;
        match ahead.byte() {
            None | Some(option::END) => return true,
            Some(0) => bytes = ahead,
            Some(_) => {
                if next(&mut bytes).is_none() {
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
