//! The plan for a user's root.

use crate::{
    layout,
    limits::Limits,
    op::{Attr, Code, File, Op, Root, Upper, User},
    plan::{OPEN_IN_PROC, Plan, Steps, Why},
    policy::Network,
};

/// The parameters of a sandbox.
#[derive(Clone, Copy, Debug)]
pub struct Sandbox<'a> {
    /// The user of the sandbox.
    pub user: &'a User<'a>,
    /// Where the user's changes go.
    pub upper: Upper,
    /// The limits of the sandbox.
    pub limits: Limits,
    /// The network of the sandbox.
    pub network: Network,
    /// Whether the broker has devices for the user.
    pub granted: bool,
    /// The code that the medium has for the user.
    pub code: Code,
    /// The host's name.
    pub host: &'a str,
    /// Whether a DHCP server gives it: the host layer has another one then.
    pub leased: bool,
}

/// `layout::DEVICES` and `layout::EMPTY`: an overlay without an upper layer needs at least two lower layers.
const DEVICES: &str = "lowerdir=/devices:/empty";

/// A user's root, built inside the sandbox's own namespaces by the process that then becomes its reaper.
#[must_use]
pub fn root<'a>(sandbox: &Sandbox<'a>) -> Steps<Root<'a>> {
    let Sandbox { user, upper, limits, network, granted, code, host, leased } = *sandbox;
    let mut plan = Plan::new();
    plan.must(Why::Limits, Root::Limit(user, "memory.max", limits.memory));
    if let Some(high) = limits.high {
        plan.must(Why::GivesBack, Root::Limit(user, "memory.high", high));
    }
    plan.must(Why::Limits, Root::Limit(user, "pids.max", limits.pids));
    plan.may(Why::Name, Root::Hostname(host));

    let layer = Why::RuntimeLayer;
    plan.mount(layer, "tmpfs", "/runtime", Attr::FILES, "mode=0755,nr_inodes=16,size=64k");
    plan.mkdir(layer, "/runtime/etc", 0o755);
    plan.must(layer, Root::File("/runtime/etc/passwd", File::Passwd(user)));
    plan.must(layer, Root::File("/runtime/etc/group", File::Group(user)));
    if leased {
        plan.must(Why::LeasedName, Root::File("/runtime/etc/hosts", File::Hosts(host)));
        plan.must(Why::LeasedName, Root::File("/runtime/etc/hostname", File::Hostname(host)));
    }
    plan.may(Why::Variables, Root::Variables(user, "/runtime/etc/environment"));
    if user.uid == 0 {
        plan.mkdir(Why::Administrator, "/runtime/home", 0o755);
    }
    if code == Code::None {
        // an app installs nothing: what it cannot write there, it cannot replace
        for folder in ["/runtime/bin", "/runtime/lib", "/runtime/usr", "/runtime/usr/bin"] {
            plan.mkdir(Why::OwnFolders, folder, 0o755);
            plan.must(Why::OwnFolders, Root::Own(folder, user));
        }
        plan.must(Why::OwnFolders, Root::Own("/runtime/etc", user));
    }

    if upper == Upper::Ram {
        plan.mount(Why::UserRoot, "tmpfs", "/ram", Attr::FILES, "mode=0700");
    }
    plan.must(Why::UserRoot, Root::Overlay(user, upper, code != Code::None, Attr::FILES, "nofollow"));
    if code != Code::None {
        plan.must(Why::ReadOnlyCode, Root::App(user.name, layout::APP_START, "/root/.nodeos", Attr::READ_ONLY));
    }
    if code == Code::ReadOnly {
        plan.must(Why::ReadOnlyCode, Root::App(user.name, layout::APP_FOLDER, "/root/app", Attr::READ_ONLY));
    }
    let (size, files) = (limits.scratch(), limits.scratch_files());
    plan.must(Why::Scratch, Root::Scratch("/root/tmp", Attr::FILES, size, files));
    plan.must(Why::OwnProcesses, Root::Processes(user, "/root/proc", Attr::KERNEL_READ_ONLY));
    if user.uid == 0 {
        // file modes do not restrict root
        plan.must(Why::Masked, Root::Mask("/root/proc", &OPEN_IN_PROC));
    } else {
        plan.must(Why::Masked, Op::Bind(layout::EMPTY, "/root/proc/sys", Attr::KERNEL_READ_ONLY).into());
    }
    plan.must(Why::Run, Op::Bind(layout::RUN, "/root/run", Attr::KERNEL_READ_ONLY).into());
    let devices = Attr::DEVICES.and(Attr::RO);
    if granted {
        plan.must(Why::Claims, Root::Claims(user));
        plan.must(Why::GrantedDevices, Root::Devices(user, "/root/dev", devices));
    } else {
        // an overlay has its own inodes: with a bind mount, all users would share inodes and see each other's opens and
        // locks
        plan.must(Why::PrivateDevices, Op::Mount("overlay", "none", "/root/dev", devices, DEVICES).into());
    }
    plan.mount(Why::Terminals, "devpts", "/root/dev/pts", Attr::DEVICES, "ptmxmode=0666,mode=0620,max=64");
    plan.must(Why::SharedMemory, Root::Scratch("/root/dev/shm", Attr::KERNEL, size, files));
    if network == Network::Private {
        plan.must(Why::OwnNetwork, Root::PrivateNetwork);
    }
    if user.uid == 0 {
        plan.must(Why::Administrator, Op::Bind(layout::USERS, "/root/home", Attr::FILES).into());
        // root's own home is an upper layer of a live overlay, too
        plan.must(Why::Administrator, Op::Bind(layout::ROOT, "/root/home/root", Attr::FILES).into());
        plan.may(
            Why::Administrator,
            Op::Mount("tmpfs", "none", "/root/home/.overlay", Attr::KERNEL_READ_ONLY, "mode=0,size=4k").into(),
        );
    }
    plan.must(Why::Enter, Root::Enter(layout::ROOT, "tmp"));
    plan.must(Why::OutOfReach, Op::Unmount("/tmp").into());
    plan.0
}
