//! A cgroup device program, one for each user. The kernel runs it at each open of a device inside a sandbox.
//!
//! It uses two maps. `devices` has the word of each device and who may open it; `words` has who holds it:
//!
//! ```text
//! word: slot of the holder (16 bits, 0: nobody) | number of opens that were allowed (48 bits)
//! ```
//!
//! An open of a free device takes the device: it writes the slot by compare-and-exchange, so of two concurrent opens
//! one fails. Each open by the holder increments the counter. So if a word has not changed, no open has begun
//! meanwhile. The broker releases devices (`claims`).
//!
//! Instructions: Documentation/bpf/standardization/instruction-set.rst. Context of the program:
//! `struct bpf_cgroup_dev_ctx` (include/uapi/linux/bpf.h).

use heapless::Vec;

/// The file descriptors of the maps.
#[derive(Clone, Copy, Debug)]
pub struct Maps {
    /// From `key` to `grant`.
    pub devices: i32,
    /// A word for each device.
    pub words: i32,
    /// A ring buffer that wakes the broker when a device is taken.
    pub taken: i32,
}

/// The number of a user, from 1 on.
pub type Slot = u16;
/// A device's major and minor number.
pub type Number = (u32, u32);
/// A program.
pub type Instructions = Vec<u64, 64>;

/// The position of the holder in a word.
const HOLDER: u32 = 48;
/// How often the compare-and-exchange may lose against another open of the same user before the open fails.
const TRIES: i32 = 16;

/// The slot of the user who holds the device.
#[must_use]
pub const fn holder(word: u64) -> Slot {
    (word >> HOLDER) as Slot
}

/// The word after one more open by `slot`; `None` if another user holds the device. The program does the same.
#[must_use]
pub fn opened(word: u64, slot: Slot) -> Option<u64> {
    let free = holder(word) == 0;
    (free || holder(word) == slot).then(|| word.wrapping_add(1) | u64::from(slot) << HOLDER)
}

/// A device's key in `devices`.
#[must_use]
pub const fn key((major, minor): Number) -> u64 {
    (major as u64) << 32 | minor as u64
}

/// A device's value in `devices`: the index of its word, and the slots that may open it (slot 1 is bit 0).
#[must_use]
pub const fn grant(index: u32, slots: u32) -> u64 {
    (slots as u64) << 32 | index as u64
}

/// The bit of a slot in `grant`.
#[must_use]
pub fn bit(slot: Slot) -> u32 {
    1_u32.checked_shl(u32::from(slot).wrapping_sub(1)).unwrap_or(0)
}

/// The program of the user in that slot.
#[must_use]
pub fn program(slot: Slot, maps: Maps) -> Instructions {
    let mut code = Code::default();
    // an access that neither reads nor writes opens nothing; otherwise, no user may open a block device
    code.push(LOAD32, R6, R1, ACCESS_TYPE, 0);
    code.unless_bits(R6, READ_OR_WRITE, To::Allow);
    code.push(AND, R6, 0, 0, 0xffff);
    code.jump(JUMP_IF_NOT, R6, CHARACTER, To::Deny);
    // a device that is not in the map does not belong to the broker: it is a harmless one, which every /dev has
    code.push(LOAD32, R2, R1, MAJOR, 0);
    code.push(LOAD32, R3, R1, MINOR, 0);
    code.push(SHIFT_LEFT, R2, 0, 0, 32);
    code.push(OR_REGISTER, R2, R3, 0, 0);
    code.push(STORE64, R10, R2, KEY, 0);
    code.look_up(maps.devices);
    code.jump(JUMP_IF, R0, 0, To::Allow);
    // granted to this user?
    code.push(LOAD32, R1, R0, 4, 0);
    code.unless_bits(R1, bit(slot).cast_signed(), To::Deny);
    code.push(LOAD32, R1, R0, 0, 0);
    code.push(STORE32, R10, R1, KEY, 0);
    code.look_up(maps.words);
    code.jump(JUMP_IF, R0, 0, To::Deny);
    code.push(MOVE_REGISTER, R7, R0, 0, 0);
    code.long(R8, 0, u64::from(slot) << HOLDER);
    code.push(MOVE, R6, 0, 0, TRIES);
    // `opened`, repeated until no other open comes between
    let retry = code.0.len();
    code.push(LOAD64, R9, R7, 0, 0);
    code.push(MOVE_REGISTER, R1, R9, 0, 0);
    code.push(SHIFT_RIGHT, R1, 0, 0, HOLDER.cast_signed());
    code.push(JUMP_IF, R1, 0, 1, 0);
    code.jump(JUMP_IF_NOT, R1, slot.into(), To::Deny);
    code.push(MOVE_REGISTER, R2, R9, 0, 0);
    code.push(ADD, R2, 0, 0, 1);
    code.push(OR_REGISTER, R2, R8, 0, 0);
    code.push(MOVE_REGISTER, R0, R9, 0, 0);
    code.push(ATOMIC64, R7, R2, 0, COMPARE_AND_EXCHANGE);
    code.push(JUMP_IF_REGISTER, R0, R9, 3, 0);
    code.push(ADD, R6, 0, 0, -1);
    code.back(JUMP_IF_NOT, R6, 0, retry);
    code.jump(JUMP, 0, 0, To::Deny);
    // the first open wakes the broker
    code.jump(JUMP_IF_NOT, R1, 0, To::Allow);
    code.long(R1, MAP, maps.taken.cast_unsigned().into());
    code.push(MOVE_REGISTER, R2, R10, 0, 0);
    code.push(ADD, R2, 0, 0, KEY.into());
    code.push(MOVE, R3, 0, 0, 8);
    code.push(MOVE, R4, 0, 0, 0);
    code.push(CALL, 0, 0, 0, RING_OUTPUT);
    code.finish()
}

