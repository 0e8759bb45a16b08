//! The kernel's device events. Their content is not used: an event only means that it is time to look at the devices.

use rustix::{
    fd::OwnedFd,
    io::{Errno, Result},
    net::{AddressFamily, SocketFlags, SocketType, netlink},
};

/// The socket for these events.
pub fn listen() -> Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(netlink::KOBJECT_UEVENT))?;
    // group 1 is the kernel's own (lib/kobject_uevent.c)
    rustix::net::bind(&socket, &netlink::SocketAddrNetlink::new(0, 1))?;
    Ok(socket)
}

/// Discards the pending events; true if there were any. A lost event (`ENOBUFS`) counts too.
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
