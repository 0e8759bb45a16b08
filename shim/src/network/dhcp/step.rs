//! How each event changes the client.

use core::net::Ipv4Addr;

use super::{Action, Actions, Client, NEVER, News, Phase};
use crate::network::{
    Mac,
    lease::{FOREVER, Lease},
    message::{Ask, Kind, Reply},
};

/// Seconds between two tries. RFC 2131 4.1 begins with 4. The first three are earlier: a switch or a card often drops
/// what is sent right after the link is up.
const WAITS: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];
/// How often an offer is asked for, and an old address after a start (RFC 2131 4.4.5 leaves it open): 1 + 2 + 4 seconds.
const TRIES: usize = 3;
/// Milliseconds between two questions to the neighbours, and from the last one until the address is used.
const PROBE: u64 = 250;
/// How many questions to the neighbours.
const PROBES: usize = 2;
/// Milliseconds after an address that another machine has (RFC 2131 3.1.5).
const AFTER_DECLINE: u64 = 10_000;
/// The shortest time between two requests for one lease (RFC 2131 4.4.5).
const RENEWAL: u64 = 60_000;
/// Milliseconds after which a line says that no server answers.
const SILENCE: u64 = 10_000;

/// A step of a client.
pub struct Step<'a> {
    pub client: &'a mut Client,
    pub now: u64,
    pub random: u32,
    pub actions: Actions,
}

