//! Lists of time servers, and of servers for names.

use core::net::{IpAddr, SocketAddr};

use heapless::Vec;

use super::{dns, is_of_others, sntp};
use crate::{
    cut,
    network::{V6, names, parse_any},
    say,
    say::Say,
};

/// Further servers of a list are ignored.
pub const MAX_SERVERS: usize = 8;

/// The servers if nobody names others. Each is open to the public, is run by somebody else than the other three, and
/// does not smear leap seconds: time.cloudflare.com/time, nist.gov/pml/time-and-frequency-division, ptb.de (group 4.4),
/// jjy.nict.go.jp. The pool (pool.ntp.org) asks systems not to ship its own names.
pub const DEFAULTS: &str = "time.cloudflare.com,ptbtime1.ptb.de,time.nist.gov,ntp.nict.jp";

/// What a server is called.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    Address(IpAddr),
    Name(&'a str),
}

/// A time server.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server<'a> {
    pub host: Host<'a>,
    pub port: u16,
}

/// The servers of a list, in its order.
pub type Servers<'a> = Vec<Server<'a>, MAX_SERVERS>;

impl<'a> Server<'a> {
    /// Parses `10.0.2.2`, `10.0.2.2:1123`, `2001:db8::1`, `[2001:db8::1]:1123`, `time.example` or `time.example:1123`.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        Self::with_default(text, sntp::PORT)
    }

    /// The same for another kind of server, with the port that it has if none is given.
    #[must_use]
    pub fn with_default(text: &'a str, default: u16) -> Option<Self> {
        if let Some(address) = address(text) {
            return Some(Self { host: Host::Address(address), port: default });
        }
        let (host, port) = match text.strip_prefix('[').and_then(|text| cut::once(text, b']')) {
            Some((address, "")) => (address, None),
            Some((address, rest)) => (address, Some(rest.strip_prefix(':')?)),
            None => cut::once(text, b':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = match port {
            Some(port) => cut::small(port, 10)?.try_into().ok().filter(|port: &u16| *port > 0)?,
            None => default,
        };
        let host = match address(host) {
            Some(address) => Host::Address(address),
            // an address that is not allowed is no name either: the last part of a name is never a number
            None => Host::Name(Some(host).filter(|host| names::is_host(host))?),
        };
        Some(Self { host, port })
    }
}

/// An address that a server may have.
fn address(text: &str) -> Option<IpAddr> {
    parse_any(text).filter(is_of_others)
}

/// The servers in a list: a line each, or separated by commas. What cannot be parsed is left out.
#[must_use]
pub fn list(text: &str) -> Servers<'_> {
    let parts = text.split(['\n', ',']).map(str::trim_ascii).filter(|part| !part.is_empty());
    parts.filter_map(Server::parse).take(MAX_SERVERS).collect()
}

/// The name servers in a `resolv.conf` (resolv.conf(5)), at most three, as glibc has it.
pub fn name_servers(file: &str) -> impl Iterator<Item = SocketAddr> {
    let values = file.lines().filter_map(|line| line.strip_prefix("nameserver"));
    // a name server of this machine is fine: what it says is checked
    let addresses =
        values.filter(|value| value.starts_with([' ', '\t'])).filter_map(|value| parse_any(value.trim_ascii()));
    addresses.map(|address| SocketAddr::new(address, dns::PORT)).take(3)
}

/// An address, for people.
pub struct Printed(pub IpAddr);

impl Say for Printed {
    fn say(&self, text: &mut say::Text) {
        match self.0.to_canonical() {
            IpAddr::V4(address) => address.say(text),
            IpAddr::V6(address) => V6(address).say(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::bytes::mutations;

    fn printed(text: &str) -> String {
        let mut all = say::Text::new();
        for Server { host, port } in list(text) {
            match host {
                Host::Address(address) => say!(&mut all, Printed(address), " ", port, ";"),
                Host::Name(name) => say!(&mut all, name, " ", port, ";"),
            }
        }
        all.as_str().to_owned()
    }

    #[test]
    fn servers_are_addresses_or_names_with_a_port() {
        for (text, servers) in [
            ("10.0.2.2", "10.0.2.2 123;"),
            ("10.0.2.2:1123,10.0.2.3", "10.0.2.2 1123;10.0.2.3 123;"),
            ("192.0.2.1\n2001:db8::1\n", "192.0.2.1 123;2001:db8::1 123;"),
            ("[2001:db8::1]:1123,[2001:db8::2]", "2001:db8::1 1123;2001:db8::2 123;"),
            (" time.example , time.example:9 ", "time.example 123;time.example 9;"),
        ] {
            assert_eq!(printed(text), servers);
        }
        assert_eq!(list(DEFAULTS).len(), 4);
        assert_eq!(list(&"10.0.0.1,".repeat(20)).len(), MAX_SERVERS);
    }

    #[test]
    fn addresses_at_which_a_user_could_answer_are_no_servers() {
        let bad = "127.0.0.1,127.9.9.9:5,0.0.0.0,::,::1,[::1]:5,::ffff:127.0.0.1,224.0.1.1,ff02::101,255.255.255.255";
        assert_eq!(printed(bad), "");
        for text in [
            "10.0.2.2:0",
            "10.0.2.2:65536",
            "10.0.2.2:",
            "10.0.2",
            "1.2.3.4.5",
            "a b",
            "-a",
            "a..b",
            ":1",
            "[::2",
            "[::2]x",
        ] {
            assert_eq!(printed(text), "", "{text}");
        }
    }

    #[test]
    fn name_servers_are_read_from_resolv_conf() {
        let file = "# nameserver 1.1.1.1\nsearch a b\nnameserver 10.0.2.3\nnameserver\t2001:db8::53 \nnameservers 9.9.9.9\nnameserver x\n";
        let all: std::vec::Vec<_> = name_servers(file).map(|server| server.to_string()).collect();
        assert_eq!(all, ["10.0.2.3:53", "[2001:db8::53]:53"]);
    }

    #[test]
    fn addresses_are_printed_as_display_prints_them() {
        for text in [
            "10.0.2.2",
            "2001:db8::1",
            "fe80::",
            "1:0:0:2::3",
            "::2",
            "1:2:3:4:5:6:7:8",
            "1:0:3:4:5:6:7:0",
            "a:0:0:b:0:0:0:c",
        ] {
            let mut printed = say::Text::new();
            say!(&mut printed, Printed(text.parse().unwrap()));
            assert_eq!(printed, text.parse::<IpAddr>().unwrap().to_string().as_str());
        }
    }

    #[test]
    fn no_list_gives_a_server_of_this_machine() {
        mutations(b"10.0.2.2:1123\n[2001:db8::1]:5\ntime.example,127.0.0.1", 20_000, |bytes| {
            for server in list(&String::from_utf8_lossy(bytes)) {
                match server.host {
                    Host::Address(address) => assert!(is_of_others(&address)),
                    Host::Name(name) => assert!(dns::query([0; 2], name, dns::Kind::A).is_some(), "{name}"),
                }
                assert!(server.port > 0);
            }
        });
    }
}
