//! Executes a plan, step by step, and decides nothing but to stop at a required step that fails.
//!
//! Mounts go by descriptors: what a user owns is opened without following links, and the mount lands on what was
//! opened. Run with all capabilities; the callers' comments say in which namespaces.

use core::ffi::CStr;

use crate::{
    cmdline::Device,
    cut, layout,
    op::{self, Attr, Op, Source, Upper},
    plan::{Need, Step},
    say,
    say::{Text, whole},
    sys,
    told::Told,
};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, CWD, FallocateFlags, FileType, Mode, OFlags},
    io::{Errno, Result},
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags},
    mount::{fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree},
    net::{AddressFamily, SocketFlags, SocketType},
};

use crate::guest::{
    device,
    log::Log,
    place::{self, Name},
};

/// A required step failed, and the log has said so.
pub struct Stopped;

/// Runs the steps in order.
pub fn steps(steps: &[Step<'_>], log: &Log) -> core::result::Result<(), Stopped> {
    for Step { op, need, .. } in steps {
        if let Err(errno) = execute(op, log) {
            if *need == Need::Optional {
                info!(log, "cannot ", op, ": ", errno, hint(op, errno));
            } else {
                error!(log, "cannot ", op, ": ", errno, hint(op, errno));
                return Err(Stopped);
            }
        }
    }
    Ok(())
}

/// What to do next, where the errno does not say it.
fn hint(op: &Op<'_>, errno: Errno) -> &'static str {
    match (op, errno) {
        (Op::Mount("ext4", ..), Errno::INVAL) => "; it is no ext4 filesystem: make one with `nodeos users create`",
        (Op::Mount("erofs", ..), Errno::INVAL) => "; it is no whole EROFS filesystem: write the medium again",
        (Op::Mount(_, Source::Device(_), ..), Errno::TIMEDOUT) => "; is it plugged in, and is users= or carbon= right?",
        (Op::Mount(..), Errno::NODEV) => "; this kernel lacks that filesystem",
        (Op::CheckTold, _) => "; give the machine more memory or use carbon=LABEL=nodeos-carbon",
        (Op::Overlay(..), Errno::NOSPC) => "; the users partition is full",
        _ => "",
    }
}

fn execute(op: &Op<'_>, log: &Log) -> Result<()> {
    match *op {
        Op::Remove(path) => match rustix::fs::unlink(Name::new(path)?.c()) {
            Err(Errno::NOENT) => Ok(()),
            result => result,
        },
        Op::Mkdir(path, mode) => mkdir(path, mode),
        Op::Write(path, text) => write(path, text),
        Op::Symlink(path, text) => {
            let (folder, name) = place::parent(path)?;
            rustix::fs::symlinkat(Name::new(text)?.c(), folder, name.c())
        }
        Op::Copy(from, to) => write(to, op::Text::Plain(&device::read_text(from).ok_or(Errno::NOENT)?)),
        Op::Own(path, user) => {
            let (uid, gid) = (rustix::fs::Uid::from_raw(user.uid), rustix::fs::Gid::from_raw(user.gid));
            let (folder, name) = place::parent(path)?;
            rustix::fs::chownat(folder, name.c(), Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
        }
        Op::Node(path, mode, major, minor) => {
            let (folder, name) = place::parent(path)?;
            let device = rustix::fs::makedev(major, minor);
            rustix::fs::mknodat(folder, name.c(), FileType::CharacterDevice, Mode::from_raw_mode(mode), device)
        }
        Op::Move(from, to) => move_file(from, to),
        Op::CheckTold => check_told(log),
        Op::Mount(kind, source, target, attr, options) => mount(kind, source, target, attr, options, log),
        Op::Bind(from, to, attr) => {
            let tree = open_tree(place::open(from)?, c"", CLONE)?;
            sys::mount_attributes(tree.as_fd(), attr)?;
            attach(&tree, to)?;
            if to == layout::CARBON {
                info!(log, "carbon copy mounted (plain, ", to, ")");
            }
            Ok(())
        }
        Op::Attributes(path, attr) => sys::mount_attributes(place::open(path)?.as_fd(), attr),
        Op::Overlay(home, upper) => overlay(home, upper),
        Op::Private => rustix::mount::mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC),
        Op::Unmount(path) => rustix::mount::unmount(Name::new(path)?.c(), rustix::mount::UnmountFlags::DETACH),
        Op::MoveRoot(path) => {
            let root = place::open(path)?;
            attach(&root, "/")?;
            rustix::process::fchdir(&root)?;
            rustix::process::chroot(c".")
        }
        Op::Hostname(name) => rustix::system::sethostname(name.as_bytes()),
        Op::LoopbackUp => {
            let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
            sys::loopback_up(&socket)
        }
    }
}

/// A copy of one mount, attached nowhere.
pub const CLONE: OpenTreeFlags =
    OpenTreeFlags::OPEN_TREE_CLONE.union(OpenTreeFlags::OPEN_TREE_CLOEXEC).union(OpenTreeFlags::AT_EMPTY_PATH);

/// Puts a mount at a place.
pub fn attach(mount: &OwnedFd, target: &str) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, c"", place::open(target)?, c"", flags)
}

