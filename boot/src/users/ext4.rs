//! The three programs of e2fsprogs, and the copy that they work on.

use super::debugfs;
use super::epoch::epoch;
use super::place::{self, Place};
use super::script::Script;
use super::superblock::{self, repair};
use crate::host::error::{Error, Result, Tried, full};
use crate::host::interrupt::{self, Making};
use crate::host::replacement::Replacement;
use crate::host::run::{Run, find};
use crate::host::window::Window;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc::{F_UNLCK, F_WRLCK, SEEK_SET, c_short, flock};
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::{NamedTempFile, TempPath};

/// The block size: every kernel with pages of 4 KiB or more can mount it.
pub const BLOCK: u64 = 4096;
/// One inode per this many bytes: node_modules have many small files.
const BYTES_PER_INODE: u64 = 8192;
/// The ext4 features that Debian 12 uses by default. They are listed, so that another host's mke2fs.conf changes
/// nothing.
const FEATURES: &str = "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,\
                        large_file,huge_file,dir_nlink,extra_isize,metadata_csum";

/// A filesystem that is being made or changed, next to the file that it will replace. When dropped, it leaves nothing.
pub struct Work {
    new: Replacement,
    path: PathBuf,
    /// Its offset in the file.
    offset: u64,
}

/// The free space of a filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free {
    /// Blocks of `BLOCK` bytes.
    pub blocks: u64,
    /// Inodes.
    pub inodes: u64,
}

impl Work {
    /// An empty filesystem of that size.
    pub fn empty(path: &Path, size: u64, label: &str, uuid: &str) -> Result<Self> {
        let new = Replacement::empty(path)?;
        new.file().set_len(size).tried("write", new.path())?;
        run("mke2fs")
            .args(["-q", "-F", "-t", "ext4", "-b", &BLOCK.to_string(), "-I", "256", "-i", &BYTES_PER_INODE.to_string()])
            // one per cent that only root's capabilities can use: overlays need folders of their own even on a full
            // disk
            .args(["-m", "1", "-e", "remount-ro", "-L", label, "-U", uuid, "-O", FEATURES, "-E"])
            .arg(format!("hash_seed={uuid},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0"))
            .arg(new.path())
            .ok()
            .map_err(|error| error.within(format!("make {}", path.display())))?;
        Ok(Self { new, path: path.to_owned(), offset: 0 })
    }

    /// A copy of a filesystem and of everything around it in the file. Its journal is replayed.
    pub fn copy(path: &Path) -> Result<Self> {
        let offset = Place::of(path)?.window.at();
        let work = Self { new: Replacement::copy(path)?, path: path.to_owned(), offset };
        work.mend()?;
        Ok(work)
    }

    /// Its current path, in the form for e2fsprogs.
    fn at(&self) -> OsString {
        target(self.new.path(), self.offset)
    }

    /// The free space.
    pub fn free(&self) -> Result<Free> {
        let text = debugfs::ask(self.at(), "stats -h")?;
        parse_free(&text)
            .ok_or_else(|| Error::new(format!("read {}", self.path.display()), "debugfs did not print the free blocks"))
    }

    /// Runs the script.
    pub fn change(&self, script: &Script) -> Result<()> {
        let tried = || format!("write the homes into {}", self.path.display());
        interrupt::check(tried)?;
        let complaints = debugfs::write(self.at(), script.text()).map_err(|error| error.within(tried()))?;
        if let Some(error) = full(tried(), &complaints) {
            return Err(error);
        }
        match complaints.lines().next() {
            Some(line) if line.contains("Could not allocate") || line.contains("No free space") => {
                Err(Error::new(tried(), format!("it is full ({line})")).next(match self.offset {
                    0 => "make it larger: truncate -s 1G FILE && e2fsck -fp FILE && resize2fs FILE",
                    _ => "a card's homes grow to its end when a machine boots from it; or build one of larger homes",
                }))
            }
            Some(line) => Err(Error::new(tried(), line)),
            None => Ok(()),
        }
    }

