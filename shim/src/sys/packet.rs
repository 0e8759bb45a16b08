//! Packets of a network card that has no address yet (packet(7)).
#![allow(unsafe_code)]

use core::ptr;

use linux_raw_sys::general as raw;
use rustix::{
    fd::{AsRawFd, OwnedFd},
    io::Result,
    net::{AddressFamily, SocketFlags, SocketType, socket_with},
};

use super::call;
use crate::{network::Mac, seccomp::Instruction};

/// What kind of packets a socket takes and sends (include/uapi/linux/if_ether.h).
#[derive(Clone, Copy)]
pub enum Protocol {
    /// ETH_P_IP.
    Ip = 0x0800,
    /// ETH_P_ARP.
    Arp = 0x0806,
}

/// `struct sockaddr_ll` (include/uapi/linux/if_packet.h).
#[repr(C)]
struct Address {
    family: u16,
    protocol: u16,
    index: u32,
    hardware: u16,
    kind: u8,
    length: u8,
    mac: [u8; 8],
}

const SIZE: usize = size_of::<Address>();

impl Address {
    fn new(index: u32, protocol: Protocol, [a, b, c, d, e, f]: Mac) -> Self {
        const PACKET: u16 = 17; // include/linux/socket.h, AF_PACKET
        let protocol = (protocol as u16).to_be();
        Self { family: PACKET, protocol, index, hardware: 0, kind: 0, length: 6, mac: [a, b, c, d, e, f, 0, 0] }
    }
}

/// A socket for packets of one card, without their Ethernet headers. It takes only those that the filter lets through;
/// with an empty filter all of that protocol.
pub fn open(index: u32, protocol: Protocol, filter: &[Instruction]) -> Result<OwnedFd> {
    /// `struct sock_fprog` (include/uapi/linux/filter.h).
    #[repr(C)]
    struct Program {
        length: u16,
        filter: *const Instruction,
    }
    const SOL_SOCKET: usize = 1; // include/uapi/asm-generic/socket.h
    const SO_ATTACH_FILTER: usize = 26;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    // it takes nothing until it is bound, when it has its filter
    let socket = socket_with(AddressFamily::PACKET, SocketType::DGRAM, flags, None)?;
    let fd = socket.as_raw_fd().cast_unsigned() as usize;
    if !filter.is_empty() {
        let program = Program { length: u16::try_from(filter.len()).unwrap_or(0), filter: filter.as_ptr() };
        let at = ptr::from_ref(&program) as usize;
        // SAFETY: reads one sock_fprog and the instructions that it points to.
        unsafe { call(raw::__NR_setsockopt, [fd, SOL_SOCKET, SO_ATTACH_FILTER, at, size_of::<Program>(), 0])? };
    }
    let address = Address::new(index, protocol, [0; 6]);
    // SAFETY: reads one sockaddr_ll.
    unsafe { call(raw::__NR_bind, [fd, ptr::from_ref(&address) as usize, SIZE, 0, 0, 0])? };
    Ok(socket)
}

/// Sends a packet to a station on the cable of that card.
pub fn send(socket: &OwnedFd, index: u32, protocol: Protocol, to: Mac, packet: &[u8]) -> Result<()> {
    let address = Address::new(index, protocol, to);
    let fd = socket.as_raw_fd().cast_unsigned() as usize;
    let arguments = [fd, packet.as_ptr() as usize, packet.len(), 0, ptr::from_ref(&address) as usize, SIZE];
    // SAFETY: reads the packet and one sockaddr_ll.
    unsafe { call(raw::__NR_sendto, arguments) }.map(drop)
}

/// Takes a packet, and the station that sent it.
///
/// # Errors
/// `EAGAIN` if there is none.
pub fn receive<'a>(socket: &OwnedFd, room: &'a mut [u8]) -> Result<(&'a [u8], Mac)> {
    let mut address = Address::new(0, Protocol::Ip, [0; 6]);
    let mut size = u32::try_from(SIZE).unwrap_or(0);
    let fd = socket.as_raw_fd().cast_unsigned() as usize;
    let (at, length) = (ptr::from_mut(&mut address) as usize, ptr::from_mut(&mut size) as usize);
    // SAFETY: writes at most as many bytes as `room` has, and at most one sockaddr_ll with its size.
    let taken = unsafe { call(raw::__NR_recvfrom, [fd, room.as_mut_ptr() as usize, room.len(), 0, at, length])? };
    let [a, b, c, d, e, f, ..] = address.mac;
    Ok((room.get(..taken).unwrap_or_default(), [a, b, c, d, e, f]))
}
