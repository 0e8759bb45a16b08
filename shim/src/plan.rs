//! The plan: what PID 1 does at boot and for each user, as data.
//!
//! A step is an operation, whether the boot may go on without it, and the reason it is there.
//! `execute` runs steps in order and decides nothing.

use core::fmt;

use heapless::Vec;

use crate::{
    cmdline::{Carbon, Options},
    layout,
    op::{Attr, Op, Source, Text, Upper, User},
};

/// Whether a failed step ends what it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Without it, nothing after it makes sense.
    Required,
    /// Without it something is missing, which the log says.
    Optional,
}

/// Why a step is there.
#[allow(missing_docs)] // the text below is the documentation
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    OnlyBoot,
    Devices,
    KernelState,
    Ports,
    Loopback,
    Whole,
    RamFile,
    CarbonCopy,
    UsersPartition,
    RamSession,
    WorkFolders,
    Private,
    RuntimeLayer,
    Resolver,
    OwnFolders,
    Name,
    UserRoot,
    Scratch,
    PrivateDevices,
    Terminals,
    OwnProcesses,
    Administrator,
    OutOfReach,
    Enter,
}

impl Why {
    /// The reason, for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::OnlyBoot => "only boot needs it: it goes before the first overlay exists, and its RAM with it",
            Self::Devices => "the kernel's own list of devices, for PID 1 alone",
            Self::KernelState => "devices and settings, for PID 1 alone",
            Self::Ports => "no process has the capability for ports below 1024, so they are everybody's",
            Self::Loopback => "127.0.0.1 works without a network",
            Self::Whole => "too little RAM truncates an initramfs silently",
            Self::RamFile => "EROFS reads its file from ramfs; tmpfs has no read_folio",
            Self::CarbonCopy => "node and its libraries, once and read-only, below every user's root",
            Self::UsersPartition => "each directory at its top is a home; only PID 1 sees it here",
            Self::RamSession => "no users partition: a guest in RAM, gone at power off",
            Self::WorkFolders => "overlay's own, on the filesystem of the homes, root's alone",
            Self::Private => "mounts of one sandbox reach no other",
            Self::RuntimeLayer => "os.userInfo() and os.hostname() answer",
            Self::Resolver => "DNS answers; a copy, for node's resolver cannot seek in a file of /proc",
            Self::OwnFolders => "the user installs there: the topmost layer's owner is the merged folder's",
            Self::Name => "the host's name, in a uts namespace of its own",
            Self::UserRoot => "the user's / is the home, merged over the carbon copy",
            Self::Scratch => "temporary files stay in RAM and never reach the image",
            Self::PrivateDevices => "the harmless devices; no disk, no memory, no other user's terminal",
            Self::Terminals => "pseudo terminals of this sandbox alone",
            Self::OwnProcesses => "own processes only; read-only, so that no kernel setting can be written",
            Self::Administrator => "root sees the homes; the overlays' work folders are masked",
            Self::OutOfReach => "what built the root is not in it",
            Self::Enter => "the root becomes /; nothing above it is left",
        }
    }
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// What is done.
    pub op: Op<'a>,
    /// Whether the rest makes sense without it.
    pub need: Need,
    /// Why.
    pub why: Why,
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.op.fmt(f)?;
        match self.need {
            Need::Required => Ok(()),
            Need::Optional => f.write_str(" || true"),
        }
    }
}

/// The longest plan.
pub const MAX_STEPS: usize = 64;
/// A plan.
pub type Steps<'a> = Vec<Step<'a>, MAX_STEPS>;

/// Collects steps; `MAX_STEPS` holds the longest plan, which a test makes.
struct Plan<'a>(Steps<'a>);

impl<'a> Plan<'a> {
    fn must(&mut self, why: Why, op: Op<'a>) {
        self.step(Step { op, need: Need::Required, why });
    }

    fn may(&mut self, why: Why, op: Op<'a>) {
        self.step(Step { op, need: Need::Optional, why });
    }