    /// Repairs what can be repaired safely: the journal, counts, bitmaps.
    pub fn mend(&self) -> Result<()> {
        let tried = || format!("check {}", self.path.display());
        let (code, said) = self.fsck("-fp");
        match code {
            0 | 1 => Ok(()),
            code => Err(full(tried(), &said).unwrap_or_else(|| {
                let next = Window::open(&self.path).map(|all| repair(&all.part(self.offset, u64::MAX)));
                Error::new(tried(), format!("e2fsck -p ended with {code}")).next(next.unwrap_or_default())
            })),
        }
    }

    /// Replaces the file, if e2fsck finds nothing to repair.
    pub fn keep(self) -> Result<()> {
        let (code, _) = self.fsck("-fn"); // writes nothing
        if code != 0 {
            let tried = format!("check what would become {}", self.path.display());
            return Err(Error::new(tried, format!("e2fsck -fn ended with {code}"))
                .next("the file is unchanged; please report this bug"));
        }
        self.new.keep()
    }

    /// The exit status of e2fsck, and its output.
    fn fsck(&self, how: &str) -> (i32, String) {
        fsck(how, &self.at())
    }
}

fn fsck(how: &str, target: &OsString) -> (i32, String) {
    let program = find("e2fsck").unwrap_or_else(|| PathBuf::from("e2fsck"));
    let mut command = Command::new(program);
    command.arg(how).arg(target).env("E2FSPROGS_FAKE_TIME", epoch());
    let Ok(done) = command.env("LC_ALL", "C").stdin(Stdio::null()).output() else { return (8, String::new()) };
    let said = [done.stdout, done.stderr].concat();
    // 8: an operational error, see e2fsck(8)
    (done.status.code().unwrap_or(8), String::from_utf8_lossy(&said).into_owned())
}

/// A filesystem at that offset in a file, in the form for e2fsprogs (libext2fs, `unix_io`).
fn target(path: &Path, offset: u64) -> OsString {
    let mut target = path.as_os_str().to_owned();
    if offset > 0 {
        target.push(format!("?offset={offset}"));
    }
    target
}

/// A copy of a filesystem with its journal replayed, only for reading.
pub fn replayed(place: &Place) -> Result<(Place, TempPath)> {
    let _making = Making::start();
    let from = &place.window;
    let tried = || format!("replay the journal of {} in a copy", from.path().display());
    let copy = NamedTempFile::new().tried("make a file in", std::env::temp_dir())?.into_temp_path();
    let word = |name: &str, path: &Path| {
        let mut word = OsString::from(name);
        word.push(path);
        word
    };
    let part = ["bs=1M", "conv=sparse", "status=none", "iflag=skip_bytes,count_bytes"];
    let run = Run::new("dd").arg(word("if=", from.path())).arg(word("of=", &copy)).args(part);
    run.arg(format!("skip={}", from.at()))
        .arg(format!("count={}", from.length()))
        .ok()
        .map_err(|error| error.within(tried()))?;
    // zeros at its end were not copied
    File::options().write(true).open(&copy).and_then(|file| file.set_len(from.length())).tried("write", &copy)?;
    match fsck("-p", &copy.as_os_str().to_owned()) {
        (0 | 1, _) => {
            let window = Window::open(&copy)?;
            let superblock = superblock::of(&window)?.whole(&window)?;
            Ok((Place { window, superblock }, copy))
        }
        (code, said) => Err(full(tried(), &said)
            .unwrap_or_else(|| Error::new(tried(), format!("e2fsck -p ended with {code}")).next(repair(from)))),
    }
}

/// Runs a program of e2fsprogs with a fixed time.
fn run(program: &str) -> Run {
    Run::new(program).env("E2FSPROGS_FAKE_TIME", epoch()).env("MKE2FS_CONFIG", "/dev/null")
}

/// Keeps other programs from changing a users image.
pub struct Lock(File);

