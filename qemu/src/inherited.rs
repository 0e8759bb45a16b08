//! A socket that a program inherits. It has no path in the filesystem that another program could find first.

use std::fmt::Display;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Command;

use command_fds::CommandFdExt;

/// One end of a socket pair for one program. Other programs that are started meanwhile do not get it.
pub struct Inherited(OwnedFd);

impl Inherited {
    /// A pair: the end that is kept, and the one to inherit.
    pub fn pair() -> io::Result<(UnixStream, Self)> {
        let (kept, other) = UnixStream::pair()?;
        Ok((kept, Self::of(other)))
    }

    /// Makes a socket inheritable.
    pub fn of(socket: UnixStream) -> Self {
        Self(socket.into())
    }

    /// Its descriptor number, which is the same in the program that inherits it.
    pub fn number(&self) -> impl Display + use<> {
        self.0.as_raw_fd()
    }

    /// Passes it to a program; in this process it is closed together with the command.
    pub fn go_to(self, command: &mut Command) {
        // std makes every descriptor close-on-exec; only the child undoes that for this one
        command.preserved_fds(vec![self.0]);
    }
}

#[cfg(test)]
mod tests {
    use super::Inherited;
    use std::io::Read;
    use std::process::Command;

    #[test]
    fn only_one_program_inherits_the_descriptor() {
        let (mut kept, end) = Inherited::pair().unwrap();
        let number = end.number().to_string();
        let test = || {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("test -S /proc/self/fd/{number}")]);
            command
        };
        let mut command = test();
        end.go_to(&mut command);
        assert!(!test().status().unwrap().success(), "another that starts meanwhile has it");
        assert!(command.status().unwrap().success(), "its own has not");
        assert!(!test().status().unwrap().success(), "another that starts later has it");
        drop(command);
        assert_eq!(kept.read(&mut [0]).unwrap(), 0, "nobody has it any more");
    }
}