/// Instructions, and the jumps to one of the two ends.
#[derive(Default)]
struct Code(Instructions, Vec<(usize, To), 16>);

/// How the program ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Allow,
    Deny,
}

impl Code {
    fn push(&mut self, code: u8, to: u8, from: u8, offset: i16, value: i32) {
        let registers = u64::from(from) << 12 | u64::from(to) << 8;
        let offset = u64::from(offset.cast_unsigned()) << 16;
        let _ = self.0.push(u64::from(code) | registers | offset | u64::from(value.cast_unsigned()) << 32);
    }

    /// A constant of 64 bits, or a map by its descriptor.
    fn long(&mut self, to: u8, kind: u8, value: u64) {
        self.push(LOAD_LONG, to, kind, 0, (value as u32).cast_signed());
        self.push(0, 0, 0, 0, ((value >> 32) as u32).cast_signed());
    }

    /// Looks up the key on the stack in a map. The address of the value is then in R0.
    fn look_up(&mut self, map: i32) {
        self.long(R1, MAP, map.cast_unsigned().into());
        self.push(MOVE_REGISTER, R2, R10, 0, 0);
        self.push(ADD, R2, 0, 0, KEY.into());
        self.push(CALL, 0, 0, 0, LOOK_UP);
    }

    /// Jumps to an end of the program.
    fn jump(&mut self, code: u8, register: u8, value: i32, to: To) {
        let _ = self.1.push((self.0.len(), to));
        self.push(code, register, 0, 0, value);
    }

    /// Jumps to an end of the program if none of those bits are set.
    fn unless_bits(&mut self, register: u8, bits: i32, to: To) {
        self.push(JUMP_IF_BITS, register, 0, 1, bits);
        self.jump(JUMP, 0, 0, to);
    }

    /// Jumps back.
    fn back(&mut self, code: u8, register: u8, value: i32, to: usize) {
        let offset = distance(self.0.len(), to);
        self.push(code, register, 0, offset, value);
    }

    fn finish(mut self) -> Instructions {
        for (to, result) in [(To::Allow, 1), (To::Deny, 0)] {
            let end = self.0.len();
            for (from, _) in self.1.iter().filter(|(_, other)| *other == to) {
                if let Some(jump) = self.0.get_mut(*from) {
                    *jump |= u64::from(distance(*from, end).cast_unsigned()) << 16;
                }
            }
            self.push(MOVE, R0, 0, 0, result);
            self.push(EXIT, 0, 0, 0, 0);
        }
        self.0
    }
}

/// The offset of a jump counts from the instruction after it.
fn distance(from: usize, to: usize) -> i16 {
    let distance = to.cast_signed().wrapping_sub(from.cast_signed()).wrapping_sub(1);
    i16::try_from(distance).unwrap_or(0)
}

// struct bpf_cgroup_dev_ctx: access << 16 | type, major, minor
const ACCESS_TYPE: i16 = 0;
const MAJOR: i16 = 4;
const MINOR: i16 = 8;
/// `BPF_DEVCG_DEV_CHAR`.
const CHARACTER: i32 = 2;
/// `BPF_DEVCG_ACC_READ` and `_WRITE`.
const READ_OR_WRITE: i32 = 6 << 16;
/// `BPF_FUNC_map_lookup_elem`, `BPF_FUNC_ringbuf_output`.
const LOOK_UP: i32 = 1;
const RING_OUTPUT: i32 = 130;
/// `BPF_CMPXCHG`: compares with R0, and puts the old value into R0.
const COMPARE_AND_EXCHANGE: i32 = 0xf1;
/// `BPF_PSEUDO_MAP_FD`.
const MAP: u8 = 1;
/// The position of a map's key on the stack.
const KEY: i16 = -8;

const R0: u8 = 0;
const R1: u8 = 1;
const R2: u8 = 2;
const R3: u8 = 3;
const R4: u8 = 4;
const R6: u8 = 6;
const R7: u8 = 7;
const R8: u8 = 8;
const R9: u8 = 9;
const R10: u8 = 10;

const LOAD_LONG: u8 = 0x18;
const LOAD32: u8 = 0x61;
const LOAD64: u8 = 0x79;
const STORE32: u8 = 0x63;
const STORE64: u8 = 0x7b;
const ATOMIC64: u8 = 0xdb;
const MOVE: u8 = 0xb7;
const MOVE_REGISTER: u8 = 0xbf;
const ADD: u8 = 0x07;
const AND: u8 = 0x57;
const OR_REGISTER: u8 = 0x4f;
const SHIFT_LEFT: u8 = 0x67;
const SHIFT_RIGHT: u8 = 0x77;
const JUMP: u8 = 0x05;
const JUMP_IF: u8 = 0x15;
const JUMP_IF_NOT: u8 = 0x55;
const JUMP_IF_BITS: u8 = 0x45;
const JUMP_IF_REGISTER: u8 = 0x1d;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
