//! `/net`: gives the network cards addresses, and tells users which name servers there are.
//!
//! ```text
//! rtnetlink: links, routers -> Card -> Client (decides) -> packets, addresses, routes
//!                              Cards -> /run/net/resolv.conf, ntp, hostname
//! ```
//!
//! It sleeps until the kernel says something about a card, an answer comes that it waits for, or a time is due. It ends
//! when PID 1 closes the socket that is its standard input. What it has configured stays: the next one takes it over.

use heapless::Vec;
use rustix::{
    event::{PollFd, PollFlags},
    fd::AsFd,
    io::{Errno, Result},
    process::Signal,
};

use self::{card::Card, files::Files, kernel::Kernel};
use crate::{
    guest::{log::Log, machine, service, waits::Waits, words::Word},
    network::{
        Address, NICS,
        bytes::Bytes,
        dhcp::NEVER,
        lease::Lease,
        netlink::{self, Link, Message},
        wanted::{self, How},
    },
    programs,
    report::Says,
    say::Text,
    sys::{self, Signals, Start, Stream},
};

mod card;
mod files;
mod kernel;

/// Milliseconds in which a network card behind USB is found.
const FOUND: u64 = 3000;

/// What all cards need.
struct Machine<'a> {
    log: &'a Log,
    kernel: Kernel,
    /// The name that servers are told.
    host: Text,
    /// The address that a card has instead of a lease.
    fixed: Option<Lease>,
}

/// The program.
pub fn main(start: Start) -> ! {
    let log = Log::held();
    // a machine that stops sends SIGTERM to all, and programs use the network until they have ended
    Signals::of(&[Signal::PIPE, Signal::TERM]).block();
    let word = Word::of("net", start);
    let value = word.value().unwrap_or_default();
    let how = How::parse(value).unwrap_or_else(|| {
        error!(log, "net=", value, " is ignored, and DHCP is used: ", wanted::HINT);
        How::default()
    });
    let result = begin(start, &log, how);
    if let Err(errno) = result {
        error!(log, "/net cannot configure the network: ", errno);
    }
    sys::exit(u8::from(result.is_err()))
}

#[inline(never)]
fn begin(start: Start, log: &Log, how: How) -> Result<()> {
    let mut files = Files::open()?;
    service::apart(&programs::NET, start, log)?;
    files.hold_loopback();
    let fixed = match how {
        How::Off => return idle(),
        How::Dhcp => None,
        How::Fixed(fixed) => Some(fixed.lease()),
    };
    let machine = Machine { log, kernel: Kernel::open()?, host: machine::host(), fixed };
    let none_at = sys::milliseconds().saturating_add(FOUND);
    let (cards, found) = (Vec::new(), Vec::new());
    Cards { machine: &machine, cards, found, listed: false, ready: false, none_at, named: 0 }.serve(&mut files)
}

/// Configures nothing, and nobody waits for it.
fn idle() -> Result<()> {
    service::tell(Says::Ready);
    loop {
        if !is_open() {
            return Ok(());
        }
        let _ = rustix::event::poll(&mut [PollFd::new(&Stream(0), PollFlags::IN)], None);
    }
}

/// Whether PID 1 still has the other end of the socket.
fn is_open() -> bool {
    let flags = rustix::net::RecvFlags::DONTWAIT;
    !matches!(rustix::net::recv(Stream(0), &mut [0], flags), Ok((_, 0)) | Err(Errno::CONNRESET))
}

/// The cards, in the order of their numbers: the first one is the most important.
struct Cards<'a> {
    machine: &'a Machine<'a>,
    cards: Vec<Card, NICS>,
    /// Addresses that an earlier `/net` has set: the number of the card, the address, and for how many seconds.
    found: Vec<(u32, Address, u32), NICS>,
    /// Whether all of them are known.
    listed: bool,
    /// Whether PID 1 knows that there is a network, or that there is none to wait for.
    ready: bool,
    /// When a machine without a card is one that has none.
    none_at: u64,
    /// The highest number of a card that is one too many.
    named: u32,
}

/// What there is to do.
#[derive(Clone, Copy)]
enum News {
    Init,
    Kernel,
    Packet(usize),
    Neighbour(usize),
}