    #[inline(never)]
    fn step(&mut self, step: Step<'a>) {
        let _ = self.0.push(step);
    }
}

/// From the first instruction to the carbon copy.
#[must_use]
pub fn boot<'a>(options: &Options<'a>) -> Steps<'a> {
    use layout::{CARBON, CARBON_IMAGE, INIT, TOLD};
    let mut plan = Plan(Steps::new());
    plan.may(Why::OnlyBoot, Op::Remove(INIT));
    plan.must(Why::Devices, Op::Mount("devtmpfs", Source::Kernel, "/dev", Attr::DEVICES, ""));
    plan.must(Why::KernelState, Op::Mount("proc", Source::Kernel, "/proc", Attr::KERNEL, ""));
    plan.must(Why::KernelState, Op::Mount("sysfs", Source::Kernel, "/sys", Attr::KERNEL_READ_ONLY, ""));
    plan.may(Why::Ports, Op::Write("/proc/sys/net/ipv4/ip_unprivileged_port_start", Text::Plain("0")));
    plan.may(Why::Loopback, Op::LoopbackUp);
    match options.carbon {
        Carbon::Plain => {
            plan.must(Why::Whole, Op::CheckTold);
            plan.may(Why::OnlyBoot, Op::Remove(TOLD));
            plan.must(Why::CarbonCopy, Op::Bind(CARBON, CARBON, Attr::READ_ONLY));
        }
        Carbon::Image => {
            plan.must(Why::Whole, Op::CheckTold);
            plan.may(Why::OnlyBoot, Op::Remove(TOLD));
            plan.must(Why::RamFile, Op::Mount("ramfs", Source::Kernel, "/ram", Attr::KERNEL, "mode=0700"));
            plan.must(Why::RamFile, Op::Move(CARBON_IMAGE, "/ram/carbon.erofs"));
            let file = Source::File("/ram/carbon.erofs");
            plan.must(Why::CarbonCopy, Op::Mount("erofs", file, CARBON, Attr::READ_ONLY, ""));
            plan.may(Why::OnlyBoot, Op::Unmount("/ram"));
        }
        Carbon::Medium(device) => {
            plan.must(Why::CarbonCopy, Op::Mount("erofs", Source::Device(device), CARBON, Attr::READ_ONLY, ""));
        }
    }
    plan.0
}

/// The users partition; where this fails, `ram` follows.
#[must_use]
pub fn users<'a>(options: &Options<'a>) -> Steps<'a> {
    let mut plan = Plan(Steps::new());
    if let Some(device) = options.users {
        plan.must(
            Why::UsersPartition,
            Op::Mount("ext4", Source::Device(device), layout::USERS, Attr::FILES, options.users_flags),
        );
        plan.may(Why::WorkFolders, Op::Mkdir("/tmp/.overlay", 0o700));
    }
    plan.0
}

/// A session without a users partition: one guest, in RAM.
#[must_use]
pub fn ram<'a>() -> Steps<'a> {
    let mut plan = Plan(Steps::new());
    plan.must(Why::RamSession, Op::Mount("tmpfs", Source::Kernel, layout::USERS, Attr::FILES, "mode=0755"));
    plan.must(Why::WorkFolders, Op::Mkdir("/tmp/.overlay", 0o700));
    plan.must(Why::RamSession, Op::Mkdir("/tmp/guest", 0o700));
    plan.must(Why::RamSession, Op::Mkdir("/tmp/guest/etc", 0o755));
    plan.must(Why::RamSession, Op::Write("/tmp/guest/etc/logon.json", Text::Plain("{\"password\": \"\"}\n")));
    plan.0
}

/// What a sandbox is built from, beside its user.
#[derive(Clone, Copy, Debug)]
pub struct Sandbox<'a> {
    /// Whose it is.
    pub user: &'a User<'a>,
    /// Where writes go.
    pub upper: Upper,
    /// The host's name.
    pub host: &'a str,
    /// Where in /dev the sandbox keeps a place for each console.
    pub consoles: &'a [&'a str],
}

