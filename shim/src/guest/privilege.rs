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
    programs::{self, Keeps},
    sys,
};

const ROOT: CapabilitySet = set(Keeps::Only(Capabilities::ROOT));
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

/// Becomes that user: groups, gid, uid, in this order, for each needs what the next gives up.
/// Nothing that it runs can gain any of it back.
pub fn become_user(user: &User<'_>, guards: Guards<'_>) -> Result<()> {
    let keep = match (user.uid, guards.hold(Guard::Capabilities)) {
        (0, true) => ROOT,
        (0, false) => current()?,
        _ => CapabilitySet::empty(),
    };
    set_thread_groups(&[])?;
    let gid = Gid::from_raw(user.gid);
    set_thread_res_gid(gid, gid, gid)?;
    let uid = Uid::from_raw(user.uid);
    set_thread_res_uid(uid, uid, uid)?;
    // a change of uid has taken what was held, not what is handed down: root keeps its part of both
    hold(keep, keep)?;
    if guards.hold(Guard::NoNewPrivileges) {
        set_no_new_privs(true)?;
    }
    Ok(())
}

/// The last step before anything of a user's is read or run: what is left of the kernel is what node needs.
pub fn shut_in(guards: Guards<'_>) -> Result<()> {
    if guards.hold(Guard::Landlock) {
        sys::scope_abstract_sockets()?;
    }
    if guards.hold(Guard::Seccomp) {
        sys::filter_calls()?;
    }
    Ok(())
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
