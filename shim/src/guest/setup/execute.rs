//! Executes the operations before any user runs.

use core::mem::{ManuallyDrop, forget};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags},
    io::{Errno, Result},
};

use crate::{
    device::Device,
    ext4::Asked,
    guest::{
        execute::{Execute, mount, write_file},
        log::Log,
        machine::{ram, usable_ram},
        place::{self, Name},
        setup::{device, grow, homes, keymap},
    },
    layout, limits,
    op::{Attr, Boot, Op},
    say,
    say::Text,
    sys,
    told::Told,
};

impl Execute for Boot<'_> {
    fn execute(&self, log: &Log) -> Result<()> {
        match *self {
            Boot::Op(op) => {
                op.execute(log)?;
                match op {
                    Op::Bind(from, layout::CARBON, _) => info!(log, "carbon copy mounted (plain, ", from, ")"),
                    Op::Mount("erofs", from, target, ..) => info!(log, named(target), " mounted (erofs, ", from, ")"),
                    _ => {}
                }
                Ok(())
            }
            Boot::Device(kind, wanted, target, attr, options) => mount_device(kind, wanted, target, attr, options, log),
            Boot::Await(device) => device::find(device, device::PATIENCE, log).map(drop),
            Boot::GrowPartition(device) => grow::partition(device, log),
            Boot::GrowFilesystem(mounted) => grow::filesystem(mounted, log),
            Boot::Remove(path) => match rustix::fs::unlink(Name::new(path)?.c()) {
                Err(Errno::NOENT) => Ok(()),
                result => result,
            },
            Boot::CheckTold => check_told(log),
            Boot::Whole(path) => device::marked(path, log),
            Boot::Homes(apps, homes) => homes::make(apps, homes, log),
            Boot::Setting(path, value) => match set(path, value) {
                Err(Errno::NOENT) => Ok(()),
                result => result,
            },
            Boot::Close(folder, keep) => close(folder, keep),
            Boot::Reserve => reserve(),
            Boot::Keymap(name) => keymap::load(name, log),
            Boot::LoopbackUp => sys::loopback_up(),
            Boot::File(path, ref file) => write_file(path, file),
            Boot::Hostname(name) => rustix::system::sethostname(name.as_bytes()),
        }
    }

    fn hint(&self, errno: Errno) -> &'static str {
        match (self, errno) {
            (Boot::Op(op), _) => op.hint(errno),
            (Boot::Device(..) | Boot::Await(_), Errno::TIMEDOUT) => {
                "is it plugged in, and is users=, carbon= or apps= right?"
            }
            // the users partition
            (Boot::Device("ext4", ..), Errno::NODATA) => "copy it again, from where it is whole",
            (Boot::Device("ext4", .., options), Errno::INVAL) if !options.is_empty() => {
                "does ext4 know all of usersflags=?"
            }
            (Boot::Device("ext4", ..), _) => "",
            (Boot::Device(..), Errno::INVAL) => "it is no whole filesystem of that kind: write the medium again",
            // the kernel unpacks an initramfs until memory is full
            (Boot::Whole(layout::APPS_IMAGE), Errno::NODATA) => {
                "give the machine more memory; if it has enough, fetch the files again"
            }
            (Boot::Device(..) | Boot::Whole(_), Errno::NODATA) => "this medium is incomplete: write it again",
            (Boot::CheckTold, _) => "give the machine more memory or use carbon=LABEL=nodeos-carbon",
            _ => "",
        }
    }
}

/// Waits for a device, checks that it is complete, and mounts it.
fn mount_device(kind: &str, wanted: Device<'_>, target: &str, attr: Attr, options: &str, log: &Log) -> Result<()> {
    let device = device::find(wanted, device::PATIENCE, log)?;
    let sizes = device::whole(&device, log)?;
    if kind == "erofs" {
        device::marked(&device, log)?;
    }
    let commits = sizes.journal && Asked::of(options).commits();
    let mut all = Text::new();
    // with the kernel's default of 5 s, a power loss loses too much; usersflags= comes later and overrides this
    say!(&mut all, if commits { "commit=1," } else { "" }, options);
    mount(kind, &device, target, attr, &all)?;
    info!(log, named(target), " mounted (", kind, ", ", device, ")");
    Ok(())
}

/// What is mounted there, for people.
fn named(target: &str) -> &'static str {
    match target {
        layout::USERS => "users partition",
        layout::MEDIUM => "boot medium",
        layout::APPS => "apps",
        _ => "carbon copy",
    }
}

/// Makes the entries of a folder readable by root only, except `keep`. This works in every /proc, because a mode
/// belongs to the entry and not to the mount (fs/proc/generic.c, `proc_notify_change`). Only /proc/sys refuses it; it
/// is masked.
fn close(folder: &str, keep: &[&str]) -> Result<()> {
    // open until this program ends: a call less
    let folder = ManuallyDrop::new(place::file(folder, OFlags::RDONLY | OFlags::DIRECTORY)?);
    place::kernel_entries(&folder, keep, |name, kind| {
        let mode = if kind == FileType::Directory { Mode::RUSR | Mode::XUSR } else { Mode::RUSR };
        match rustix::fs::chmodat(&*folder, name, mode, AtFlags::empty()) {
            Err(Errno::PERM) => Ok(()),
            result => result,
        }
    })
}

/// Changes a setting of the kernel. The file stays open until this program ends: a call less.
fn set(path: &str, value: &str) -> Result<()> {
    let file = place::file(path, OFlags::WRONLY)?;
    let written = rustix::io::write(&file, value.as_bytes()).map(drop);
    forget(file);
    written
}

/// Reserves memory and processes of the machine, so that all users together cannot use them.
fn reserve() -> Result<()> {
    let limits = limits::of_all(usable_ram());
    for (file, limit) in [("memory.max", limits.memory), ("pids.max", limits.pids)] {
        let (mut path, mut value) = (Text::new(), Text::new());
        say!(&mut path, layout::CGROUPS, "/", file);
        say!(&mut value, limit);
        set(&path, &value)?;
    }
    Ok(())
}

/// Checks that the initramfs is complete. If the kernel cannot unpack all of it, it goes on without an error.
fn check_told(log: &Log) -> Result<()> {
    let text = place::text(layout::TOLD).ok_or(Errno::NOENT)?;
    let told = Told::parse(&text).ok_or(Errno::INVAL)?;
    // the kernel sets a file's size before it writes the content (init/initramfs.c, `do_name`), so count the blocks
    let written = |stat: rustix::fs::Stat| stat.st_size.min(stat.st_blocks.saturating_mul(512));
    let size = rustix::fs::statat(CWD, Name::new(told.path)?.c(), AtFlags::SYMLINK_NOFOLLOW).map_or(0, written);
    let size = u64::try_from(size).unwrap_or(0);
    if size == told.size {
        return Ok(());
    }
    let ram = ram();
    let rootfs = rustix::fs::statvfs(c"/").map_or(0, |root| root.f_blocks.saturating_mul(root.f_frsize));
    let (have, whole, need) = (ram >> 20, told.size >> 20, told.memory_needed(ram, rootfs));
    error!(log, "the initramfs is truncated: ", told.path, " has ", size >> 20, " of ", whole, " MiB");
    error!(log, "it needs ", need, " MiB of memory; this machine has ", have, " MiB");
    Err(Errno::NOMEM)
}
