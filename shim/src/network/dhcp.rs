//! The DHCP client of one network card: what it does next (RFC 2131 4.4).
//!
//! ```text
//! Down -> Selecting -> Requesting -> Probing -> Bound -> Renewing -> Rebinding
//!      -> Rebooting, if the card has an address
//! ```
//!
//! An address stays while the cable is out and while the client asks again, until its lease ends, it is refused, or
//! there is another one. Connections survive a cable that was out for a moment.
//!
//! The address is used half a second after the server gave it: first the neighbours are asked whether one of them has
//! it. RFC 5227 takes four to seven seconds for this. Not to wait at all would be worse than half a second: the machine
//! that has the address would lose its connections, and a program that is told that the network is there would bind to an
//! address that goes away again.

use core::net::Ipv4Addr;

use heapless::Vec;

use self::step::{Step, after};
use super::{
    Address, Mac,
    lease::{FOREVER, Lease},
    message::{Ask, Reply},
};

mod step;

/// No time.
pub const NEVER: u64 = u64::MAX;
/// What the client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The cable.
    Down,
    /// An offer of any server.
    Selecting,
    /// The answer of the server whose offer it takes.
    Requesting,
    /// The answer of any server about an address that it had before.
    Rebooting,
    /// A neighbour that has the address.
    Probing,
    /// The time to renew the lease.
    Bound,
    /// The answer of its server.
    Renewing,
    /// The answer of any server.
    Rebinding,
    /// The time to begin again, after a refusal.
    Resting,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The cable is in, or out.
    Carrier(bool),
    /// An answer to this client in this exchange, and the station that sent it.
    Reply(&'a Reply<'a>, Mac),
    /// A neighbour has the address that is probed.
    Conflict,
    /// The time is `due`, or later.
    Time,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this message.
    Send(Ask),
    /// Ask the neighbours for this address.
    Probe(Ipv4Addr),
    /// Give the card what `lease` says, or new lifetimes.
    Apply,
    /// Tell the neighbours who has the address.
    Announce(Ipv4Addr),
    /// Take this address from the card.
    Remove(Address),
    /// Print a line.
    Tell(News),
}

/// What a person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// No server has answered for ten seconds.
    Silence,
    /// There is an address.
    Got,
    /// The lease of this address has ended.
    Lost(Address),
    /// A server has refused this address.
    Refused(Address),
    /// A neighbour has this address.
    Taken(Address),
}

/// The actions of one step, in their order.
pub type Actions = Vec<Action, 6>;

/// The client.
#[derive(Debug)]
pub struct Client {
    phase: Phase,
    /// What the card has.
    lease: Option<Lease>,
    /// What it gets once the neighbours are asked.
    next: Option<Lease>,
    /// The address and the server of the offer that is taken.
    offer: (Ipv4Addr, Ipv4Addr),
    /// The station that gave the lease.
    station: Option<Mac>,
    /// The number of the exchange.
    xid: u32,
    /// How often the message of this phase was sent.
    tries: usize,
    /// How often in a row a server refused, or a neighbour had the address.
    refusals: u32,
    /// When the client began to ask.
    since: u64,
    /// When it began to ask for what it gets.
    asked: u64,
    /// The next time for this phase.
    timer: u64,
    rebind: u64,
    expires: u64,
    /// When a line says that no server answers.
    silence: u64,
    /// Whether it has said so since it had an address.
    silent: bool,
}

impl Default for Client {
    fn default() -> Self {
        let none = Ipv4Addr::UNSPECIFIED;
        Self {
            phase: Phase::Down,
            lease: None,
            next: None,
            offer: (none, none),
            station: None,
            xid: 0,
            tries: 0,
            refusals: 0,
            since: 0,
            asked: 0,
            timer: NEVER,
            rebind: NEVER,
            expires: NEVER,
            silence: NEVER,
            silent: false,
        }
    }
}

impl Client {
    /// A client whose card has an address from an earlier one, for so many more seconds.
    #[must_use]
    pub fn resume(address: Address, seconds: u32, now: u64) -> Self {
        let lease = Some(Lease::found(address, seconds));
        Self { lease, expires: after(now, seconds), ..Self::default() }
    }

    /// What the card has.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// Seconds until the lease ends, as the kernel wants them.
    #[must_use]
    pub fn left(&self, now: u64) -> u32 {
        let seconds = u32::try_from(self.expires.saturating_sub(now).div_ceil(1000));
        if self.expires == NEVER { FOREVER } else { seconds.unwrap_or(FOREVER) }
    }

    /// The number that an answer must have; `None` if none is expected.
    #[must_use]
    pub fn listens(&self) -> Option<u32> {
        use Phase::{Rebinding, Rebooting, Renewing, Requesting, Selecting};
        matches!(self.phase, Selecting | Requesting | Rebooting | Renewing | Rebinding).then_some(self.xid)
    }

    /// The address that the neighbours are asked for.
    #[must_use]
    pub fn probed(&self) -> Option<Ipv4Addr> {
        self.next.as_ref().filter(|_| self.phase == Phase::Probing).map(|lease| lease.address.ip)
    }

    /// When `Event::Time` is due; `NEVER` if nothing is.
    #[must_use]
    pub fn due(&self) -> u64 {
        self.timer.min(self.expires).min(self.silence)
    }

    /// Takes an event. `random` is a new random number each time.
    pub fn step(&mut self, event: Event<'_>, now: u64, random: u32) -> Actions {
        let mut step = Step { client: self, now, random, actions: Actions::new() };
        match event {
            Event::Carrier(true) if step.client.phase == Phase::Down => step.begin(),
            Event::Carrier(false) => step.stop(),
            Event::Carrier(true) => {}
            Event::Reply(reply, station) => step.reply(reply, station),
            Event::Conflict => step.conflict(),
            Event::Time => step.time(),
        }
        step.actions
    }
}

#[cfg(test)]
mod tests;
