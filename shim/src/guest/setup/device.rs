//! Finds a block device by path, label or UUID, and waits until it is there.

use core::mem::MaybeUninit;

use rustix::{
    event::{PollFd, PollFlags, Timespec},
    fd::OwnedFd,
    fs::{CWD, FileType, OFlags, RawDir, SeekFrom},
    io::{Errno, Result},
};

use crate::{
    cut,
    device::Device,
    ext4,
    guest::{
        log::Log,
        machine::uptime,
        place::{self, Name, read_at},
        uevents,
    },
    probe, say,
    say::Text,
};

/// Seconds to wait for a device: a USB disk behind a hub needs about ten.
pub const PATIENCE: u8 = 30;
/// The same for the default users partition, `layout::USERS_LABEL`, if the image carries homes.
pub const LITTLE_PATIENCE: u8 = 5;

/// The path of the device, once it is there. Waits by uevent: the socket is open before the last look, so no device can
/// come unnoticed between that look and the wait.
pub fn find(device: Device<'_>, seconds: u8, log: &Log) -> Result<Text> {
    let until = uptime().saturating_add(seconds.into());
    let (mut events, mut said) = (None, false);
    loop {
        if let Some(Found { path, other }) = search(device) {
            if let Some(other) = other {
                error!(log, device, " is ", path, " and ", other, " too; the first is used");
            }
            return Ok(path);
        }
        let Some(events) = &events else {
            events = Some(uevents::listen()?);
            continue;
        };
        let left = until.saturating_sub(uptime());
        if left == 0 {
            return Err(Errno::TIMEDOUT);
        }
        if !said {
            error!(log, "waiting for ", device, ", at most ", seconds, " s");
            said = true;
        }
        wait(events, left)?;
    }
}

/// Returns when a device was plugged in, or after `seconds`.
fn wait(events: &OwnedFd, seconds: u64) -> Result<()> {
    let timeout = Timespec { tv_sec: i64::try_from(seconds).unwrap_or(i64::MAX), tv_nsec: 0 };
    let mut fds = [PollFd::new(events, PollFlags::IN)];
    rustix::event::poll(&mut fds, Some(&timeout))?;
    uevents::drain(events);
    Ok(())
}

/// The path of the device, if it is there now.
pub fn look(device: Device<'_>) -> Option<Text> {
    search(device).map(|found| found.path)
}

/// A device, and another one that has the same label or UUID.
struct Found {
    path: Text,
    other: Option<Text>,
}

/// If several devices match, this takes the first by name, but a partition before a whole disk: a mounted whole disk
/// keeps all its partitions from being mounted (block/bdev.c, `bd_may_claim`).
fn search(device: Device<'_>) -> Option<Found> {
    if let Device::Path(path) = device {
        let stat = rustix::fs::stat(Name::new(path).ok()?.c()).ok()?;
        let block = FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice;
        return block.then(|| Some(Found { path: Text::try_from(path).ok()?, other: None }))?;
    }
    let folder = place::file("/sys/class/block", OFlags::RDONLY).ok()?;
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(&folder, &mut buffer);
    let (mut first, mut other): (Option<(bool, Text)>, Option<Text>) = (None, None);
    while let Some(Ok(entry)) = entries.next() {
        let Ok(name) = entry.file_name().to_str() else { continue };
        if !name.starts_with('.') && is(name, device) == Some(true) {
            let found = (attribute(name, "partition").is_none(), path(name));
            let behind = match &first {
                Some(first) if found >= *first => Some(found),
                _ => first.replace(found),
            };
            // a disk and a partition of it count as one
            let own = |path: &Text| first.as_ref().is_some_and(|(_, first)| one_disk(first, path));
            other = behind.map(|(_, path)| path).filter(|path| !own(path)).or(other);
        }
    }
    first.map(|(_, path)| Found { path, other })
}

/// The sizes of a device and of the filesystem on it.
pub struct Sizes {
    /// Bytes of the device.
    pub device: u64,
    /// Bytes of the filesystem.
    pub filesystem: u64,
    /// Whether the filesystem is ext4 with a journal.
    pub journal: bool,
    /// Whether e2fsck should check it before it is mounted.
    pub unclean: bool,
}

