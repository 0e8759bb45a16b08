//! Executes a plan, step by step, and decides nothing but to stop at a required step that fails.
//!
//! Mounts go by descriptors: what a user owns is opened without following links, and the mount lands on what was
//! opened. Run with all capabilities; the callers' comments say in which namespaces.

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{FileType, Mode, OFlags},
    io::{Errno, Result},
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags},
    mount::{fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree},
};

use crate::{
    cut,
    guest::{
        log::Log,
        place::{self, Name},
    },
    op::{Attr, Op},
    plan::{Need, Step},
    say::Say,
    sys,
};

/// What a plan is made of, as the program that executes it knows it.
pub trait Execute: Say {
    /// Does it.
    fn execute(&self, log: &Log) -> Result<()>;

    /// What to do next, where the errno does not say it.
    fn hint(&self, errno: Errno) -> &'static str;
}

/// A required step failed, and the log has said so.
pub struct Stopped;

/// Runs the steps in order.
pub fn steps<O: Execute>(steps: &[Step<O>], log: &Log) -> core::result::Result<(), Stopped> {
    for Step { op, need, .. } in steps {
        if let Err(errno) = op.execute(log) {
            error!(log, "cannot ", op, ": ", errno, op.hint(errno));
            if *need == Need::Required {
                return Err(Stopped);
            }
        }
    }
    Ok(())
}

impl Execute for Op<'_> {
    fn execute(&self, _log: &Log) -> Result<()> {
        match *self {
            Op::Mkdir(path, mode) => mkdir(path, mode),
            Op::Write(path, text) => write(path, text),
            Op::Mount(kind, source, target, attr, options) => {
                attach(&create(kind, source, attr, options)?, &place::open(target)?)
            }
            Op::Bind(from, to, attr) => {
                let tree = open_tree(place::open(from)?, c"", CLONE)?;
                sys::mount_attributes(tree.as_fd(), attr)?;
                attach(&tree, &place::open(to)?)
            }
            Op::Symlink(path, says) => {
                let (folder, name) = place::parent(path)?;
                rustix::fs::symlinkat(Name::new(says)?.c(), folder, name.c())
            }
            Op::Node(path, mode, major, minor) => {
                let (folder, name) = place::parent(path)?;
                let device = rustix::fs::makedev(major, minor);
                rustix::fs::mknodat(folder, name.c(), FileType::CharacterDevice, Mode::from_raw_mode(mode), device)
            }
            Op::Attributes(path, attr) => sys::mount_attributes(place::open(path)?.as_fd(), attr),
            Op::Unmount(path) => rustix::mount::unmount(Name::new(path)?.c(), UnmountFlags::DETACH),
        }
    }

    fn hint(&self, errno: Errno) -> &'static str {
        match (self, errno) {
            (Op::Mount(..), Errno::NODEV) => "; this kernel lacks that filesystem",
            _ => "",
        }
    }
}

/// A copy of one mount, attached nowhere.
pub const CLONE: OpenTreeFlags =
    OpenTreeFlags::OPEN_TREE_CLONE.union(OpenTreeFlags::OPEN_TREE_CLOEXEC).union(OpenTreeFlags::AT_EMPTY_PATH);

/// Puts a mount at a place.
pub fn attach(mount: &OwnedFd, target: &OwnedFd) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, c"", target, c"", flags)
}

fn mkdir(path: &str, mode: u32) -> Result<()> {
    let (folder, name) = place::parent(path)?;
    match rustix::fs::mkdirat(&folder, name.c(), Mode::from_raw_mode(mode)) {
        Err(Errno::EXIST) => {}
        result => return result,
    }
    // what was there before is on a partition that anybody may have written
    place::roots_alone(&place::folder_in(&folder, &name)?)
}

/// Writes a file that is made if it is not there.
pub fn write(path: &str, text: &str) -> Result<()> {
    let (folder, name) = place::parent(path)?;
    let file = place::open_in(folder.as_fd(), &name, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
    rustix::io::write(&file, text.as_bytes()).map(drop)
}

/// A new mount, attached nowhere.
pub fn create(kind: &str, source: &str, attr: Attr, options: &str) -> Result<OwnedFd> {
    let context = fsopen(Name::new(kind)?.c(), FsOpenFlags::FSOPEN_CLOEXEC)?;
    set(&context, "source", source)?;
    if matches!(kind, "erofs" | "iso9660") {
        fsconfig_set_flag(&context, c"ro")?;
    }
    if kind == "ext4" {
        fsconfig_set_string(&context, c"errors", c"remount-ro")?;
        // the blocks that are kept back are for CAP_SYS_RESOURCE alone, which an overlay never has (fs/overlayfs/super.c):
        // by default they are uid 0's, and an overlay writes as whoever mounted it
        fsconfig_set_string(&context, c"resuid", c"4294967294")?;
    }
    let mut options = Some(options);
    while let Some(option) = cut::next(&mut options, b',') {
        match cut::once(option, b'=') {
            Some((key, value)) => set(&context, key, value)?,
            None if option.is_empty() => {}
            None => fsconfig_set_flag(&context, Name::new(option)?.c())?,
        }
    }
    fsconfig_create(&context)?;
    finish(&context, attr)
}

#[inline(never)]
fn set(context: &OwnedFd, key: &str, value: &str) -> Result<()> {
    fsconfig_set_string(context, Name::new(key)?.c(), Name::new(value)?.c())
}

/// The mount of a filesystem that is configured.
pub fn finish(context: &OwnedFd, attr: Attr) -> Result<OwnedFd> {
    let attributes = MountAttrFlags::from_bits_retain(attr.0);
    fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}
