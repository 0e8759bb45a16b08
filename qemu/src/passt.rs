//! passt(1) between a machine and the host's network, in place of QEMU's own.
//!
//! QEMU's own network leads to whatever listens on the host's loopback, which QEMU 7.2 has no option against
//! (`disable_host_loopback` of libslirp is not among those of `-netdev user`), and loses new connections in bursts.
//!
//! The passt of Debian 12 does not complete the handshake of a published connection before the client sends something:
//! a server that speaks first waits for that.

use std::io;
use std::net::IpAddr;
use std::process::{Command, Stdio};

use crate::inherited::Inherited;
use crate::publish::Publish;

/// Where the printed command has both meet; a machine that is started here inherits a socket.
const BY_HAND: &str = "/tmp/nodeos-passt.socket";

/// A network by passt. The machine's addresses are those of QEMU's own network.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Passt {
    /// Ports of the host that lead into the machine.
    pub publish: Vec<Publish>,
    /// The name servers that the machine is told, in place of the host's.
    pub resolvers: Vec<IpAddr>,
}

impl Passt {
    /// passt's arguments, but for where it meets QEMU.
    fn args(&self) -> Vec<String> {
        let mut args: Vec<String> =
            "--quiet --no-map-gw --address 10.0.2.15 --netmask 24 --gateway 10.0.2.2 --udp-ports none"
                .split(' ')
                .map(str::to_owned)
                .collect();
        let mut option = |name: &str, value: String| args.extend([name.to_owned(), value]);
        self.resolvers.iter().for_each(|server| option("--dns", server.to_string()));
        for Publish { host, guest } in &self.publish {
            option("--tcp-ports", format!("127.0.0.1/{host}:{guest}"));
        }
        args
    }

    /// Starts it. It ends when the other end of the socket is closed.
    pub fn start(&self) -> io::Result<Inherited> {
        let (ours, theirs) = Inherited::pair()?;
        let mut command = Command::new("passt");
        command.env("LC_ALL", "C");
        command.args(self.args()).args(["--fd", &theirs.number().to_string()]);
        theirs.go_to(&mut command);
        // it goes on in the background once all is set up
        let output = command.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            return Err(io::Error::other(complaint(&String::from_utf8_lossy(&output.stderr))));
        }
        Ok(Inherited::of(ours))
    }

    /// Why it cannot be used here, if that is so: it is started, and ends at once.
    pub fn fails(&self) -> Option<String> {
        Self { publish: Vec::new(), ..self.clone() }.start().err().map(|error| error.to_string())
    }

    /// The command for a shell that starts QEMU next.
    pub(crate) fn by_hand(&self) -> String {
        format!("passt {} --one-off --socket {BY_HAND}", self.args().join(" "))
    }
}

/// How QEMU finds passt: by a socket that it inherits, else by the one of `by_hand`.
pub(crate) fn netdev(connection: Option<&Inherited>) -> String {
    let place = match connection {
        Some(socket) => format!("fd,addr.str={}", socket.number()),
        None => format!("unix,addr.path={BY_HAND}"),
    };
    format!("stream,id=net,server=off,addr.type={place}")
}

/// What it said, in a line; without what it always says to root, and of a log that is not there.
fn complaint(said: &str) -> String {
    let noise = |line: &&str| !line.is_empty() && !line.contains("to syslog") && !line.starts_with("Don't run as root");
    let lines: Vec<&str> = said.lines().map(str::trim).filter(noise).collect();
    if lines.is_empty() { "it printed no reason".to_owned() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::{Passt, complaint};

    #[test]
    fn the_gateway_does_not_lead_to_the_host() {
        let passt = Passt {
            publish: vec!["8080:80".parse().unwrap(), "2222:22".parse().unwrap()],
            resolvers: vec!["192.0.2.53".parse().unwrap(), "fd00::53".parse().unwrap()],
        };
        insta::assert_snapshot!(passt.by_hand());
    }

    #[test]
    fn errors_of_passt_become_one_line() {
        let said = "Failed to send 47 bytes to syslog\nDon't run as root. Changing to nobody...\n\n\
                    No external routable interface for IPv4\nExternal interface not usable\n";
        assert_eq!(complaint(said), "No external routable interface for IPv4; External interface not usable");
        assert_eq!(complaint(""), "it printed no reason");
    }
}
