//! The log of a user as a file in RAM: a head, and a ring with the last bytes. `/log` writes it, and `/control` reads it
//! meanwhile.
//!
//! Positions count all bytes that were ever written. The writer first says how far it will write, then writes, then says
//! how far it has written. So a reader knows which of the bytes that it has read may have been overwritten.

/// The bytes of the ring: with the head, 16 pages.
pub const RING: u64 = (64 << 10) - HEAD as u64;
/// The bytes of the head.
pub const HEAD: usize = 40;

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
}

impl Head {
    /// For the file.
    #[must_use]
    pub fn bytes(self) -> [u8; HEAD] {
        let Self { begun, written, sent, source, restarts } = self;
        let mut bytes = [0; HEAD];
        for (place, number) in bytes.chunks_exact_mut(size_of::<u64>()).zip([begun, written, sent, source, restarts]) {
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
        Self { begun: next(), written: next(), sent: next(), source: next(), restarts: next() }
    }

    /// The first position whose byte is still there.
    #[must_use]
    pub const fn oldest(self) -> u64 {
        self.begun.saturating_sub(RING)
    }
}

/// Where the bytes from that position on lie in the file: the place, and how many of them follow there. The rest, if any,
/// begins at `HEAD`.
#[must_use]
pub fn place(position: u64, length: usize) -> (u64, usize) {
    let at = position.checked_rem(RING).unwrap_or(0);
    let room = usize::try_from(RING.saturating_sub(at)).unwrap_or(0);
    (at.saturating_add(HEAD as u64), length.min(room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_round_trips() {
        let head = Head { begun: 1 << 40 | 7, written: 5, sent: 3, source: u64::MAX, restarts: 9 };
        assert_eq!(Head::of(head.bytes()), head);
        assert_eq!((head.oldest(), Head::default().oldest()), ((1 << 40) + 7 - RING, 0));
    }

    #[test]
    fn positions_go_round_the_ring() {
        const FIRST: u64 = HEAD as u64;
        assert_eq!(place(0, 10), (FIRST, 10));
        assert_eq!(place(RING - 3, 10), (FIRST + RING - 3, 3));
        assert_eq!(place(RING, 10), (FIRST, 10));
        assert_eq!(place(5 * RING + 1, RING as usize), (FIRST + 1, RING as usize - 1));
    }
}
