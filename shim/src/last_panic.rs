//! The kernel's text of a panic before this boot, which firmware or RAM keeps.
//!
//! The kernel cuts its log into parts that fit into a record, the newest first, and each part begins with a line such as
//! `Panic#1 Part2` (fs/pstore/platform.c, `pstore_dump`). An oops has records of its own, whose text the panic that
//! follows has too.

use crate::cut;

/// The most parts that are looked for: of 10 KiB (`PSTORE_DEFAULT_KMSG_BYTES`), records of UEFI have one KiB each.
pub const PARTS: u32 = 12;
/// The largest record in bytes: one in the RAM of a Raspberry Pi (`boot/src/media/sd.rs`).
pub const MAX_RECORD: usize = 16 * 1024;

/// The text of a record, if it is that part of a panic.
#[must_use]
pub fn text(record: &str, part: u32) -> Option<&str> {
    let (head, text) = cut::once(record, b'\n')?;
    let (_number, found) = cut::once(head.strip_prefix("Panic#")?, b' ')?;
    (cut::small(found.strip_prefix("Part")?, 10)? == part).then_some(text)
}

/// The lines of such a text, without their levels: `<6>[    0.1] x` is `[    0.1] x`.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    let lines = core::iter::from_fn(move || cut::next(&mut rest, b'\n'));
    let plain = |line| match cut::once(line, b'>') {
        Some((level, plain)) if level.starts_with('<') => plain,
        _ => line,
    };
    lines.map(plain).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{lines, text};

    #[test]
    fn a_part_of_a_panic_is_recognized_by_its_first_line() {
        assert_eq!(text("Panic#1 Part2\n<0>[    5.1] Kernel panic\n", 2), Some("<0>[    5.1] Kernel panic\n"));
        assert_eq!(text("Panic#12 Part10\nx", 10), Some("x"));
        for (record, part) in [
            ("Panic#1 Part2\nx", 1),
            ("Oops#1 Part1\nx", 1),
            ("Panic#1 Part1", 1),
            ("Panic#1\nx", 1),
            ("Panic#1 Part\nx", 1),
            ("Panic#1 Part1x\nx", 1),
            ("", 1),
        ] {
            assert_eq!(text(record, part), None, "{record:?}");
        }
    }

    #[test]
    fn lines_lose_their_level_and_nothing_else() {
        let text = "<0>[    5.1] Kernel panic - not syncing: a -> b\n\n<4>CPU: 0 <x>\nx > y\n<";
        let wanted = ["[    5.1] Kernel panic - not syncing: a -> b", "CPU: 0 <x>", "x > y", "<"];
        assert_eq!(lines(text).collect::<Vec<_>>(), wanted);
    }
}
