//! Checks a password against a PHC string, in memory that exists only meanwhile.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use shim::{
    phc::{MAX_BYTES, Phc},
    sys,
};

/// Whether the password is the one. Without a hash, or with one that no check is worth, the same work is done at the
/// usual cost and the answer is no: an unknown user takes as long as a wrong password.
pub fn check(password: &[u8], hash: Option<&str>) -> bool {
    let parsed = hash.and_then(Phc::parse);
    let known = parsed.is_some();
    let phc = parsed.unwrap_or_else(Phc::nobody);
    let Ok(params) = Params::new(phc.memory, phc.passes, phc.lanes, Some(phc.hash.len())) else { return false };
    let mut got = [0; MAX_BYTES];
    let Some(got) = got.get_mut(..phc.hash.len()) else { return false };
    let blocks = params.block_count();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let filled = sys::with_mapped::<Block, _>(blocks, |memory| {
        argon2.hash_password_into_with_memory(password, &phc.salt, got, memory).is_ok()
    });
    filled == Ok(true) && known && phc.is(got)
}
