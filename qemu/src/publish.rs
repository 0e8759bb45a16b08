//! A port of the host that is forwarded to a machine.

use std::str::FromStr;

/// A TCP port on the host's loopback that is forwarded to a port of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The host's port.
    pub host: u16,
    /// The machine's port.
    pub guest: u16,
}

impl FromStr for Publish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = |text: &str| text.parse::<u16>().ok().filter(|&port| port != 0);
        text.split_once(':')
            .and_then(|(host, guest)| Some(Self { host: port(host)?, guest: port(guest)? }))
            .ok_or_else(|| "expected HOST:GUEST, two ports between 1 and 65535, as in 8080:80".to_owned())
    }
}
