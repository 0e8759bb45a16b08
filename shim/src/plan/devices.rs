//! The nodes of every user's `/dev`. Numbers: Documentation/admin-guide/devices.txt, major 1 and 5.

use crate::{
    layout,
    op::{Attr, Boot, Op},
    plan::{Plan, Steps, Why},
};

/// The folders for the /dev of each user with granted devices, and for the kernel's programs.
#[must_use]
pub fn granted<'a>() -> Steps<Op<'a>> {
    let why = Why::GrantedDevices;
    let mut plan = Plan::new();
    plan.mount(why, "tmpfs", layout::GRANTED, Attr::DEVICES, "mode=0711,nr_inodes=8192,size=1m");
    plan.mkdir(Why::Claims, layout::CLAIMS, 0o700);
    plan.mount(Why::Claims, "bpf", layout::CLAIMS, Attr::KERNEL, "mode=0700");
    plan.0
}

/// Restricts what the broker sees from then on, in a mount namespace of its own: no homes, and no device that can be
/// opened.
#[must_use]
pub fn apart<'a>() -> Steps<Op<'a>> {
    let mut plan = without_homes();
    plan.must(Why::Apart, Op::Attributes(layout::GRANTED, Attr::KERNEL));
    plan.0
}

/// What each service leaves behind: the homes, and all devices.
#[must_use]
pub fn alone<'a>() -> Steps<Op<'a>> {
    without_homes().0
}

fn without_homes<'a>() -> Plan<Op<'a>> {
    let mut plan = Plan::new();
    plan.must(Why::Apart, Op::Unmount(layout::USERS));
    plan.must(Why::Apart, Op::Attributes("/dev", Attr::KERNEL_READ_ONLY));
    plan
}

/// The folder is made once, and every sandbox sees it read-only. `consoles` are mount points for the consoles of
/// sessions.
#[must_use]
pub fn devices<'a>(consoles: &[&'a str]) -> Steps<Boot<'a>> {
    let why = Why::PrivateDevices;
    let mut plan = Plan::new();
    plan.mount(why, "tmpfs", layout::DEVICES, Attr::DEVICES, "mode=0755,nr_inodes=64,size=64k");
    for (path, major, minor) in [
        ("/devices/null", 1, 3),
        ("/devices/zero", 1, 5),
        ("/devices/full", 1, 7),
        ("/devices/random", 1, 8),
        ("/devices/urandom", 1, 9),
        ("/devices/tty", 5, 0),
    ] {
        plan.must(why, Op::Node(path, 0o666, major, minor).into());
    }
    for (path, text) in [
        ("/devices/fd", "/proc/self/fd"),
        ("/devices/stdin", "/proc/self/fd/0"),
        ("/devices/stdout", "/proc/self/fd/1"),
        ("/devices/stderr", "/proc/self/fd/2"),
        ("/devices/ptmx", "pts/ptmx"),
    ] {
        plan.must(why, Op::Symlink(path, text).into());
    }
    for console in consoles {
        plan.must(why, Op::Write(console, "").into());
    }
    plan.mkdir(Why::Terminals, "/devices/pts", 0o755);
    // as in any /dev, but each sandbox mounts its own over it
    plan.mkdir(why, "/devices/shm", 0o1777);
    plan.must(why, Op::Attributes(layout::DEVICES, Attr::DEVICES.and(Attr::RO)).into());
    plan.0
}
