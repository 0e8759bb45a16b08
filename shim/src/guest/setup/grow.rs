//! The users partition of a card takes what the card has, at the first boot.
//!
//! The power may go at any moment, for there is no state beside the disk's: each boot asks whether there is room behind
//! the partition, and then whether there is room behind the filesystem, which grows online, through its journal.

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

/// Less room is not worth it, and a last group of blocks that is smaller may have no room for its own inodes
/// (fs/ext4/resize.c, `ext4_resize_fs`).
const LEAST: u64 = 16 << 20;

/// The partition; nothing is mounted yet. The kernel is asked first: a table that it reads otherwise stays.
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

/// The filesystem, where it is mounted.
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
