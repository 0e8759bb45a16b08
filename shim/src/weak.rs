//! A shim without some of its guards, for tests alone: no image that a user builds has it.
//!
//! `without=NAME,NAME` on the kernel's command line. A name is that of a `Guard`, an attribute of mounts, or a
//! reason of a plan's steps, which are then left out.

use crate::{
    cut,
    guards::Guard,
    op::{Attr, Boot, Op, Root},
    plan::{Step, Steps, Why},
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
            Guard::Claims => "claims",
        })
    }

    /// The plan without what is missing.
    #[must_use]
    pub fn guarded<O: Weaken>(self, mut plan: Steps<O>) -> Steps<O> {
        plan.retain(|step| !self.without(step.why));
        for Step { op, .. } in &mut plan {
            if let Some(attr) = op.attr() {
                self.attr(attr);
            }
            if self.lack("redirect") {
                op.follow();
            }
            if self.lack("private") {
                op.share();
            }
            if self.lack("pivot") {
                op.only_chroot();
            }
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
pub trait Weaken {
    /// The attributes of the mount that the operation makes or changes.
    fn attr(&mut self) -> Option<&mut Attr>;

    /// Lets a home lead into the layers below it.
    fn follow(&mut self) {}

    /// Lets mount events out and in.
    fn share(&mut self) {}

    /// Makes a root as in 2015.
    fn only_chroot(&mut self) {}
}

impl Weaken for Op<'_> {
    fn attr(&mut self) -> Option<&mut Attr> {
        match self {
            Op::Mount(_, _, _, attr, _) | Op::Bind(_, _, attr) | Op::Attributes(_, attr) => Some(attr),
            _ => None,
        }
    }
}

impl Weaken for Boot<'_> {
    fn attr(&mut self) -> Option<&mut Attr> {
        match self {
            // what only PID 1 sees stays as it is
            Boot::Op(_) => None,
            Boot::Device("ext4", _, _, attr, _) => Some(attr),
            _ => None,
        }
    }
}

impl Weaken for Root<'_> {
    fn attr(&mut self) -> Option<&mut Attr> {
        match self {
            Root::Op(op) => op.attr(),
            Root::Devices(_, _, attr)
            | Root::Overlay(_, _, attr, _)
            | Root::Processes(_, _, attr)
            | Root::Scratch(_, attr, ..) => Some(attr),
            _ => None,
        }
    }

    fn follow(&mut self) {
        if let Root::Overlay(.., redirect) = self {
            *redirect = "follow";
        }
    }

    fn share(&mut self) {
        if matches!(self, Root::Private) {
            *self = Root::Shared;
        }
    }

    fn only_chroot(&mut self) {
        if let Root::Enter(path, _) = *self {
            *self = Root::Chroot(path);
        }
    }
}