impl Step<'_> {
    fn act(&mut self, action: Action) {
        let _ = self.actions.push(action);
    }

    /// The cable is in. A client that starts does not wait at random, as RFC 2131 4.4.1 asks of whole buildings after a
    /// power cut: the times that machines take to boot differ by more.
    pub fn begin(&mut self) {
        self.client.since = self.now;
        if self.client.lease.is_some() {
            self.ask(Phase::Rebooting);
        } else {
            self.client.silence = if self.client.silent { NEVER } else { self.now.saturating_add(SILENCE) };
            self.ask(Phase::Selecting);
        }
    }

    /// The cable is out.
    pub fn stop(&mut self) {
        let client = &mut *self.client;
        (client.phase, client.next, client.timer, client.silence) = (Phase::Down, None, NEVER, NEVER);
    }

    /// Begins a phase by its message, in a new exchange; the offer is asked for in the exchange in which it came.
    fn ask(&mut self, phase: Phase) {
        if phase != Phase::Requesting {
            self.client.xid = self.random;
        }
        (self.client.phase, self.client.tries, self.client.asked) = (phase, 0, self.now);
        self.again();
    }

    /// Sends the message of this phase.
    fn again(&mut self) {
        let client = &mut *self.client;
        let none = Ipv4Addr::UNSPECIFIED;
        let (had, server) = client.lease.as_ref().map_or((none, none), |lease| (lease.address.ip, lease.server));
        let seconds = u16::try_from(self.now.saturating_sub(client.since) / 1000).unwrap_or(u16::MAX);
        let plain = Ask {
            kind: Kind::Request,
            xid: client.xid,
            seconds,
            current: none,
            requested: None,
            server: None,
            to: None,
        };
        let ask = match client.phase {
            Phase::Requesting => Ask { requested: Some(client.offer.0), server: Some(client.offer.1), ..plain },
            Phase::Rebooting => Ask { requested: Some(had), ..plain },
            Phase::Renewing => Ask { current: had, to: client.station.map(|station| (server, station)), ..plain },
            Phase::Rebinding => Ask { current: had, ..plain },
            _ => Ask { kind: Kind::Discover, ..plain },
        };
        let wait = match client.phase {
            Phase::Renewing => self.now.saturating_add(half(client.rebind.saturating_sub(self.now))).min(client.rebind),
            Phase::Rebinding => self.now.saturating_add(half(client.expires.saturating_sub(self.now))),
            _ => self.now.saturating_add(wait(client.tries, self.random)),
        };
        client.timer = wait;
        client.tries = client.tries.saturating_add(1);
        self.act(Action::Send(ask));
    }

    pub fn time(&mut self) {
        if self.now >= self.client.expires {
            let Some(lease) = self.client.lease.take() else { return };
            self.client.expires = NEVER;
            self.act(Action::Remove(lease.address));
            self.act(Action::Tell(News::Lost(lease.address)));
            // the line above has said it
            self.client.silent = true;
            use Phase::{Bound, Rebinding, Rebooting, Renewing};
            if matches!(self.client.phase, Bound | Renewing | Rebinding | Rebooting) {
                self.begin();
                return;
            }
        }
        if self.now >= self.client.silence {
            (self.client.silence, self.client.silent) = (NEVER, true);
            self.act(Action::Tell(News::Silence));
        }
        if self.now < self.client.timer {
            return;
        }
        self.client.timer = NEVER;
        match self.client.phase {
            Phase::Selecting => self.again(),
            Phase::Requesting | Phase::Rebooting if self.client.tries < TRIES => self.again(),
            Phase::Requesting | Phase::Rebooting | Phase::Resting => self.ask(Phase::Selecting),
            Phase::Probing => self.probe(),
            Phase::Bound => {
                self.client.since = self.now;
                self.ask(Phase::Renewing);
            }
            Phase::Renewing if self.now < self.client.rebind => self.again(),
            Phase::Renewing => self.ask(Phase::Rebinding),
            Phase::Rebinding => self.again(),
            Phase::Down => {}
        }
    }

    pub fn reply(&mut self, reply: &Reply<'_>, station: Mac) {
        let client = &mut *self.client;
        let ours = client.lease.as_ref();
        let (wanted, server) = match client.phase {
            Phase::Selecting => (None, None),
            Phase::Requesting => (Some(client.offer.0), Some(client.offer.1)),
            Phase::Renewing => (ours.map(|lease| lease.address.ip), ours.map(|lease| lease.server)),
            Phase::Rebooting | Phase::Rebinding => (ours.map(|lease| lease.address.ip), None),
            _ => return,
        };
        match (client.phase, reply.kind) {
            // an offer that cannot become a lease is none
            (Phase::Selecting, Kind::Offer) if Lease::read(reply).is_some() => {
                client.offer = (reply.yours, reply.server);
                self.ask(Phase::Requesting);
            }
            (Phase::Selecting, _) => {}
            _ if server.is_some_and(|server| server != reply.server) => {}
            (_, Kind::Nak) => self.refused(),
            (_, Kind::Ack) if wanted == Some(reply.yours) => {
                if let Some(lease) = Lease::read(reply) {
                    client.station = Some(station);
                    let known = ours.is_some_and(|ours| ours.address == lease.address);
                    client.next = Some(lease);
                    match known {
                        true => self.take(),
                        false => {
                            (client.phase, client.tries) = (Phase::Probing, 0);
                            self.probe();
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// A server has refused.
    fn refused(&mut self) {
        if self.client.phase != Phase::Requesting
            && let Some(lease) = self.client.lease.take()
        {
            self.client.expires = NEVER;
            self.act(Action::Remove(lease.address));
            self.act(Action::Tell(News::Refused(lease.address)));
        }
        self.rest(0);
    }

    /// Begins again, later each time in a row; at once the first time, if `least` is zero.
    fn rest(&mut self, least: u64) {
        let client = &mut *self.client;
        let longer = match client.refusals {
            0 => 0,
            refusals => wait(usize::try_from(refusals).unwrap_or(usize::MAX), self.random),
        };
        client.refusals = client.refusals.saturating_add(1);
        client.next = None;
        (client.phase, client.timer) = (Phase::Resting, self.now.saturating_add(longer.max(least)));
        if self.now >= client.timer {
            self.ask(Phase::Selecting);
        }
    }

    fn probe(&mut self) {
        let Some(ip) = self.client.next.as_ref().map(|lease| lease.address.ip) else { return };
        if self.client.tries >= PROBES {
            self.take();
            return;
        }
        self.client.tries = self.client.tries.saturating_add(1);
        self.client.timer = self.now.saturating_add(PROBE);
        self.act(Action::Probe(ip));
    }

    pub fn conflict(&mut self) {
        let Some(lease) = self.client.next.take().filter(|_| self.client.phase == Phase::Probing) else { return };
        let ask = Ask {
            kind: Kind::Decline,
            xid: self.client.xid,
            seconds: 0,
            current: Ipv4Addr::UNSPECIFIED,
            requested: Some(lease.address.ip),
            server: Some(lease.server),
            to: None,
        };
        self.act(Action::Send(ask));
        if self.client.refusals == 0 {
            self.act(Action::Tell(News::Taken(lease.address)));
        }
        self.rest(AFTER_DECLINE);
    }

    /// The lease in `next` is the card's from now on.
    fn take(&mut self) {
        let client = &mut *self.client;
        let Some(next) = client.next.take() else { return };
        // its time runs from the request on (RFC 2131 4.4.5)
        client.timer = after(client.asked, next.renew);
        client.rebind = after(client.asked, next.rebind);
        client.expires = after(client.asked, next.seconds);
        (client.phase, client.refusals, client.silence, client.silent) = (Phase::Bound, 0, NEVER, false);
        let address = next.address;
        let old = client.lease.replace(next).map(|lease| lease.address);
        if let Some(old) = old.filter(|old| *old != address) {
            self.act(Action::Remove(old));
        }
        self.act(Action::Apply);
        if old != Some(address) {
            self.act(Action::Announce(address.ip));
            self.act(Action::Tell(News::Got));
        }
    }
}

/// So many seconds later.
pub fn after(now: u64, seconds: u32) -> u64 {
    if seconds == FOREVER { NEVER } else { now.saturating_add(u64::from(seconds).saturating_mul(1000)) }
}

/// Half of the rest of a lease, and at least a minute.
fn half(rest: u64) -> u64 {
    (rest / 2).max(RENEWAL)
}

/// Milliseconds after that try: a second earlier or later at random, or a quarter of the time if that is less, so that
/// machines that start together do not ask together (RFC 2131 4.1).
pub fn wait(tries: usize, random: u32) -> u64 {
    let base = WAITS.get(tries).or(WAITS.last()).copied().unwrap_or(64).saturating_mul(1000);
    let spread = (base / 4).min(1000);
    let random = u64::from(random).checked_rem(spread.saturating_mul(2)).unwrap_or(0);
    base.saturating_sub(spread).saturating_add(random)
}