/// The sizes of the device at that path and of its filesystem.
pub fn sizes(path: &str) -> Result<Sizes> {
    let device = place::file(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
    let mut sizes =
        Sizes { device: rustix::fs::seek(&device, SeekFrom::End(0))?, filesystem: 0, journal: false, unclean: false };
    let mut block = [0; probe::BLOCK];
    for at in probe::BLOCKS {
        if read_at(&device, at, &mut block).is_some() {
            sizes.filesystem = sizes.filesystem.max(probe::size(&block, at).unwrap_or(0));
            if at == 0 && probe::is_ext4(&block) {
                sizes.journal = ext4::has_journal(&block);
                sizes.unclean = ext4::check(&block).is_some();
            }
        }
    }
    Ok(sizes)
}

/// Whether one is a partition of the other: `sda` and `sda1`, `mmcblk0` and `mmcblk0p1`, but not `sda1` and `sda10`.
fn one_disk(a: &str, b: &str) -> bool {
    let part = |disk: &str, partition: &str| {
        let digit = disk.ends_with(|last: char| last.is_ascii_digit());
        partition.strip_prefix(disk).is_some_and(|rest| !digit || rest.starts_with('p'))
    };
    part(a, b) || part(b, a)
}

/// Refuses an incomplete carbon copy, on a device or in a file: one without the mark at its end.
pub fn marked(path: &str, log: &Log) -> Result<()> {
    let place = place::file(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
    let (mut block, mut mark) = ([0; probe::BLOCK], [0; probe::MARK]);
    let marked = read_at(&place, 0, &mut block)
        .and_then(|()| probe::size(&block, 0))
        .and_then(|size| read_at(&place, size, &mut mark))
        .is_some_and(|()| probe::mark(&block) == Some(mark));
    if marked {
        return Ok(());
    }
    error!(log, path, " is incomplete: the end of the image is not there");
    Err(Errno::NODATA)
}

/// Refuses a device that is smaller than the filesystem on it: an incomplete copy.
pub fn whole(path: &str, log: &Log) -> Result<Sizes> {
    let sizes = sizes(path)?;
    if sizes.filesystem > sizes.device {
        let (size, needed) = (sizes.device >> 20, sizes.filesystem >> 20);
        error!(log, path, " is incomplete: it has ", size, " MiB of ", needed, " MiB and more");
        return Err(Errno::NODATA);
    }
    Ok(sizes)
}

fn path(name: &str) -> Text {
    let mut path = Text::new();
    say!(&mut path, "/dev/", name);
    path
}

fn is(name: &str, device: Device<'_>) -> Option<bool> {
    if let Device::PartUuid(wanted) = device {
        let number = cut::small(attribute(name, "partition")?.trim_ascii(), 10)?;
        let path = disk_of(name)?;
        let device = open(&path)?;
        let sector = sector(&path);
        let mut disk = probe::Disk { mbr: [0; probe::TABLE], gpt: [0; probe::TABLE], sector };
        read_at(&device, 0, &mut disk.mbr)?;
        read_at(&device, sector.into(), &mut disk.gpt)?;
        let mut entry = [0; 128];
        if let Some(at) = probe::gpt_entry(&disk, number) {
            read_at(&device, at, &mut entry)?;
        }
        return Some(probe::is_partition(&disk, &entry, number, wanted));
    }
    let disk = open(&path(name))?;
    let mut block = [0; probe::BLOCK];
    let matches = |at: &u64| read_at(&disk, *at, &mut block).is_some() && probe::matches(&block, *at, device);
    Some(probe::BLOCKS.iter().any(matches))
}

/// The partition's disk, and its number on that disk; `None` if it is not a partition.
pub fn of_partition(path: &str) -> Option<(Text, u32)> {
    let name = path.strip_prefix("/dev/")?;
    Some((disk_of(name)?, cut::small(attribute(name, "partition")?.trim_ascii(), 10)?))
}

/// The whole disk of a partition: in sysfs, the partition's folder is in the disk's folder.
fn disk_of(name: &str) -> Option<Text> {
    let mut link = Text::new();
    say!(&mut link, "/sys/class/block/", name);
    linked(&link, 1)
}

/// Bytes of a logical sector of a whole disk. Partition tables count in these.
pub fn sector(disk: &str) -> u32 {
    let size = disk.strip_prefix("/dev/").and_then(|name| attribute(name, "queue/logical_block_size"));
    size.and_then(|size| cut::small(size.trim_ascii(), 10)).unwrap_or(512)
}

/// The device of a mounted filesystem.
pub fn below(mounted: &OwnedFd) -> Result<Text> {
    let number = rustix::fs::fstat(mounted)?.st_dev;
    let mut link = Text::new();
    say!(&mut link, "/sys/dev/block/", rustix::fs::major(number), ":", rustix::fs::minor(number));
    linked(&link, 0).ok_or(Errno::NODEV)
}

/// The device that is named in the path to which a link leads: by the last component, or `above` components before it.
fn linked(link: &str, above: usize) -> Option<Text> {
    let mut room = [MaybeUninit::uninit(); 256];
    let (folder, _) = rustix::fs::readlinkat_raw(CWD, Name::new(link).ok()?.c(), &mut room).ok()?;
    let name = folder.rsplit(|byte| *byte == b'/').nth(above)?;
    Some(path(core::str::from_utf8(name).ok()?))
}

fn attribute(name: &str, attribute: &str) -> Option<Text> {
    let mut file = Text::new();
    say!(&mut file, "/sys/class/block/", name, "/", attribute);
    place::text(&file)
}

fn open(path: &str) -> Option<OwnedFd> {
    place::file(path, OFlags::RDONLY | OFlags::NONBLOCK).ok()
}
