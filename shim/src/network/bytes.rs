//! Reads bytes of a packet one part after the other. Nothing here reads past the end.

use core::net::Ipv4Addr;

/// The bytes that are not read yet.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// Takes the next bytes; `None` if there are not so many.
    #[inline(never)]
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Takes the next bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// Takes a byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Takes a number of two bytes, in the order of the network.
    pub fn be16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Takes a number of four bytes, in the order of the network.
    pub fn be32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Takes an IPv4 address.
    pub fn ip(&mut self) -> Option<Ipv4Addr> {
        self.be32().map(Ipv4Addr::from_bits)
    }

    /// Takes a number of two bytes, in the order of this machine.
    pub fn ne16(&mut self) -> Option<u16> {
        self.array().map(u16::from_ne_bytes)
    }

    /// Takes a number of four bytes, in the order of this machine.
    pub fn ne32(&mut self) -> Option<u32> {
        self.array().map(u32::from_ne_bytes)
    }
}

/// Calls `check` with copies of a packet for the tests of parsers: one is cut at each length, `count` more are cut,
/// extended or changed in a few places, always in the same ones.
#[cfg(test)]
pub fn mutations(packet: &[u8], count: u32, mut check: impl FnMut(&[u8])) {
    (0..=packet.len()).for_each(|length| check(&packet[..length]));
    // xorshift64 (Marsaglia 2003), from a fixed seed
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below.max(1)).unwrap()).unwrap()
    };
    for _ in 0..count {
        let mut copy = packet.to_vec();
        for _ in 0..=random(4) {
            let at = random(copy.len());
            let interesting = [0, 1, 4, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xfe, 0xff];
            match (random(6), copy.get_mut(at)) {
                (0, Some(byte)) => *byte = interesting[random(interesting.len())],
                (1, Some(byte)) => *byte ^= 1 << random(8),
                (2, Some(byte)) => *byte = u8::try_from(random(256)).unwrap(),
                (3, Some(_)) => drop(copy.remove(at)),
                (4, Some(_)) => copy.insert(at, u8::try_from(random(256)).unwrap()),
                _ if random(2) == 0 => copy.truncate(at),
                _ => copy.extend((0..random(80)).map(|_| u8::try_from(random(256)).unwrap())),
            }
        }
        check(&copy);
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn nothing_is_read_past_the_end() {
        let mut bytes = Bytes(&[1, 2, 3]);
        assert_eq!((bytes.be16(), bytes.be16(), bytes.byte(), bytes.byte()), (Some(0x102), None, Some(3), None));
    }
}
