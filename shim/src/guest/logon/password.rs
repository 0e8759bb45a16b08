//! Checks a password against a PHC string, in memory that exists only meanwhile.

use crate::{
    argon2id::{self, Block},
    phc::{MAX_BYTES, Phc},
    sys,
};

/// Whether the password is the one. Without a hash, or with one that no check is worth, the same work is done at the
/// usual cost and the answer is no: an unknown user takes as long as a wrong password.
pub fn check(password: &[u8], hash: Option<&str>) -> bool {
    let parsed = hash.and_then(Phc::parse);
    let known = parsed.is_some();
    let phc = parsed.unwrap_or_else(Phc::nobody);
    let mut got = [0; MAX_BYTES];
    let Some(got) = got.get_mut(..phc.hash.len()) else { return false };
    let filled = sys::with_mapped::<Block, _>(phc.cost.blocks(), |memory| {
        argon2id::hash(password, &phc.salt, phc.cost, memory, got)
    });
    filled == Ok(Some(())) && known && phc.is(got)
}
