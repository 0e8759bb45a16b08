//! A socket that QEMU inherits: there is no place in the filesystem where another could find it first.

use std::fmt::Display;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::io::{FdFlags, fcntl_setfd};

/// One end of a socket pair, open for whatever program is started next.
pub struct Inherited(OwnedFd);

impl Inherited {
    /// A pair: the end that is kept, and the one to inherit.
    pub fn pair() -> io::Result<(UnixStream, Self)> {
        let (kept, other) = UnixStream::pair()?;
        Ok((kept, Self::of(other)?))
    }

    /// That end.
    pub fn of(socket: UnixStream) -> io::Result<Self> {
        // std makes every descriptor close-on-exec
        fcntl_setfd(&socket, FdFlags::empty())?;
        Ok(Self(socket.into()))
    }

    /// Its number, which is the same in the program that inherits it.
    pub fn number(&self) -> impl Display + use<> {
        self.0.as_raw_fd()
    }
}
