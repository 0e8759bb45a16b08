//! Where the names and addresses of time servers come from: `/net`, else the word `ntp=` (the machine's
//! own, else the kernel's), else our defaults.

use core::net::{IpAddr, SocketAddr};

use rustix::fs::CWD;

use super::exchange::{self, Wait};
use crate::{
    clock::{
        dns::Kind,
        servers::{DEFAULTS, Host, MAX_SERVERS, Printed, Server, list, name_servers},
    },
    guest::place,
    layout, say,
    say::{Say, Text},
};

/// Longer files are not used.
const LONGEST: usize = 2048;

/// The list in use.
pub struct Sources<'a> {
    /// `ntp=`, or the defaults.
    word: &'a str,
    list: Text,
    /// What is known about each server.
    hosts: [Known; MAX_SERVERS],
}

#[derive(Clone, Copy)]
struct Known {
    address: Option<IpAddr>,
    /// The kind of address to ask for next. One that does not answer is tried by its other kind.
    kind: Kind,
}

const UNKNOWN: Known = Known { address: None, kind: Kind::A };

impl<'a> Sources<'a> {
    /// With what the word says; empty if there is none.
    pub fn of(word: &'a str) -> Self {
        Self { word: if word.is_empty() { DEFAULTS } else { word }, list: Text::new(), hosts: [UNKNOWN; MAX_SERVERS] }
    }

    /// Looks which servers there are. True if there are others than before.
    pub fn load(&mut self) -> bool {
        let mut buffer = [0; LONGEST];
        let found = read(layout::TIME_SERVERS, &mut buffer).filter(|text| !list(text).is_empty());
        let text = if self.word == "none" { "" } else { found.unwrap_or(self.word) };
        if *text == *self.list.as_str() {
            return false;
        }
        self.list.clear();
        say!(&mut self.list, text);
        self.hosts = [UNKNOWN; MAX_SERVERS];
        true
    }

    pub fn count(&self) -> usize {
        list(&self.list).len()
    }

    fn server(&self, index: usize) -> Option<Server<'_>> {
        list(&self.list).get(index).copied()
    }

    /// The address of that server. A name server is asked if it is not known.
    pub fn address(&mut self, index: usize, wait: &mut Wait<'_>) -> Option<SocketAddr> {
        let Server { host, port } = self.server(index)?;
        let known = *self.hosts.get(index)?;
        let address = match (host, known.address) {
            (Host::Address(address), _) | (_, Some(address)) => address,
            (Host::Name(name), None) => resolve(name, known.kind, wait)?,
        };
        self.hosts.get_mut(index)?.address = Some(address);
        Some(SocketAddr::new(address, port))
    }

    /// That server did not answer. Its name may have another address by now.
    pub fn failed(&mut self, index: usize) {
        if let Some(known) = self.hosts.get_mut(index) {
            *known = Known { address: None, kind: known.kind.other() };
        }
    }

    /// That server, for people.
    pub fn named(&self, index: usize) -> Named<'_> {
        Named(self.server(index), self.hosts.get(index).and_then(|known| known.address))
    }
}

/// A server's name, if it has one, and address.
pub struct Named<'a>(Option<Server<'a>>, Option<IpAddr>);

impl Named<'_> {
    /// The name alone, or the address of a server that has none.
    pub fn short(&self) -> Text {
        let mut text = Text::new();
        match self.0 {
            Some(Server { host: Host::Name(name), .. }) => name.say(&mut text),
            _ => self.say(&mut text),
        }
        text
    }
}

impl Say for Named<'_> {
    fn say(&self, text: &mut Text) {
        if let Some(Server { host: Host::Name(name), .. }) = self.0 {
            say!(text, name, " ");
        }
        match self.1 {
            Some(address) => Printed(address).say(text),
            None => say!(text, "a server that is gone"),
        }
    }
}

fn resolve(name: &str, kind: Kind, wait: &mut Wait<'_>) -> Option<IpAddr> {
    let mut buffer = [0; LONGEST];
    let servers = read(layout::RESOLVER, &mut buffer)?;
    name_servers(servers).find_map(|server| exchange::address(server, name, kind, wait))
}

/// A file of `/net`, which may be anything.
fn read<'a>(path: &str, buffer: &'a mut [u8; LONGEST]) -> Option<&'a str> {
    let file = place::regular(CWD, path).ok()?;
    core::str::from_utf8(place::content(&file, buffer).ok()?).ok()
}
