//! Reads the members of an initramfs, for `inspect`: cpio archives one after the other, each optionally compressed with
//! zstd.
//!
//! The file may come from anybody, and 100 KiB of it can claim to hold terabytes. Only the list of members is kept in
//! memory, and every size in a header is checked against a limit before it is used.

use crate::host::error::{Error, Result, Tried};
use crate::host::shown::Shown;
use crate::image::archive::{CHARACTER, DIRECTORY, KIND, REGULAR, SYMLINK};
use cpio::newc::Reader;
use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

/// The first bytes of a zstd frame (RFC 8878, 3.1.1), and of an archive with or without checksums
/// (Documentation/driver-api/early-userspace/buffer-format.rst).
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const NEWC: &[u8] = b"07070";

/// The longest path that the kernel unpacks (init/initramfs.c), and the longest link target: PATH_MAX.
const LONGEST: u64 = 4096;
/// The size of a header, and of the NULs after a name.
const HEADER: u64 = 128;
/// An initramfs never has more members.
const MOST: usize = 1 << 20;
/// The maximum number of bytes of all names and links: a node of 2026 with a thousand packages has a tenth of it.
pub const NAMES: u64 = 64 << 20;
/// The maximum number of unpacked bytes: a machine would need them as RAM.
pub const UNPACKED: u64 = 16 << 30;

/// A member of an archive, as `inspect` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Absolute.
    pub path: String,
    /// Kind and permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// The target of a link, the number of a device; else empty.
    pub detail: String,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.mode & KIND {
            DIRECTORY => "dir",
            REGULAR => "file",
            SYMLINK => "slink",
            CHARACTER => "nod",
            _ => "other",
        };
        let Self { path, mode, uid, gid, size, detail } = self;
        write!(f, "{kind:5} {:4o} {uid}:{gid} {size:>11} {}", mode & 0o7777, Shown::of(path))?;
        if detail.is_empty() { Ok(()) } else { write!(f, " -> {}", Shown::of(detail)) }
    }
}

/// Whether a file with these first bytes is an archive, or a frame with one.
#[must_use]
pub fn is(head: &[u8]) -> bool {
    head.starts_with(ZSTD) || head.starts_with(NEWC)
}

/// The members of a file's archives in their order; `each` may read the content.
pub fn read(path: &Path, each: impl FnMut(&Member, &mut dyn Read) -> io::Result<()>) -> Result<Vec<Member>> {
    let mut file = BufReader::new(File::open(path).tried("open", path)?);
    all(&mut file, each).map_err(|error| error.within(format!("read {}", path.display())))
}

/// The same for an opened file.
pub fn all(
    input: &mut dyn BufRead,
    mut each: impl FnMut(&Member, &mut dyn Read) -> io::Result<()>,
) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    let budget = Budget::default();
    loop {
        let at_start = members.is_empty();
        let failed = |error: &io::Error| damaged(members.last(), error);
        skip_zeros(input).map_err(|error| failed(&error))?;
        let head = input.fill_buf().map_err(|error| failed(&error))?;
        if head.is_empty() && !at_start {
            return Ok(members);
        }
        // in both cases the archive ends with its trailer; the rest of a frame belongs to the frame
        if head.starts_with(ZSTD) {
            let frame = zstd::Decoder::with_buffer(&mut *input).map_err(|error| failed(&error))?.single_frame();
            let mut rest = one(Metered::of(frame, &budget), &budget, &mut members, &mut each)?;
            io::copy(&mut rest, &mut io::sink()).map_err(|error| damaged(members.last(), &error))?;
        } else if head.starts_with(NEWC) || at_start {
            one(Metered::of(&mut *input, &budget), &budget, &mut members, &mut each)?;
        } else {
            let why = io::Error::other("what lies behind it is no archive that NodeOS reads");
            return Err(failed(&why));
        }
    }
}

