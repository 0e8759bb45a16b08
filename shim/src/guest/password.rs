//! Checks a password against a PHC string (argon2id), in memory that exists only meanwhile.

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, PasswordHash, Salt},
};
use shim::{
    logon_file::{LANES, MAX_MEMORY_KIB, MAX_PASSES, MEMORY_KIB, PASSES},
    sys,
};

/// Whether the password is the one. Without a hash, or with one that no check is worth, the same work is done at the
/// usual cost and the answer is no: an unknown user takes as long as a wrong password.
pub fn check(password: &[u8], hash: Option<&str>) -> bool {
    let parsed = hash.and_then(parse);
    let known = parsed.is_some();
    let Some((params, salt, expected)) = parsed.or_else(nobody) else { return false };
    let mut got = [0; Output::MAX_LENGTH];
    let Some(got) = got.get_mut(..expected.len()) else { return false };
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let blocks = usize::try_from(argon2.params().m_cost()).unwrap_or(usize::MAX);
    let filled = sys::with_mapped::<Block, _>(blocks, |memory| {
        argon2.hash_password_into_with_memory(password, salt.as_ref(), got, memory).is_ok()
    });
    // compares in constant time
    known && filled == Ok(true) && Output::new(got).is_ok_and(|got| got == expected)
}

fn parse(hash: &str) -> Option<(Params, Salt, Output)> {
    let hash = PasswordHash::new(hash).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let right = hash.algorithm.as_str() == "argon2id" && hash.version.is_none_or(|version| version == 0x13);
    let cheap = params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= MAX_PASSES && params.p_cost() <= 4;
    (right && cheap).then_some((params, hash.salt?, hash.hash?))
}

fn nobody() -> Option<(Params, Salt, Output)> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    Some((params, Salt::new(b"nobody at all").ok()?, Output::new(&[0; 32]).ok()?))
}