impl Cards<'_> {
    #[inline(never)]
    fn serve(&mut self, files: &mut Files) -> Result<()> {
        self.machine.kernel.list(&netlink::addresses());
        loop {
            files.publish(&self.cards, self.machine.log);
            let none = self.cards.is_empty() && self.none_at <= sys::milliseconds();
            if !self.ready && (none || self.cards.iter().any(Card::is_ready)) {
                self.ready = true;
                // without a network, nobody waits for it, nor for what comes through it
                service::tell(if none { Says::Nothing } else { Says::Ready });
            }
            for news in self.wait()? {
                match news {
                    News::Init if !is_open() => return Ok(()),
                    News::Init => {}
                    News::Kernel => self.hear()?,
                    News::Packet(at) => self.cards.get_mut(at).map_or((), |card| card.packets(self.machine)),
                    News::Neighbour(at) => self.cards.get_mut(at).map_or((), |card| card.neighbours(self.machine)),
                }
            }
            let now = sys::milliseconds();
            self.cards.iter_mut().filter(|card| card.due() <= now).for_each(|card| card.time(self.machine));
        }
    }

    /// Waits for news; returns none when a time is due.
    #[inline(never)]
    fn wait(&self) -> Result<Vec<News, { 2 + 2 * NICS }>> {
        let init = Stream(0);
        let mut until = if self.cards.is_empty() && !self.ready { self.none_at } else { NEVER };
        let mut waits = Waits::<_, { 2 + 2 * NICS }>::new();
        let mut ask = |news, fd| waits.ask(news, fd, PollFlags::IN);
        ask(News::Init, init.as_fd());
        ask(News::Kernel, self.machine.kernel.events.as_fd());
        for (at, card) in self.cards.iter().enumerate() {
            if let Some(socket) = &card.packets {
                ask(News::Packet(at), socket.as_fd());
            }
            if let Some(socket) = &card.neighbours {
                ask(News::Neighbour(at), socket.as_fd());
            }
            until = until.min(card.due());
        }
        // a millisecond more, because the kernel's clock is finer
        let left = until.saturating_sub(sys::milliseconds()).saturating_add(1);
        waits.wait((until != NEVER).then(|| u32::try_from(left).unwrap_or(u32::MAX)))
    }

    /// Takes what the kernel says. If it had more to say than there was room for, asks for all links again.
    #[inline(never)]
    fn hear(&mut self) -> Result<()> {
        let mut room = kernel::ROOM;
        let mut bytes = match rustix::io::read(&self.machine.kernel.events, &mut room) {
            Ok(length) => Bytes(room.get(..length).unwrap_or_default()),
            Err(Errno::NOBUFS) => {
                self.links();
                return Ok(());
            }
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(errno) => return Err(errno),
        };
        while let Some(message) = netlink::next(&mut bytes) {
            match message {
                Message::Link(link) => self.link(link),
                Message::Gone(index) => self.cards.retain(|card| card.index() != index),
                Message::Global(index) => self.with(index, |card| card.global = true),
                Message::Router(index, options) => self.with(index, |card| card.router(options)),
                Message::Ours(index, address, seconds) => drop(self.found.push((index, address, seconds))),
                Message::Done if self.listed => self.cards.retain(|card| card.seen),
                // a card needs the addresses as soon as it is known
                Message::Done => {
                    self.listed = true;
                    self.links();
                }
                Message::Answer(_) => {}
            }
        }
        Ok(())
    }

    /// Asks for all links. Cards that are not among them are gone.
    fn links(&mut self) {
        self.cards.iter_mut().for_each(|card| card.seen = false);
        self.machine.kernel.list(&netlink::links());
    }

    /// Takes a link, which may be a new card.
    fn link(&mut self, link: Link) {
        let index = link.index;
        if link.mac.is_some() && !self.cards.iter().any(|card| card.index() == index) {
            if self.cards.is_full() {
                if index > self.named {
                    self.named = index;
                    error!(
                        self.machine.log,
                        link.name, " is not configured: there are ", NICS, " network cards already"
                    );
                }
                return;
            }
            let fixed = self.machine.fixed.as_ref().filter(|_| !self.cards.iter().any(Card::is_fixed));
            let found = self.found.iter().find(|(of, ..)| *of == index).map(|(_, address, left)| (*address, *left));
            let _ = self.cards.push(Card::new(&link, fixed, found, self.machine));
        }
        let machine = self.machine;
        self.with(index, |card| card.update(link, machine));
    }

    fn with(&mut self, index: u32, change: impl FnOnce(&mut Card)) {
        if let Some(card) = self.cards.iter_mut().find(|card| card.index() == index) {
            change(card);
        }
    }
}
