//! PID 1's side of the broker: the broker may request nodes, and nothing else.

use rustix::{
    fd::OwnedFd,
    fs::OFlags,
    io::{Errno, Result},
};

use crate::{
    guest::{
        log::Log,
        node,
        pid1::boot::{CHECK, Machine},
    },
    programs, say,
    say::Text,
};

/// The socket for the broker's requests and PID 1's answers.
pub struct Broker(OwnedFd);

impl Broker {
    /// Starts the broker. It stays if a policy grants a device. It is ready before users run.
    pub fn start(machine: &Machine<'_>, log: &Log) -> Option<Self> {
        let mut arguments = Text::new();
        say!(&mut arguments, "broker\0");
        match machine.told_of_users(programs::BROKER.path, &arguments) {
            // PID 1 never blocks on this socket, neither for reading nor for writing
            Ok((Some(_), socket)) => rustix::fs::fcntl_setfl(&socket, OFlags::NONBLOCK).ok().map(|()| Self(socket)),
            Ok((None, _)) => {
                error!(log, "the device broker is not ready after ", CHECK, " s; going on without");
                None
            }
            Err(errno) => {
                error!(log, "cannot start the device broker: ", errno);
                None
            }
        }
    }

    /// Readable when the broker has a request, or is gone.
    pub fn descriptor(&self) -> &OwnedFd {
        &self.0
    }

    /// Makes the requested node, if there is a request, and answers with the result. Returns false once the broker is
    /// gone.
    pub fn serve(&self) -> bool {
        let mut name = [0; 64];
        let asked = match rustix::io::read(&self.0, &mut name) {
            Err(Errno::AGAIN) => return true,
            Ok(length @ 1..) => name.get(..length),
            _ => return false,
        };
        let made: Result<()> =
            asked.and_then(|name| core::str::from_utf8(name).ok()).ok_or(Errno::INVAL).and_then(node::make);
        let errno = made.err().map_or(0, Errno::raw_os_error);
        let _ = rustix::io::write(&self.0, &[u8::try_from(errno).unwrap_or(u8::MAX)]);
        true
    }
}
