//! Grows the users partition of a card to the whole card, at the first boot.
//!
//! Power loss at any moment is safe, because there is no state besides the disk's own: each boot checks whether there
//! is room behind the partition, and then whether there is room behind the filesystem. The filesystem grows online,
//! through its journal.

use rustix::{
    fd::AsFd,
    fs::{OFlags, SeekFrom},
    io::{Errno, Result},
};

use crate::{
    device::Device,
    guest::{log::Log, place, setup::device},
    mbr, sys,
};

/// The least room that is worth growing. A smaller last block group may also have no room for its own inodes
/// (fs/ext4/resize.c, `ext4_resize_fs`).
const LEAST: u64 = 16 << 20;

/// Grows the partition before it is mounted. The kernel grows it first: if that fails, the table stays unchanged.
pub fn partition(wanted: Device<'_>, log: &Log) -> Result<()> {
    let path = device::look(wanted).ok_or(Errno::NODEV)?;
    let Some((disk, number)) = device::of_partition(&path) else { return Ok(()) };
    let unit = device::sector(&disk);
    let disk = place::file(&disk, OFlags::RDWR)?;
    let mut sector = [0; mbr::TABLE];
    if rustix::io::pread(&disk, &mut sector, 0)? != sector.len() {
        return Ok(());
    }
    let size = rustix::fs::seek(&disk, SeekFrom::End(0))?;
    let Some(grown) = mbr::grown(&sector, number, size, unit) else { return Ok(()) };
    info!(log, "growing ", path, " to ", grown.length >> 20, " MiB");
    sys::disk::resize_partition(disk.as_fd(), number, grown.start, grown.length)?;
    if rustix::io::pwrite(&disk, &grown.sector, 0)? != grown.sector.len() {
        return Err(Errno::IO);
    }
    rustix::fs::fsync(&disk)
}

/// Grows the mounted filesystem.
pub fn filesystem(mounted: &str, log: &Log) -> Result<()> {
    let folder = place::file(mounted, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let path = device::below(&folder)?;
    let before = device::sizes(&path)?;
    if before.device.saturating_sub(before.filesystem) < LEAST {
        return Ok(());
    }
    let block = rustix::fs::fstatvfs(&folder)?.f_frsize;
    sys::disk::resize_ext4(folder.as_fd(), before.device.checked_div(block).unwrap_or(0))?;
    let (before, after) = (before.filesystem, device::sizes(&path)?.filesystem);
    if after > before {
        info!(log, "users partition grown from ", before >> 20, " to ", after >> 20, " MiB");
    }
    Ok(())
}
