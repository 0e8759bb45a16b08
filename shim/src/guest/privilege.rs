//! Gives up what a process may do, before it runs anything of a user's.

use rustix::{
    fs::{Gid, Uid},
    io::Result,
    thread::{
        CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
        set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

use crate::op::User;

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

/// Becomes that user: bounding set, groups, gid, uid, in this order, for each needs what the next gives up.
pub fn become_user(user: &User<'_>) -> Result<()> {
    let keep = if user.uid == 0 { ROOT } else { CapabilitySet::empty() };
    bound(keep)?;
    set_thread_groups(&[])?;
    let gid = Gid::from_raw(user.gid);
    set_thread_res_gid(gid, gid, gid)?;
    let uid = Uid::from_raw(user.uid);
    set_thread_res_uid(uid, uid, uid)?;
    hold(keep)
}

/// Stays uid 0 and keeps what a logon needs.
pub fn become_logon() -> Result<()> {
    bound(LOGON)?;
    hold(LOGON)
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
    set_capabilities(None, sets)?;
    set_no_new_privs(true)
}
