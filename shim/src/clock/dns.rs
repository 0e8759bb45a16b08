//! Asks a name server for an address (RFC 1035, section 4; RFC 3596 for IPv6). An answer counts if it comes from the
//! server that was asked, to the random port that asked, with the same random id and question.

use core::net::IpAddr;

use heapless::Vec;

use super::is_of_others;
use crate::network::{
    bytes::Bytes,
    names::{self, DOMAIN},
};

/// The port of name servers.
pub const PORT: u16 = 53;
/// Bytes of the longest answer (RFC 1035, section 4.2.1).
pub const LONGEST: usize = 512;

/// Bytes of a header.
const HEADER: usize = 12;
/// Records beyond this many are not read. An answer of 512 bytes has no room for more of ours.
const RECORDS: u16 = 32;
/// A name may be an alias of an alias, and so on.
const ALIASES: u8 = 8;
/// CNAME (RFC 1035, section 3.2.2).
const ALIAS: [u8; 2] = [0, 5];
const INTERNET: [u8; 2] = [0, 1];

/// The kind of address.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    A,
    Aaaa,
}

impl Kind {
    fn number(self) -> [u8; 2] {
        match self {
            Self::A => [0, 1],
            Self::Aaaa => [0, 28],
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::Aaaa,
            Self::Aaaa => Self::A,
        }
    }
}

/// Why an answer has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no answer to our query. The real one may still come.
    Foreign,
    /// There is no such address, or the server does not know.
    NoAddress,
}

/// A query: header, name, kind, class.
pub type Query = Vec<u8, { HEADER + DOMAIN + 2 + 4 }>;

/// A query for that name; `None` if it is no name.
#[must_use]
pub fn query(id: [u8; 2], name: &str, kind: Kind) -> Option<Query> {
    names::is_host(name).then_some(())?;
    let mut query = Query::new();
    // the server is asked to ask others (RD); one question
    query.extend_from_slice(&[id[0], id[1], 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    for label in name.split('.') {
        query.push(u8::try_from(label.len()).ok()?).ok()?;
        query.extend_from_slice(label.as_bytes()).ok()?;
    }
    query.push(0).ok()?;
    query.extend_from_slice(&kind.number()).ok()?;
    query.extend_from_slice(&INTERNET).ok()?;
    Some(query)
}

/// Reads the answer to that query: the first address.
///
/// # Errors
/// Why there is none.
pub fn answer(packet: &[u8], query: &Query, kind: Kind) -> Result<IpAddr, Refusal> {
    let (flags, count) = header(packet, query).ok_or(Refusal::Foreign)?;
    if flags & 15 != 0 {
        return Err(Refusal::NoAddress);
    }
    let (first, count) = (query.len(), count.min(RECORDS));
    let mut name = HEADER;
    for _ in 0..ALIASES {
        let mut found = None;
        let mut at = first;
        for _ in 0..count {
            let Some(record) = Record::read(packet, at) else { break };
            at = record.end;
            if record.class != INTERNET || !same(packet, record.name, name) {
                continue;
            }
            if record.kind == kind.number() {
                return address(record.data(packet), kind).filter(is_of_others).ok_or(Refusal::NoAddress);
            }
            if record.kind == ALIAS {
                found = Some(record.from);
            }
        }
        name = found.ok_or(Refusal::NoAddress)?;
    }
    Err(Refusal::NoAddress)
}

/// The flags, and how many records there are, of a response to a standard query with one question, which is ours.
fn header(packet: &[u8], query: &Query) -> Option<(u16, u16)> {
    let mut bytes = Bytes(packet);
    let (id, flags, questions, count) = (bytes.take(2)?, bytes.be16()?, bytes.be16()?, bytes.be16()?);
    let _other_records = bytes.take(4)?;
    let ours = query.starts_with(id) && bytes.0.starts_with(query.get(HEADER..)?);
    (ours && flags & 0xf800 == 0x8000 && questions == 1).then_some((flags, count))
}

fn address(data: &[u8], kind: Kind) -> Option<IpAddr> {
    match kind {
        Kind::A => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
        Kind::Aaaa => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
    }
}

/// A record of an answer; names and data are places in the packet.
struct Record {
    name: usize,
    kind: [u8; 2],
    class: [u8; 2],
    from: usize,
    end: usize,
}

impl Record {
    fn read(packet: &[u8], at: usize) -> Option<Self> {
        let mut bytes = Bytes(packet.get(after_name(packet, at)?..)?);
        let (kind, class, _seconds, length) = (bytes.array()?, bytes.array()?, bytes.be32()?, bytes.be16()?);
        let from = packet.len().checked_sub(bytes.0.len())?;
        bytes.take(length.into())?;
        Some(Self { name: at, kind, class, from, end: packet.len().checked_sub(bytes.0.len())? })
    }

    fn data<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        packet.get(self.from..self.end).unwrap_or_default()
    }
}

/// The labels of a name at a place. The last one is empty. `None` follows a name that is not whole.
struct Labels<'a> {
    packet: &'a [u8],
    at: usize,
    /// A pointer must lead in front of this place: so there is no loop.
    before: usize,
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let first = *self.packet.get(self.at)?;
            let next = self.at.checked_add(1)?;
            // the upper two bits: 0 is a label, 3 a pointer (RFC 1035, section 4.1.4)
            match (first >> 6, first & 0x3f) {
                (0, length) => {
                    self.at = next.checked_add(length.into())?;
                    return self.packet.get(next..self.at);
                }
                (3, upper) => {
                    let to = usize::from(u16::from_be_bytes([upper, *self.packet.get(next)?]));
                    if to >= self.before {
                        return None;
                    }
                    (self.at, self.before) = (to, to);
                }
                _ => return None,
            }
        }
    }
}

