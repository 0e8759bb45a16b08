//! Checks a password against a PHC string. The memory for it exists only during the check.

use rustix::fs::{FlockOperation, OFlags};

use crate::{
    argon2id::{self, Block},
    guards::{Guard, Guards},
    guest::{machine::usable_ram, place},
    limits::check_kib,
    phc::{MAX_BYTES, Phc},
    programs, sys,
};

/// Whether the password is right. If there is no hash, or one that cannot be checked, the same work is done at the
/// usual cost and the result is false: an unknown user takes as long as a wrong password.
pub fn check(password: &[u8], hash: Option<&str>, guards: Guards<'_>) -> bool {
    let parsed = hash.and_then(|hash| usable(hash, guards).ok());
    let known = parsed.is_some();
    let phc = parsed.unwrap_or_else(Phc::nobody);
    let mut got = [0; MAX_BYTES];
    let Some(got) = got.get_mut(..phc.hash.len()) else { return false };
    // only one check at a time on all consoles: the reserve has memory for one
    let _turn = place::file(programs::LOGON.path, OFlags::RDONLY)
        .and_then(|file| rustix::fs::flock(&file, FlockOperation::LockExclusive).map(|()| file));
    let filled = sys::with_mapped::<Block, _>(phc.cost.blocks(), |memory| {
        argon2id::hash(password, &phc.salt, phc.cost, memory, got)
    });
    filled == Ok(Some(())) && known && phc.is(got)
}

/// Why a hash cannot be used.
pub enum Useless {
    Malformed,
    /// The KiB that it needs, and the KiB that a check may use on this machine.
    TooLarge(u32, u32),
}

/// The hash, if it can be checked on this machine.
pub fn usable(hash: &str, guards: Guards<'_>) -> Result<Phc, Useless> {
    let phc = Phc::parse(hash).ok_or(Useless::Malformed)?;
    let most = check_kib(usable_ram());
    let fits = phc.cost.memory <= most || !guards.hold(Guard::CheckMemory);
    if fits { Ok(phc) } else { Err(Useless::TooLarge(phc.cost.memory, most)) }
}
