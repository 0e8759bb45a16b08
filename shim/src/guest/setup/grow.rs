//! The users partition of a card takes what the card has, at the first boot.
//!
//! The power may go at any moment: the table is one sector, written once and whole; a partition that is larger than its
//! filesystem is what the next boot goes on from; the filesystem grows online, through its journal.

use rustix::{
    fd::AsFd,
    fs::OFlags,
    io::{Errno, Result},
};

use crate::{
    cmdline::Device,
    guest::{log::Log, place, setup::device},
    layout, mbr, sys,
};

/// The partition, then the filesystem on it, which is mounted.
pub fn grow(wanted: Device<'_>, log: &Log) -> Result<()> {
    let path = device::look(wanted).ok_or(Errno::NODEV)?;
    partition(&path, log)?;
    filesystem(&path, log)
}

fn partition(path: &str, log: &Log) -> Result<()> {
    let Some((disk, number)) = device::of_partition(path) else { return Ok(()) };
    let disk = place::file(&disk, OFlags::RDWR)?;
    let mut sector = [0; mbr::SECTOR];
    if rustix::io::pread(&disk, &mut sector, 0)? != sector.len() {
        return Ok(());
    }
    let size = rustix::fs::seek(&disk, rustix::fs::SeekFrom::End(0))?;
    let Some(grown) = mbr::grown(&sector, number, size) else { return Ok(()) };
    info!(log, "growing ", path, " to ", grown.length >> 20, " MiB");
    if rustix::io::pwrite(&disk, &grown.sector, 0)? != grown.sector.len() {
        return Err(Errno::IO);
    }
    rustix::fs::fsync(&disk)?;
    sys::disk::resize_partition(disk.as_fd(), number, grown.start, grown.length)
}

fn filesystem(path: &str, log: &Log) -> Result<()> {
    let (room, before) = device::sizes(path)?;
    if room.saturating_sub(before) < mbr::LEAST {
        return Ok(());
    }
    let users = place::file(layout::USERS, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let block = rustix::fs::fstatvfs(&users)?.f_frsize;
    sys::disk::resize_ext4(users.as_fd(), room.checked_div(block).unwrap_or(0))?;
    let (_, after) = device::sizes(path)?;
    if after > before {
        info!(log, "users partition grown from ", before >> 20, " to ", after >> 20, " MiB");
    }
    Ok(())
}
