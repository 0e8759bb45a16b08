//! Executes a plan, step by step, and decides nothing but to stop at a required step that fails.
//!
//! Places of PID 1's own are named by path. A place in a user's root is opened without following links and named by its
//! descriptor: a user owns any part of it. Run with all capabilities; the callers' comments say in which namespaces.

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
            failed(op, errno, log);
            if *need == Need::Required {
                return Err(Stopped);
            }
        }
    }
    Ok(())
}

/// Says that it could not be done, why, and what to do next.
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
            Op::Attributes(path, attr) => sys::mount_attributes(place::open(path)?.as_fd(), attr),
            Op::Unmount(path) => rustix::mount::unmount(Name::new(path)?.c(), UnmountFlags::DETACH),
        }
    }

    fn hint(&self, errno: Errno) -> &'static str {
        match (self, errno) {
            (Op::Mount(..), Errno::NODEV) => "this kernel lacks that filesystem",
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
    match rustix::fs::mkdir(Name::new(path)?.c(), Mode::from_raw_mode(mode)) {
        // what was there before is on a partition that anybody may have written
        Err(Errno::EXIST) => place::roots_alone(&place::open_at(CWD, path, OFlags::PATH | OFlags::DIRECTORY)?),
        result => result,
    }
}

/// Writes a file that is made if it is not there.
pub fn write(path: &str, text: &str) -> Result<()> {
    let file = place::open_at(CWD, path, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
    rustix::io::write(&file, text.as_bytes()).map(drop)
}

/// Writes one of a layer's.
pub fn write_file(path: &str, file: &File<'_>) -> Result<()> {
    let mut text = Text::new();
    say!(&mut text, file);
    if whole(&text) { write(path, &text) } else { Err(Errno::FBIG) }
}

/// Mounts a new filesystem. The bits of an attribute are those of `MS_RDONLY` and its like (include/uapi/linux/mount.h).
#[inline(never)]
pub fn mount(kind: &str, source: &str, target: &str, attr: Attr, options: &str) -> Result<()> {
    let (mut data, mut flags) = (Text::new(), MountFlags::from_bits_retain(attr.0));
    if kind == "ext4" {
        // the blocks that are kept back are for CAP_SYS_RESOURCE alone, which an overlay never has (fs/overlayfs/super.c):
        // by default they belong to uid 0, and an overlay writes as the user who mounted it
        say!(&mut data, "errors=remount-ro,resuid=4294967294");
    }
    let mut options = Some(options);
    while let Some(option) = cut::next(&mut options, b',') {
        match option {
            // a mount's own, which no filesystem knows
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

/// Whether a user may own what lies there.
fn in_a_root(path: &str) -> bool {
    path.strip_prefix(layout::ROOT).is_some_and(|below| below.starts_with('/'))
}

/// Mounts what is seen at one place at another.
#[inline(never)]
pub fn bind(from: &str, to: &str, attr: Attr) -> Result<()> {
    let tree = open_tree(CWD, Name::new(from)?.c(), OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)?;
    sys::mount_attributes(tree.as_fd(), attr)?;
    attach(&tree, &place::open(to)?)
}
