//! The effects: nodes below `/granted`, and the maps of the kernel's programs.

use core::{ffi::CStr, mem::MaybeUninit};

use heapless::Vec;
use rustix::{
    fd::{AsRawFd, OwnedFd},
    fs::{AtFlags, FileType, Gid, Mode, OFlags, RawDir, Uid, inotify},
    io::{Errno, Result},
};

use super::{User, Users};
use crate::{
    claims::{
        Device, Nodes, Unwatched, Watch,
        program::{Maps, Number, Slot, grant, key, program},
    },
    guards::{Guard, Guards},
    guest::{
        node,
        place::{self, Name},
    },
    layout, say,
    say::Text,
    sys::{
        Stream,
        bpf::{self, Attach, Map, Ring, Words},
    },
};

/// How many events are read at once.
const EVENTS: usize = 32;

/// The state of the broker.
pub struct Kernel<'a> {
    users: &'a Users,
    maker: Maker,
    /// The map of the devices that the programs know.
    devices: OwnedFd,
    /// The map of who holds each device.
    words: Words,
    /// Events of the programs: a user has taken a device.
    taken: Ring,
    /// Events of inotify: a watched node is gone.
    ends: OwnedFd,
    /// Watches of nodes that are gone, already read but not yet returned.
    ended: Vec<Watch, EVENTS>,
    /// Something failed that another look may do.
    failed: bool,
}

impl<'a> Kernel<'a> {
    /// Makes the maps, and a folder and a program for each user.
    pub fn new(users: &'a Users, guards: Guards<'_>) -> Result<Self> {
        let (devices, words, taken) = (bpf::map(Map::Hash)?, bpf::map(Map::Words)?, bpf::map(Map::Ring)?);
        let maps = Maps { devices: devices.as_raw_fd(), words: words.as_raw_fd(), taken: taken.as_raw_fd() };
        // sandboxes without a device program of their own cannot open these devices, even if they are made later
        let everybody = place::file(layout::CGROUPS, OFlags::RDONLY | OFlags::DIRECTORY)?;
        if guards.hold(Guard::Claims) {
            bpf::attach(&bpf::load(&program(0, maps))?, &everybody, Attach::ChildrenMayReplace)?;
        }
        rustix::fs::mkdir(Name::new(layout::HIDDEN)?.c(), Mode::RWXU)?;
        for (user, slot) in users.iter().zip(1..) {
            copy_devices(user)?;
            let pin = Name::new(&place::of_user(layout::CLAIMS, user.uid))?;
            bpf::pin(&bpf::load(&program(slot, maps))?, pin.c())?;
        }
        let (words, taken) = (Words::of(&words)?, Ring::of(taken)?);
        let ends = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        Ok(Self { users, maker: Maker::Broker, devices, words, taken, ends, ended: Vec::new(), failed: false })
    }

    /// PID 1 makes the nodes from here on.
    pub fn ask_for_nodes(&mut self) {
        self.maker = Maker::Pid1;
    }

    pub fn users(&self) -> &'a Users {
        self.users
    }

    /// Readable when a user has taken a device.
    pub fn taken(&self) -> &OwnedFd {
        self.taken.descriptor()
    }

    /// Discards past events, so that only new ones wake the broker.
    pub fn take_news(&self) {
        self.taken.take();
    }

    /// Readable when a watched node is gone.
    pub fn ends(&self) -> &OwnedFd {
        &self.ends
    }

    /// The next watch whose node is gone.
    pub fn next_end(&mut self) -> Option<Watch> {
        if self.ended.is_empty() {
            let mut buffer = [MaybeUninit::uninit(); EVENTS * 16]; // each event of a file has sixteen bytes
            let mut events = inotify::Reader::new(&self.ends, &mut buffer);
            while let Ok(event) = events.next() {
                if event.events().contains(inotify::ReadFlags::DELETE_SELF) {
                    let _ = self.ended.push(event.wd());
                }
                if events.is_buffer_empty() {
                    break;
                }
            }
        }
        self.ended.pop()
    }

    /// Whether something has failed since the last call.
    pub fn take_failed(&mut self) -> bool {
        core::mem::take(&mut self.failed)
    }

    fn user(&self, slot: Slot) -> Option<&'a User> {
        self.users.get(usize::from(slot).checked_sub(1)?)
    }

    fn paths(&self, slot: Slot, index: usize, device: &Device) -> Result<Paths<'a>> {
        let user = self.user(slot).ok_or(Errno::NOENT)?;
        let (mut shown, mut hidden) =
            (place::of_user(layout::GRANTED, user.uid), place::of_user(layout::HIDDEN, user.uid));
        say!(&mut shown, "/", device.name);
        say!(&mut hidden, ".", index);
        let number = rustix::fs::makedev(device.number.0, device.number.1);
        Ok(Paths { user, maker: self.maker, number, shown: Name::new(&shown)?, hidden: Name::new(&hidden)? })
    }
}

/// Who makes a node at `layout::NEW`.
#[derive(Clone, Copy)]
enum Maker {
    /// Before any user's program runs.
    Broker,
    /// Afterwards.
    Pid1,
}

