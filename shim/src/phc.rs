//! A password hash in PHC form, `$argon2id$v=19$m=8192,t=3,p=1$salt$hash`. The names of its parts are those of RFC
//! 9106.
//!
//! Users choose the string: costs beyond the limits of `logon_file` are refused before any computation.

use heapless::Vec;

use crate::{
    argon2id::Cost,
    cut,
    logon_file::{LANES, MAX_MEMORY_KIB, MAX_PASSES, MEMORY_KIB, PASSES},
};

/// The maximum length of the salt and of the hash, in bytes.
pub const MAX_BYTES: usize = 64;

/// The data that a check needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phc {
    /// The cost parameters.
    pub cost: Cost,
    /// The salt.
    pub salt: Vec<u8, MAX_BYTES>,
    /// The hash that the password must have.
    pub hash: Vec<u8, MAX_BYTES>,
}

impl Phc {
    /// Reads an argon2id string of version 19.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = Some(text.strip_prefix("$argon2id$v=19$")?);
        let mut costs = cut::next(&mut parts, b'$');
        let mut cost = |name: &str| cut::small(cut::next(&mut costs, b',')?.strip_prefix(name)?, 10);
        let (memory, passes, lanes) = (cost("m=")?, cost("t=")?, cost("p=")?);
        let (salt, hash) = (base64(cut::next(&mut parts, b'$')?)?, base64(cut::next(&mut parts, b'$')?)?);
        let whole = costs.is_none() && parts.is_none();
        let cheap = memory <= MAX_MEMORY_KIB && passes <= MAX_PASSES && lanes <= 4;
        // the minimum of argon2 (RFC 9106, 3.1)
        let enough = passes > 0 && lanes > 0 && memory >= lanes.saturating_mul(8);
        let long = salt.len() >= 8 && hash.len() >= 16;
        let cost = Cost { memory, passes, lanes };
        (whole && cheap && enough && long).then_some(Self { cost, salt, hash })
    }

    /// Used for an unknown user: a check takes the normal time, and no password has this hash.
    #[must_use]
    pub fn nobody() -> Self {
        let zeros = || (0..32).map(|_| 0).collect();
        Self { cost: Cost { memory: MEMORY_KIB, passes: PASSES, lanes: LANES }, salt: zeros(), hash: zeros() }
    }

    /// Compares in constant time, so that the time does not show where a difference is.
    #[must_use]
    pub fn is(&self, hash: &[u8]) -> bool {
        let differ = self.hash.iter().zip(hash).fold(0, |all, (a, b)| core::hint::black_box(all | (a ^ b)));
        differ == 0 && self.hash.len() == hash.len()
    }
}

/// Base64 without padding (RFC 4648, 4). For the 60 characters of a password hash, a table or a library is not worth
/// it.
fn base64(text: &str) -> Option<Vec<u8, MAX_BYTES>> {
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for digit in text.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit.wrapping_sub(b'A'),
            b'a'..=b'z' => digit.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => digit.wrapping_sub(b'0').wrapping_add(52),
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        buffer = buffer << 6 | u32::from(value);
        bits = bits.wrapping_add(6);
        if bits >= 8 {
            bits = bits.wrapping_sub(8);
            bytes.push(buffer.checked_shr(bits)?.to_le_bytes()[0]).ok()?;
            buffer &= 1_u32.checked_shl(bits)?.wrapping_sub(1);
        }
    }
    // the remaining bits must be zero
    (bits < 6 && buffer == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Cost, Phc};

    #[test]
    fn a_typical_hash_string_is_parsed() {
        let phc =
            Phc::parse("$argon2id$v=19$m=8192,t=3,p=1$bm9kZW9zIHNhbHQ$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
                .unwrap();
        assert_eq!(phc.cost, Cost { memory: 8192, passes: 3, lanes: 1 });
        assert_eq!((&phc.salt[..], &phc.hash[..]), (&b"nodeos salt"[..], &(0..32).collect::<Vec<u8>>()[..]));
        assert!(phc.is(&(0..32).collect::<Vec<u8>>()) && !phc.is(&[0; 32]) && !phc.is(&[0, 1]));
    }

    #[test]
    fn invalid_hash_strings_are_refused() {
        let with = |costs: &str, salt: &str, hash: &str| format!("$argon2id$v=19${costs}${salt}${hash}");
        let (salt, hash) = ("bm9kZW9zIHNhbHQ", "AAECAwQFBgcICQoLDA0ODw");
        assert!(Phc::parse(&with("m=64,t=1,p=1", salt, hash)).is_some());
        for text in [
            with("m=65537,t=1,p=1", salt, hash),
            with("m=64,t=17,p=1", salt, hash),
            with("m=64,t=0,p=1", salt, hash),
            with("m=64,t=1,p=5", salt, hash),
            with("m=64,t=1,p=0", salt, hash),
            with("m=31,t=1,p=4", salt, hash),
            with("m=64,t=1", salt, hash),
            with("m=64,t=1,p=1,x=1", salt, hash),
            with("m=64,t=1,p=1", "c2FsdA", hash),
            with("m=64,t=1,p=1", salt, "AAEC"),
            with("m=64,t=1,p=1", salt, "AAECAwQFBgcICQoLDA0ODw=="),
            with("m=64,t=1,p=1", salt, "AAECAwQFBgcICQoLDA0ODx"),
            with("m=64,t=1,p=1", salt, &hash.repeat(6)),
            with("m=64,t=1,p=1", salt, hash) + "$x",
            String::from("$argon2i$v=19$m=64,t=1,p=1$bm9kZW9zIHNhbHQ$AAECAwQFBgcICQoLDA0ODw"),
            String::from("nodeos"),
            String::new(),
        ] {
            assert_eq!(Phc::parse(&text), None, "{text}");
        }
    }
}