/// A user's root, built inside the sandbox's own namespaces by a process that ends as its reaper.
#[must_use]
pub fn root<'a>(sandbox: &Sandbox<'a>) -> Steps<'a> {
    let Sandbox { user, upper, host, consoles } = *sandbox;
    let mut plan = Plan(Steps::new());
    plan.must(Why::Private, Op::Private);
    plan.may(Why::Name, Op::Hostname(host));

    let layer = Why::RuntimeLayer;
    plan.must(layer, Op::Mount("tmpfs", Source::Kernel, "/runtime", Attr::FILES, "mode=0755,nr_inodes=24,size=64k"));
    plan.must(layer, Op::Mkdir("/runtime/etc", 0o755));
    plan.must(layer, Op::Write("/runtime/etc/passwd", Text::Passwd(user)));
    plan.must(layer, Op::Write("/runtime/etc/group", Text::Group(user)));
    plan.must(layer, Op::Write("/runtime/etc/hosts", Text::Hosts(host)));
    plan.must(layer, Op::Write("/runtime/etc/hostname", Text::Hostname(host)));
    plan.may(Why::Resolver, Op::Copy("/proc/net/pnp", "/runtime/etc/resolv.conf"));
    plan.must(layer, Op::Symlink("/runtime/etc/mtab", "/proc/mounts"));
    if user.uid == 0 {
        plan.must(Why::Administrator, Op::Mkdir("/runtime/home", 0o755));
    }
    for folder in ["/runtime/bin", "/runtime/lib", "/runtime/usr", "/runtime/usr/bin"] {
        plan.must(Why::OwnFolders, Op::Mkdir(folder, 0o755));
        plan.must(Why::OwnFolders, Op::Own(folder, user));
    }
    plan.must(Why::OwnFolders, Op::Own("/runtime/etc", user));
    plan.must(layer, Op::Attributes("/runtime", Attr::READ_ONLY));

    if upper == Upper::Ram {
        plan.must(Why::UserRoot, Op::Mount("tmpfs", Source::Kernel, "/ram", Attr::FILES, "mode=0700"));
    }
    plan.must(Why::UserRoot, Op::Overlay(user.name, upper));
    plan.must(Why::Scratch, Op::Mount("tmpfs", Source::Kernel, "/root/tmp", Attr::FILES, "mode=1777"));
    plan.must(
        Why::OwnProcesses,
        Op::Mount("proc", Source::Kernel, "/root/proc", Attr::KERNEL_READ_ONLY, "hidepid=invisible"),
    );
    devices(&mut plan, consoles);
    if user.uid == 0 {
        plan.must(Why::Administrator, Op::Bind(layout::USERS, "/root/home", Attr::FILES));
        // root's own home is an upper layer below a live overlay too
        plan.must(Why::Administrator, Op::Bind(layout::ROOT, "/root/home/root", Attr::FILES));
        plan.may(
            Why::Administrator,
            Op::Mount("tmpfs", Source::Kernel, "/root/home/.overlay", Attr::KERNEL_READ_ONLY, "mode=0,size=4k"),
        );
    }
    for place in ["/tmp", "/carbon", "/runtime", "/dev", "/proc", "/sys"] {
        plan.must(Why::OutOfReach, Op::Unmount(place));
    }
    if upper == Upper::Ram {
        plan.must(Why::OutOfReach, Op::Unmount("/ram"));
    }
    plan.must(Why::Enter, Op::MoveRoot(layout::ROOT));
    plan.0
}

