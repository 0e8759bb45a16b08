//! Answers: who may have them, and their bytes, piece by piece. Each ends with the connection (RFC 9112, 6.3).

use rustix::{fd::OwnedFd, fs::OFlags};

use super::{Door, facts};
use crate::{
    door::{Refusal, Request, What, allowed},
    guards::Guard,
    guest::{log::Log, rings, service},
    handover::Record,
    json::Quoted,
    layout,
    live::{Live, ROOM},
    report::Says,
    rights::Rights,
    say,
    say::Text,
};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// The rest of an answer, after its head.
pub enum Answer {
    Nothing,
    /// The addresses, and then the users up to that uid, from that one on.
    Addresses {
        from: u32,
        last: u32,
    },
    /// The users from that uid on, and whether none was before.
    Users {
        from: u32,
        last: u32,
        first: bool,
    },
    /// A log from that position on.
    Log {
        file: OwnedFd,
        position: u64,
        follows: bool,
        idle: bool,
    },
    /// PID 1 gets a byte at the end.
    Tell {
        _at_end: Tell,
    },
}

impl Answer {
    /// The answer to a request, and its head.
    pub fn to(request: &Request, uid: u32, door: &Door<'_>) -> Result<(Self, Text), Refusal> {
        let mut room = [0; ROOM];
        let live = facts::live(uid, &mut room).ok_or(Refusal::NotAllowed)?;
        let all = uid == 0 || !door.guards.hold(Guard::Rights);
        let rights = if all { Rights::ALL } else { live.rights };
        allowed(request.route, rights)?;
        let mut head = Text::new();
        let answer = match request.route.what {
            What::Status => {
                begin(&mut head, "200 OK", JSON, "");
                facts::machine(&mut head);
                match uid {
                    0 => Self::Addresses { from: 0, last: u32::MAX },
                    uid => Self::Addresses { from: uid, last: uid },
                }
            }
            What::Log => {
                let user = whose(request, &live).ok_or(Refusal::NoLog)?;
                if !all && (user != live.name || request.kernel) {
                    return Err(Refusal::NotYours);
                }
                let user = if request.kernel { layout::KERNEL_LOG } else { user };
                let none = if request.kernel { Refusal::NoKernelLog } else { Refusal::NoLog };
                let file = rings::open(user, OFlags::RDONLY).map_err(|_| none)?;
                begin(&mut head, "200 OK", TEXT, "");
                Self::Log { file, position: 0, follows: request.follow, idle: false }
            }
            What::PowerOff => order(&mut head, &live, " powers this machine off", Says::PowerOff, door.log),
            What::Restart | What::Stop => {
                let user = whose(request, &live).ok_or(Refusal::NoUser)?;
                let stops = request.route.what == What::Stop;
                if !all && (stops || user != live.name) {
                    return Err(Refusal::NotYours);
                }
                if user == layout::ROOT_USER && stops {
                    return Err(Refusal::NoUser);
                }
                if !stops && user != live.name && !facts::is_known(user) {
                    return Err(Refusal::NothingRan);
                }
                let says = if stops { Says::Stop } else { Says::Restart };
                service::tell_of(says, Record { numbers: [0; 3], name: user }).map_err(|_| Refusal::Busy)?;
                // lines about one's own programs would push those about others out of the kernel's log
                if user != live.name {
                    error!(door.log, live.name, if stops { " stops " } else { " restarts " }, user);
                }
                accepted(&mut head);
                Self::Nothing
            }
            What::Reboot => order(&mut head, &live, " restarts this machine", Says::Reboot, door.log),
        };
        Ok((answer, head))
    }

    /// Whether it goes on when there is more.
    pub const fn is_idle(&self) -> bool {
        matches!(self, Self::Log { idle: true, .. })
    }

    /// The next bytes; 0 if there are none.
    pub fn next(&mut self, into: &mut [u8]) -> usize {
        match self {
            Self::Nothing | Self::Tell { .. } => 0,
            Self::Log { file, position, follows, idle } => {
                loop {
                    let before = *position;
                    let (from, length) = rings::read(file, before, into).unwrap_or((before, 0));
                    *position = from.saturating_add(length as u64);
                    // of what was overwritten, there may be no whole line
                    if length > 0 || from == before {
                        *idle = *follows && length == 0;
                        return length;
                    }
                }
            }
            Self::Addresses { from, last } => {
                let mut text = Text::new();
                facts::addresses(&mut text);
                *self = Self::Users { from: *from, last: *last, first: true };
                copy(&text, into)
            }
            Self::Users { from, last, first } => {
                let mut text = Text::new();
                match facts::user(*from, *last, if *first { "" } else { "," }, &mut text) {
                    Some(uid) => (*from, *first) = (uid.saturating_add(1), false),
                    None => {
                        say!(&mut text, "]}\n");
                        *self = Self::Nothing;
                    }
                }
                copy(&text, into)
            }
        }
    }
}

/// Which user the request is about: the asker, unless it names one. `None` if that is no name.
fn whose<'a>(request: &'a Request, live: &Live<'a>) -> Option<&'a str> {
    let user = core::str::from_utf8(&request.user).ok()?;
    Some(if user.is_empty() { live.name } else { user })
}

/// What PID 1 is told at the end: the other side has read the answer, has had the time for it, or is gone.
pub struct Tell(Says);

impl Drop for Tell {
    fn drop(&mut self) {
        service::tell(self.0);
    }
}

fn order(head: &mut Text, live: &Live<'_>, what: &str, order: Says, log: &Log) -> Answer {
    accepted(head);
    error!(log, live.name, what);
    Answer::Tell { _at_end: Tell(order) }
}

fn accepted(head: &mut Text) {
    begin(head, "202 Accepted", JSON, "");
    say!(head, "{}\n");
}

/// The head of an answer. If the method was wrong, it says which one is right (RFC 9110, 15.5.6).
fn begin(head: &mut Text, status: &str, kind: &str, method: &str) {
    say!(head, "HTTP/1.1 ", status, "\r\nContent-Type: ", kind, "\r\nConnection: close\r\n");
    if !method.is_empty() {
        say!(head, "Allow: ", method, "\r\n");
    }
    say!(head, "\r\n");
}

/// The whole answer to a request that gets none.
pub fn refusal(refusal: Refusal) -> Text {
    let (status, why) = refusal.text();
    let mut text = Text::new();
    begin(&mut text, status, JSON, if let Refusal::Method(right) = refusal { right } else { "" });
    say!(&mut text, "{\"error\": ", Quoted(why), "}\n");
    text
}

/// Returns how many bytes there were room for.
pub fn copy(text: &Text, into: &mut [u8]) -> usize {
    for (place, byte) in into.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
    text.len().min(into.len())
}
