//! Gives up what a process may do, before it runs anything of a user's.

use rustix::{
    fs::{Gid, Uid},
    io::Result,
    thread::{
        CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
        set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

use crate::{
    guards::{Guard, Guards},
    op::User,
    sys,
};

/// What root, the administrator of files and users, keeps: nothing that reaches the machine itself.
const ROOT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID);

/// What a logon keeps: it reads every home's logon file.
const LOGON: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;

/// What the broker keeps: it makes nodes, gives them to users, and watches them.
const BROKER: CapabilitySet = CapabilitySet::CHOWN.union(CapabilitySet::DAC_OVERRIDE).union(CapabilitySet::MKNOD);

/// Becomes that user: bounding set, groups, gid, uid, in this order, for each needs what the next gives up.
/// Nothing that it runs can gain any of it back.
pub fn become_user(user: &User<'_>, guards: Guards<'_>) -> Result<()> {
    let keep = match (guards.hold(Guard::Capabilities), user.uid) {
        (true, 0) => ROOT,
        (true, _) => CapabilitySet::empty(),
        (false, _) => CapabilitySet::all(),
    };
    bound(keep)?;
    set_thread_groups(&[])?;
    let gid = Gid::from_raw(user.gid);
    set_thread_res_gid(gid, gid, gid)?;
    let uid = Uid::from_raw(user.uid);
    set_thread_res_uid(uid, uid, uid)?;
    // the change of uid has taken what was held (capabilities(7)): root keeps its part
    hold(if uid.is_root() { keep } else { CapabilitySet::empty() })?;
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

fn keep(set: CapabilitySet) -> Result<()> {
    bound(set)?;
    hold(set)?;
    set_no_new_privs(true)
}

/// Takes everything else out of the bounding set: no exec brings it back.
fn bound(keep: CapabilitySet) -> Result<()> {
    // 64 bits is what the kernel's type holds (include/linux/capability.h); past the last it says EINVAL
    for bit in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if !keep.contains(capability) && remove_capability_from_bounding_set(capability).is_err() {
            break;
        }
    }
    Ok(())
}

fn hold(keep: CapabilitySet) -> Result<()> {
    let sets = CapabilitySets { effective: keep, permitted: keep, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets)
}
