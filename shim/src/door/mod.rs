//! The door: what users ask of the machine, in HTTP/1.1 (RFC 9112) on a UNIX socket, and who may. Each connection serves
//! one request.
//!
//! `docs/door.yaml` describes it for clients (OpenAPI); a test holds it against `ROUTES`.

mod request;
mod room;
#[cfg(test)]
mod tests;

pub use self::{
    request::{MAX_HEAD, Request, parse},
    room::{MAX_CONNECTIONS, Room, room},
};
use crate::rights::Rights;

/// Milliseconds in which a request must have arrived.
pub const ARRIVES: u64 = 5000;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The state of the machine and of users.
    Status,
    /// What a user's init has printed.
    Log,
    /// To stop the machine.
    PowerOff,
    /// To restart it.
    Reboot,
    /// To end what runs of a user, and to start the user's init anew.
    Restart,
    /// To end what runs of a user, who is no user then until the home is made again.
    Stop,
}

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// What it asks for.
    pub what: What,
    /// The right that it takes.
    pub right: Rights,
}

/// All of them.
pub const ROUTES: &[Route] = &[
    Route { method: "GET", path: "/status", what: What::Status, right: Rights::STATUS },
    Route { method: "GET", path: "/log", what: What::Log, right: Rights::STATUS },
    Route { method: "POST", path: "/poweroff", what: What::PowerOff, right: Rights::POWER },
    Route { method: "POST", path: "/reboot", what: What::Reboot, right: Rights::POWER },
    Route { method: "POST", path: "/restart", what: What::Restart, right: Rights::STATUS },
    // of root alone
    Route { method: "POST", path: "/stop", what: What::Stop, right: Rights::STATUS },
];

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no HTTP/1.1.
    Malformed,
    /// There is nothing at that path.
    NoPath,
    /// There is, but for this method.
    Method(&'static str),
    /// The user's policy does not allow it.
    NotAllowed,
    /// It is about another user, the kernel or the end of a user, and the asker is not root.
    NotYours,
    /// There is no user of that name, or none whose init has printed anything.
    NoLog,
    /// The kernel's messages are not read yet.
    NoKernelLog,
    /// Nobody of that name can be stopped.
    NoUser,
    /// No program of a user of that name has run.
    NothingRan,
    /// PID 1 does not take orders now.
    Busy,
    /// It did not arrive in time.
    Late,
    /// It is too long.
    TooLong,
    /// The user has too many connections.
    TooMany,
}

impl Refusal {
    /// The status and its reason (RFC 9110, 15), and what people read.
    #[must_use]
    pub const fn text(self) -> (&'static str, &'static str) {
        // a test holds the numbers against their constants
        match self {
            Self::Malformed => ("400 Bad Request", "this is no request in HTTP/1.1"),
            Self::NoPath => ("404 Not Found", "there is nothing at this path"),
            Self::Method(_) => ("405 Method Not Allowed", "this path is for another method"),
            Self::NotAllowed => {
                ("403 Forbidden", "your policy does not allow this: its key machine lists what you may do")
            }
            Self::NotYours => ("403 Forbidden", "only root may ask this of another user, or of the kernel"),
            Self::NoLog => ("404 Not Found", "no init of this user has printed anything"),
            Self::NoKernelLog => ("404 Not Found", "the kernel's messages are not kept yet: ask again in a moment"),
            Self::NoUser => ("404 Not Found", "there is no user of this name who can be stopped: root stays"),
            Self::NothingRan => ("404 Not Found", "no program of this user has run since the boot"),
            Self::Busy => ("503 Service Unavailable", "the machine is busy: ask again in a moment"),
            Self::Late => ("408 Request Timeout", "the request did not arrive within 5 seconds"),
            Self::TooLong => {
                ("431 Request Header Fields Too Large", "the request has more than 4096 bytes or 32 headers")
            }
            Self::TooMany => ("429 Too Many Requests", "you have 4 connections already"),
        }
    }
}

/// Finds the route of a request.
///
/// # Errors
/// Why there is none.
pub fn route(method: &str, path: &str) -> Result<&'static Route, Refusal> {
    let mut here = ROUTES.iter().filter(|route| route.path == path).peekable();
    let first = here.peek().ok_or(Refusal::NoPath)?.method;
    here.find(|route| route.method == method).ok_or(Refusal::Method(first))
}

/// Decides whether a user of these rights may do that.
///
/// # Errors
/// Why not.
pub fn allowed(route: &Route, rights: Rights) -> Result<(), Refusal> {
    if rights.has(route.right) { Ok(()) } else { Err(Refusal::NotAllowed) }
}