fn mkdir(path: &str, mode: u32) -> Result<()> {
    let (folder, name) = place::parent(path)?;
    match rustix::fs::mkdirat(&folder, name.c(), Mode::from_raw_mode(mode)) {
        Err(Errno::EXIST) => {}
        result => return result,
    }
    // what was there before is on a partition that anybody may have written
    let stat = rustix::fs::fstat(place::folder_in(&folder, &name)?)?;
    if stat.st_uid == 0 && stat.st_mode & 0o022 == 0 { Ok(()) } else { Err(Errno::PERM) }
}

fn write(path: &str, text: op::Text<'_>) -> Result<()> {
    let mut content = Text::new();
    say!(&mut content, text);
    if !whole(&content) {
        return Err(Errno::FBIG);
    }
    let (folder, name) = place::parent(path)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let file = place::open_in(folder.as_fd(), &name, flags)?;
    rustix::io::write(&file, content.as_bytes())?;
    Ok(())
}

fn mount(kind: &str, source: Source<'_>, target: &str, attr: Attr, options: &str, log: &Log) -> Result<()> {
    let path;
    let source = match source {
        Source::Kernel => "none",
        Source::File(file) => file,
        Source::Device(wanted) => {
            path = device::find(wanted, log)?;
            path.as_str()
        }
    };
    let mounted = create(kind, source, attr, options)?;
    attach(&mounted, target)?;
    match (kind, target) {
        ("erofs", _) => info!(log, "carbon copy mounted (", kind, ", ", source, ")"),
        ("ext4", _) => info!(log, "users partition mounted (", kind, ", ", source, ")"),
        _ => {}
    }
    Ok(())
}

