//! Asks a server by UDP, and waits for its answer.

use core::net::{IpAddr, SocketAddr};

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::{Errno, Result},
    net::{AddressFamily, SocketFlags, SocketType},
};

use crate::{
    clock::{
        MILLISECOND,
        dns::{self, Kind},
        sntp::{self, Refusal, Sample, Times},
    },
    sys::{self, clock},
};

/// Milliseconds to wait for a time server: what takes longer than a second is not used.
const TIME: u32 = 1200;
/// Milliseconds to wait for a name server.
const NAME: u32 = 2000;

/// Waits until the socket has a packet, for at most so many milliseconds. False if it has none, or if the program must
/// end.
pub type Wait<'a> = dyn FnMut(BorrowedFd<'_>, u32) -> bool + 'a;

/// Asks a time server.
///
/// # Errors
/// Why there is no answer; `None` if nothing came.
pub fn time(server: SocketAddr, wait: &mut Wait<'_>) -> core::result::Result<Sample, Option<Refusal>> {
    let random = sys::clock::random().map_err(|_| None)?;
    let socket = connected(server).map_err(|_| None)?;
    let (sent, start) = (clock::now(), clock::since_start());
    rustix::io::write(&socket, &sntp::request(random)).map_err(|_| None)?;
    let mut read = |packet: &[u8]| {
        let times = Times { sent, took: clock::since_start().saturating_sub(start) };
        match sntp::read(packet, random, times) {
            Err(Refusal::Foreign) => None,
            result => Some(result),
        }
    };
    receive(&socket, TIME, &mut [0; sntp::LENGTH], wait, &mut read).ok_or(None)?.map_err(Some)
}

/// Asks a name server for the address of a host.
pub fn address(server: SocketAddr, name: &str, kind: Kind, wait: &mut Wait<'_>) -> Option<IpAddr> {
    let query = dns::query(sys::clock::random().ok()?, name, kind)?;
    let socket = connected(server).ok()?;
    rustix::io::write(&socket, &query).ok()?;
    let mut read = |packet: &[u8]| match dns::answer(packet, &query, kind) {
        Err(dns::Refusal::Foreign) => None,
        result => Some(result.ok()),
    };
    receive(&socket, NAME, &mut [0; dns::LONGEST], wait, &mut read)?
}

/// A socket that has a random port, and takes packets from that server alone.
fn connected(server: SocketAddr) -> Result<OwnedFd> {
    let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, flags, None)?;
    rustix::net::connect(&socket, &server)?;
    Ok(socket)
}

/// Gives packets to `read` until it takes one, for at most so many milliseconds.
fn receive<T>(
    socket: &OwnedFd,
    milliseconds: u32,
    buffer: &mut [u8],
    wait: &mut Wait<'_>,
    read: &mut dyn FnMut(&[u8]) -> Option<T>,
) -> Option<T> {
    let end = clock::since_start().saturating_add(i64::from(milliseconds).saturating_mul(MILLISECOND));
    loop {
        let left = u32::try_from(end.saturating_sub(clock::since_start()) / MILLISECOND).ok()?;
        if left == 0 || !wait(socket.as_fd(), left) {
            return None;
        }
        match rustix::io::read(socket, &mut *buffer) {
            Ok(length) => {
                let result = read(buffer.get(..length).unwrap_or_default());
                if result.is_some() {
                    return result;
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            // nobody listens there
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{SECOND, dns::tests::answer_with, sntp::tests::answer};
    use rustix::event::{PollFd, PollFlags, poll};
    use std::{net::UdpSocket, thread};

    fn wait(socket: BorrowedFd<'_>, milliseconds: u32) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(socket, PollFlags::IN)];
        poll(&mut fds, Some(&sys::span(milliseconds))) == Ok(1)
    }

    /// A server that gets one request. `others` has the same address, but another port.
    fn server(serve: impl FnOnce(&[u8], &dyn Fn(&[u8]), &dyn Fn(&[u8])) + Send + 'static) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let others = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || {
            let mut request = [0; 600];
            let (length, client) = socket.recv_from(&mut request).unwrap();
            let send = |socket: &UdpSocket, packet: &[u8]| assert!(socket.send_to(packet, client).is_ok());
            serve(&request[..length], &|packet| send(&socket, packet), &|packet| send(&others, packet));
        });
        address
    }

    fn cookie(request: &[u8]) -> [u8; 8] {
        assert_eq!((request.len(), request[0]), (sntp::LENGTH, 0x23));
        request[40..].try_into().unwrap()
    }

    #[test]
    fn a_time_server_is_asked() {
        let server = server(|request, answers, _| answers(&answer(cookie(request), clock::now() + 5 * SECOND)));
        let sample = time(server, &mut wait).unwrap();
        assert!((sample.offset - 5 * SECOND).abs() < SECOND / 2, "{sample:?}");
    }

    #[test]
    fn only_the_server_that_was_asked_can_answer() {
        let server = server(|request, answers, others| {
            let random = cookie(request);
            let good = |time| answer(random, time);
            others(&good(clock::now() + 1000 * SECOND));
            answers(b"");
            answers(&[0; 48]);
            answers(&answer([7; 8], clock::now() + 2000 * SECOND));
            answers(&[&good(clock::now() + 5 * SECOND)[..], &[0; 500]].concat());
        });
        let sample = time(server, &mut wait).unwrap();
        assert!((sample.offset - 5 * SECOND).abs() < SECOND / 2, "{sample:?}");
    }

    #[test]
    fn a_server_that_is_silent_or_away_or_says_no_is_a_failure() {
        assert_eq!(time(server(|_, _, _| {}), &mut wait), Err(None));
        let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(time(gone, &mut wait), Err(None));
        let kiss = server(|request, answers, _| {
            let mut packet = answer(cookie(request), clock::now());
            packet[1] = 0;
            packet[12..16].copy_from_slice(b"RATE");
            answers(&packet);
        });
        assert_eq!(time(kiss, &mut wait), Err(Some(Refusal::TooOften)));
        // a program that must end does not wait
        assert_eq!(time(server(|_, _, _| {}), &mut |_, _| false), Err(None));
    }

    #[test]
    fn a_name_server_is_asked() {
        let ask = |server| address(server, "time.example", Kind::A, &mut wait).map(|address| address.to_string());
        let good = server(|query, answers, others| {
            others(&answer_with(query, [10, 0, 0, 66]));
            let mut forged = answer_with(query, [10, 0, 0, 67]);
            forged[0] ^= 1;
            answers(&forged);
            answers(&answer_with(query, [10, 0, 2, 2]));
        });
        assert_eq!(ask(good).as_deref(), Some("10.0.2.2"));
        let bad = server(|query, answers, _| answers(&answer_with(query, [127, 0, 0, 1])));
        assert_eq!(ask(bad), None);
    }
}
