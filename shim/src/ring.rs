//! The log of a user as a file in RAM: a head, and a ring with the last bytes. `/log` writes it, and `/control` reads it
//! meanwhile.
//!
//! Positions count all bytes that were ever written. The writer first says how far it will write, then writes, then says
//! how far it has written. So a reader knows which of the bytes that it has read may have been overwritten.

use core::ops::RangeInclusive;

/// The bytes of the file, head and ring, without a policy that says another size.
pub const DEFAULT: u64 = 64 << 10;
/// The sizes that a policy may say.
pub const SIZES: RangeInclusive<u64> = 16 << 10..=1 << 20;
/// The bytes of the head.
pub const HEAD: usize = 48;

/// The head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// How far the writer may have overwritten what was there before.
    pub begun: u64,
    /// How far it has written.
    pub written: u64,
    /// How far a syslog server has it.
    pub sent: u64,
    /// How far the writer has read what it writes from: the number of the kernel's next message.
    pub source: u64,
    /// How often the user's init has ended and was to start again.
    pub restarts: u64,
    /// The bytes of the file.
    pub size: u64,
}

impl Head {
    /// For the file.
    #[must_use]
    pub fn bytes(self) -> [u8; HEAD] {
        let Self { begun, written, sent, source, restarts, size } = self;
        let mut bytes = [0; HEAD];
        let numbers = [begun, written, sent, source, restarts, size];
        for (place, number) in bytes.chunks_exact_mut(size_of::<u64>()).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// From the file.
    #[must_use]
    pub fn of(bytes: [u8; HEAD]) -> Self {
        let mut numbers = bytes.chunks_exact(size_of::<u64>()).map(|bytes| {
            let bytes = bytes.try_into().unwrap_or_default();
            u64::from_le_bytes(bytes)
        });
        let mut next = || numbers.next().unwrap_or(0);
        Self { begun: next(), written: next(), sent: next(), source: next(), restarts: next(), size: next() }
    }

    /// The bytes of the ring.
    const fn ring(self) -> u64 {
        self.size.saturating_sub(HEAD as u64)
    }

    /// The first position whose byte is still there.
    #[must_use]
    pub const fn oldest(self) -> u64 {
        self.begun.saturating_sub(self.ring())
    }

    /// Begins a file of another size, in which nothing lies yet. Positions go on, so that a reader misses what was there,
    /// and nothing else.
    #[must_use]
    pub const fn resized(self, size: u64) -> Self {
        let empty = Self { size, ..self };
        Self { begun: self.written.saturating_add(empty.ring()), ..empty }
    }

    /// Where the bytes from that position on lie in the file: the place, and how many of them follow there. The rest, if
    /// any, begins at `HEAD`.
    #[must_use]
    pub fn place(self, position: u64, length: usize) -> (u64, usize) {
        let at = position.checked_rem(self.ring()).unwrap_or(0);
        let room = usize::try_from(self.ring().saturating_sub(at)).unwrap_or(0);
        (at.saturating_add(HEAD as u64), length.min(room))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Head = Head { begun: 0, written: 0, sent: 0, source: 0, restarts: 0, size: DEFAULT };

    #[test]
    fn a_head_round_trips() {
        let head = Head { begun: 1 << 40 | 7, written: 5, sent: 3, source: u64::MAX, restarts: 9, size: DEFAULT };
        assert_eq!(Head::of(head.bytes()), head);
        assert_eq!((head.oldest(), Head::default().oldest()), ((1 << 40) + 7 - (DEFAULT - HEAD as u64), 0));
    }

    #[test]
    fn a_ring_of_another_size_is_empty_until_it_is_written() {
        for (before, size) in [(Head::default(), DEFAULT), (Head { begun: 90, written: 70, ..NEW }, 16 << 10)] {
            let new = before.resized(size);
            assert_eq!((new.size, new.oldest(), new.written), (size, before.written, before.written));
            let full = Head { begun: new.begun + 1, ..new };
            assert_eq!(full.oldest(), before.written + 1);
        }
        let kept = Head { sent: 3, source: 4, restarts: 5, ..NEW };
        let Head { sent, source, restarts, .. } = kept.resized(16 << 10);
        assert_eq!((sent, source, restarts), (3, 4, 5));
    }

    #[test]
    fn positions_go_round_the_ring() {
        const FIRST: u64 = HEAD as u64;
        for size in [DEFAULT, *SIZES.start(), *SIZES.end()] {
            let (head, ring) = (Head { size, ..NEW }, size - FIRST);
            assert_eq!(head.place(0, 10), (FIRST, 10));
            assert_eq!(head.place(ring - 3, 10), (FIRST + ring - 3, 3));
            assert_eq!(head.place(ring, 10), (FIRST, 10));
            assert_eq!(head.place(5 * ring + 1, ring as usize), (FIRST + 1, ring as usize - 1));
        }
        // a file that is made at this moment
        assert_eq!(Head::default().place(7, 10), (FIRST, 0));
    }
}
