//! The filesystems of a medium that are no homes: the carbon copy, and the code of its apps.

use std::path::Path;

use crate::host::error::Result;
use crate::host::window::Window;

/// Where a medium has the code of its apps.
#[derive(Clone, Copy)]
pub enum Code {
    /// Apart from everything else, so that another version can take its place.
    Apart(fn(&Path) -> Result<Layers>),
    /// Within something else.
    Within {
        /// Why it cannot be replaced.
        why: &'static str,
        /// What to do about the homes when the medium is built anew.
        next: &'static str,
    },
}

/// What a finished medium has.
pub struct Layers {
    /// The kernel's command line, and where it is, for people.
    pub cmdline: String,
    pub cmdline_in: String,
    /// The carbon copy, if it is a filesystem of its own.
    pub carbon: Option<Window>,
    /// The code of its apps: a file, or all of a partition.
    pub apps: Option<Window>,
}
