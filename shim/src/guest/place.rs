//! Opening places that others own: never through a symbolic link.
//!
//! Not generic, and names become C strings by `Name` alone: each call that does it by itself costs 200 bytes of PID 1.

use core::{ffi::CStr, mem::MaybeUninit};

use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    fs::{CWD, FileType, Mode, OFlags, RawDir, ResolveFlags, StatVfsMountFlags},
    io::{Errno, Result},
};

use crate::{say, say::Text};

/// A name or a path as the kernel takes it.
pub struct Name([u8; 256]);

impl Name {
    /// `EINVAL` for a text with a NUL in it, `ENAMETOOLONG` for one of more than 255 bytes.
    #[inline(never)]
    pub fn new(text: &str) -> Result<Self> {
        let mut name = [0; 256];
        let (_end, room) = name.split_last_mut().ok_or(Errno::NAMETOOLONG)?;
        if text.len() > room.len() {
            return Err(Errno::NAMETOOLONG);
        }
        for (to, from) in room.iter_mut().zip(text.bytes()) {
            if from == 0 {
                return Err(Errno::INVAL);
            }
            *to = from;
        }
        Ok(Self(name))
    }

    /// As a C string.
    #[inline(never)]
    pub fn c(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// A handle on a place, for mounting on it or making things in it.
pub fn open(path: &str) -> Result<OwnedFd> {
    open_at(CWD, path, OFlags::PATH)
}

/// A handle on a folder below another, by a name that is no path of its own.
pub fn folder_at(dir: &OwnedFd, name: &str) -> Result<OwnedFd> {
    open_at(dir.as_fd(), name, OFlags::PATH | OFlags::DIRECTORY)
}

/// Opens below `dir` with no symbolic link on the way, for a user may own any part of it.
#[inline(never)]
pub fn open_at(dir: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd> {
    open_with(dir, path, flags, ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS)
}

/// A file that is made is for its owner to write and for all to read.
#[inline(never)]
fn open_with(dir: BorrowedFd<'_>, path: &str, flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd> {
    let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o644) } else { Mode::empty() };
    rustix::fs::openat2(dir, Name::new(path)?.c(), flags | OFlags::CLOEXEC, mode, resolve)
}

/// Opens a file of the kernel's or of PID 1's own, through links: sysfs is made of them.
pub fn file(path: &str, flags: OFlags) -> Result<OwnedFd> {
    open_with(CWD, path, flags, ResolveFlags::empty())
}

/// Opens a file for reading below `dir`, if it is a regular one: a FIFO would block, a device would act.
pub fn regular(dir: BorrowedFd<'_>, path: &str) -> Result<OwnedFd> {
    let file = open_at(dir, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile { Ok(file) } else { Err(Errno::INVAL) }
}

/// All that a file holds, if the buffer has room for more than that; `FBIG` if not.
pub fn content<'a>(file: &OwnedFd, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
    let mut length = 0_usize;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match rustix::io::read(file, rest)? {
            0 => return buffer.get(..length).ok_or(Errno::FBIG),
            more => length = length.saturating_add(more),
        }
    }
    Err(Errno::FBIG)
}

/// What is wrong with such a file.
pub fn why(errno: Errno) -> &'static str {
    if errno == Errno::FBIG { "it is too long" } else { crate::errno::name(errno.raw_os_error()) }
}

/// What a user has in a folder of PID 1's, where names are uids.
#[inline(never)]
pub fn of_user(folder: &str, uid: u32) -> Text {
    let mut path = Text::new();
    say!(&mut path, folder, "/", uid);
    path
}

/// A short text file of the kernel's.
pub fn text(path: &str) -> Option<Text> {
    let file = file(path, OFlags::RDONLY).ok()?;
    let mut bytes = [0; 256];
    let length = rustix::io::read(&file, &mut bytes).ok()?;
    Text::try_from(core::str::from_utf8(bytes.get(..length)?).ok()?).ok()
}

/// Every entry of a folder of the kernel's by name and kind, but for processes, links and those to keep.
pub fn kernel_entries(
    folder: &OwnedFd,
    keep: &[&str],
    mut each: impl FnMut(&CStr, FileType) -> Result<()>,
) -> Result<()> {
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(folder, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_str().unwrap_or_default();
        let process = name.starts_with(|letter: char| letter.is_ascii_digit());
        let link = entry.file_type() == FileType::Symlink;
        if !process && !link && !name.starts_with('.') && !keep.contains(&name) {
            each(entry.file_name(), entry.file_type())?;
        }
    }
    Ok(())
}

/// Fills `buffer` from `at`; `None` if the device is shorter.
pub fn read_at(device: &OwnedFd, at: u64, buffer: &mut [u8]) -> Option<()> {
    let length = rustix::io::pread(device, &mut *buffer, at).ok()?;
    (length == buffer.len()).then_some(())
}

/// Whether the filesystem there takes no writes.
pub fn is_read_only(path: &str) -> bool {
    let says = Name::new(path).and_then(|path| rustix::fs::statvfs(path.c()));
    says.is_ok_and(|says| says.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// `EPERM` for what others than root may write.
pub fn roots_alone(file: &OwnedFd) -> Result<()> {
    let stat = rustix::fs::fstat(file)?;
    if stat.st_uid == 0 && stat.st_mode & 0o022 == 0 { Ok(()) } else { Err(Errno::PERM) }
}

/// The path by which the kernel finds what is open there (proc_pid_fd(5)).
#[inline(never)]
pub fn of_descriptor(opened: &OwnedFd) -> Text {
    let mut path = Text::new();
    say!(&mut path, "/proc/self/fd/", opened.as_raw_fd().unsigned_abs());
    path
}
