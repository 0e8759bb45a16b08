//! Opens places that others own, without ever following a symbolic link.
//!
//! Not generic, and only `Name` makes C strings of names: each call that does it by itself adds 200 bytes to PID 1.

use core::{ffi::CStr, mem::MaybeUninit};

use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    fs::{CWD, FileType, Mode, OFlags, RawDir, ResolveFlags, StatVfsMountFlags},
    io::{Errno, Result},
};

use crate::{cut, layout, op::Code, plan, say, say::Text};

/// The longest path: the logon file of a home with a name of 255 bytes, and a NUL.
const NAME: usize = layout::USERS.len() + layout::LOGON_FILE.len() + 258;

/// A name or a path in the form that the kernel takes.
pub struct Name([u8; NAME]);

impl Name {
    /// `EINVAL` for a text with a NUL in it, `ENAMETOOLONG` for one that does not fit.
    #[inline(never)]
    pub fn new(text: &str) -> Result<Self> {
        let mut name = [0; NAME];
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

/// A handle on a folder in another. The name must not be a path.
pub fn folder_at(dir: &OwnedFd, name: &str) -> Result<OwnedFd> {
    open_at(dir.as_fd(), name, OFlags::PATH | OFlags::DIRECTORY)
}

/// Whatever has that name in a folder; a link is not followed.
pub fn at(dir: &OwnedFd, name: &str) -> Result<rustix::fs::Stat> {
    rustix::fs::statat(dir, Name::new(name)?.c(), rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
}

/// A handle on the code of the app that is the user of that name.
pub fn app(user: &str) -> Result<OwnedFd> {
    let mut path = Text::new();
    say!(&mut path, layout::APPS, "/", user);
    open_at(CWD, &path, OFlags::PATH | OFlags::DIRECTORY)
}

/// What the medium has for that user.
pub fn code(user: &str) -> Code {
    let Ok(app) = app(user) else { return Code::None };
    let folder = folder_at(&app, layout::APP_FOLDER).and_then(|folder| rustix::fs::fstat(&folder));
    plan::code(folder.map_or(0, |stat| stat.st_mode))
}

/// Opens below `dir` and refuses symbolic links on the way, because a user may own any part of it.
#[inline(never)]
pub fn open_at(dir: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd> {
    open_with(dir, path, flags, ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS)
}

/// A new file can be written by its owner and read by all.
#[inline(never)]
fn open_with(dir: BorrowedFd<'_>, path: &str, flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd> {
    let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o644) } else { Mode::empty() };
    rustix::fs::openat2(dir, Name::new(path)?.c(), flags | OFlags::CLOEXEC, mode, resolve)
}

/// Opens a file of the kernel or of PID 1, and follows links: sysfs is made of them.
pub fn file(path: &str, flags: OFlags) -> Result<OwnedFd> {
    open_with(CWD, path, flags, ResolveFlags::empty())
}

/// Opens a file for reading below `dir`, if it is a regular one: opening a FIFO could block, and a device could act.
pub fn regular(dir: BorrowedFd<'_>, path: &str) -> Result<OwnedFd> {
    let file = open_at(dir, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile { Ok(file) } else { Err(Errno::INVAL) }
}

/// The whole content of a file, which must be shorter than the buffer; `FBIG` if it is not.
pub fn content<'a>(file: &OwnedFd, buffer: &'a mut [u8]) -> Result<&'a mut [u8]> {
    let mut length = 0_usize;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        let room = rest.len();
        let more = rustix::io::read(file, rest)?;
        length = length.saturating_add(more);
        // a regular file gives less than it is asked for only at its end
        if more < room {
            return buffer.get_mut(..length).ok_or(Errno::FBIG);
        }
    }
    Err(Errno::FBIG)
}

/// An error text for such a file.
pub fn why(errno: Errno) -> &'static str {
    if errno == Errno::FBIG { "it is too long" } else { crate::errno::name(errno.raw_os_error()) }
}

/// The path of a user's entry in a folder of PID 1, where names are uids.
#[inline(never)]
pub fn of_user(folder: &str, uid: u32) -> Text {
    let mut path = Text::new();
    say!(&mut path, folder, "/", uid);
    path
}

/// The content of a short text file of the kernel.
pub fn text(path: &str) -> Option<Text> {
    let file = file(path, OFlags::RDONLY).ok()?;
    let mut bytes = [0; 256];
    let length = rustix::io::read(&file, &mut bytes).ok()?;
    Text::try_from(core::str::from_utf8(bytes.get(..length)?).ok()?).ok()
}

/// The number in a file of the kernel.
pub fn number(path: &str) -> Option<u64> {
    cut::number(text(path)?.trim_ascii_end(), 10)
}

/// Calls `each` with the name and type of every entry in a folder of the kernel, except processes, links and `keep`.
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

/// Whether the filesystem at that path is read-only.
pub fn is_read_only(path: &str) -> bool {
    let says = Name::new(path).and_then(|path| rustix::fs::statvfs(path.c()));
    says.is_ok_and(|says| says.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// `EPERM` if others than root may write to it.
pub fn roots_alone(file: &OwnedFd) -> Result<()> {
    let stat = rustix::fs::fstat(file)?;
    if stat.st_uid == 0 && stat.st_mode & 0o022 == 0 { Ok(()) } else { Err(Errno::PERM) }
}

/// A path that leads the kernel to an open file (proc_pid_fd(5)).
#[inline(never)]
pub fn of_descriptor(opened: &OwnedFd) -> Text {
    let mut path = Text::new();
    say!(&mut path, "/proc/self/fd/", opened.as_raw_fd().unsigned_abs());
    path
}
