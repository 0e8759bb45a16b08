//! What `/net` asks the kernel, and hears from it, by rtnetlink.

use rustix::{
    fd::OwnedFd,
    io::{Errno, Result},
    net::{AddressFamily, SocketFlags, SocketType, bind, netlink},
};

use crate::network::{
    Buffer,
    bytes::Bytes,
    netlink::{self as messages, GROUPS, Message},
};

/// Room for what the kernel sends at once (include/linux/netlink.h, NLMSG_GOODSIZE: at most 8 KiB).
pub const ROOM: [u8; 8192] = [0; 8192];

/// Two sockets, so that answers and news do not mix.
pub struct Kernel {
    /// News about links, addresses and routers, and lists of them.
    pub events: OwnedFd,
    asks: OwnedFd,
}

impl Kernel {
    pub fn open() -> Result<Self> {
        Ok(Self { events: open(SocketFlags::NONBLOCK, GROUPS)?, asks: open(SocketFlags::empty(), 0)? })
    }

    /// Asks for a list, which comes among the news.
    pub fn list(&self, request: &Buffer) {
        // if it fails, a list is on its way
        let _ = rustix::io::write(&self.events, request);
    }

    /// Makes a request. The kernel has answered it before it returns from the call that sends it.
    pub fn ask(&self, request: &Buffer) -> Result<()> {
        rustix::io::write(&self.asks, request)?;
        let mut room = [0; 512];
        let length = rustix::io::read(&self.asks, &mut room)?;
        match messages::next(&mut Bytes(room.get(..length).unwrap_or_default())) {
            Some(Message::Answer(0)) => Ok(()),
            Some(Message::Answer(errno)) => Err(Errno::from_raw_os_error(errno)),
            _ => Err(Errno::BADMSG),
        }
    }
}

fn open(flags: SocketFlags, groups: u32) -> Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | flags;
    // without a protocol: NETLINK_ROUTE is 0 (include/uapi/linux/netlink.h)
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    bind(&socket, &netlink::SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}
