//! The files in `/run/net`, which every user can read. A reader sees the old text or the new one.

use heapless::Vec;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, Gid, OFlags, Uid},
    io::Result,
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

/// The folder of the files.
pub struct Files(OwnedFd);

impl Files {
    /// Opens the folder and makes it `/net`'s own.
    pub fn open() -> Result<Self> {
        let folder = place::open_at(CWD, layout::RUN_NET, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let id = privilege::id_of(&programs::NET);
        rustix::fs::fchown(&folder, Some(Uid::from_raw(id)), Some(Gid::from_raw(id)))?;
        Ok(Self(folder))
    }

    /// Writes what the cards know. A card whose cable is out counts for nothing; what only it knew stays until another
    /// one knows something.
    #[inline(never)]
    pub fn publish(&self, cards: &[Card], log: &Log) {
        let live = || cards.iter().filter(|card| card.has_carrier());
        let mut text = Text::new();
        resolver::text(live().map(Card::source), &mut text);
        self.put("resolv.conf", &text, log);

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
        let old = place::open_at(self.0.as_fd(), name, OFlags::RDONLY);
        let same = old.is_ok_and(|old| place::content(&old, &mut room).is_ok_and(|old| old == text.as_bytes()));
        if text.is_empty() || same || !whole(text) {
            return;
        }
        if let Err(errno) = self.replace(name, text) {
            error!(log, "cannot write ", layout::RUN_NET, "/", name, ": ", errno);
        }
    }

    fn replace(&self, name: &str, text: &str) -> Result<()> {
        let new = place::open_at(self.0.as_fd(), ".new", OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
        rustix::io::write(&new, text.as_bytes())?;
        rustix::fs::renameat(&self.0, c".new", &self.0, Name::new(name)?.c())
    }
}
