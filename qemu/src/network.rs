//! The network of a machine, and who gives it one.

use std::path::PathBuf;

use crate::passt::Passt;
use crate::publish::Publish;

/// The network card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// None.
    None,
    /// QEMU's own network behind the host's: DHCP, DNS, a way out, which leads to the host's loopback too, and these
    /// ports in.
    User {
        /// Ports of the host that lead into the machine.
        publish: Vec<Publish>,
        /// What it serves to a firmware that boots from the network.
        boot: Option<Served>,
    },
    /// The same by passt, which keeps the machine from the host's loopback.
    Passt(Passt),
    /// A tap device of the host's, by name, and the machine's MAC address.
    Tap(String, String),
}

impl Network {
    /// Ports of the host that lead into the machine.
    #[must_use]
    pub fn publish(&self) -> &[Publish] {
        match self {
            Self::User { publish, .. } | Self::Passt(Passt { publish, .. }) => publish,
            Self::None | Self::Tap(..) => &[],
        }
    }
}

/// What is served by TFTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    pub folder: PathBuf,
    /// The file in it that the firmware is told to fetch.
    pub file: String,
}
