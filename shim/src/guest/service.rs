//! What all services do: they give up what they do not need, and tell PID 1 what it should know.

use heapless::Vec;
use linux_raw_sys::general::CLONE_NEWNS;
use rustix::io::{Errno, Result};

use crate::{
    guards::{Guard, Guards},
    guest::{
        execute::{attributes, unmount},
        log::Log,
        privilege,
    },
    handover::{LONGEST, Record},
    op::Op,
    plan,
    programs::Program,
    report::Says,
    sys::{self, Start, Stream},
};

/// Leaves the homes behind, becomes the service's own user, and keeps the capabilities of its row.
pub fn apart(service: &Program, start: Start, log: &Log) -> Result<()> {
    if !guards(start).hold(Guard::Apart) {
        return Ok(());
    }
    sys::unshare(CLONE_NEWNS)?;
    for step in &plan::alone() {
        // two of many operations: `execute::steps` would add all of them, 4 KiB, to each service
        let (path, done) = match step.op {
            Op::Unmount(path) => (path, unmount(path)),
            Op::Attributes(path, attr) => (path, attributes(path, attr)),
            _ => ("a step that no service can make", Err(Errno::NOSYS)),
        };
        if let Err(errno) = done {
            error!(log, "cannot leave ", path, " behind: ", errno);
            return Err(errno);
        }
    }
    privilege::become_service(service)
}

/// Which guards hold: PID 1 hands the words of the kernel's command line on.
pub fn guards<'a>(start: Start) -> Guards<'a> {
    Guards::of(start.arguments().skip(1).chain(start.environment()))
}

/// Tells PID 1. It may be gone.
pub fn tell(what: Says) {
    let _ = rustix::io::write(Stream(0), &[what as u8]);
}

/// Tells PID 1 of a home.
pub fn tell_of(what: Says, record: Record<'_>) -> Result<()> {
    let mut packet = Vec::<u8, { 1 + LONGEST }>::new();
    let _ = packet.push(what as u8);
    let _ = packet.extend_from_slice(&record.bytes());
    rustix::io::write(Stream(0), &packet).map(drop)
}
