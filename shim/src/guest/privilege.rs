//! Gives up privileges of a process before it runs anything of a user's.

use rustix::{
    fs::{Gid, Uid},
    io::{Errno, Result},
    thread::{
        CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
        set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

use crate::{
    capabilities::Capabilities,
    guards::{Guard, Guards},
    op::User,
    plan::{self, Privilege, Run, Step},
    programs::{self, Keeps, Program},
    sys,
};

const LOGON: CapabilitySet = set(programs::LOGON.keeps);
const BROKER: CapabilitySet = set(programs::BROKER.keeps);

/// The uid and gid of the first service: the highest that there is (include/linux/uidgid.h, `uid_valid`).
const NOBODY: u32 = u32::MAX - 1;

/// The set in rustix's type. It is empty for a program that runs as a user.
const fn set(keeps: Keeps) -> CapabilitySet {
    match keeps {
        Keeps::All => CapabilitySet::all(),
        Keeps::Only(set) => CapabilitySet::from_bits_retain(set.0),
        Keeps::Users => CapabilitySet::empty(),
    }
}

/// Empties the bounding set. PID 1 does this once: from here on, an exec gives only the capabilities in the inheritable
/// set of its process (capabilities(7)), regardless of the program's file capabilities. To do it for each user's
/// program would take 41 calls each time.
pub fn seal() -> Result<()> {
    let all = current()?;
    hold(all, all)?;
    // the kernel's type has 64 bits (include/linux/capability.h); after the last capability it returns EINVAL
    for bit in 0..64 {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)) {
            Err(Errno::INVAL) if bit > 0 => break,
            result => result?,
        }
    }
    Ok(())
}

/// Becomes that user, by the steps of `plan::become_user`. Nothing that it runs can regain what it gives up.
pub fn become_user(user: &User<'_>, guards: Guards<'_>) -> Result<()> {
    plan::become_user(user, &mut GiveUp(guards))
}

/// Restricts the process to what node needs of the kernel, by the steps of `plan::shut_in`.
pub fn shut_in(guards: Guards<'_>) -> Result<()> {
    plan::shut_in(&mut GiveUp(guards))
}

struct GiveUp<'a>(Guards<'a>);

impl<'a> Run<Privilege<'a>> for GiveUp<'_> {
    type Error = Errno;

    #[inline(always)]
    fn run(&mut self, step: Step<Privilege<'a>>) -> Result<()> {
        match step.op {
            Privilege::Identity(user) => {
                set_thread_groups(&[])?;
                let gid = Gid::from_raw(user.gid);
                set_thread_res_gid(gid, gid, gid)?;
                let uid = Uid::from_raw(user.uid);
                set_thread_res_uid(uid, uid, uid)
            }
            Privilege::Capabilities(keep) => {
                let keep = match keep {
                    Capabilities::ROOT if !self.0.hold(Guard::Capabilities) => current()?,
                    keep => CapabilitySet::from_bits_retain(keep.0),
                };
                hold(keep, keep)
            }
            Privilege::Exec if !self.0.hold(Guard::NoNewPrivileges) => Ok(()),
            Privilege::Exec => set_no_new_privs(true),
            Privilege::AbstractSockets if !self.0.hold(Guard::Landlock) => Ok(()),
            Privilege::AbstractSockets => sys::scope_abstract_sockets(),
            Privilege::Calls if !self.0.hold(Guard::Seccomp) => Ok(()),
            Privilege::Calls => sys::filter_calls(),
        }
    }
}

/// Stays uid 0 and keeps the capabilities that a logon needs.
pub fn become_logon() -> Result<()> {
    keep(LOGON)
}

/// Stays uid 0 and keeps the capabilities that the broker needs.
pub fn become_broker() -> Result<()> {
    keep(BROKER)
}

/// Becomes the user of a service, who nobody else is, and keeps the capabilities that it needs.
pub fn become_service(service: &Program) -> Result<()> {
    let (uid, gid) = ids_of(service);
    // a change of the uid from 0 takes away all capabilities (capabilities(7))
    rustix::thread::set_keep_capabilities(true)?;
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    keep(set(service.keeps))
}

/// The uid and gid of a service.
pub fn ids_of(service: &Program) -> (Uid, Gid) {
    let place = programs::SERVICES.iter().position(|row| row.program == *service).unwrap_or(0);
    let id = NOBODY.saturating_sub(u32::try_from(place).unwrap_or(0));
    (Uid::from_raw(id), Gid::from_raw(id))
}

/// For programs that run no other program.
fn keep(set: CapabilitySet) -> Result<()> {
    hold(set, CapabilitySet::empty())?;
    set_no_new_privs(true)
}

fn hold(set: CapabilitySet, inheritable: CapabilitySet) -> Result<()> {
    set_capabilities(None, CapabilitySets { effective: set, permitted: set, inheritable })
}

/// The permitted capabilities of this process.
fn current() -> Result<CapabilitySet> {
    rustix::thread::capabilities(None).map(|sets| sets.permitted)
}
