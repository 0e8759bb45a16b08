//! The files of users' logs, see `ring`.

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, OFlags},
    io::{Errno, Result},
};

use crate::{
    clock::{Nanoseconds, SECOND, date::Date},
    cut,
    guest::place::{self, Name},
    layout,
    log_lines::Lines,
    ring::{DEFAULT, HEAD, Head, SIZES},
    say,
    say::Text,
    sys::clock,
};

/// How many bytes are written at once.
const PIECE: usize = 1024;

/// The log of that user, or the kernel's.
pub fn open(user: &str, flags: OFlags) -> Result<OwnedFd> {
    if matches!(user, "" | "." | "..") || user.contains('/') {
        return Err(Errno::NOENT);
    }
    let folder = place::open(layout::LOGS)?;
    place::open_at(folder.as_fd(), user, flags | OFlags::NONBLOCK)
}

/// Says how large the log of that user will be; `None` for the default. `/sandbox` does it before the user's init starts.
pub fn want(user: &str, size: Option<u64>) -> Result<()> {
    let (folder, name) = size_file(user)?;
    let Some(size) = size else {
        let removed = Name::new(&name).and_then(|name| rustix::fs::unlinkat(&folder, name.c(), AtFlags::empty()));
        // a user whose name is too long has no policy
        return removed
            .or_else(|errno| if matches!(errno, Errno::NOENT | Errno::NAMETOOLONG) { Ok(()) } else { Err(errno) });
    };
    let file = place::open_at(folder.as_fd(), &name, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
    let mut text = Text::new();
    say!(&mut text, size);
    rustix::io::write(&file, text.as_bytes()).map(drop)
}

/// How large it is to be.
fn wanted(user: &str) -> Result<u64> {
    let (folder, name) = size_file(user)?;
    let file = place::open_at(folder.as_fd(), &name, OFlags::RDONLY)?;
    let mut bytes = [0; 32];
    let text = core::str::from_utf8(place::content(&file, &mut bytes)?).ok();
    text.and_then(|text| cut::number(text, 10)).filter(|size| SIZES.contains(size)).ok_or(Errno::INVAL)
}

/// The folder and the name of the file with that size.
fn size_file(user: &str) -> Result<(OwnedFd, Text)> {
    let mut name = Text::new();
    say!(&mut name, layout::LOG_SIZE, user);
    Ok((place::open(layout::LIVE)?, name))
}

/// Opens the log of that user, or the kernel's, for `/log`. One that is new, or has another size than it is to have, is
/// begun.
pub fn own(user: &str) -> Result<OwnedFd> {
    let file = open(user, OFlags::RDWR | OFlags::CREATE)?;
    fit(&file, wanted(user).unwrap_or(DEFAULT))?;
    Ok(file)
}

fn fit(file: &OwnedFd, size: u64) -> Result<()> {
    let old = head(file)?;
    if old.size == size {
        return Ok(());
    }
    write_head(file, old.resized(size))?;
    // what was there takes no more memory
    rustix::fs::ftruncate(file, HEAD as u64)
}

pub fn head(file: &OwnedFd) -> Result<Head> {
    let mut bytes = [0; HEAD];
    // a new file is empty
    rustix::io::pread(file, &mut bytes, 0)?;
    Ok(Head::of(bytes))
}

/// The side of `/log`.
pub struct Writer {
    file: OwnedFd,
    lines: Lines,
}

impl Writer {
    pub fn open(user: &str) -> Result<Self> {
        Ok(Self { file: own(user)?, lines: Lines::default() })
    }

    /// The user's program has printed this. Where there is no memory for it, it is left out.
    pub fn print(&mut self, bytes: &[u8]) {
        let mut pieces = Pieces::of(&self.file);
        self.lines.add(bytes, &stamp(clock::now()), &mut |part| pieces.add(part));
        pieces.flush();
    }

    /// Adds a line of ours.
    pub fn say(&mut self, line: &Text) {
        let mut text = Text::new();
        say!(&mut text, "nodeos: ", line, "\n");
        if !ends_with_line(&self.file) {
            let _ = append(&self.file, b"\n");
        }
        self.print(text.as_bytes());
    }

    /// The user's init has ended and starts again.
    pub fn count_restart(&mut self) {
        let counted = head(&self.file).map(|head| Head { restarts: head.restarts.saturating_add(1), ..head });
        let _ = counted.and_then(|head| write_head(&self.file, head));
    }

    /// A program prints no more.
    pub fn end(&mut self) {
        let file = &self.file;
        self.lines.end(&mut |part| {
            let _ = append(file, part);
        });
    }
}

/// Bytes for a ring, of which many are written at once.
pub struct Pieces<'a> {
    file: &'a OwnedFd,
    held: heapless::Vec<u8, PIECE>,
}

