//! The effects: nodes below `/granted`, and what the kernel's programs know.

use core::mem::MaybeUninit;

use heapless::Vec;
use rustix::{
    fd::{AsRawFd, OwnedFd},
    fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, RawDir, Uid, inotify},
    io::{Errno, Result},
};

use super::{User, Users};
use crate::{
    claims::{
        Device, Nodes, Unwatched, Watch,
        program::{Maps, Number, Slot, grant, key, program},
    },
    guest::place::{self, Name},
    layout, say,
    say::Text,
    sys::bpf::{self, Map, Ring, Words},
};

/// Events that are read at once.
const EVENTS: usize = 32;

/// What the broker holds.
pub struct Kernel<'a> {
    users: &'a Users,
    devices: OwnedFd,
    words: Words,
    taken: Ring,
    ends: OwnedFd,
    told: Vec<Watch, EVENTS>,
}

impl<'a> Kernel<'a> {
    /// Makes the maps, and for each user a folder and a program.
    pub fn new(users: &'a Users) -> Result<Self> {
        let (devices, words, taken) = (bpf::map(Map::Hash)?, bpf::map(Map::Words)?, bpf::map(Map::Ring)?);
        let maps = Maps { devices: devices.as_raw_fd(), words: words.as_raw_fd(), taken: taken.as_raw_fd() };
        for (user, slot) in users.iter().zip(1..) {
            copy_devices(user.uid)?;
            let mut path = Text::new();
            say!(&mut path, layout::CLAIMS, "/", user.uid);
            bpf::pin(&bpf::load(&program(slot, maps))?, Name::new(&path)?.c())?;
        }
        let (words, taken) = (Words::of(&words)?, Ring::of(taken)?);
        let ends = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        Ok(Self { users, devices, words, taken, ends, told: Vec::new() })
    }

    pub fn users(&self) -> &'a Users {
        self.users
    }

    /// Readable when somebody has taken a device.
    pub fn taken(&self) -> &OwnedFd {
        self.taken.descriptor()
    }

    /// Whether somebody has.
    pub fn take_news(&self) -> bool {
        self.taken.take()
    }

    /// Readable when a watched node is gone.
    pub fn ends(&self) -> &OwnedFd {
        &self.ends
    }

    /// One that is.
    pub fn next_end(&mut self) -> Option<Watch> {
        if self.told.is_empty() {
            let mut buffer = [MaybeUninit::uninit(); EVENTS * 16]; // of a file's events, each has sixteen bytes
            let mut events = inotify::Reader::new(&self.ends, &mut buffer);
            while let Ok(event) = events.next() {
                if event.events().contains(inotify::ReadFlags::DELETE_SELF) {
                    let _ = self.told.push(event.wd());
                }
                if events.is_buffer_empty() {
                    break;
                }
            }
        }
        self.told.pop()
    }

    fn user(&self, slot: Slot) -> Option<&'a User> {
        self.users.get(usize::from(slot).checked_sub(1)?)
    }

    /// The device's node in the user's /dev, and a name beside it.
    fn paths(&self, slot: Slot, device: &Device) -> Result<(Name, Name, &'a User)> {
        let user = self.user(slot).ok_or(Errno::NOENT)?;
        let (mut path, mut beside) = (Text::new(), Text::new());
        say!(&mut path, layout::GRANTED, "/", user.uid, "/", device.name);
        say!(&mut beside, layout::GRANTED, "/", user.uid, "/.new");
        Ok((Name::new(&path)?, Name::new(&beside)?, user))
    }

    fn put(&self, slot: Slot, device: &Device) -> Result<()> {
        let (path, beside, user) = self.paths(slot, device)?;
        let _ = rustix::fs::unlink(beside.c());
        let number = rustix::fs::makedev(device.number.0, device.number.1);
        rustix::fs::mknodat(CWD, beside.c(), FileType::CharacterDevice, Mode::from_raw_mode(0o600), number)?;
        rustix::fs::chown(beside.c(), Some(Uid::from_raw(user.uid)), Some(Gid::from_raw(user.gid)))?;
        if let Some((folder, _)) = device.name.as_str().split_once('/') {
            let mut above = Text::new();
            say!(&mut above, layout::GRANTED, "/", user.uid, "/", folder);
            let _ = rustix::fs::mkdir(Name::new(&above)?.c(), Mode::from_raw_mode(0o755));
        }
        rustix::fs::rename(beside.c(), path.c())
    }
}

impl Nodes for Kernel<'_> {
    fn make(&mut self, slot: Slot, device: &Device) {
        // no memory, no process: it is not seen, and the next look at the devices does not mend it
        let _ = self.put(slot, device);
    }

    fn remove(&mut self, slot: Slot, device: &Device) {
        let _ = self.paths(slot, device).and_then(|(path, ..)| rustix::fs::unlink(path.c()));
    }

    fn watch(&mut self, slot: Slot, device: &Device) -> core::result::Result<Watch, Unwatched> {
        const HOW: inotify::WatchFlags = inotify::WatchFlags::DELETE_SELF.union(inotify::WatchFlags::DONT_FOLLOW);
        let watch = self.paths(slot, device).and_then(|(path, ..)| inotify::add_watch(&self.ends, path.c(), HOW));
        watch.map_err(|errno| if errno == Errno::NOENT { Unwatched::Absent } else { Unwatched::Failed })
    }

    fn word(&self, index: usize) -> u64 {
        self.words.get(index)
    }

    fn release(&mut self, index: usize, word: u64) -> bool {
        self.words.clear(index, word)
    }

    fn grant(&mut self, index: usize, number: Number, slots: u32) {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        // one that is not known to the programs is opened by all who see it: better nobody sees it
        let _ = bpf::set(&self.devices, key(number), grant(index, slots));
    }
}

/// A user's own /dev: all that every user's has, and room for more.
fn copy_devices(uid: u32) -> Result<()> {
    let mut path = Text::new();
    say!(&mut path, layout::GRANTED, "/", uid);
    let name = Name::new(&path)?;
    rustix::fs::mkdir(name.c(), Mode::from_raw_mode(0o755))?;
    let to = place::file(&path, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let from = place::file(layout::DEVICES, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(&from, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = Name::new(entry.file_name().to_str().unwrap_or_default())?;
        let stat = rustix::fs::statat(&from, name.c(), AtFlags::SYMLINK_NOFOLLOW)?;
        let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
        match entry.file_type() {
            _ if name.c().to_bytes().starts_with(b".") => {}
            FileType::CharacterDevice => {
                rustix::fs::mknodat(&to, name.c(), FileType::CharacterDevice, mode, stat.st_rdev)?;
            }
            FileType::Symlink => {
                let mut room = [MaybeUninit::uninit(); 64];
                let (says, _) = rustix::fs::readlinkat_raw(&from, name.c(), &mut room)?;
                let says = Name::new(core::str::from_utf8(says).unwrap_or_default())?;
                rustix::fs::symlinkat(says.c(), &to, name.c())?;
            }
            FileType::Directory => rustix::fs::mkdirat(&to, name.c(), mode)?,
            _ => rustix::fs::mknodat(&to, name.c(), FileType::RegularFile, mode, 0)?,
        }
    }
    Ok(())
}
