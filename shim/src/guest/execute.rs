//! Executes a plan step by step. Its only decision is to stop when a required step fails.
//!
//! PID 1's own places are named by path. A place in a user's root is opened without following links and then named by
//! its descriptor, because a user may own any part of it. All of this runs with all capabilities; the comments of the
//! callers name the namespaces.

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, FileType, Mode, OFlags},
    io::{Errno, Result},
    mount::{MountFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, move_mount, open_tree},
};

use crate::{
    cut,
    guest::{
        log::Log,
        place::{self, Name},
    },
    layout,
    op::{Attr, File, Op},
    plan::{Need, Step},
    say,
    say::{Say, Text, whole},
    sys,
};

/// An operation of a plan, for the program that executes it.
pub trait Execute: Say {
    /// Executes it.
    fn execute(&self, log: &Log) -> Result<()>;

    /// What to do next, if the errno does not tell.
    fn hint(&self, errno: Errno) -> &'static str;
}

/// A required step failed, and this was logged.
pub struct Stopped;

/// Runs the steps in order.
pub fn steps<O: Execute>(steps: &[Step<O>], log: &Log) -> core::result::Result<(), Stopped> {
    for Step { op, need, .. } in steps {
        if let Err(errno) = op.execute(log) {
            failed(op, errno, log);
            if *need == Need::Required {
                return Err(Stopped);
            }
        }
    }
    Ok(())
}

/// Logs what failed, why, and what to do next.
pub fn failed<O: Execute>(op: &O, errno: Errno, log: &Log) {
    let hint = op.hint(errno);
    error!(log, "cannot ", op, ": ", errno, if hint.is_empty() { "" } else { "; " }, hint);
}

impl Execute for Op<'_> {
    fn execute(&self, _log: &Log) -> Result<()> {
        match *self {
            Op::Mkdir(path, mode) => mkdir(path, mode),
            Op::Write(path, text) => write(path, text),
            Op::Mount(kind, source, target, attr, options) => mount(kind, source, target, attr, options),
            Op::Bind(from, to, attr) => bind(from, to, attr),
            Op::Symlink(path, says) => rustix::fs::symlink(Name::new(says)?.c(), Name::new(path)?.c()),
            Op::Node(path, mode, major, minor) => {
                let (kind, mode) = (FileType::CharacterDevice, Mode::from_raw_mode(mode));
                rustix::fs::mknodat(CWD, Name::new(path)?.c(), kind, mode, rustix::fs::makedev(major, minor))
            }
            Op::Attributes(path, attr) => attributes(path, attr),
            Op::Unmount(path) => unmount(path),
        }
    }

    fn hint(&self, errno: Errno) -> &'static str {
        match (self, errno) {
            (Op::Mount(..), Errno::NODEV) => "this kernel lacks that filesystem",
            _ => "",
        }
    }
}

/// For a copy of one mount that is not attached anywhere.
pub const CLONE: OpenTreeFlags =
    OpenTreeFlags::OPEN_TREE_CLONE.union(OpenTreeFlags::OPEN_TREE_CLOEXEC).union(OpenTreeFlags::AT_EMPTY_PATH);

/// Attaches a mount at a place.
pub fn attach(mount: &OwnedFd, target: &OwnedFd) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, c"", target, c"", flags)
}

fn mkdir(path: &str, mode: u32) -> Result<()> {
    match rustix::fs::mkdir(Name::new(path)?.c(), Mode::from_raw_mode(mode)) {
        // an existing folder may be on a partition that anybody may have written
        Err(Errno::EXIST) => place::roots_alone(&place::open_at(CWD, path, OFlags::PATH | OFlags::DIRECTORY)?),
        result => result,
    }
}

/// Sets the attributes of the mount at that path.
pub fn attributes(path: &str, attr: Attr) -> Result<()> {
    sys::mount_attributes(place::open(path)?.as_fd(), attr)
}

/// Unmounts what is mounted there, even if it is in use.
pub fn unmount(path: &str) -> Result<()> {
    rustix::mount::unmount(Name::new(path)?.c(), UnmountFlags::DETACH)
}

/// Writes a file, and makes it if it does not exist.
pub fn write(path: &str, text: &str) -> Result<()> {
    let file = place::open_at(CWD, path, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
    rustix::io::write(&file, text.as_bytes()).map(drop)
}

/// Writes a small file of a layer.
pub fn write_file(path: &str, file: &File<'_>) -> Result<()> {
    let mut text = Text::new();
    say!(&mut text, file);
    if whole(&text) { write(path, &text) } else { Err(Errno::FBIG) }
}

/// Mounts a new filesystem. The bits of an attribute are the same as `MS_RDONLY` and so on
/// (include/uapi/linux/mount.h).
#[inline(never)]
pub fn mount(kind: &str, source: &str, target: &str, attr: Attr, options: &str) -> Result<()> {
    let (mut data, mut flags) = (Text::new(), MountFlags::from_bits_retain(attr.0));
    if kind == "ext4" {
        // reserved blocks are for CAP_SYS_RESOURCE only, which an overlay never has (fs/overlayfs/super.c): by default
        // they belong to uid 0, and an overlay writes as the user who mounted it
        say!(&mut data, "errors=remount-ro,resuid=4294967294");
    }
    let mut options = Some(options);
    while let Some(option) = cut::next(&mut options, b',') {
        match option {
            // attributes of a mount, which no filesystem knows
            "noatime" => flags |= MountFlags::NOATIME,
            "nodiratime" => flags |= MountFlags::NODIRATIME,
            _ => say!(&mut data, if data.is_empty() { "" } else { "," }, option),
        }
    }
    let opened = in_a_root(target).then(|| place::open(target)).transpose()?;
    let target = match &opened {
        Some(opened) => Name::new(&place::of_descriptor(opened))?,
        None => Name::new(target)?,
    };
    rustix::mount::mount(Name::new(source)?.c(), target.c(), Name::new(kind)?.c(), flags, Name::new(&data)?.c())
}

/// Whether a user may own what is at that path.
fn in_a_root(path: &str) -> bool {
    path.strip_prefix(layout::ROOT).is_some_and(|below| below.starts_with('/'))
}

/// Mounts the files at one place also at another.
#[inline(never)]
pub fn bind(from: &str, to: &str, attr: Attr) -> Result<()> {
    let tree = open_tree(CWD, Name::new(from)?.c(), OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)?;
    sys::mount_attributes(tree.as_fd(), attr)?;
    attach(&tree, &place::open(to)?)
}
