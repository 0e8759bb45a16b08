//! A user's root.

use crate::{
    layout,
    limits::Limits,
    op::{Attr, File, Op, Root, Upper, User},
    plan::{OPEN_IN_PROC, Plan, Steps, Why},
    policy::Network,
};

/// What a sandbox is built from, beside its user.
#[derive(Clone, Copy, Debug)]
pub struct Sandbox<'a> {
    /// Whose it is.
    pub user: &'a User<'a>,
    /// Where writes go.
    pub upper: Upper,
    /// What the sandbox may use.
    pub limits: Limits,
    /// Whose network it has.
    pub network: Network,
    /// The host's name.
    pub host: &'a str,
    /// Where in /dev the sandbox keeps a place for each console.
    pub consoles: &'a [&'a str],
}

/// A user's root, built inside the sandbox's own namespaces by a process that ends as its reaper.
#[must_use]
pub fn root<'a>(sandbox: &Sandbox<'a>) -> Steps<Root<'a>> {
    let Sandbox { user, upper, limits, network, host, consoles } = *sandbox;
    let mut plan = Plan::new();
    plan.must(Why::Limits, Root::Limit(user, "memory.max", limits.memory));
    plan.must(Why::Limits, Root::Limit(user, "memory.high", limits.memory_high()));
    plan.must(Why::Limits, Root::Limit(user, "pids.max", limits.pids));
    plan.must(Why::Private, Root::Private);
    plan.may(Why::Name, Root::Hostname(host));

    let layer = Why::RuntimeLayer;
    plan.mount(layer, "tmpfs", "/runtime", Attr::FILES, "mode=0755,nr_inodes=24,size=64k");
    plan.mkdir(layer, "/runtime/etc", 0o755);
    plan.must(layer, Root::File("/runtime/etc/passwd", File::Passwd(user)));
    plan.must(layer, Root::File("/runtime/etc/group", File::Group(user)));
    plan.must(layer, Root::File("/runtime/etc/hosts", File::Hosts(host)));
    plan.must(layer, Root::File("/runtime/etc/hostname", File::Hostname(host)));
    plan.may(Why::Resolver, Root::Copy("/proc/net/pnp", "/runtime/etc/resolv.conf"));
    plan.must(layer, Root::Symlink("/runtime/etc/mtab", "/proc/mounts"));
    if user.uid == 0 {
        plan.mkdir(Why::Administrator, "/runtime/home", 0o755);
    }
    for folder in ["/runtime/bin", "/runtime/lib", "/runtime/usr", "/runtime/usr/bin"] {
        plan.mkdir(Why::OwnFolders, folder, 0o755);
        plan.must(Why::OwnFolders, Root::Own(folder, user));
    }
    plan.must(Why::OwnFolders, Root::Own("/runtime/etc", user));
    plan.must(layer, Root::Attributes("/runtime", Attr::READ_ONLY));

    if upper == Upper::Ram {
        plan.mount(Why::UserRoot, "tmpfs", "/ram", Attr::FILES, "mode=0700");
    }
    plan.must(Why::UserRoot, Root::Overlay(user.name, upper, Attr::FILES));
    let (size, files) = (limits.scratch(), limits.scratch_files());
    plan.must(Why::Scratch, Root::Scratch("/root/tmp", Attr::FILES, size, files));
    plan.must(Why::OwnProcesses, Root::Processes(user, "/root/proc", Attr::KERNEL_READ_ONLY));
    if user.uid == 0 {
        // no mode keeps root out
        plan.must(Why::Masked, Root::Mask("/root/proc", &OPEN_IN_PROC));
    } else {
        plan.must(Why::Masked, Op::Bind(layout::EMPTY, "/root/proc/sys", Attr::KERNEL_READ_ONLY).into());
    }
    devices(&mut plan, consoles);
    plan.must(Why::Scratch, Root::Scratch("/root/dev/shm", Attr::KERNEL, size, files));
    plan.must(Why::PrivateDevices, Root::Attributes("/root/dev", Attr::DEVICES.and(Attr::RO)));
    if network == Network::Private {
        plan.must(Why::OwnNetwork, Root::PrivateNetwork);
    }
    if user.uid == 0 {
        plan.must(Why::Administrator, Op::Bind(layout::USERS, "/root/home", Attr::FILES).into());
        // root's own home is an upper layer below a live overlay too
        plan.must(Why::Administrator, Op::Bind(layout::ROOT, "/root/home/root", Attr::FILES).into());
        plan.may(
            Why::Administrator,
            Op::Mount("tmpfs", "none", "/root/home/.overlay", Attr::KERNEL_READ_ONLY, "mode=0,size=4k").into(),
        );
    }
    for place in ["/tmp", "/carbon", "/runtime", "/dev", "/proc", "/sys"] {
        plan.must(Why::OutOfReach, Op::Unmount(place).into());
    }
    if upper == Upper::Ram {
        plan.must(Why::OutOfReach, Op::Unmount("/ram").into());
    }
    plan.must(Why::Enter, Root::MoveRoot(layout::ROOT));
    plan.0
}

/// A sandbox's `/dev`. Numbers: Documentation/admin-guide/devices.txt, major 1 and 5.
fn devices<'a>(plan: &mut Plan<Root<'a>>, consoles: &'a [&'a str]) {
    let why = Why::PrivateDevices;
    plan.mount(why, "tmpfs", "/root/dev", Attr::DEVICES, "mode=0755,nr_inodes=64,size=64k");
    for (path, major, minor) in [
        ("/root/dev/null", 1, 3),
        ("/root/dev/zero", 1, 5),
        ("/root/dev/full", 1, 7),
        ("/root/dev/random", 1, 8),
        ("/root/dev/urandom", 1, 9),
        ("/root/dev/tty", 5, 0),
    ] {
        plan.must(why, Root::Node(path, 0o666, major, minor));
    }
    for (path, text) in [
        ("/root/dev/fd", "/proc/self/fd"),
        ("/root/dev/stdin", "/proc/self/fd/0"),
        ("/root/dev/stdout", "/proc/self/fd/1"),
        ("/root/dev/stderr", "/proc/self/fd/2"),
        ("/root/dev/ptmx", "pts/ptmx"),
    ] {
        plan.must(why, Root::Symlink(path, text));
    }
    for console in consoles {
        plan.must(why, Op::Write(console, "").into());
    }
    plan.mkdir(Why::Terminals, "/root/dev/pts", 0o755);
    plan.mount(Why::Terminals, "devpts", "/root/dev/pts", Attr::DEVICES, "ptmxmode=0666,mode=0620,max=64");
    plan.mkdir(why, "/root/dev/shm", 0o755);
}
