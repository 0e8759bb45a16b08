//! Argon2id version 19 (RFC 9106) over BLAKE2b (RFC 7693), only for password checks: no secret, no associated data, one
//! thread.
//!
//! The code is our own to keep PID 1 small: the `argon2` crate takes 13 KiB, which includes a second version for AVX2;
//! this takes 2 KiB. The tests compare it with that crate. Words are read in the byte order of the machine, because
//! both architectures are little-endian.

/// A block of argon2's memory (RFC 9106, 3.1): 1 KiB.
pub type Block = [u64; 128];

/// The cost parameters of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB: at least eight for each lane.
    pub memory: u32,
    /// Passes, at least one.
    pub passes: u32,
    /// Lanes, at least one.
    pub lanes: u32,
}

/// The version and the variant, as they go into the hash (RFC 9106, 3.2).
const VERSION: u32 = 0x13;
const ARGON2ID: u32 = 2;
/// Slices of a pass. Lanes wait for each other at the end of each slice.
const SLICES: usize = 4;

impl Cost {
    /// The number of blocks in one slice of one lane.
    fn segment(self) -> usize {
        let lanes = self.lanes as usize;
        (self.memory as usize).checked_div(lanes.saturating_mul(SLICES)).unwrap_or(0)
    }

    /// How many blocks the computation takes.
    #[must_use]
    pub fn blocks(self) -> usize {
        self.segment().saturating_mul(SLICES).saturating_mul(self.lanes as usize)
    }
}

/// Writes the hash into `hash`, which has at most 64 bytes. `memory` must be zeroed and have `cost.blocks()` blocks.
/// `None` if it has fewer.
pub fn hash(password: &[u8], salt: &[u8], cost: Cost, memory: &mut [Block], hash: &mut [u8]) -> Option<()> {
    let mut start = Blake2b::new(64);
    for number in [cost.lanes, length(hash), cost.memory, cost.passes, VERSION, ARGON2ID] {
        start.number(number);
    }
    for text in [password, salt, &[], &[]] {
        start.number(length(text));
        start.update(text);
    }
    let start = start.finish();
    let lane_length = cost.segment().saturating_mul(SLICES);
    for (lane, blocks) in (0..cost.lanes).zip(memory.chunks_exact_mut(lane_length)) {
        for (column, block) in (0..2).zip(blocks) {
            first(&start, column, lane, block);
        }
    }
    for pass in 0..cost.passes {
        for slice in 0..SLICES {
            for lane in 0..cost.lanes as usize {
                Segment { cost, pass, slice, lane }.fill(memory)?;
            }
        }
    }
    let mut last = [0; 128];
    for blocks in memory.chunks_exact(lane_length) {
        xor(&mut last, blocks.last()?);
    }
    let mut end = Blake2b::new(hash.len());
    end.number(length(hash));
    last.iter().for_each(|word| end.update(&word.to_le_bytes()));
    hash.iter_mut().zip(end.finish()).for_each(|(to, from)| *to = from);
    Some(())
}

/// A length as it goes into the hash: 32 bits.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// One of the first two blocks of a lane: the long hash of 1024 bytes (RFC 9106, 3.3). It is the first half of each of
/// 31 hashes, and then one whole hash.
fn first(start: &[u8; 64], column: u32, lane: u32, block: &mut Block) {
    let mut state = Blake2b::new(64);
    state.number(1024);
    state.update(start);
    state.number(column);
    state.number(lane);
    // the next hash overwrites the second half of each one but the last
    for at in (0..=120).step_by(4) {
        let hash = state.words();
        block.iter_mut().skip(at).zip(hash).for_each(|(to, from)| *to = from);
        state = Blake2b::new(64);
        hash.iter().for_each(|word| state.update(&word.to_le_bytes()));
    }
}

/// One slice of one lane in one pass.
struct Segment {
    cost: Cost,
    pass: u32,
    slice: usize,
    lane: usize,
}

impl Segment {
    fn fill(&self, memory: &mut [Block]) -> Option<()> {
        let length = self.cost.segment();
        let lane_length = length.checked_mul(SLICES)?;
        let lane = self.lane.checked_mul(lane_length)?;
        // in the first half of the first pass, the references do not depend on the password (RFC 9106, 3.4.1.3)
        let independent = self.pass == 0 && self.slice < 2;
        let mut places = [0; 128];
        let begin = if self.pass == 0 && self.slice == 0 { 2 } else { 0 };
        for index in 0..length {
            if independent && index % 128 == 0 {
                places = self.places((index >> 7).wrapping_add(1), memory.len());
            }
            if index < begin {
                continue;
            }
            let column = self.slice.checked_mul(length)?.checked_add(index)?;
            let before = column.checked_sub(1).unwrap_or(lane_length.checked_sub(1)?);
            let previous = *memory.get(lane.checked_add(before)?)?;
            let random = if independent { *places.get(index % 128)? } else { previous[0] };
            let block = mixed(previous, memory.get(self.reference(random, index)?)?);
            let place = memory.get_mut(lane.checked_add(column)?)?;
            if self.pass == 0 { *place = block } else { xor(place, &block) }
        }
        Some(())
    }

