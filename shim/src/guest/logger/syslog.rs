//! Sends the logs to a syslog server, if there is one. The rings hold what it has not taken yet.
//!
//! A few lines of one log are sent at a time, and the next ones once the server has confirmed them. If the server goes
//! away, it gets what it has not confirmed again, as far as the ring still holds it.

use core::mem::MaybeUninit;

use rustix::{
    fd::OwnedFd,
    fs::{OFlags, RawDir},
    io::{Errno, Result},
    net::{AddressFamily, SocketFlags, SocketType, sockopt},
};

use crate::{
    guest::{
        log::Log,
        machine::{self, Name},
        place, rings,
    },
    layout,
    ring::Head,
    sys,
    syslog::{From, Target, message},
};

/// How many bytes of a log are sent at a time.
const PIECE: usize = 4096;
/// Milliseconds between two looks while something is sent. They double while the server confirms nothing.
const LOOK: u64 = 20;
/// After how many milliseconds people are told that it cannot be reached.
const SAID: u64 = 10_000;
/// The first wait, in milliseconds, before the server is tried again.
const WAIT: u64 = 1000;
/// The longest one.
const LONGEST_WAIT: u64 = 60_000;

/// How a look ended.
enum Look {
    /// Everything is sent.
    Done,
    /// There is more, or it is not confirmed.
    Soon,
    /// The server does not confirm or take anything now.
    Later,
}

/// What has been given to the socket, and is not confirmed.
struct Flight {
    file: OwnedFd,
    to: u64,
}

/// The side of the server.
pub struct Sender {
    target: Target,
    socket: Option<OwnedFd>,
    flight: Option<Flight>,
    /// When to look again; `None` if everything is sent.
    pub due: Option<u64>,
    /// Until the server is tried again.
    wait: u64,
    /// Until it is seen whether it has confirmed something.
    look: u64,
    /// Since when it takes nothing; `None` if it does.
    away: Option<u64>,
    said: bool,
    /// How many logs come before the next one: each has its turn.
    turn: usize,
}

impl Sender {
    pub fn to(target: Target) -> Self {
        Self {
            target,
            socket: None,
            flight: None,
            due: Some(0),
            wait: WAIT,
            look: LOOK,
            away: None,
            said: false,
            turn: 0,
        }
    }

    /// Whether there is nothing to wait for: everything is sent, or the server does not answer.
    pub const fn is_done(&self) -> bool {
        self.due.is_none() || self.away.is_some()
    }

    /// Something was printed.
    pub fn news(&mut self) {
        self.due.get_or_insert_with(|| sys::milliseconds().saturating_add(LOOK));
    }

    /// Goes on, if it is time.
    pub fn step(&mut self, log: &Log) {
        let now = sys::milliseconds();
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        let since = self.away.unwrap_or(now);
        let looked = match self.send() {
            // a server that confirms nothing is tried anew
            Ok(Look::Later) if now.saturating_sub(since) >= LONGEST_WAIT => Err(Errno::TIMEDOUT),
            looked => looked,
        };
        match looked {
            Ok(Look::Done) => (self.due, self.away, self.look) = (None, None, LOOK),
            Ok(Look::Soon) => (self.due, self.away, self.look) = (Some(now.saturating_add(LOOK)), None, LOOK),
            Ok(Look::Later) => {
                self.away = Some(since);
                self.due = Some(now.saturating_add(self.look));
                self.look = self.look.saturating_mul(2).min(WAIT);
            }
            Err(errno) => {
                self.away = Some(since);
                // at the start, there is no network yet
                if now.saturating_sub(since) >= SAID && !core::mem::replace(&mut self.said, true) {
                    error!(log, "the syslog server cannot be reached: ", errno, "; it gets the logs later");
                }
                (self.socket, self.flight) = (None, None);
                self.due = Some(now.saturating_add(self.wait));
                self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
            }
        }
    }

    /// Sends what the server lacks of one log.
    fn send(&mut self) -> Result<Look> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => connect(self.target)?,
        };
        let socket = self.socket.insert(socket);
        if let Some(error) = sockopt::socket_error(&*socket)?.err() {
            return Err(error);
        }
        if self.target.tcp && !sys::is_sent(socket)? {
            return Ok(Look::Later);
        }
        if let Some(Flight { file, to }) = self.flight.take() {
            let head = rings::head(&file)?;
            rings::write_head(&file, Head { sent: to, ..head })?;
            if self.target.tcp {
                // of UDP, nothing is confirmed
                (self.wait, self.said) = (WAIT, false);
            }
        }
        let folder = place::file(layout::LOGS, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut buffer = [MaybeUninit::uninit(); 1024];
        let mut entries = RawDir::new(folder, &mut buffer);
        let (mut at, first) = (0_usize, self.turn);
        self.turn = 0;
        while let Some(Ok(entry)) = entries.next() {
            let Ok(name) = entry.file_name().to_str() else { continue };
            at = at.saturating_add(1);
            if at <= first {
                continue;
            }
            if let Ok(file) = rings::open(name, OFlags::RDWR) {
                let from = if name == layout::KERNEL_LOG { From::Kernel } else { From::User(name) };
                match lines(socket, &file, from, self.target.tcp) {
                    Ok(None) => {}
                    Ok(Some(to)) => {
                        self.flight = Some(Flight { file, to });
                        self.turn = at;
                        return Ok(Look::Soon);
                    }
                    Err(Errno::AGAIN) => return Ok(Look::Later),
                    Err(errno) => return Err(errno),
                }
            }
        }
        // those before have their turn
        Ok(if first > 0 { Look::Soon } else { Look::Done })
    }
}

/// A socket that connects to the server, or does so soon.
fn connect(target: Target) -> Result<OwnedFd> {
    let family = if target.server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let kind = if target.tcp { SocketType::STREAM } else { SocketType::DGRAM };
    let socket = rustix::net::socket_with(family, kind, flags, None)?;
    match rustix::net::connect(&socket, &target.server) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(errno) => Err(errno),
    }
}

/// Sends whole lines that the server lacks. Returns how far; `None` if there are none.
///
/// # Errors
/// `EAGAIN` if the socket takes nothing now: it connects still, for example.
fn lines(socket: &OwnedFd, file: &OwnedFd, from: From<'_>, tcp: bool) -> Result<Option<u64>> {
    let sent = rings::head(file)?.sent;
    let mut bytes = [0; PIECE];
    let (mut to, length) = rings::read(file, sent, &mut bytes)?;
    let mut rest = bytes.get(..length).unwrap_or_default();
    if rest.is_empty() {
        return Ok(None);
    }
    // a lease may have given another one
    let Name { name: host, .. } = machine::name();
    while !rest.is_empty() {
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { break };
        let (line, taken) = (rest.get(..end), end.saturating_add(1));
        let message = message(line.unwrap_or_default(), &host, from, tcp);
        match rustix::io::write(socket, &message) {
            Ok(length) if length == message.len() => {}
            // TCP had room for a part: it begins anew, with the whole message
            Ok(_) => return Err(Errno::NOBUFS),
            Err(Errno::AGAIN) if to > sent => break,
            Err(errno) => return Err(errno),
        }
        to = to.saturating_add(taken as u64);
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok((to > sent).then_some(to))
}
