//! A program or a file of the host that something of ours needs.

use shim::arches::Arch;

use super::run::{find, package_of};

/// What a command of ours needs the tool for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Making images: carbon copy, initramfs, what the homes have installed.
    Images,
    /// Making and editing users partitions.
    Users,
    /// Compiling a kernel for that architecture.
    Kernel(&'static Arch),
    /// Making that medium: a name in `media::ALL`.
    Medium(&'static str),
    /// Running a machine of that architecture.
    Machine(&'static Arch),
    /// The same, by its firmware.
    Firmware(&'static Arch),
    /// What `nodeos bench` holds this system against.
    Bench,
    /// `./nodeos test` and nothing else.
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

/// A tool, and why we need it.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// How it is found.
    pub sign: Sign,
    /// Why we need it.
    pub why: &'static str,
    /// Which of our commands need it.
    pub needed: For,
}

impl Tool {
    /// Its name or its place.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.sign {
            Sign::Program(name) | Sign::File(name, _) => name,
        }
    }

    /// The Debian package that brings it.
    #[must_use]
    pub fn package(&self) -> &'static str {
        match self.sign {
            Sign::Program(name) => package_of(name).unwrap_or(name),
            Sign::File(_, package) => package,
        }
    }

    /// Where it is, if it is there.
    #[must_use]
    pub fn found(&self) -> Option<std::path::PathBuf> {
        find(self.name())
    }
}
