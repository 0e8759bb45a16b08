//! `/control`: the door. Users ask the machine for its state, for their logs, and to stop; it tells PID 1.
//!
//! ```text
//! /run/machine.sock -> door::parse -> the user's rights -> Answer -> the connection
//!                                                       -> one byte to PID 1
//! ```
//!
//! It has no capability, and its own uid. Who asks is what the kernel says of the socket (SO_PEERCRED, unix(7)); what
//! they may do is in the files that `/sandbox` writes. It ends when PID 1 closes the socket that is its standard input.

mod answer;
mod connection;
mod facts;

use heapless::Vec;
use rustix::{
    event::{PollFd, PollFlags},
    fd::{AsFd, OwnedFd},
    fs::{CWD, Mode},
    io::{Errno, Result},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
    process::Signal,
};

use self::connection::{Buffer, Connection};
use crate::{
    door::{MAX, Refusal, Room, room},
    guards::Guards,
    guest::{log::Log, service},
    layout, programs,
    sys::{self, Signals, Start, Stream},
};

/// How many connections the kernel holds until they are accepted.
const BACKLOG: i32 = 64;
/// Milliseconds between two looks at logs that are followed.
const LOOK: u64 = 250;

/// The connections. Their buffers lie at the same places of another table, whose pages take memory only once they are
/// used.
type Connections = [Option<Connection>; MAX];

/// What all connections need.
struct Door<'a> {
    socket: OwnedFd,
    guards: Guards<'a>,
    log: &'a Log,
}

/// What there is to do.
#[derive(Clone, Copy)]
enum News {
    Init,
    Door,
    Connection(usize),
}

type AllNews = Vec<News, { MAX + 2 }>;

/// The program.
pub fn main(start: Start) -> ! {
    let log = Log::held();
    // a machine that stops sends SIGTERM to all; this answers until PID 1 closes the socket
    Signals::of(&[Signal::PIPE, Signal::TERM]).block();
    let result = listen()
        .and_then(|socket| service::apart(&programs::CONTROL, &log).map(|()| socket))
        .and_then(|socket| {
            let guards = Guards::of(start.arguments().skip(1).chain(start.environment()));
            sys::with_pages(MAX, |buffers| serve(&Door { socket, guards, log: &log }, buffers))
        })
        .and_then(|result| result);
    if let Err(errno) = result {
        error!(log, "/control cannot serve ", layout::DOOR, ": ", errno);
    }
    sys::exit(u8::from(result.is_err()))
}

/// The socket appears in one step, in place of one that an earlier `/control` has left.
fn listen() -> Result<OwnedFd> {
    const NEW: &str = "/run/.machine.sock";
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let door = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let _ = rustix::fs::unlink(NEW);
    rustix::net::bind(&door, &SocketAddrUnix::new(NEW)?)?;
    // who may connect decides who may write (fs/namei.c, unix_find_bsd); the request is checked
    rustix::fs::chmodat(CWD, NEW, Mode::from_raw_mode(0o666), rustix::fs::AtFlags::empty())?;
    rustix::net::listen(&door, BACKLOG)?;
    rustix::fs::rename(NEW, layout::DOOR)?;
    Ok(door)
}

/// Returns once PID 1 has closed its socket.
fn serve(door: &Door<'_>, buffers: &mut [Buffer]) -> Result<()> {
    let mut connections: Connections = [const { None }; MAX];
    loop {
        for news in wait(&door.socket, &connections)? {
            match news {
                News::Init => return Ok(()),
                News::Door => accept(&door.socket, &mut connections, buffers),
                News::Connection(at) => step(at, &mut connections, buffers, door),
            }
        }
        let now = sys::milliseconds();
        for at in 0..MAX {
            if connections.get(at).and_then(Option::as_ref).is_some_and(|connection| connection.due() <= now) {
                step(at, &mut connections, buffers, door);
            }
        }
    }
}

/// Lets a connection go on.
fn step(at: usize, connections: &mut Connections, buffers: &mut [Buffer], door: &Door<'_>) {
    if let (Some(place), Some(buffer)) = (connections.get_mut(at), buffers.get_mut(at))
        && let Some(connection) = place
        && !connection.step(buffer, door)
    {
        *place = None;
    }
}

fn wait(door: &OwnedFd, connections: &Connections) -> Result<AllNews> {
    let now = sys::milliseconds();
    let init = Stream(0);
    let (mut fds, mut all) = (Vec::<PollFd<'_>, { MAX + 2 }>::new(), AllNews::new());
    let mut until = None;
    let mut ask = |news, fd, how| {
        let _ = (all.push(news), fds.push(PollFd::from_borrowed_fd(fd, how)));
    };
    ask(News::Init, init.as_fd(), PollFlags::IN);
    ask(News::Door, door.as_fd(), PollFlags::IN);
    for (at, connection) in connections.iter().enumerate().filter_map(|(at, place)| Some((at, place.as_ref()?))) {
        ask(News::Connection(at), connection.socket.as_fd(), connection.waits_for());
        until = [until, Some(connection.due())].into_iter().flatten().min();
    }
    let left = until.map(|until| until.saturating_sub(now).saturating_add(1));
    let left = left.map(|left| sys::span(u32::try_from(left).unwrap_or(u32::MAX)));
    match rustix::event::poll(&mut fds, left.as_ref()) {
        Err(Errno::INTR) => {}
        some => drop(some?),
    }
    let ready = all.into_iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty());
    Ok(ready.map(|(news, _)| news).collect())
}

/// Takes one new connection.
fn accept(door: &OwnedFd, connections: &mut Connections, buffers: &mut [Buffer]) {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let Ok(socket) = rustix::net::accept_with(door, flags) else { return };
    let Ok(peer) = rustix::net::sockopt::socket_peercred(&socket) else { return };
    let uid = peer.uid.as_raw();
    let mut places = [None; MAX];
    for (place, connection) in places.iter_mut().zip(connections.iter()) {
        *place = connection.as_ref().map(|connection| (connection.uid, connection.since));
    }
    let at = match room(uid, &places) {
        Room::Free => connections.iter().position(Option::is_none),
        Room::Instead(at) => Some(at),
        Room::None => {
            let text = answer::refusal(Refusal::TooMany);
            let _ = rustix::io::write(&socket, text.as_bytes());
            None
        }
    };
    if let Some((place, buffer)) = at.and_then(|at| connections.get_mut(at).zip(buffers.get_mut(at))) {
        buffer.clear();
        if let Some(connection) = place {
            connection.end();
        }
        *place = Some(Connection::new(socket, uid));
    }
}