/// The members of one archive. Returns the reader, which is then after the trailer.
fn one<R: Read>(
    mut input: Metered<R>,
    budget: &Budget,
    members: &mut Vec<Member>,
    each: &mut dyn FnMut(&Member, &mut dyn Read) -> io::Result<()>,
) -> Result<Metered<R>> {
    loop {
        budget.header();
        let mut reader = Reader::new(input).map_err(|error| damaged(members.last(), &error))?;
        budget.content();
        if reader.entry().is_trailer() {
            return reader.finish().map_err(|error| damaged(members.last(), &error));
        }
        if members.len() == MOST {
            return Err(Error::new("read the archive", format!("it has more than {MOST} members")));
        }
        let mut member = described(reader.entry());
        let read = match member.mode & KIND {
            SYMLINK if member.size > LONGEST => {
                Err(io::Error::other(format!("a link of {} bytes, at most {LONGEST} are one", member.size)))
            }
            SYMLINK => {
                let mut says = Vec::new();
                reader.read_to_end(&mut says).map(|_| member.detail = String::from_utf8_lossy(&says).into_owned())
            }
            _ => each(&member, &mut reader),
        };
        let read = read.and_then(|()| reader.finish());
        input = read.map_err(|error| damaged(Some(&member), &error))?;
        let counted = budget.of_names.take(&member.path, &member.detail);
        counted.map_err(|why| {
            Error::new("read the archive", why)
                .next("cpio -t lists it, and zstd -dc before that unpacks it; no machine starts it")
        })?;
        members.push(member);
    }
}

/// Archives begin at multiples of four bytes, with zeros in between.
fn skip_zeros(input: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let bytes = input.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        if zeros == 0 {
            return Ok(());
        }
        input.consume(zeros);
    }
}

/// How much more may be read.
#[derive(Clone)]
struct Budget {
    of_header: Rc<Cell<Option<u64>>>,
    of_all: Rc<Cell<u64>>,
    of_names: Names,
}

/// Counts the bytes of names and links of all members together.
#[derive(Clone, Debug, Default)]
pub struct Names(Rc<Cell<u64>>);

impl Names {
    /// Adds those of one member.
    pub fn take(&self, path: &str, link: &str) -> std::result::Result<(), String> {
        let bytes = self.0.get() + (path.len() + link.len()) as u64;
        self.0.set(bytes);
        match bytes > NAMES {
            true => Err(format!("its names and links have at least {bytes} bytes, and at most {NAMES} are read")),
            false => Ok(()),
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { of_header: Rc::default(), of_all: Rc::new(Cell::new(UNPACKED)), of_names: Names::default() }
    }
}

impl Budget {
    fn header(&self) {
        self.of_header.set(Some(HEADER + LONGEST));
    }

    fn content(&self) {
        self.of_header.set(None);
    }

    fn take(&self, bytes: u64) -> io::Result<()> {
        take(&self.of_all, bytes)?;
        let Some(header) = self.of_header.get() else { return Ok(()) };
        let left = header.checked_sub(bytes);
        self.of_header.set(left);
        left.map(drop)
            .ok_or_else(|| io::Error::other(format!("a name of more than {LONGEST} bytes, which no machine unpacks")))
    }
}

/// Counts unpacked bytes.
pub fn take(left: &Cell<u64>, bytes: u64) -> io::Result<()> {
    let beyond = || format!("it unpacks to more than {} GiB: no machine has it in RAM", UNPACKED >> 30);
    left.set(left.get().checked_sub(bytes).ok_or_else(|| io::Error::other(beyond()))?);
    Ok(())
}

/// A reader that stops when the budget is used up.
struct Metered<R> {
    from: R,
    budget: Budget,
}

impl<R: Read> Metered<R> {
    fn of(from: R, budget: &Budget) -> Self {
        Self { from, budget: budget.clone() }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let bytes = self.from.read(to)?;
        self.budget.take(bytes as u64)?;
        Ok(bytes)
    }
}

fn described(entry: &cpio::newc::Entry) -> Member {
    let device = matches!(entry.mode() & KIND, CHARACTER);
    Member {
        path: format!("/{}", entry.name().trim_start_matches('/')),
        mode: entry.mode(),
        uid: entry.uid(),
        gid: entry.gid(),
        size: u64::from(entry.file_size()),
        detail: if device { format!("c {}:{}", entry.rdev_major(), entry.rdev_minor()) } else { String::new() },
    }
}

fn damaged(last: Option<&Member>, error: &io::Error) -> Error {
    let after =
        last.map_or_else(|| "at its start".to_owned(), |member| format!("at or after {}", Shown::of(&member.path)));
    Error::io(format!("read the archive, damaged {after}"), error)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, MOST, NAMES, Names, all};
    use cpio::newc::{Builder, trailer};
    use std::io::{Cursor, Read, Write};

