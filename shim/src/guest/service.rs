//! What all services do: they give up what they do not need, and tell PID 1 that what they provide is there.

use linux_raw_sys::general::CLONE_NEWNS;
use rustix::io::{Errno, Result};

use crate::{
    guest::{execute::steps, log::Log, privilege},
    plan,
    programs::Program,
    sys,
};

/// Leaves the homes behind, becomes the service's own user, and keeps the capabilities of its row.
pub fn apart(service: &Program, log: &Log) -> Result<()> {
    sys::unshare(CLONE_NEWNS)?;
    steps(&plan::alone(), log).map_err(|_| Errno::IO)?;
    privilege::become_service(service)
}
