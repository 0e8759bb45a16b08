//! The kernel's messages, for root (Documentation/ABI/testing/dev-kmsg).

use rustix::{
    fd::OwnedFd,
    fs::OFlags,
    io::{Errno, Result},
};

use crate::{
    cut,
    guest::{
        place,
        rings::{self, Pieces},
    },
    layout,
    log_lines::Lines,
    ring::Head,
    sys::clock,
};

/// The longest record (kernel/printk/internal.h, `PRINTK_MESSAGE_MAX`).
const RECORD: usize = 2048;
/// How many records are read at a time.
const AT_ONCE: usize = 64;

/// The kernel's messages.
pub struct Kernel {
    messages: OwnedFd,
}

impl Kernel {
    /// While this program still may.
    pub fn open() -> Result<Self> {
        Ok(Self { messages: place::file("/dev/kmsg", OFlags::RDONLY | OFlags::NONBLOCK)? })
    }

    /// What to poll.
    pub fn descriptor(&self) -> &OwnedFd {
        &self.messages
    }

    /// Takes some messages.
    pub fn read(&self) -> Result<()> {
        let file = rings::own(layout::KERNEL_LOG)?;
        let mut source = rings::head(&file)?.source;
        let (mut lines, mut pieces) = (Lines::default(), Pieces::of(&file));
        let behind = clock::now().saturating_sub(clock::since_start());
        for _ in 0..AT_ONCE {
            let mut bytes = [0; RECORD];
            let length = match rustix::io::read(&self.messages, &mut bytes) {
                Ok(length) => length,
                // EPIPE: some were overwritten before they were read
                Err(Errno::PIPE) => continue,
                Err(_) => break,
            };
            let record = bytes.get(..length).and_then(parse);
            if let Some(Record { number, time, text }) = record.filter(|record| record.number >= source) {
                source = number.saturating_add(1);
                lines.add(text, &rings::stamp(behind.saturating_add(time)), &mut |part| pieces.add(part));
                lines.end(&mut |part| pieces.add(part));
            }
        }
        pieces.flush();
        let head = rings::head(&file)?;
        rings::write_head(&file, Head { source, ..head })
    }
}

/// One message: its number, when it came in nanoseconds since the start, and its text.
struct Record<'a> {
    number: u64,
    time: i64,
    text: &'a [u8],
}

/// Reads `6,339,5140900,-;text`, which more lines may follow.
fn parse(record: &[u8]) -> Option<Record<'_>> {
    let end = record.iter().position(|byte| *byte == b';')?;
    let mut head = Some(core::str::from_utf8(record.get(..end)?).ok()?);
    cut::next(&mut head, b',')?;
    let number = cut::number(cut::next(&mut head, b',')?, 10)?;
    let time = i64::try_from(cut::number(cut::next(&mut head, b',')?, 10)?).ok()?.checked_mul(1000)?;
    let text = record.get(end.checked_add(1)?..)?;
    let text = text.split(|byte| *byte == b'\n').next()?;
    Some(Record { number, time, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read() {
        let read = |text: &str| {
            let Record { number, time, text } = parse(text.as_bytes())?;
            Some((number, time, String::from_utf8(text.to_vec()).unwrap()))
        };
        let record = "6,339,5140900,-;NET: Registered\n SUBSYSTEM=net\n";
        assert_eq!(read(record), Some((339, 5_140_900_000, "NET: Registered".to_owned())));
        assert_eq!(read("3,1,0,-,caller=T1;a;b"), Some((1, 0, "a;b".to_owned())));
        for wrong in ["", ";", "6;x", "6,339;x", "6,a,5,-;x", "6,1,18446744073709551615,-;x"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