    const LINK: u32 = 0o120_777;
    const FILE: u32 = 0o100_644;

    /// A compressed archive with one member of that many zeros.
    fn zeros(name: &str, mode: u32, bytes: u32) -> Vec<u8> {
        let packed = zstd::Encoder::new(Vec::new(), 1).unwrap();
        let mut writer = Builder::new(name).mode(mode).write(packed, bytes);
        std::io::copy(&mut std::io::repeat(0).take(bytes.into()), &mut writer).unwrap();
        trailer(writer.finish().unwrap()).unwrap().finish().unwrap()
    }

    fn error(bytes: Vec<u8>) -> String {
        all(&mut Cursor::new(bytes), |_, _| Ok(())).unwrap_err().to_string()
    }

    #[test]
    fn unread_content_is_skipped() {
        let packed = zeros("bomb", FILE, 64 << 20);
        assert!(packed.len() < 1 << 16, "{}", packed.len());
        let mut first = [1; 4];
        let members = all(&mut Cursor::new(packed), |_, content| content.read_exact(&mut first)).unwrap();
        assert_eq!((members.len(), members[0].size, first), (1, 64 << 20, [0; 4]));
    }

    #[test]
    fn links_and_names_longer_than_the_kernel_accepts_are_refused() {
        let text = error(zeros("link", LINK, 5000));
        assert!(text.contains("at or after /link") && text.contains("5000 bytes, at most 4096"), "{text}");
        let long = "x".repeat(usize::try_from(LONGEST).unwrap() + 200);
        let mut plain = Vec::new();
        plain.write_all(&zstd::decode_all(zeros(&long, FILE, 0).as_slice()).unwrap()).unwrap();
        assert!(error(plain).contains("a name of more than 4096 bytes"));
    }

    #[test]
    fn too_many_archive_members_are_refused() {
        let mut packed = zstd::Encoder::new(Vec::new(), 1).unwrap();
        for _ in 0..=MOST {
            packed = Builder::new("a").mode(FILE).write(packed, 0).finish().unwrap();
        }
        let packed = trailer(packed).unwrap().finish().unwrap();
        assert!(error(packed).ends_with("it has more than 1048576 members"));
    }

    #[test]
    fn too_many_bytes_of_names_and_links_are_refused() {
        let names = Names::default();
        let name = "x".repeat(1 << 20);
        (0..63).for_each(|_| names.take(&name, "").unwrap());
        names.take(&name[1..], "x").unwrap();
        let why = names.clone().take("", "x").unwrap_err();
        assert_eq!(why, format!("its names and links have at least {} bytes, and at most {NAMES} are read", NAMES + 1));
    }

    #[test]
    fn concatenated_archives_are_all_read() {
        let plain = |name: &str| zstd::decode_all(zeros(name, FILE, 3).as_slice()).unwrap();
        let all_of = |parts: &[Vec<u8>]| {
            let mut bytes = Vec::new();
            for part in parts {
                bytes.resize(bytes.len().next_multiple_of(4), 0);
                bytes.extend(part);
            }
            let members = all(&mut Cursor::new(bytes), |_, _| Ok(())).map_err(|error| error.to_string());
            members.map(|members| members.into_iter().map(|member| member.path).collect::<Vec<_>>())
        };
        let packed = |name: &str| zeros(name, FILE, 3);
        for parts in
            [[packed("a"), packed("b")], [plain("a"), packed("b")], [packed("a"), plain("b")], [plain("a"), plain("b")]]
        {
            assert_eq!(all_of(&parts).unwrap(), ["/a", "/b"]);
        }
        assert!(all_of(&[packed("a"), b"GARBAGE".to_vec()]).unwrap_err().contains("at or after /a"));
    }

    #[test]
    fn a_path_in_a_foreign_archive_is_shown_escaped() {
        let members = all(&mut Cursor::new(zeros("a\x1b[2J\nb", FILE, 0)), |_, _| Ok(())).unwrap();
        assert_eq!(members[0].to_string(), r"file   644 0:0           0 /a\u{1b}[2J\nb");
    }
}