fn labels(packet: &[u8], at: usize) -> Labels<'_> {
    Labels { packet, at, before: at }
}

/// Whether both names are whole and the same, in letters of any case.
fn same(packet: &[u8], one: usize, other: usize) -> bool {
    let pairs = labels(packet, one).zip(labels(packet, other));
    for (one, other) in pairs {
        if !one.eq_ignore_ascii_case(other) {
            return false;
        }
        if one.is_empty() {
            return true;
        }
    }
    false
}

/// The place behind a name.
fn after_name(packet: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let first = *packet.get(at)?;
        let next = at.checked_add(1)?;
        match (first >> 6, first & 0x3f) {
            (0, 0) => return Some(next),
            (0, length) => at = next.checked_add(length.into())?,
            (3, _) => return next.checked_add(1),
            _ => return None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::network::bytes::mutations;

    const ID: [u8; 2] = [0xab, 0xcd];
    /// A pointer to the name of the question.
    const ASKED: [u8; 2] = [0xc0, 12];

    fn asked() -> Query {
        query(ID, "time.example", Kind::A).unwrap()
    }

    fn record(name: &[u8], kind: u8, data: &[u8]) -> std::vec::Vec<u8> {
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        [name, &[0, kind, 0, 1, 0, 0, 0, 60], &length, data].concat()
    }

    /// An answer to that query with these records.
    pub fn answers(query: &[u8], records: &[&[u8]]) -> std::vec::Vec<u8> {
        let mut packet = query.to_vec();
        packet[2..4].copy_from_slice(&[0x81, 0x80]);
        packet[7] = u8::try_from(records.len()).unwrap();
        packet.extend(records.concat());
        packet
    }

    /// The answer of a server that knows the address.
    pub fn answer_with(query: &[u8], address: [u8; 4]) -> std::vec::Vec<u8> {
        answers(query, &[&record(&ASKED, 1, &address)])
    }

    fn read(records: &[&[u8]]) -> Result<String, Refusal> {
        let query = asked();
        answer(&answers(&query, records), &query, Kind::A).map(|address| address.to_string())
    }

    #[test]
    fn a_query_asks_for_one_name() {
        let bytes = asked();
        assert_eq!(bytes, *b"\xab\xcd\x01\0\0\x01\0\0\0\0\0\0\x04time\x07example\0\0\x01\0\x01");
        assert!(query(ID, &format!("{}.{0}.{0}.{}", "a".repeat(63), "b".repeat(61)), Kind::Aaaa).is_some());
        for name in ["", ".", "a.", ".a", "a..b", "a_b", "-a", "a-", "é", "1.2.3.4", "7", "a b", &"a".repeat(64)] {
            assert!(query(ID, name, Kind::A).is_none(), "{name}");
        }
        assert!(query(ID, &["a"; 128].join("."), Kind::A).is_none(), "255 letters and dots");
    }

    #[test]
    fn the_first_address_is_taken() {
        let addresses = [record(&ASKED, 1, &[10, 0, 2, 2]), record(&ASKED, 1, &[10, 0, 2, 9])];
        assert_eq!(read(&[&addresses[0], &addresses[1]]).unwrap(), "10.0.2.2");
        let whole = record(b"\x04TIME\x07example\0", 1, &[10, 0, 2, 3]);
        assert_eq!(read(&[&whole]).unwrap(), "10.0.2.3");
        let query = query(ID, "time.example", Kind::Aaaa).unwrap();
        let six = record(&ASKED, 28, &[32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        let packet = answers(&query, &[&addresses[0], &six]);
        assert_eq!(answer(&packet, &query, Kind::Aaaa).unwrap().to_string(), "2001:db8::1");
    }

    #[test]
    fn aliases_are_followed() {
        // time.example -> x.example -> y.example, whose address comes first
        let x = record(&ASKED, 5, b"\x01x\xc0\x11");
        let y = record(b"\x01x\x07example\0", 5, b"\x01y\xc0\x11");
        let address = record(b"\x01y\xc0\x11", 1, &[10, 0, 2, 4]);
        assert_eq!(read(&[&address, &y, &x]).unwrap(), "10.0.2.4");
        assert_eq!(read(&[&x, &y]), Err(Refusal::NoAddress));
        // somebody else's address, and a loop
        assert_eq!(read(&[&record(b"\x01z\xc0\x11", 1, &[10, 0, 2, 4])]), Err(Refusal::NoAddress));
        assert_eq!(read(&[&record(&ASKED, 5, &ASKED)]), Err(Refusal::NoAddress));
    }

    #[test]
    fn an_answer_to_another_question_is_foreign() {
        let query = asked();
        let good = answer_with(&query, [10, 0, 2, 2]);
        for byte in [0, 1, 4, 5, 13, 20, query.len() - 1, query.len() - 3] {
            let mut packet = good.clone();
            packet[byte] ^= 1;
            assert_eq!(answer(&packet, &query, Kind::A), Err(Refusal::Foreign), "{byte}");
        }
        let mut packet = good.clone();
        packet[2] &= 0x7f;
        assert_eq!(answer(&packet, &query, Kind::A), Err(Refusal::Foreign), "a query");
        packet[2] = 0x80 | 2 << 3;
        assert_eq!(answer(&packet, &query, Kind::A), Err(Refusal::Foreign), "another operation");
        assert_eq!(answer(&query, &query, Kind::A), Err(Refusal::Foreign), "our own query, sent back");
    }

    #[test]
    fn an_error_or_a_bad_address_is_no_address() {
        let query = asked();
        for code in 1..16 {
            let mut packet = answer_with(&query, [10, 0, 2, 2]);
            packet[3] |= code;
            assert_eq!(answer(&packet, &query, Kind::A), Err(Refusal::NoAddress), "{code}");
        }
        assert_eq!(read(&[]), Err(Refusal::NoAddress));
        for bad in [&[127, 0, 0, 1][..], &[0, 0, 0, 0], &[224, 0, 1, 1], &[10, 0, 2], &[10, 0, 2, 2, 2]] {
            assert_eq!(read(&[&record(&ASKED, 1, bad)]), Err(Refusal::NoAddress), "{bad:?}");
        }
        // a class of its own
        let mut chaos = record(&ASKED, 1, &[10, 0, 2, 2]);
        chaos[5] = 3;
        assert_eq!(read(&[&chaos]), Err(Refusal::NoAddress));
        // a name that points at itself, forwards, or in a circle
        let at = u8::try_from(query.len()).unwrap();
        for name in [[0xc0, at], [0xc0, at + 1], [0xc0, at + 20], [0x80, 12], [0x40, 12], [0xff, 0xff]] {
            assert_eq!(read(&[&record(&name, 1, &[10, 0, 2, 2])]), Err(Refusal::NoAddress), "{name:?}");
        }
    }

    #[test]
    fn no_packet_gives_an_address_of_this_machine() {
        let query = asked();
        let x = record(&ASKED, 5, b"\x01x\xc0\x11");
        let packet = answers(&query, &[&x, &record(b"\x01x\xc0\x11", 1, &[10, 0, 2, 2])]);
        let mut good = 0;
        mutations(&packet, 100_000, |packet| {
            if let Ok(address) = answer(packet, &query, Kind::A) {
                good += 1;
                assert!(address.is_ipv4() && is_of_others(&address), "{packet:?}");
                assert!(packet.starts_with(&ID));
            }
        });
        assert!(good > 100, "{good} had an address");
    }
}