/// A new mount, attached nowhere.
fn create(kind: &str, source: &str, attr: Attr, options: &str) -> Result<OwnedFd> {
    let context = fsopen(Name::new(kind)?.c(), FsOpenFlags::FSOPEN_CLOEXEC)?;
    set(&context, "source", source)?;
    if attr.ro && kind == "erofs" {
        fsconfig_set_flag(&context, c"ro")?;
    }
    if kind == "ext4" {
        fsconfig_set_string(&context, c"errors", c"remount-ro")?;
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

fn finish(context: &OwnedFd, attr: Attr) -> Result<OwnedFd> {
    let attributes = MountAttrFlags::from_bits_retain(sys::attribute_bits(attr));
    fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// A user's root at `layout::ROOT`. Layers are named `.` from inside each of them: no name of a user's is ever
/// parsed as an option or walked as a path, nor shown in /proc/mounts.
fn overlay(home: &str, upper: Upper) -> Result<()> {
    let users = place::open(layout::USERS)?;
    let home_folder = place::folder_at(&users, home)?;
    let context = fsopen(c"overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let layer = |key: &CStr, folder: &OwnedFd| -> Result<()> {
        rustix::process::fchdir(folder)?;
        fsconfig_set_string(&context, key, c".")
    };
    match upper {
        Upper::Home => {
            let works = place::folder_at(&users, layout::OVERLAY)?;
            match rustix::fs::mkdirat(&works, Name::new(home)?.c(), Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            layer(c"upperdir", &home_folder)?;
            layer(c"workdir", &place::folder_at(&works, home)?)?;
        }
        Upper::Ram => {
            let owner = rustix::fs::fstat(&home_folder)?;
            let ram = place::open("/ram")?;
            for name in [c"upper", c"work"] {
                rustix::fs::mkdirat(&ram, name, Mode::from_raw_mode(owner.st_mode & 0o777))?;
            }
            let upper = place::folder_at(&ram, "upper")?;
            let (uid, gid) = (rustix::fs::Uid::from_raw(owner.st_uid), rustix::fs::Gid::from_raw(owner.st_gid));
            rustix::fs::chownat(&ram, c"upper", Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
            layer(c"upperdir", &upper)?;
            layer(c"workdir", &place::folder_at(&ram, "work")?)?;
            layer(c"lowerdir+", &home_folder)?;
        }
    }
    layer(c"lowerdir+", &place::open(layout::RUNTIME)?)?;
    layer(c"lowerdir+", &place::open(layout::CARBON)?)?;
    rustix::process::chdir(c"/")?;
    fsconfig_set_string(&context, c"source", c"none")?;
    fsconfig_create(&context)?;
    attach(&finish(&context, Attr::FILES)?, layout::ROOT)
}

/// Copies a file to another filesystem piece by piece, giving back each piece's pages before the next: the RAM
/// never holds it twice.
fn move_file(from: &str, to: &str) -> Result<()> {
    const PIECE: usize = 1 << 20;
    let source = place::file(from, OFlags::RDWR)?;
    let target = place::file(to, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?;
    let mut at = 0_u64;
    loop {
        let copied = rustix::fs::sendfile(&target, &source, Some(&mut at), PIECE)?;
        if copied == 0 {
            return rustix::fs::unlink(Name::new(from)?.c());
        }
        rustix::fs::fallocate(&source, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, at)?;
    }
}

/// The kernel unpacks an initramfs as far as it gets and goes on; here is where that is noticed.
fn check_told(log: &Log) -> Result<()> {
    let text = device::read_text(layout::TOLD).ok_or(Errno::NOENT)?;
    let told = Told::parse(&text).ok_or(Errno::INVAL)?;
    // the kernel gives a file its size before its content (init/initramfs.c, `do_name`): count the blocks
    let written = |stat: rustix::fs::Stat| stat.st_size.min(stat.st_blocks.saturating_mul(512));
    let size = rustix::fs::statat(CWD, Name::new(told.path)?.c(), AtFlags::SYMLINK_NOFOLLOW).map_or(0, written);
    let size = u64::try_from(size).unwrap_or(0);
    if size == told.size {
        return Ok(());
    }
    let info = rustix::system::sysinfo();
    let ram = info.totalram.saturating_mul(info.mem_unit.into());
    let rootfs = rustix::fs::statvfs(c"/").map_or(0, |root| root.f_blocks.saturating_mul(root.f_frsize));
    let (have, whole, need) = (ram >> 20, told.size >> 20, told.memory_needed(ram, rootfs));
    error!(log, "the initramfs is truncated: ", told.path, " has ", size >> 20, " of ", whole, " MiB");
    error!(log, "it needs ", need, " MiB of memory; this machine has ", have, " MiB");
    Err(Errno::NOMEM)
}

/// Mounts the users partition read-only after it refused to be written.
pub fn users_read_only(device: Device<'_>, log: &Log) -> Result<()> {
    let attr = Attr { ro: true, ..Attr::FILES };
    let path = device::find(device, log)?;
    let mounted = create("ext4", &path, attr, "ro")?;
    attach(&mounted, layout::USERS)
}
