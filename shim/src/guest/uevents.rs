//! The kernel's news of devices. That there is some is enough: the devices themselves say what.

use rustix::{
    fd::OwnedFd,
    io::{Errno, Result},
    net::{AddressFamily, SocketFlags, SocketType, netlink},
};

/// Where they come.
pub fn listen() -> Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(netlink::KOBJECT_UEVENT))?;
    // group 1 is the kernel's own (lib/kobject_uevent.c)
    rustix::net::bind(&socket, &netlink::SocketAddrNetlink::new(0, 1))?;
    Ok(socket)
}

/// Drops what has come; true if anything has. A message that was lost (`ENOBUFS`) is news too.
pub fn drain(events: &OwnedFd) -> bool {
    let mut any = false;
    let mut dropped = [0; 64];
    loop {
        match rustix::io::read(events, &mut dropped) {
            Ok(1..) | Err(Errno::NOBUFS) => any = true,
            _ => return any,
        }
    }
}
