//! The network of a machine.

use std::path::PathBuf;

use crate::passt::Passt;
use crate::publish::Publish;

/// The network card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// None.
    None,
    /// QEMU's own network behind the host's: DHCP, DNS, access to the outside (including the host's loopback), and
    /// these published ports.
    User {
        /// Ports of the host that are forwarded to the machine.
        publish: Vec<Publish>,
        /// What it serves for a network boot.
        boot: Option<Served>,
    },
    /// The same by passt, which blocks access to the host's loopback.
    Passt(Passt),
    /// A tap device of the host, by name, and the machine's MAC address.
    Tap(String, String),
    /// A cable for each card, whose other end is a test.
    Wires(Vec<Wire>),
}

impl Network {
    /// Ports of the host that are forwarded to the machine.
    #[must_use]
    pub fn publish(&self) -> &[Publish] {
        match self {
            Self::User { publish, .. } | Self::Passt(Passt { publish, .. }) => publish,
            Self::None | Self::Tap(..) | Self::Wires(_) => &[],
        }
    }
}

/// A folder that is served by TFTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    pub folder: PathBuf,
    /// The file in it that the firmware should fetch.
    pub file: String,
}

/// A cable whose other end is a program on the host: an Ethernet frame is a datagram between two UNIX sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The socket that QEMU makes.
    pub machine: PathBuf,
    /// The socket of the program, which must exist before.
    pub other: PathBuf,
    /// The MAC address of the card.
    pub mac: String,
    /// Whether the card is there at the start. If not, it may be plugged in later, at the bus `usb.0`.
    pub plugged: bool,
}
