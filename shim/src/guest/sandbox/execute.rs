//! What makes a user's root.

use core::ffi::CStr;

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid},
    io::{Errno, Result},
    mount::{FsOpenFlags, MountPropagationFlags, fsconfig_create, fsconfig_set_string, fsopen, open_tree},
};

use crate::{
    guest::{
        execute::{CLONE, Execute, attach, create, finish, write},
        log::Log,
        place::{self, Name},
    },
    layout,
    op::{Attr, Op, Root, Upper},
    say,
    say::{Text, whole},
    sys::{self, bpf},
};

impl Execute for Root<'_> {
    fn execute(&self, log: &Log) -> Result<()> {
        match *self {
            Root::Op(op) => op.execute(log),
            Root::File(path, file) => {
                let mut text = Text::new();
                say!(&mut text, file);
                if whole(&text) { write(path, &text) } else { Err(Errno::FBIG) }
            }
            Root::Copy(from, to) => write(to, &place::text(from).ok_or(Errno::NOENT)?),
            Root::Own(path, user) => {
                let (folder, name) = place::parent(path)?;
                let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
                rustix::fs::chownat(folder, name.c(), Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
            }
            Root::Overlay(home, upper, attr, redirect) => overlay(home, upper, attr, redirect),
            Root::Processes(user, target, attr) => {
                let mut options = Text::new();
                say!(&mut options, "hidepid=invisible,gid=", user.gid);
                attach(&create("proc", "none", attr, &options)?, &place::open(target)?)
            }
            Root::Scratch(target, attr, size, files) => {
                let mut options = Text::new();
                say!(&mut options, "mode=1777,size=", size, ",nr_inodes=", files);
                attach(&create("tmpfs", "none", attr, &options)?, &place::open(target)?)
            }
            Root::Limit(user, file, value) => {
                let (mut path, mut text) = (place::of_user(layout::CGROUPS, user.uid), Text::new());
                say!(&mut path, "/", file);
                say!(&mut text, value);
                write(&path, &text)
            }
            Root::Claims(user) => {
                let cgroup = place::of_user(layout::CGROUPS, user.uid);
                let cgroup = place::file(&cgroup, OFlags::RDONLY | OFlags::DIRECTORY)?;
                let program = Name::new(&place::of_user(layout::CLAIMS, user.uid))?;
                bpf::attach(&bpf::pinned(program.c())?, &cgroup, bpf::Attach::Alone)
            }
            Root::Devices(user, to, attr) => {
                Op::Bind(&place::of_user(layout::GRANTED, user.uid), to, attr).execute(log)
            }
            Root::Mask(folder, keep) => mask(folder, keep),
            Root::PrivateNetwork => {
                sys::unshare(linux_raw_sys::general::CLONE_NEWNET)?;
                sys::loopback_up()
            }
            Root::Private => {
                rustix::mount::mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
            }
            Root::MoveRoot(path) => {
                let root = place::open(path)?;
                attach(&root, &place::open("/")?)?;
                rustix::process::fchdir(&root)?;
                rustix::process::chroot(c".")
            }
            Root::Hostname(name) => rustix::system::sethostname(name.as_bytes()),
        }
    }

    fn hint(&self, errno: Errno) -> &'static str {
        match (self, errno) {
            (Root::Op(op), _) => op.hint(errno),
            (Root::Overlay(..), Errno::PERM) => {
                "; .overlay on the users partition must be a folder that only root writes"
            }
            (Root::Overlay(..), Errno::NOSPC) => "; the users partition is full",
            _ => "",
        }
    }
}

/// A user's root at `layout::ROOT`. Layers are named `.` from inside each of them: no name of a user's is ever
/// parsed as an option or walked as a path, nor shown in /proc/mounts.
fn overlay(home: &str, upper: Upper, attr: Attr, redirect: &str) -> Result<()> {
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
            place::roots_alone(&works)?;
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
            let (uid, gid) = (Uid::from_raw(owner.st_uid), Gid::from_raw(owner.st_gid));
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
    fsconfig_set_string(&context, c"redirect_dir", Name::new(redirect)?.c())?;
    fsconfig_create(&context)?;
    attach(&finish(&context, attr)?, &place::open(layout::ROOT)?)
}

/// Covers each entry: a folder with one in which nothing is, a file with `/dev/null`.
fn mask(folder: &str, keep: &[&str]) -> Result<()> {
    let folder = place::file(folder, OFlags::RDONLY | OFlags::DIRECTORY)?;
    place::kernel_entries(&folder, keep, |name, kind| {
        let (cover, attr) = match kind {
            FileType::Directory => (layout::EMPTY, Attr::KERNEL_READ_ONLY),
            _ => ("/dev/null", Attr::DEVICES.and(Attr::RO)),
        };
        let cover = open_tree(place::open(cover)?, c"", CLONE)?;
        sys::mount_attributes(cover.as_fd(), attr)?;
        let target =
            rustix::fs::openat(&folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        attach(&cover, &target)
    })
}
