//! The files in `/run/net`, which every user can read. A reader sees the old text or the new one.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use heapless::Vec;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, OFlags},
    io::Result,
    net::{AddressFamily, SocketFlags, SocketType},
};

use super::card::Card;
use crate::{
    guest::{
        log::Log,
        place::{self, Name},
        privilege,
    },
    layout,
    network::{lease::TIME_SERVERS, resolver},
    programs, say,
    say::{Text, whole},
};

const RESOLVER: &str = "resolv.conf";

/// The folder of the files.
pub struct Files {
    folder: OwnedFd,
    /// Until there is a name server, programs ask the loopback (resolv.conf(5)): nobody but us can answer there, and we
    /// do not.
    loopback: Vec<OwnedFd, 2>,
}

impl Files {
    /// Opens the folder and makes it `/net`'s own.
    pub fn open() -> Result<Self> {
        let folder = place::open_at(CWD, layout::RUN_NET, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let (uid, gid) = privilege::ids_of(&programs::NET);
        rustix::fs::fchown(&folder, Some(uid), Some(gid))?;
        Ok(Self { folder, loopback: Vec::new() })
    }

    /// Takes the place of a name server of this machine, if there is no other yet.
    pub fn hold_loopback(&mut self) {
        if place::open_at(self.folder.as_fd(), RESOLVER, OFlags::PATH).is_err() {
            self.loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
                .into_iter()
                .filter_map(|ip| held(ip).ok())
                .collect();
        }
    }

    /// Writes what the cards know. A card whose cable is out counts for nothing; what only it knew stays until another
    /// one knows something.
    #[inline(never)]
    pub fn publish(&mut self, cards: &[Card], log: &Log) {
        let live = || cards.iter().filter(|card| card.has_carrier());
        let mut text = Text::new();
        resolver::text(live().map(Card::source), &mut text);
        self.put(RESOLVER, &text, log);
        if !text.is_empty() {
            self.loopback.clear();
        }

        let mut servers = Vec::<_, TIME_SERVERS>::new();
        text.clear();
        for server in live().filter_map(Card::lease).flat_map(|lease| &lease.time) {
            if !servers.contains(server) && servers.push(*server).is_ok() {
                say!(&mut text, *server, "\n");
            }
        }
        self.put("ntp", &text, log);

        text.clear();
        let mut hosts = live().filter_map(Card::lease).map(|lease| &lease.host).filter(|host| !host.is_empty());
        if let Some(host) = hosts.next() {
            say!(&mut text, *host, "\n");
        }
        self.put("hostname", &text, log);
    }

    /// Writes a file, unless it has that text already.
    fn put(&self, name: &str, text: &Text, log: &Log) {
        let mut room = [0; 1536];
        // what an earlier /net left here may be anything, also a FIFO: it is replaced
        let old = place::open_at(self.folder.as_fd(), name, OFlags::RDONLY | OFlags::NONBLOCK);
        let same = old.is_ok_and(|old| place::content(&old, &mut room).is_ok_and(|old| old == text.as_bytes()));
        if text.is_empty() || same || !whole(text) {
            return;
        }
        if let Err(errno) = self.replace(name, text) {
            error!(log, "cannot write ", layout::RUN_NET, "/", name, ": ", errno);
        }
    }

    fn replace(&self, name: &str, text: &str) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CREATE | OFlags::TRUNC;
        let new = place::open_at(self.folder.as_fd(), ".new", flags)?;
        rustix::io::write(&new, text.as_bytes())?;
        rustix::fs::renameat(&self.folder, c".new", &self.folder, Name::new(name)?.c())
    }
}

/// A socket at the port of name servers. It is connected, so requests are refused at once.
fn held(ip: IpAddr) -> Result<OwnedFd> {
    let family = if ip.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let at = SocketAddr::new(ip, 53);
    rustix::net::bind(&socket, &at)?;
    rustix::net::connect(&socket, &at)?;
    Ok(socket)
}