impl Maker {
    fn make(self, device: &str) -> Result<()> {
        match self {
            Self::Broker => node::make(device),
            Self::Pid1 => {
                rustix::io::write(Stream(1), device.as_bytes())?;
                let mut errno = [0];
                match (rustix::io::read(Stream(1), &mut errno)?, errno) {
                    (1, [0]) => Ok(()),
                    (1, [errno]) => Err(Errno::from_raw_os_error(errno.into())),
                    _ => Err(Errno::PIPE),
                }
            }
        }
    }
}

/// The paths of a user's node of a device, visible or hidden.
struct Paths<'a> {
    user: &'a User,
    maker: Maker,
    number: u64,
    shown: Name,
    hidden: Name,
}

impl Paths<'_> {
    /// Whether the node with the device's name is that of the device: another device may have the name now.
    fn own(&self) -> Option<bool> {
        rustix::fs::lstat(self.shown.c()).ok().map(|stat| stat.st_rdev == self.number)
    }

    /// The path of the node, if it is there.
    fn found(&self) -> Option<&CStr> {
        if self.own() == Some(true) {
            return Some(self.shown.c());
        }
        Some(self.hidden.c()).filter(|path| rustix::fs::lstat(*path).is_ok())
    }

    /// Makes a node and shows it, in place of the existing one.
    fn make(&self, device: &Device) -> Result<()> {
        self.maker.make(&device.name)?;
        let mut new = Text::new();
        say!(&mut new, layout::HIDDEN, "/", layout::NEW);
        let new = Name::new(&new)?;
        if rustix::fs::lstat(new.c())?.st_rdev != self.number {
            return Err(Errno::NODEV); // another device has that name already
        }
        let (uid, gid) = (Uid::from_raw(self.user.uid), Gid::from_raw(self.user.gid));
        rustix::fs::chown(new.c(), Some(uid), Some(gid))?;
        if let Some((folder, _)) = device.name.as_str().split_once('/') {
            let mut above = place::of_user(layout::GRANTED, self.user.uid);
            say!(&mut above, "/", folder);
            let _ = rustix::fs::mkdir(Name::new(&above)?.c(), Mode::from_raw_mode(0o755));
        }
        rustix::fs::rename(new.c(), self.shown.c())
    }
}

impl Nodes for Kernel<'_> {
    fn show(&mut self, slot: Slot, index: usize, device: &Device) {
        // if there is no room, or the device is gone already, it is not visible until the next look
        let shown = self.paths(slot, index, device).and_then(|paths| match paths.own() {
            Some(own) => own.then_some(()).ok_or(Errno::EXIST),
            None => match paths.found() {
                Some(hidden) => rustix::fs::rename(hidden, paths.shown.c()),
                None => paths.make(device),
            },
        });
        self.failed |= shown.is_err();
    }

    fn hide(&mut self, slot: Slot, index: usize, device: &Device) {
        if let Ok(paths) = self.paths(slot, index, device)
            && paths.own() == Some(true)
        {
            let _ = rustix::fs::rename(paths.shown.c(), paths.hidden.c());
        }
    }

    fn renew(&mut self, slot: Slot, index: usize, device: &Device, shown: bool) {
        let Ok(paths) = self.paths(slot, index, device) else { return };
        if paths.own() != Some(false) && !(shown && paths.make(device).is_ok()) {
            let _ = rustix::fs::unlink(paths.shown.c());
        }
        let _ = rustix::fs::unlink(paths.hidden.c());
    }

    fn watch(&mut self, slot: Slot, index: usize, device: &Device) -> core::result::Result<Watch, Unwatched> {
        const HOW: inotify::WatchFlags = inotify::WatchFlags::DELETE_SELF.union(inotify::WatchFlags::DONT_FOLLOW);
        let watch = self
            .paths(slot, index, device)
            .and_then(|paths| inotify::add_watch(&self.ends, paths.found().ok_or(Errno::NOENT)?, HOW));
        watch.map_err(|errno| {
            self.failed |= errno != Errno::NOENT;
            if errno == Errno::NOENT { Unwatched::Absent } else { Unwatched::Failed }
        })
    }

    fn word(&self, index: usize) -> u64 {
        self.words.get(index)
    }

    fn release(&mut self, index: usize, word: u64) -> bool {
        self.words.clear(index, word)
    }

    fn grant(&mut self, index: usize, number: Number, slots: u32) -> bool {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        bpf::set(&self.devices, key(number), grant(index, slots)).is_ok()
    }
}

/// A user's own /dev: all nodes that every user's /dev has, and room for more.
///
/// It has no `tty` if a serial line is granted: its controlling process could open the line a second time by that name.
/// Neither the program nor the watch on the node would notice that.
fn copy_devices(user: &User) -> Result<()> {
    let path = place::of_user(layout::GRANTED, user.uid);
    rustix::fs::mkdir(Name::new(&path)?.c(), Mode::from_raw_mode(0o755))?;
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
            FileType::CharacterDevice if name.c() == c"tty" && user.policy.grants_lines() => {}
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
