//! Executes the operations that make a user's root.

use rustix::{
    fs::{FileType, Gid, Mode, OFlags, Uid},
    io::{Errno, Result},
};

use crate::{
    guest::{
        execute::{Execute, bind, mount, write, write_file},
        log::Log,
        place::{self, Name},
        policy,
    },
    layout,
    op::{Attr, Op, Root, Upper, User},
    say,
    say::Text,
    sys::{self, bpf},
};

impl Execute for Root<'_> {
    fn execute(&self, log: &Log) -> Result<()> {
        match *self {
            Root::Op(op) => op.execute(log),
            Root::File(path, ref file) => write_file(path, file),
            Root::Variables(user, to) => policy::copy_variables(user.name, to),
            Root::Own(path, user) => {
                let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
                rustix::fs::chown(Name::new(path)?.c(), Some(uid), Some(gid))
            }
            Root::Overlay(user, upper, app, attr, redirect) => {
                overlay(user, upper, app, attr, redirect)?;
                if place::is_read_only(layout::ROOT) {
                    // fs/overlayfs/super.c, `ovl_get_workdir`
                    error!(
                        log,
                        "home ",
                        user.name,
                        " is read-only: what lies in ",
                        layout::OVERLAY,
                        "/",
                        user.name,
                        " cannot be removed; remove it offline"
                    );
                }
                Ok(())
            }
            Root::App(user, folder, target, attr) => {
                let mut code = Text::new();
                say!(&mut code, layout::APPS, "/", user, "/", folder);
                bind(&code, target, attr)
            }
            Root::Processes(user, target, attr) => {
                let mut options = Text::new();
                say!(&mut options, "hidepid=invisible,gid=", user.gid);
                mount("proc", "none", target, attr, &options)
            }
            Root::Scratch(target, attr, size, files) => {
                let mut options = Text::new();
                say!(&mut options, "mode=1777,size=", size, ",nr_inodes=", files);
                mount("tmpfs", "none", target, attr, &options)
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
            #[cfg(feature = "weak")]
            Root::Shared => {
                use rustix::mount::{MountPropagationFlags, mount_change};
                mount_change(c"/", MountPropagationFlags::SHARED | MountPropagationFlags::REC)
            }
            Root::Enter(path, old) => {
                rustix::process::chdir(Name::new(path)?.c())?;
                rustix::process::pivot_root(c".", Name::new(old)?.c())
            }
            #[cfg(feature = "weak")]
            Root::Chroot(path) => {
                rustix::process::chdir(Name::new(path)?.c())?;
                rustix::process::chroot(c".")
            }
            Root::Hostname(name) => rustix::system::sethostname(name.as_bytes()),
        }
    }

    fn hint(&self, errno: Errno) -> &'static str {
        match (self, errno) {
            (Root::Op(op), _) => op.hint(errno),
            (Root::Overlay(..), Errno::PERM) => {
                ".overlay on the users partition must be a folder that only root writes"
            }
            (Root::Overlay(..), Errno::ACCESS) => "the home has another owner now",
            (Root::Overlay(..), Errno::NOSPC) => "the users partition is full",
            (Root::Overlay(..), Errno::NOTEMPTY) => {
                "an app's home must not have bin, etc, lib, lib64 or usr, which would replace those of the machine: rename them"
            }
            (Root::App(..), Errno::NOTDIR | Errno::LOOP) => {
                "the home has a file or link in place of /app or /.nodeos: rename it"
            }
            _ => "",
        }
    }
}

/// Mounts a user's root at `layout::ROOT`. Places on the users partition are opened and named by descriptor, so that no
/// name that a user chose is parsed as an option, followed as a path, or shown in /proc/mounts.
fn overlay(user: &User<'_>, upper: Upper, app: bool, attr: Attr, redirect: &str) -> Result<()> {
    let home = user.name;
    let users = place::open(layout::USERS)?;
    let home_folder = place::folder_at(&users, home)?;
    let owner = rustix::fs::fstat(&home_folder)?;
    if owner.st_uid != user.uid {
        return Err(Errno::ACCESS);
    }
    let mut options = Text::new();
    let work; // stays open until the overlay is mounted
    match upper {
        Upper::Home => {
            let works = place::folder_at(&users, layout::OVERLAY)?;
            place::roots_alone(&works)?;
            match rustix::fs::mkdirat(&works, Name::new(home)?.c(), Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            work = place::folder_at(&works, home)?;
            say!(&mut options, "upperdir=", place::of_descriptor(&home_folder));
            say!(&mut options, ",workdir=", place::of_descriptor(&work), ",lowerdir=");
        }
        Upper::Ram => {
            for folder in [c"/ram/upper", c"/ram/work"] {
                rustix::fs::mkdir(folder, Mode::from_raw_mode(owner.st_mode & 0o777))?;
            }
            let (uid, gid) = (Uid::from_raw(owner.st_uid), Gid::from_raw(owner.st_gid));
            rustix::fs::chown(c"/ram/upper", Some(uid), Some(gid))?;
            say!(
                &mut options,
                "upperdir=/ram/upper,workdir=/ram/work,lowerdir=",
                place::of_descriptor(&home_folder),
                ":"
            );
        }
    }
    say!(&mut options, layout::RUNTIME, ":", layout::HOST, ":");
    let code; // open until it is mounted
    if app {
        for folder in layout::OF_THE_MACHINE {
            match place::at(&home_folder, folder) {
                Err(Errno::NOENT) => {}
                Ok(_) => return Err(Errno::NOTEMPTY),
                Err(errno) => return Err(errno),
            }
        }
        code = place::app(home)?;
        say!(&mut options, place::of_descriptor(&code), ":");
    }
    say!(&mut options, layout::CARBON, ",redirect_dir=", redirect);
    mount("overlay", "none", layout::ROOT, attr, &options)
}

/// Covers each entry: a folder with an empty one, a file with `/dev/null`.
fn mask(folder: &str, keep: &[&str]) -> Result<()> {
    let opened = place::file(folder, OFlags::RDONLY | OFlags::DIRECTORY)?;
    place::kernel_entries(&opened, keep, |name, kind| {
        let mut target = Text::new();
        say!(&mut target, folder, "/", name.to_str().unwrap_or_default());
        match kind {
            FileType::Directory => bind(layout::EMPTY, &target, Attr::KERNEL_READ_ONLY),
            _ => bind("/dev/null", &target, Attr::DEVICES.and(Attr::RO)),
        }
    })
}
