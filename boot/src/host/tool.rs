//! A program or a file of the host that our commands need.

use shim::arches::Arch;

use super::run::{find, package_of};

/// The task that needs the tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Making images: carbon copy, initramfs, and the programs of the homes.
    Images,
    /// Making and editing users partitions.
    Users,
    /// Compiling a kernel for that architecture.
    Kernel(&'static Arch),
    /// Making this medium: a name in `media::ALL`.
    Medium(&'static str),
    /// Running a machine of that architecture.
    Machine(&'static Arch),
    /// Running a machine of that architecture with its firmware.
    Firmware(&'static Arch),
    /// Asking a machine that runs elsewhere.
    Remote,
    /// The systems that `nodeos bench` compares with.
    Bench,
    /// Only `./nodeos test`.
    Tests,
}

/// How a tool is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A program of that name; `run` knows its package.
    Program(&'static str),
    /// A file at that place, and its Debian package.
    File(&'static str, &'static str),
}

/// A tool, and its purpose.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// How it is found.
    pub sign: Sign,
    /// What it is needed for.
    pub why: &'static str,
    /// Which of our commands need it.
    pub needed: For,
}

impl Tool {
    /// Its name or its path.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.sign {
            Sign::Program(name) | Sign::File(name, _) => name,
        }
    }

    /// The Debian package that contains it.
    #[must_use]
    pub fn package(&self) -> &'static str {
        match self.sign {
            Sign::Program(name) => package_of(name).unwrap_or(name),
            Sign::File(_, package) => package,
        }
    }

    /// Its path, if it is installed.
    #[must_use]
    pub fn found(&self) -> Option<std::path::PathBuf> {
        find(self.name())
    }
}