    /// The next 128 random words that do not depend on the password (RFC 9106, 3.4.1.2).
    fn places(&self, counter: usize, blocks: usize) -> Block {
        let mut input = [0; 128];
        let numbers = [self.pass as usize, self.lane, self.slice, blocks, self.cost.passes as usize, ARGON2ID as usize];
        for (to, from) in input.iter_mut().zip(numbers.into_iter().chain([counter])) {
            *to = from as u64;
        }
        let zeros = [0; 128];
        mixed(mixed(input, &zeros), &zeros)
    }

    /// Which block is mixed in for this random word (RFC 9106, 3.4.2).
    fn reference(&self, random: u64, index: usize) -> Option<usize> {
        let length = self.cost.segment();
        let lane_length = length.checked_mul(SLICES)?;
        let own = self.pass == 0 && self.slice == 0;
        let lanes = u64::from(self.cost.lanes);
        let lane = if own { self.lane } else { usize::try_from((random >> 32).checked_rem(lanes)?).ok()? };
        // whole slices that are finished: in the first pass those before this one, in a later pass all others
        let done = if self.pass == 0 { self.slice } else { SLICES.wrapping_sub(1) }.checked_mul(length)?;
        let area = if lane == self.lane {
            done.checked_add(index)?.checked_sub(1)?
        } else {
            done.checked_sub(usize::from(index == 0))?
        };
        let square = (random & 0xffff_ffff).wrapping_mul(random & 0xffff_ffff) >> 32;
        let back = usize::try_from((area as u64).wrapping_mul(square) >> 32).ok()?;
        let oldest = if self.pass == 0 { 0 } else { self.slice.wrapping_add(1).checked_mul(length)? };
        let column = oldest.checked_add(area)?.checked_sub(1)?.checked_sub(back)?.checked_rem(lane_length)?;
        lane.checked_mul(lane_length)?.checked_add(column)
    }
}

fn xor(to: &mut Block, from: &Block) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to ^= from);
}

/// The compression of two blocks (RFC 9106, 3.5): a matrix of 8 by 8 pairs of words, permuted by rows and by columns.
#[inline(never)]
fn mixed(mut block: Block, other: &Block) -> Block {
    xor(&mut block, other);
    let before = block;
    for columns in [false, true] {
        for number in 0..8_usize {
            let place = |pair: usize| if columns { pair << 4 | number << 1 } else { number << 4 | pair << 1 };
            let mut rows = [[0; 4]; 4];
            let (pairs, _) = rows.as_flattened_mut().as_chunks_mut::<2>();
            for (pair, [a, b]) in pairs.iter_mut().enumerate() {
                *a = block.get(place(pair)).copied().unwrap_or(0);
                *b = block.get(place(pair) | 1).copied().unwrap_or(0);
            }
            round::<true>(&mut rows, || 0);
            let (pairs, _) = rows.as_flattened().as_chunks::<2>();
            for (pair, words) in pairs.iter().enumerate() {
                block.iter_mut().skip(place(pair)).zip(words).for_each(|(to, from)| *to = *from);
            }
        }
    }
    xor(&mut block, &before);
    block
}

/// A round of BLAKE2b on four rows of four words (RFC 7693, 3.2): columns, then diagonals. `word` returns the next word
/// of the message. With `PRODUCTS` it is the variant of Argon2, which also adds products (RFC 9106, 3.6).
#[inline(always)]
fn round<const PRODUCTS: bool>(rows: &mut [[u64; 4]; 4], mut word: impl FnMut() -> u64) {
    let sum = |a: u64, b: u64| {
        let product = if PRODUCTS { (a & 0xffff_ffff).wrapping_mul(b & 0xffff_ffff) << 1 } else { 0 };
        a.wrapping_add(b).wrapping_add(product)
    };
    // turns the diagonals into columns, and back again
    for turns in [[1, 2, 3], [3, 2, 1]] {
        let [a, b, c, d] = rows;
        for (((a, b), c), d) in a.iter_mut().zip(b.iter_mut()).zip(c.iter_mut()).zip(d.iter_mut()) {
            for (first, second) in [(32, 24), (16, 63)] {
                *a = sum(*a, *b).wrapping_add(word());
                *d = (*d ^ *a).rotate_right(first);
                *c = sum(*c, *d);
                *b = (*b ^ *c).rotate_right(second);
            }
        }
        for (row, turns) in [b, c, d].into_iter().zip(turns) {
            for _ in 0..turns {
                let [first, second, third, fourth] = *row;
                *row = [second, third, fourth, first];
            }
        }
    }
}

/// BLAKE2b without a key.
struct Blake2b {
    state: [u64; 8],
    buffer: [u8; 128],
    used: usize,
    total: u64,
}

