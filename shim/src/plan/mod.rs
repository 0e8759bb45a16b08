//! The plans as data: what PID 1 does at boot, and what a sandbox does for its user.
//!
//! A step is an operation, whether the rest may go on if it fails, and the reason for it. `execute` runs the steps in
//! order and makes no decisions.

mod devices;
mod host;
mod layers;
mod root;
mod single;
#[cfg(feature = "weak")]
mod weak;
mod why;

use core::fmt;

use heapless::Vec;

#[cfg(feature = "weak")]
pub use self::weak::guarded;
pub use self::{
    devices::{alone, apart, devices, granted},
    host::host,
    layers::code,
    root::{Sandbox, root},
    single::{First, Own, Privilege, Run, become_user, first, own_guest, shut_in},
    why::Why,
};
#[cfg(not(feature = "weak"))]
use crate::guards::Guards;
use crate::{
    cmdline::Options,
    layout, limits,
    op::{Attr, Boot, Op, User},
    programs,
};

/// Whether a failed step ends the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// If it fails, the following steps make no sense.
    Required,
    /// If it fails, the failure is logged and the plan continues.
    Optional,
}

/// An operation, whether the plan needs it, and the reason for it.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<O> {
    pub op: O,
    pub need: Need,
    pub why: Why,
}

impl<O: fmt::Display> fmt::Display for Step<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.op.fmt(f)?;
        match self.need {
            Need::Required => Ok(()),
            Need::Optional => f.write_str(" || true"),
        }
    }
}

/// The maximum length of a plan. A test builds the longest one.
pub const MAX_STEPS: usize = 64;
/// A plan, in the order of its execution.
pub type Steps<O> = Vec<Step<O>, MAX_STEPS>;

/// The plan, unchanged: all guards hold.
#[cfg(not(feature = "weak"))]
#[must_use]
pub fn guarded<O>(plan: Steps<O>, _guards: Guards<'_>) -> Steps<O> {
    plan
}

/// Collects steps.
struct Plan<O>(Steps<O>);

/// Short helpers for frequent calls, because each call adds bytes to the shim.
impl<'a, O: From<Op<'a>>> Plan<O> {
    const fn new() -> Self {
        Self(Steps::new())
    }

    fn must(&mut self, why: Why, op: O) {
        self.step(Step { op, need: Need::Required, why });
    }

    fn may(&mut self, why: Why, op: O) {
        self.step(Step { op, need: Need::Optional, why });
    }

    #[inline(never)]
    fn step(&mut self, step: Step<O>) {
        let _ = self.0.push(step);
    }

    #[inline(never)]
    fn mount(&mut self, why: Why, kind: &'a str, target: &'a str, attr: Attr, options: &'a str) {
        self.must(why, Op::Mount(kind, "none", target, attr, options).into());
    }

    #[inline(never)]
    fn mkdir(&mut self, why: Why, path: &'a str, mode: u32) {
        self.must(why, Op::Mkdir(path, mode).into());
    }
}

/// The plan from the first instruction to the carbon copy.
#[must_use]
pub fn boot<'a>(options: &Options<'a>) -> Steps<Boot<'a>> {
    let mut plan = Plan::new();
    plan.may(Why::OnlyBoot, Boot::Remove(programs::INIT.path));
    plan.may(Why::OnlyBoot, Boot::Remove(programs::SETUP.path));
    plan.mount(Why::Devices, "devtmpfs", "/dev", Attr::DEVICES, "");
    plan.mkdir(Why::Output, "/dev/pts", 0o755);
    plan.mount(Why::Output, "devpts", "/dev/pts", Attr::DEVICES, "mode=0600");
    if !options.keymap.is_empty() {
        plan.may(Why::Keyboard, Boot::Keymap(options.keymap));
    }
    plan.may(Why::OnlyBoot, Boot::Remove(layout::KEYMAPS));
    plan.mount(Why::KernelState, "proc", "/proc", Attr::KERNEL, "");
    plan.mount(Why::KernelState, "sysfs", "/sys", Attr::KERNEL_READ_ONLY, "");
    plan.may(Why::Ports, Op::Write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0").into());
    settings(&mut plan);
    limits(&mut plan);
    plan.may(Why::Loopback, Boot::LoopbackUp);
    layers::mount(&mut plan, options);
    plan.must(Why::Sealed, Op::Attributes("/", Attr::READ_ONLY).into());
    plan.0
}

/// The entries at the top of /proc that everybody may read, besides the processes. Node and similar programs need them:
/// os.cpus(), os.loadavg(), os.freemem(), os.totalmem() and os.uptime() (libuv, src/unix/linux.c).
pub const OPEN_IN_PROC: [&str; 5] = ["cpuinfo", "loadavg", "meminfo", "stat", "uptime"];

