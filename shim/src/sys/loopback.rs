//! The loopback interface.
#![allow(unsafe_code)]

use core::ptr;

use linux_raw_sys::general as raw;
use rustix::{
    fd::AsRawFd,
    io::Result,
    net::{AddressFamily, SocketFlags, SocketType, socket_with},
};

use super::call;

/// Brings up `lo` of this network namespace, by the interface flags of any socket (netdevice(7)).
pub fn loopback_up() -> Result<()> {
    #[repr(C)]
    struct Request {
        name: [u8; 16],
        flags: u16,
        rest: [u8; 22],
    }
    let request = Request { name: *b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0", flags: IFF_UP | IFF_RUNNING, rest: [0; 22] };
    const SIOCSIFFLAGS: usize = 0x8914; // include/uapi/linux/sockios.h
    const IFF_UP: u16 = 1; // include/uapi/linux/if.h
    const IFF_RUNNING: u16 = 1 << 6;
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let fd = socket.as_raw_fd().cast_unsigned() as usize;
    // SAFETY: reads one `struct ifreq`, which is 40 bytes on both architectures.
    unsafe { call(raw::__NR_ioctl, [fd, SIOCSIFFLAGS, ptr::from_ref(&request) as usize, 0, 0, 0]) }.map(drop)
}
