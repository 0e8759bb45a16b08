//! Gives up what a process may do, before it runs anything of a user's.

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
    programs::{self, Keeps},
    sys,
};

const LOGON: CapabilitySet = set(programs::LOGON.keeps);
const BROKER: CapabilitySet = set(programs::BROKER.keeps);

/// As rustix has it; a user's is empty here.
const fn set(keeps: Keeps) -> CapabilitySet {
    match keeps {
        Keeps::All => CapabilitySet::all(),
        Keeps::Only(set) => CapabilitySet::from_bits_retain(set.0),
        Keeps::Users => CapabilitySet::empty(),
    }
}

/// Empties the bounding set, which PID 1 does once: from here on an exec gives what its process hands down by the
/// inheritable set and nothing else (capabilities(7)), whatever the program's file says. For each user's program alone
/// it would be 41 calls.
pub fn seal() -> Result<()> {
    let all = current()?;
    hold(all, all)?;
    // 64 bits is what the kernel's type holds (include/linux/capability.h); past the last it says EINVAL
    for bit in 0..64 {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)) {
            Err(Errno::INVAL) if bit > 0 => break,
            result => result?,
        }
    }
    Ok(())
}

/// Becomes that user, as `plan::become_user` says. Nothing that it runs can gain any of it back.
pub fn become_user(user: &User<'_>, guards: Guards<'_>) -> Result<()> {
    plan::become_user(user, &mut GiveUp(guards))
}

/// What is left of the kernel is what node needs, as `plan::shut_in` says.
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

/// Stays uid 0 and keeps what a logon needs.
pub fn become_logon() -> Result<()> {
    keep(LOGON)
}

/// Stays uid 0 and keeps what the broker needs.
pub fn become_broker() -> Result<()> {
    keep(BROKER)
}

/// For programs that run no other program.
fn keep(set: CapabilitySet) -> Result<()> {
    hold(set, CapabilitySet::empty())?;
    set_no_new_privs(true)
}

fn hold(set: CapabilitySet, inheritable: CapabilitySet) -> Result<()> {
    set_capabilities(None, CapabilitySets { effective: set, permitted: set, inheritable })
}

/// All that this process may.
fn current() -> Result<CapabilitySet> {
    rustix::thread::capabilities(None).map(|sets| sets.permitted)
}