/// Kernel settings (Documentation/admin-guide/sysctl/), and the parts of /proc that everybody sees.
fn settings(plan: &mut Plan<Boot<'_>>) {
    for (path, value) in [
        ("/proc/sys/kernel/kptr_restrict", "2"),
        ("/proc/sys/kernel/perf_event_paranoid", "3"),
        ("/proc/sys/kernel/unprivileged_bpf_disabled", "1"),
        ("/proc/sys/kernel/yama/ptrace_scope", "3"),
        // each open file counts as memory of its user; a common limit for all could be used up by one user
        ("/proc/sys/fs/file-max", "9223372036854775807"),
        // a task keeps up to three numbers in use: its own, its group's and its session's
        ("/proc/sys/kernel/pid_max", limits::NUMBERS),
        // dirty data is written half a second to a second after the change; with ext4's commit=1 it is complete a
        // second later. With the kernel's 30 and 5 seconds, a power loss leaves empty files
        // (Documentation/admin-guide/sysctl/vm.rst)
        ("/proc/sys/vm/dirty_expire_centisecs", "50"),
        ("/proc/sys/vm/dirty_writeback_centisecs", "50"),
        // a processor that runs kernel code alone for twice this many seconds is a panic; each wakes up to look every
        // two fifths of them (kernel/watchdog.c, `set_sample_period`): with the kernel's 10, every 4 seconds
        ("/proc/sys/kernel/watchdog_thresh", "30"),
        // counters of memory are put together once a minute, not once a second, or when one of them is large
        // (mm/vmstat.c): a machine that has nothing to do sleeps
        ("/proc/sys/vm/stat_interval", "60"),
    ] {
        plan.may(Why::Settings, Boot::Setting(path, value));
    }
    plan.must(Why::KernelInternals, Boot::Close("/proc", &OPEN_IN_PROC));
    plan.must(Why::KernelInternals, Boot::Close("/proc/self/net", &[]));
}

/// The cgroups, and the limits of all users together.
fn limits(plan: &mut Plan<Boot<'_>>) {
    const CONTROLLERS: &str = "+memory +pids +cpu";
    plan.mount(Why::Groups, "cgroup2", "/sys/fs/cgroup", Attr::KERNEL, "");
    plan.must(Why::Groups, Op::Write("/sys/fs/cgroup/cgroup.subtree_control", CONTROLLERS).into());
    plan.may(Why::Groups, Op::Write("/sys/fs/cgroup/cgroup.subtree_control", "+io").into());
    plan.mkdir(Why::Groups, layout::CGROUPS, 0o755);
    plan.must(Why::Groups, Op::Write("/sys/fs/cgroup/users/cgroup.subtree_control", CONTROLLERS).into());
    plan.may(Why::Groups, Op::Write("/sys/fs/cgroup/users/cgroup.subtree_control", "+io").into());
    plan.must(Why::Reserve, Boot::Reserve);
}

/// Whose homes a session in RAM uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InRam {
    /// The home of a guest.
    Guest,
    /// The homes that the initramfs carries.
    Carried,
    /// The apps', which are made.
    Apps,
}

/// The plan for the users partition. If it fails, `ram` follows.
#[must_use]
pub fn users<'a>(options: &Options<'a>) -> Steps<Boot<'a>> {
    let mut plan = Plan::new();
    if let Some(device) = options.users {
        if options.grow {
            // before the mount, so that no filesystem is ever larger than its partition
            plan.must(Why::UsersPartition, Boot::Await(device));
            plan.may(Why::WholeDisk, Boot::GrowPartition(device));
        }
        plan.must(Why::UsersPartition, Boot::Device("ext4", device, layout::USERS, Attr::FILES, options.users_flags));
        if options.grow {
            plan.may(Why::WholeDisk, Boot::GrowFilesystem(layout::USERS));
        }
        work_folders(&mut plan);
    }
    plan.0
}

fn work_folders(plan: &mut Plan<Boot<'_>>) {
    plan.may(Why::WorkFolders, Op::Mkdir("/tmp/.overlay", 0o700).into());
    plan.may(Why::Limits, Op::Mkdir(layout::POLICIES, 0o700).into());
}

/// The homes of the apps that have none: each gets the first uid from `layout::FIRST_UID` on that is free.
#[must_use]
pub fn homes<'a>(options: &Options<'a>) -> Steps<Boot<'a>> {
    let mut plan = Plan::new();
    if options.apps.is_some() {
        plan.may(Why::AppHomes, Boot::Homes(layout::APPS, layout::USERS));
    }
    plan.0
}

/// The user of a session in RAM.
pub const GUEST: User<'static> = User { name: "guest", uid: 1000, gid: 1000 };

/// The plan for a session without a users partition.
#[must_use]
pub fn ram<'a>(whose: InRam) -> Steps<Boot<'a>> {
    let mut plan = Plan::new();
    if whose == InRam::Carried {
        plan.must(Why::CarriedHomes, Op::Bind(layout::HOMES, layout::USERS, Attr::FILES).into());
        work_folders(&mut plan);
        return plan.0;
    }
    plan.mount(Why::RamSession, "tmpfs", layout::USERS, Attr::FILES, "mode=0755");
    plan.mkdir(Why::WorkFolders, "/tmp/.overlay", 0o700);
    if whose == InRam::Apps {
        return plan.0;
    }
    plan.mkdir(Why::RamSession, "/tmp/guest", 0o700);
    plan.mkdir(Why::RamSession, "/tmp/guest/etc", 0o755);
    plan.must(Why::RamSession, Op::Write("/tmp/guest/etc/logon.json", "{\"password\": \"\"}\n").into());
    plan.0
}

#[cfg(test)]
mod tests;