impl<'a> Pieces<'a> {
    pub const fn of(file: &'a OwnedFd) -> Self {
        Self { file, held: heapless::Vec::new() }
    }

    /// Adds a short part.
    pub fn add(&mut self, part: &[u8]) {
        if self.held.extend_from_slice(part).is_err() {
            self.flush();
            let _ = self.held.extend_from_slice(part);
        }
    }

    pub fn flush(&mut self) {
        let _ = append(self.file, &self.held);
        self.held.clear();
    }
}

/// Whether the last line is whole: a program may have begun one.
fn ends_with_line(file: &OwnedFd) -> bool {
    let mut last = [b'\n'];
    let before = head(file).ok().and_then(|head| Some(head.place(head.written.checked_sub(1)?, 1).0));
    let _ = before.map(|place| rustix::io::pread(file, &mut last, place));
    last == [b'\n']
}

/// What a line of that time begins with.
pub fn stamp(time: Nanoseconds) -> Text {
    let mut text = Text::new();
    say!(&mut text, Date::of(time / SECOND), " ");
    text
}

/// Reads the head again, because another `Writer` of the user may have written.
#[inline(never)]
fn append(file: &OwnedFd, bytes: &[u8]) -> Result<()> {
    let mut head = head(file)?;
    let end = head.written.saturating_add(bytes.len() as u64);
    // an earlier `/log` may have begun more than it wrote
    head.begun = head.begun.max(end);
    rustix::io::pwrite(file, &head.bytes(), 0)?;
    let (at, length) = head.place(head.written, bytes.len());
    let (first, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
    if rustix::io::pwrite(file, first, at)? < first.len() || rustix::io::pwrite(file, rest, HEAD as u64)? < rest.len() {
        return Err(Errno::NOSPC);
    }
    head.written = end;
    write_head(file, head)
}

/// Only `/log` does it.
pub fn write_head(file: &OwnedFd, head: Head) -> Result<()> {
    rustix::io::pwrite(file, &head.bytes(), 0).map(drop)
}

/// The side of `/control` and of the syslog server: reads from that position on. Returns where the bytes begin and how many there are; none if
/// there is nothing new. Bytes that are overwritten meanwhile are left out, up to the next whole line: `into` has room for
/// a line (`log_lines`).
pub fn read(file: &OwnedFd, position: u64, into: &mut [u8]) -> Result<(u64, usize)> {
    let before = head(file)?;
    let from = position.max(before.oldest());
    let most = usize::try_from(before.written.saturating_sub(from)).unwrap_or(usize::MAX).min(into.len());
    let room = into.get_mut(..most).unwrap_or_default();
    let (at, length) = before.place(from, room.len());
    let (first, rest) = room.split_at_mut_checked(length).ok_or(Errno::INVAL)?;
    if rustix::io::pread(file, &mut *first, at)? < first.len()
        || rustix::io::pread(file, &mut *rest, HEAD as u64)? < rest.len()
    {
        return Err(Errno::IO);
    }
    let valid = head(file)?.oldest().max(position);
    if valid == from && from == position {
        return Ok((from, most));
    }
    // a line that is cut would look like a whole one
    let gone = usize::try_from(valid.saturating_sub(from)).unwrap_or(usize::MAX);
    let whole = into.get(gone..most).and_then(|held| held.iter().position(|byte| *byte == b'\n'));
    let skip = whole.map_or(most, |end| gone.saturating_add(end).saturating_add(1));
    into.copy_within(skip.min(most)..most, 0);
    Ok((from.saturating_add(skip as u64), most.saturating_sub(skip)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> OwnedFd {
        let file = tempfile::tempfile().unwrap().into();
        fit(&file, DEFAULT).unwrap();
        file
    }

    #[test]
    fn a_file_of_another_size_is_begun_anew_and_takes_no_more_memory() {
        let file = file();
        append(&file, &[b'x'; 60_000]).unwrap();
        fit(&file, DEFAULT).unwrap();
        assert_eq!(all(&file, 0, 4096).1, 60_000, "nothing changes");
        fit(&file, 16 << 10).unwrap();
        assert_eq!(rustix::fs::fstat(&file).unwrap().st_size, HEAD as i64);
        assert_eq!(all(&file, 0, 4096), (vec![], 60_000));
        // a reader in the middle of it goes on with what is new
        append(&file, b"one\ntwo\n").unwrap();
        for position in [0, 30_000, 60_000] {
            assert_eq!(all(&file, position, 4096).1, 60_008, "{position}");
        }
        assert_eq!(all(&file, 60_000, 4096).0, b"one\ntwo\n");
        for number in 0..4000 {
            append(&file, format!("line {number:06}\n").as_bytes()).unwrap();
        }
        assert_eq!(rustix::fs::fstat(&file).unwrap().st_size, 16 << 10);
        let (bytes, _) = all(&file, 0, 4096);
        assert!(bytes.len() > (16 << 10) - HEAD - 24 && bytes.ends_with(b"line 003999\n"), "{}", bytes.len());
        // and larger
        fit(&file, 1 << 20).unwrap();
        append(&file, &[b'y'; 90_000]).unwrap();
        assert_eq!(all(&file, 60_008 + 48_000, 4096).0.len(), 90_000);
    }

    #[test]
    fn restarts_are_counted_beside_what_is_written() {
        let file = file();
        let mut ring = Writer { file: file.try_clone().unwrap(), lines: Lines::default() };
        for count in 1..=3 {
            ring.count_restart();
            assert_eq!(head(&file).unwrap().restarts, count);
            ring.print(b"hello\n");
        }
        assert_eq!(head(&file).unwrap().restarts, 3);
        assert_eq!(all(&file, 0, 4096).0.iter().filter(|byte| **byte == b'\n').count(), 3);
    }

    /// Reads all that is there, in pieces of that size.
    fn all(file: &OwnedFd, mut position: u64, size: usize) -> (Vec<u8>, u64) {
        let (mut bytes, mut all) = (vec![0; size], Vec::new());
        loop {
            let (from, length) = read(file, position, &mut bytes).unwrap();
            if length == 0 && from == position {
                return (all, position);
            }
            all.extend_from_slice(&bytes[..length]);
            position = from + length as u64;
        }
    }

    #[test]
    fn what_is_written_is_read_in_pieces_of_any_size() {
        let file = file();
        append(&file, b"one\ntwo\n").unwrap();
        for size in [1, 3, 100] {
            assert_eq!(all(&file, 0, size), (b"one\ntwo\n".to_vec(), 8));
        }
        append(&file, b"three\n").unwrap();
        assert_eq!(all(&file, 8, 100), (b"three\n".to_vec(), 14));
    }

    #[test]
    fn of_a_full_ring_the_last_whole_lines_are_read() {
        let file = file();
        let line = |number: usize| format!("line {number:06}\n");
        for number in 0..10_000 {
            append(&file, line(number).as_bytes()).unwrap();
        }
        for size in [13, 100, 4096] {
            let (bytes, position) = all(&file, 0, size);
            let text = String::from_utf8(bytes).unwrap();
            let lines: Vec<_> = text.lines().collect();
            assert_eq!(lines.last(), Some(&"line 009999"), "{size}");
            let first = 10_000 - lines.len();
            assert!(lines.iter().zip(first..).all(|(text, number)| format!("{text}\n") == line(number)), "{size}");
            assert_eq!((lines.len(), position), ((DEFAULT as usize - HEAD - 1) / 12, 120_000), "{size}");
        }
    }

    /// A writer beside the reader: every line that is read is one that was written, in order.
    #[test]
    fn a_reader_beside_a_writer_reads_whole_lines() {
        let file = file();
        let reader = file.try_clone().unwrap();
        let writes = std::thread::spawn(move || {
            for number in 0..60_000 {
                append(&file, format!("line {number:06}\n").as_bytes()).unwrap();
            }
        });
        let (mut text, mut position, mut bytes) = (Vec::new(), 0, [0; 4096]);
        loop {
            let ends = writes.is_finished();
            let (from, length) = read(&reader, position, &mut bytes).unwrap();
            text.extend_from_slice(&bytes[..length]);
            if ends && length == 0 && from == position {
                break;
            }
            position = from + length as u64;
        }
        let text = String::from_utf8(text).unwrap();
        let numbers: Vec<u32> = text.lines().map(|line| line.strip_prefix("line ").unwrap().parse().unwrap()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b) && numbers.last() == Some(&59_999), "{}", numbers.len());
    }
}