/// A sandbox's `/dev`. Numbers: Documentation/admin-guide/devices.txt, major 1 and 5.
fn devices<'a>(plan: &mut Plan<'a>, consoles: &'a [&'a str]) {
    let why = Why::PrivateDevices;
    plan.must(why, Op::Mount("tmpfs", Source::Kernel, "/root/dev", Attr::DEVICES, "mode=0755,nr_inodes=64,size=64k"));
    for (path, major, minor) in [
        ("/root/dev/null", 1, 3),
        ("/root/dev/zero", 1, 5),
        ("/root/dev/full", 1, 7),
        ("/root/dev/random", 1, 8),
        ("/root/dev/urandom", 1, 9),
        ("/root/dev/tty", 5, 0),
    ] {
        plan.must(why, Op::Node(path, 0o666, major, minor));
    }
    for (path, text) in [
        ("/root/dev/fd", "/proc/self/fd"),
        ("/root/dev/stdin", "/proc/self/fd/0"),
        ("/root/dev/stdout", "/proc/self/fd/1"),
        ("/root/dev/stderr", "/proc/self/fd/2"),
        ("/root/dev/ptmx", "pts/ptmx"),
    ] {
        plan.must(why, Op::Symlink(path, text));
    }
    for console in consoles {
        plan.must(why, Op::Write(console, Text::Plain("")));
    }
    plan.must(Why::Terminals, Op::Mkdir("/root/dev/pts", 0o755));
    plan.must(
        Why::Terminals,
        Op::Mount("devpts", Source::Kernel, "/root/dev/pts", Attr::DEVICES, "ptmxmode=0666,mode=0620"),
    );
    plan.must(why, Op::Mkdir("/root/dev/shm", 0o755));
    plan.must(why, Op::Mount("tmpfs", Source::Kernel, "/root/dev/shm", Attr::KERNEL, "mode=1777"));
    plan.must(why, Op::Attributes("/root/dev", Attr { ro: true, ..Attr::DEVICES }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdline::Options;

    fn text(steps: &[Step<'_>]) -> String {
        steps.iter().map(|step| format!("{step}\n")).collect()
    }

    fn golden(name: &str, steps: &[Step<'_>]) {
        insta::with_settings!({snapshot_path => "../tests/golden", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(name, text(steps));
        });
    }

    #[test]
    fn boot_differs_by_placement() {
        for (name, line) in [
            ("boot_plain", "carbon=plain"),
            ("boot_image", "carbon=image"),
            ("boot_medium", "carbon=LABEL=nodeos-carbon"),
        ] {
            golden(name, &boot(&Options::parse(line)));
        }
    }

    #[test]
    fn users_come_from_a_partition_or_ram() {
        golden("users_partition", &users(&Options::parse("users=LABEL=nodeos-users usersflags=noatime")));
        golden("users_ram", &ram());
        assert!(users(&Options::default()).is_empty());
    }

    #[test]
    fn a_root_is_its_users() {
        let consoles = ["/root/dev/ttyS0"];
        let plan = |name, uid, upper, golden_name: &str| {
            let user = User { name, uid, gid: uid };
            golden(golden_name, &root(&Sandbox { user: &user, upper, host: "nodeos", consoles: &consoles }));
        };
        plan("ana", 1000, Upper::Home, "root_of_a_user");
        plan("root", 0, Upper::Home, "root_of_root");
        plan("ana", 1000, Upper::Ram, "root_of_a_user_on_a_read_only_partition");
    }

    #[test]
    fn the_longest_plan_fits() {
        let consoles = ["/root/dev/a", "/root/dev/b", "/root/dev/c", "/root/dev/d"];
        let user = User { name: "root", uid: 0, gid: 0 };
        let steps = root(&Sandbox { user: &user, upper: Upper::Ram, host: "nodeos", consoles: &consoles });
        assert!(steps.len() < MAX_STEPS, "{} steps: raise MAX_STEPS", steps.len());
        assert!(matches!(steps.last(), Some(Step { op: Op::MoveRoot(_), .. })));
    }

    #[test]
    fn no_mount_of_a_users_root_lets_devices_or_setuid_through() {
        let user = User { name: "ana", uid: 1000, gid: 1000 };
        for step in &root(&Sandbox { user: &user, upper: Upper::Home, host: "h", consoles: &[] }) {
            if let Op::Mount(_, _, target, attr, _) | Op::Bind(_, target, attr) | Op::Attributes(target, attr) = step.op
            {
                assert!(attr.nosuid, "{step}");
                assert!(attr.nodev || target.starts_with("/root/dev"), "{step}");
            }
        }
    }
}
