//! passt(1) between a machine and the host's network, in place of QEMU's own.
//!
//! QEMU's own network gives access to all services on the host's loopback, and QEMU 7.2 has no option against that
//! (`-netdev user` lacks libslirp's `disable_host_loopback`). It also loses connections if many are opened at once.
//!
//! The passt of Debian 12 does not complete the handshake of a published connection before the client sends something,
//! so a server that speaks first has to wait for that.

use std::io;
use std::net::IpAddr;
use std::process::{Command, Stdio};

use crate::inherited::Inherited;
use crate::publish::Publish;

/// The socket where the printed command connects passt and QEMU. A machine that is started here inherits a socket
/// instead.
const BY_HAND: &str = "/tmp/nodeos-passt.socket";

/// A network by passt. The machine's addresses are the same as in QEMU's own network.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Passt {
    /// Ports of the host that are forwarded to the machine.
    pub publish: Vec<Publish>,
    /// The name servers for the machine, instead of the host's.
    pub resolvers: Vec<IpAddr>,
}

impl Passt {
    /// passt's arguments, except the connection to QEMU.
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

    /// Starts passt. It exits when the other end of the socket is closed.
    pub fn start(&self) -> io::Result<Inherited> {
        let (ours, theirs) = Inherited::pair()?;
        let mut command = Command::new("passt");
        command.env("LC_ALL", "C");
        command.args(self.args()).args(["--fd", &theirs.number().to_string()]);
        theirs.go_to(&mut command);
        // it continues in the background once everything is set up
        let output = command.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            return Err(io::Error::other(complaint(&String::from_utf8_lossy(&output.stderr))));
        }
        Ok(Inherited::of(ours))
    }

    /// Why passt cannot be used here, if so. It is started for a test, and exits at once.
    pub fn fails(&self) -> Option<String> {
        Self { publish: Vec::new(), ..self.clone() }.start().err().map(|error| error.to_string())
    }

    /// The shell command that must run before QEMU is started.
    pub(crate) fn by_hand(&self) -> String {
        format!("passt {} --one-off --socket {BY_HAND}", self.args().join(" "))
    }
}

/// QEMU's option for passt: the inherited socket, else the socket of `by_hand`.
pub(crate) fn netdev(connection: Option<&Inherited>) -> String {
    let place = match connection {
        Some(socket) => format!("fd,addr.str={}", socket.number()),
        None => format!("unix,addr.path={BY_HAND}"),
    };
    format!("stream,id=net,server=off,addr.type={place}")
}

/// Its error message in one line, without the lines that it always prints for root and about a missing log.
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
