//! `/control`: the door. Users ask the machine for its state, for their logs, and to stop; it tells PID 1.
//!
//! ```text
//! /run/machine.sock -> door::parse -> the user's rights -> Answer -> the connection
//!                                                       -> an order to PID 1
//! ```
//!
//! It has no capability, and its own uid. Who asks is what the kernel says of the socket (SO_PEERCRED, unix(7)); what
//! they may do is in the files that `/sandbox` writes. It ends when PID 1 closes the socket that is its standard input.

mod answer;
mod connection;
mod facts;

use heapless::Vec;
use rustix::{
    event::PollFlags,
    fd::{AsFd, OwnedFd},
    fs::{CWD, Mode},
    io::Result,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt},
    process::Signal,
};

use self::connection::{Buffer, Connection};
use crate::{
    door::{MAX_CONNECTIONS, Refusal, Room, room},
    guards::Guards,
    guest::{log::Log, service, waits::Waits},
    layout, programs,
    sys::{self, Signals, Start, Stream},
};

/// How many connections the kernel holds until they are accepted (Documentation/admin-guide/sysctl/net.rst, `somaxconn`).
const BACKLOG: i32 = 4096;
/// Bytes of an answer that the kernel holds for a connection whose other side does not read.
const HELD: usize = 16 << 10;
/// Milliseconds between two looks at logs that are followed.
const LOOK: u64 = 250;

/// The connections. Their buffers lie at the same places of another table, whose pages take memory only once they are
/// used.
type Connections = [Option<Connection>; MAX_CONNECTIONS];

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

type AllNews = Vec<News, { MAX_CONNECTIONS + 2 }>;

/// The program.
pub fn main(start: Start) -> ! {
    let log = Log::held();
    // a machine that stops sends SIGTERM to all; this answers until PID 1 closes the socket
    Signals::of(&[Signal::PIPE, Signal::TERM]).block();
    let result = listen()
        .and_then(|socket| service::apart(&programs::CONTROL, start, &log).map(|()| socket))
        .and_then(|socket| {
            let guards = service::guards(start);
            sys::with_pages(MAX_CONNECTIONS, |buffers| serve(&Door { socket, guards, log: &log }, buffers))
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
    // connect(2) takes write permission for the socket (net/unix/af_unix.c, `unix_find_bsd`): everybody may ask, and each
    // request is checked
    rustix::fs::chmodat(CWD, NEW, Mode::from_raw_mode(0o666), rustix::fs::AtFlags::empty())?;
    rustix::net::listen(&door, BACKLOG)?;
    rustix::fs::rename(NEW, layout::DOOR)?;
    Ok(door)
}

/// Returns once PID 1 has closed its socket.
fn serve(door: &Door<'_>, buffers: &mut [Buffer]) -> Result<()> {
    let mut connections: Connections = [const { None }; MAX_CONNECTIONS];
    loop {
        for news in wait(&door.socket, &connections)? {
            match news {
                News::Init => return Ok(()),
                News::Door => {
                    (0..BACKLOG).try_for_each(|_| accept(&door.socket, &mut connections, buffers)).unwrap_or(())
                }
                News::Connection(at) => step(at, &mut connections, buffers, door),
            }
        }
        let now = sys::milliseconds();
        for at in 0..MAX_CONNECTIONS {
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
    let mut waits = Waits::<_, { MAX_CONNECTIONS + 2 }>::new();
    let mut until = None;
    waits.ask(News::Init, init.as_fd(), PollFlags::IN);
    for (at, connection) in connections.iter().enumerate().filter_map(|(at, place)| Some((at, place.as_ref()?))) {
        waits.ask(News::Connection(at), connection.socket.as_fd(), connection.waits_for());
        until = [until, Some(connection.due())].into_iter().flatten().min();
    }
    // last: whoever has just ended one may open another
    waits.ask(News::Door, door.as_fd(), PollFlags::IN);
    let left = until.map(|until| until.saturating_sub(now).saturating_add(1));
    waits.wait(left.map(|left| u32::try_from(left).unwrap_or(u32::MAX)))
}

/// Takes one new connection; `None` if there is none.
fn accept(door: &OwnedFd, connections: &mut Connections, buffers: &mut [Buffer]) -> Option<()> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::accept_with(door, flags).ok()?;
    let Ok(peer) = sockopt::socket_peercred(&socket) else { return Some(()) };
    let _ = sockopt::set_socket_send_buffer_size(&socket, HELD);
    let uid = peer.uid.as_raw();
    let mut places = [None; MAX_CONNECTIONS];
    for (place, connection) in places.iter_mut().zip(connections.iter()) {
        *place = connection.as_ref().map(|connection| (connection.uid, connection.since));
    }
    let at = match room(uid, &places) {
        Room::Free => connections.iter().position(Option::is_none),
        Room::Instead(at) => Some(at),
        Room::None => {
            let text = answer::refusal(Refusal::TooMany);
            let _ = rustix::io::write(&socket, text.as_bytes());
            // with something to read, the other side would not get the answer
            let _ = rustix::io::read(&socket, &mut [0; 512]);
            None
        }
    };
    if let Some((place, buffer)) = at.and_then(|at| connections.get_mut(at).zip(buffers.get_mut(at))) {
        buffer.clear();
        *place = Some(Connection::new(socket, uid));
    }
    Some(())
}