/// RFC 7693, 2.6.
const IV: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// RFC 7693, 2.7.
const SIGMA: [[u8; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

impl Blake2b {
    /// For a hash of that many bytes, at most 64.
    #[inline(never)]
    fn new(length: usize) -> Self {
        let mut state = IV;
        state[0] ^= 0x0101_0000 ^ length as u64;
        Self { state, buffer: [0; 128], used: 0, total: 0 }
    }

    #[inline(never)]
    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.used == self.buffer.len() {
                self.compress(0);
                self.used = 0;
                self.buffer = [0; 128];
            }
            if let Some(place) = self.buffer.get_mut(self.used) {
                *place = *byte;
            }
            self.used = self.used.wrapping_add(1);
            self.total = self.total.wrapping_add(1);
        }
    }

    #[inline(never)]
    fn number(&mut self, number: u32) {
        self.update(&number.to_le_bytes());
    }

    fn words(mut self) -> [u64; 8] {
        self.compress(u64::MAX);
        self.state
    }

    fn finish(self) -> [u8; 64] {
        let mut hash = [0; 64];
        let (parts, _) = hash.as_chunks_mut::<8>();
        parts.iter_mut().zip(self.words()).for_each(|(part, word)| *part = word.to_le_bytes());
        hash
    }

    /// Mixes the buffer into the state. `last` has all bits set for the last block (RFC 7693, 3.2).
    #[inline(never)]
    fn compress(&mut self, last: u64) {
        let [a, b, c, d, e, f, g, h] = self.state;
        let [i, j, k, l, m, n, o, p] = IV;
        let mut rows = [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m ^ self.total, n, o ^ last, p]];
        let (words, _) = self.buffer.as_chunks::<8>();
        for order in SIGMA.iter().chain(SIGMA.iter().take(2)) {
            let mut order = order.iter();
            round::<false>(&mut rows, || {
                let place = order.next().map_or(0, |place| usize::from(*place));
                words.get(place).map_or(0, |word| u64::from_le_bytes(*word))
            });
        }
        let (left, right) = rows.as_flattened().split_at(8);
        for (state, (left, right)) in self.state.iter_mut().zip(left.iter().zip(right)) {
            *state ^= left ^ right;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(password: &[u8], salt: &[u8], cost: Cost, length: usize) -> Vec<u8> {
        let mut memory = vec![[0; 128]; cost.blocks()];
        let mut got = vec![0; length];
        hash(password, salt, cost, &mut memory, &mut got).unwrap();
        got
    }

    fn theirs(password: &[u8], salt: &[u8], cost: Cost, length: usize) -> Vec<u8> {
        use argon2::{Algorithm, Argon2, Block, Params, Version};
        let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(length)).unwrap();
        let mut memory = vec![Block::default(); params.block_count()];
        assert_eq!(memory.len(), cost.blocks());
        let mut got = vec![0; length];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into_with_memory(password, salt, &mut got, &mut memory).unwrap();
        got
    }

    /// RFC 7693, appendix A.
    #[test]
    fn blake2b_matches_its_standard() {
        let mut abc = Blake2b::new(64);
        abc.update(b"abc");
        let hash: String = abc.finish().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(hash.starts_with("ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"), "{hash}");
        assert!(hash.ends_with("7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"), "{hash}");
    }

    #[test]
    fn every_cost_hashes_as_the_argon2_crate_does() {
        for lanes in 1..=4 {
            for passes in 1..=4 {
                for memory in [8 * lanes, 8 * lanes + 7, 64 * lanes + 3, 1025] {
                    let cost = Cost { memory, passes, lanes };
                    assert_eq!(
                        ours(b"secret", b"saltsalt", cost, 32),
                        theirs(b"secret", b"saltsalt", cost, 32),
                        "{cost:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_length_hashes_as_the_argon2_crate_does() {
        let bytes: Vec<u8> = (0..=255).chain(0..=99).collect();
        let cost = Cost { memory: 16, passes: 2, lanes: 2 };
        for length in (0..bytes.len()).step_by(3) {
            let (password, salt, tag) = (&bytes[..length], &bytes[..8 + length % 57], 16 + length % 49);
            assert_eq!(ours(password, salt, cost, tag), theirs(password, salt, cost, tag), "{length}");
        }
        let usual = Cost { memory: 8192, passes: 3, lanes: 1 };
        assert_eq!(ours(b"nodeos", &bytes[..16], usual, 32), theirs(b"nodeos", &bytes[..16], usual, 32));
    }

    #[test]
    fn too_little_memory_returns_no_hash() {
        let cost = Cost { memory: 64, passes: 1, lanes: 1 };
        assert_eq!(hash(b"x", b"saltsalt", cost, &mut [[0; 128]; 63], &mut [0; 32]), None);
        assert_eq!(hash(b"x", b"saltsalt", cost, &mut [], &mut [0; 32]), None);
    }
}
