//! Splits the user's keys into those for the machine and those for us. Pure.

/// Ctrl-a starts a command; it is QEMU's own prefix too (chardev/char-mux.c, `mux_proc_byte`).
const PREFIX: u8 = 1;

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Ctrl-a x.
    Stop,
    /// Ctrl-a h.
    Help,
}

/// What ctrl-a h prints.
pub const HELP: &str = "\r\n\
    ctrl-a x       stop the machine in order; a second time: cut its power\r\n\
    ctrl-a ctrl-a  send ctrl-a to the machine; ctrl-a a does too\r\n\
    ctrl-a h       this help\r\n";

/// Parses keys; remembers a ctrl-a until the second key comes.
#[derive(Default)]
pub struct Keys {
    prefixed: bool,
}

impl Keys {
    /// Takes the next keys. `machine` gets the bytes for QEMU; QEMU's own prefix is doubled in them.
    pub fn take(&mut self, typed: &[u8], machine: &mut Vec<u8>) -> Vec<Key> {
        let mut commands = Vec::new();
        for &byte in typed {
            match (std::mem::take(&mut self.prefixed), byte) {
                (false, PREFIX) => self.prefixed = true,
                (false, byte) => machine.push(byte),
                (true, PREFIX | b'a') => machine.extend([PREFIX, PREFIX]),
                (true, b'x') => commands.push(Key::Stop),
                (true, b'h' | b'?') => commands.push(Key::Help),
                // QEMU ignores unknown keys, too
                (true, _) => {}
            }
        }
        commands
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Keys};

    fn typed(pieces: &[&[u8]]) -> (Vec<u8>, Vec<Key>) {
        let (mut keys, mut machine) = (Keys::default(), Vec::new());
        let commands = pieces.iter().flat_map(|piece| keys.take(piece, &mut machine)).collect();
        (machine, commands)
    }

    #[test]
    fn ctrl_a_starts_a_command_and_other_keys_go_to_the_machine() {
        let cases: [(&[u8], &[u8], &[Key]); 7] = [
            (b"ls\r\x03\xff", b"ls\r\x03\xff", &[]),
            (b"a\x01xb", b"ab", &[Key::Stop]),
            (b"\x01\x01\x01a", b"\x01\x01\x01\x01", &[]),
            (b"\x01h\x01?", b"", &[Key::Help, Key::Help]),
            (b"\x01cx\x01", b"x", &[]),
            (b"\x01x\x01x", b"", &[Key::Stop, Key::Stop]),
            (b"\x01\x01x", b"\x01\x01x", &[]),
        ];
        for (input, machine, commands) in cases {
            assert_eq!(typed(&[input]), (machine.to_vec(), commands.to_vec()), "{input:?}");
            let bytes: Vec<&[u8]> = input.chunks(1).collect();
            assert_eq!(typed(&bytes), (machine.to_vec(), commands.to_vec()), "{input:?}, one by one");
        }
    }
}
