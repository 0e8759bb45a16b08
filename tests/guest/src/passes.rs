//! Descriptors in messages. Whoever receives one may be the last to close it, and blocks for as long as the sender likes.

use core::{mem::MaybeUninit, time::Duration};

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::{Errno, IoSlice, Result},
    net::{
        AddressFamily, Ipv4Addr, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketAddrV4,
        SocketFlags, SocketType, accept, bind, connect, getsockname, listen, send, sendmsg, socket, socketpair,
        sockopt,
    },
};

use shim::sys;

use crate::call::Table;

pub const ATTACKS: Table = &[("hold_door", |_| hold_door())];

/// Seconds for which a close waits.
const LINGERS: u64 = 6;
/// Whoever closes last waits: the door, if it has not read when we close. It is asked for something before, but on
/// another processor it may be fast.
const ATTEMPTS: u32 = 8;

fn pass(to: impl AsFd, descriptor: BorrowedFd<'_>) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let all = [descriptor];
    control.push(SendAncillaryMessage::ScmRights(&all));
    sendmsg(to, &[IoSlice::new(b"G")], &mut control, SendFlags::NOSIGNAL).map(drop)
}

/// A connection whose other end is never read, and which is full: the second one.
fn full() -> Result<[OwnedFd; 3]> {
    let inet = || socket(AddressFamily::INET, SocketType::STREAM, None);
    let (listener, sender) = (inet()?, inet()?);
    bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    listen(&listener, 1)?;
    connect(&sender, &getsockname(&listener)?)?;
    let receiver = accept(&listener)?;
    sockopt::set_socket_linger(&sender, Some(Duration::from_secs(LINGERS)))?;
    rustix::io::ioctl_fionbio(&sender, true)?;
    while rustix::io::write(&sender, &[0; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&sender, false)?;
    Ok([listener, sender, receiver])
}

fn door() -> Result<OwnedFd> {
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    connect(&socket, &SocketAddrUnix::new(c"/run/machine.sock")?)?;
    Ok(socket)
}

fn asked() -> Result<OwnedFd> {
    let socket = door()?;
    send(&socket, b"GET /status HTTP/1.1\r\nHost: machine\r\n\r\n", SendFlags::NOSIGNAL)?;
    Ok(socket)
}

/// Succeeds if the door answers only after a while.
fn hold_door() -> Result<()> {
    // one may pass descriptors to oneself
    let (one, other) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    pass(&one, other.as_fd()).map_err(|_| Errno::NODATA)?;
    for _ in 0..ATTEMPTS {
        let [_listener, sender, _receiver] = full()?;
        let (_busy, held) = (asked()?, door()?);
        let passed = pass(&held, sender.as_fd());
        drop(sender);
        passed?;
        let since = sys::milliseconds();
        rustix::io::read(&asked()?, &mut [0; 64])?;
        if sys::milliseconds() - since >= LINGERS * 500 {
            return Ok(());
        }
    }
    Err(Errno::NODATA)
}