impl Drop for Lock {
    /// Closing the file is not enough: a child that another thread is just starting still has the file open until its
    /// exec.
    fn drop(&mut self) {
        let _ = fcntl(&self.0, FcntlArg::F_OFD_SETLK(&whole(F_UNLCK)));
    }
}

/// Locks a users image to change it.
pub fn lock(path: &Path) -> Result<Lock> {
    let tried = || format!("change {}", path.display());
    let found = fs::metadata(path).tried("look at", path)?;
    if found.is_dir() {
        return Err(place::folder(path));
    }
    if path.as_os_str().as_encoded_bytes().contains(&b'?') {
        let why = "its path has a question mark, behind which e2fsprogs reads options";
        return Err(Error::new(tried(), why).next("move it to another place"));
    }
    if !found.is_file() {
        return Err(Error::new(tried(), "it is not a file").next("change an image, then copy it to the device with dd"));
    }
    if found.permissions().readonly() {
        return Err(Error::new(tried(), "it is read-only").next(format!("chmod u+w {}", path.display())));
    }
    loop {
        let file = File::options().read(true).write(true).open(path).tried("open to write", path)?;
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole(F_WRLCK))) {
            Ok(_) => {}
            Err(Errno::EACCES | Errno::EAGAIN) => return Err(busy(tried())),
            Err(errno) => return Err(Error::io(tried(), &errno.into())),
        }
        // another change may have replaced the file in between
        let (ours, there) = (file.metadata().tried("look at", path)?, fs::metadata(path).tried("look at", path)?);
        if (ours.dev(), ours.ino()) == (there.dev(), there.ino()) {
            return Ok(Lock(file));
        }
    }
}

fn busy(tried: String) -> Error {
    Error::new(tried, "another program has it open, perhaps a running machine").next("stop the machine first")
}

/// An error if another program has locked the file. A missing file is fine.
pub fn not_in_use(tried: impl Into<String>, path: &Path) -> Result<()> {
    if in_use(path) { Err(busy(tried.into())) } else { Ok(()) }
}

/// Whether another program has locked it: a running machine, or a change.
pub fn in_use(path: &Path) -> bool {
    let mut found = whole(F_WRLCK);
    let asked = File::open(path).map(|file| fcntl(&file, FcntlArg::F_OFD_GETLK(&mut found)));
    matches!(asked, Ok(Ok(_))) && found.l_type != F_UNLCK as c_short
}

/// The whole file: QEMU's locks on its disks, which are of this kind too, begin at byte 100 (block/file-posix.c). A
/// POSIX lock would be lost as soon as this process closes the image, which it also reads.
fn whole(kind: i32) -> flock {
    flock {
        l_type: kind as c_short,
        l_whence: SEEK_SET as c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0, // fcntl(2): it must be
    }
}

fn parse_free(stats: &str) -> Option<Free> {
    let number = |name| {
        let rest = stats.lines().find_map(|line| line.strip_prefix(name))?;
        rest.trim().parse().ok()
    };
    let reserved: u64 = number("Reserved block count:")?;
    Some(Free { blocks: number("Free blocks:")?.saturating_sub(reserved), inodes: number("Free inodes:")? })
}

#[cfg(test)]
mod tests {
    use super::{Free, in_use, lock, parse_free};

    #[test]
    fn a_lock_is_released_even_if_a_child_inherited_the_file() {
        let image = tempfile::NamedTempFile::new().unwrap();
        let held = lock(image.path()).unwrap();
        let inherited = held.0.try_clone().unwrap();
        assert!(lock(image.path()).is_err());
        assert!(in_use(image.path()));
        drop(held);
        assert!(!in_use(image.path()));
        assert!(lock(image.path()).is_ok());
        drop(inherited);
    }

    #[test]
    fn free_space_is_read_from_debugfs() {
        let text = "Block count:              65536\nReserved block count:     655\nFree blocks:              54291\nFree inodes:              27756\n";
        assert_eq!(parse_free(text), Some(Free { blocks: 53_636, inodes: 27_756 }));
        assert_eq!(parse_free("debugfs: Bad magic number"), None);
    }
}
