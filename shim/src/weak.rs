//! A shim without some of its guards, for tests alone: no image that a user builds has it.
//!
//! `without=NAME,NAME` on the kernel's command line. A name is that of a `Guard`, an attribute of mounts, or a
//! reason of a plan's steps, which are then left out.

use crate::{
    cut,
    guards::Guard,
    layout,
    op::{Attr, Boot, Op, Root},
    plan::{Need, Step, Steps, Why},
};

/// Which guards hold: all but those that the kernel's word names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guards<'a>(&'a str);

impl<'a> Guards<'a> {
    /// Takes one word of the kernel's.
    pub fn take(&mut self, key: &str, value: &'a str) {
        if key == "without" {
            self.0 = value;
        }
    }

    /// Whether that one does.
    #[must_use]
    pub fn hold(self, guard: Guard) -> bool {
        !self.lack(match guard {
            Guard::Seccomp => "seccomp",
            Guard::Landlock => "landlock",
            Guard::Capabilities => "capabilities",
            Guard::NoNewPrivileges => "no_new_privs",
            Guard::Dumpable => "dumpable",
            Guard::Terminal => "terminal",
            Guard::Init => "init",
            Guard::Environment => "environment",
            Guard::Pids => "pid",
            Guard::Ipc => "ipc",
            Guard::Uts => "uts",
            Guard::Pivot => "pivot",
            Guard::Descriptors => "descriptors",
            Guard::Console => "console",
            Guard::Claims => "claims",
            Guard::CheckMemory => "check_memory",
            Guard::Mend => "e2fsck",
        })
    }

    /// The plan without what is missing.
    #[must_use]
    pub fn guarded<O: Weaken>(self, mut plan: Steps<O>) -> Steps<O> {
        plan.retain(|step| !self.without(step.why));
        plan.iter_mut().for_each(|step| step.op.weaken(self));
        // mounts are private unless somebody makes them shared: no step of ours is there to be left out
        if let Some(op) = O::shared().filter(|_| self.lack("private")) {
            let _ = plan.push(Step { op, need: Need::Required, why: Why::Enter });
        }
        plan
    }

    fn lack(self, name: &str) -> bool {
        let mut names = Some(self.0);
        core::iter::from_fn(|| cut::next(&mut names, b',')).any(|other| other == name)
    }

    fn attr(self, attr: &mut Attr) {
        for (name, bit) in
            [("nodev", Attr::NODEV), ("nosuid", Attr::NOSUID), ("ro", Attr::RO), ("noexec", Attr::NOEXEC)]
        {
            if self.lack(name) {
                attr.0 &= !bit.0;
            }
        }
    }

    fn without(self, why: Why) -> bool {
        let name = match why {
            Why::Limits => "limits",
            Why::Reserve => "reserve",
            Why::OutOfReach => "detach",
            Why::KernelInternals => "proc",
            Why::Masked => "masks",
            Why::OwnProcesses => "own_processes",
            Why::Settings => "settings",
            Why::OwnNetwork => "network",
            Why::SharedMemory => "shm",
            Why::Sealed => "sealed",
            Why::Claims => "claims",
            _ => return false,
        };
        self.lack(name)
    }
}

/// A plan that can be weakened.
pub trait Weaken: Sized {
    /// Takes from the operation what the guards lack.
    fn weaken(&mut self, guards: Guards<'_>);

    /// What lets mount events out and in.
    fn shared() -> Option<Self> {
        None
    }
}

impl Weaken for Op<'_> {
    fn weaken(&mut self, guards: Guards<'_>) {
        if let Op::Mount(_, _, _, attr, _) | Op::Bind(_, _, attr) | Op::Attributes(_, attr) = self {
            guards.attr(attr);
        }
    }
}

impl Weaken for Boot<'_> {
    fn weaken(&mut self, guards: Guards<'_>) {
        // what only PID 1 sees stays as it is
        if let Boot::Device("ext4", _, _, attr, _) = self {
            guards.attr(attr);
        }
    }
}

impl Weaken for Root<'_> {
    fn weaken(&mut self, guards: Guards<'_>) {
        match self {
            // one /dev for all
            Root::Op(Op::Mount("overlay", _, target, attr, _)) if guards.lack("devices") => {
                guards.attr(attr);
                *self = Root::Op(Op::Bind(layout::DEVICES, target, *attr));
            }
            Root::Op(op) => op.weaken(guards),
            Root::Devices(_, _, attr) | Root::Processes(_, _, attr) | Root::Scratch(_, attr, ..) => guards.attr(attr),
            Root::Overlay(_, _, attr, redirect) => {
                guards.attr(attr);
                if guards.lack("redirect") {
                    *redirect = "follow";
                }
            }
            // the root of 2015
            Root::Enter(path, _) if guards.lack("pivot") => *self = Root::Chroot(path),
            _ => {}
        }
    }

    fn shared() -> Option<Self> {
        Some(Root::Shared)
    }
}
