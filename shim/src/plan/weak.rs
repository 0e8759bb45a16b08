//! A plan without some of its guards, only for tests: see `guards`.
//!
//! A name in the word `without=NAME,NAME` of the kernel's command line is that of a `Guard`, of a mount attribute, or
//! of the reason of steps. These steps are left out.

use crate::{
    guards::Guards,
    layout,
    op::{Attr, Boot, Op, Root},
    plan::{Need, Step, Steps, Why},
};

/// The plan without the guards that are left out.
#[must_use]
pub fn guarded<O: Weaken>(mut plan: Steps<O>, guards: Guards<'_>) -> Steps<O> {
    plan.retain(|step| !without(guards, step.why));
    plan.iter_mut().for_each(|step| step.op.weaken(guards));
    // mounts are private by default, so there is no step to leave out: this adds one that makes them shared
    if let Some(op) = O::shared().filter(|_| guards.lack("private")) {
        let _ = plan.push(Step { op, need: Need::Required, why: Why::Enter });
    }
    plan
}

fn without(guards: Guards<'_>, why: Why) -> bool {
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
    guards.lack(name)
}

fn weaken(attr: &mut Attr, guards: Guards<'_>) {
    for (name, bit) in [("nodev", Attr::NODEV), ("nosuid", Attr::NOSUID), ("ro", Attr::RO), ("noexec", Attr::NOEXEC)] {
        if guards.lack(name) {
            attr.0 &= !bit.0;
        }
    }
}

/// An operation that can be weakened.
pub trait Weaken: Sized {
    /// Removes from the operation the attributes that the guards lack.
    fn weaken(&mut self, guards: Guards<'_>);

    /// An operation that makes mounts shared, if there is one.
    fn shared() -> Option<Self> {
        None
    }
}

impl Weaken for Op<'_> {
    fn weaken(&mut self, guards: Guards<'_>) {
        if let Op::Mount(_, _, _, attr, _) | Op::Bind(_, _, attr) | Op::Attributes(_, attr) = self {
            weaken(attr, guards);
        }
    }
}

impl Weaken for Boot<'_> {
    fn weaken(&mut self, guards: Guards<'_>) {
        // mounts that only PID 1 sees stay unchanged
        if let Boot::Device("ext4", _, _, attr, _) = self {
            weaken(attr, guards);
        }
    }
}

impl Weaken for Root<'_> {
    fn weaken(&mut self, guards: Guards<'_>) {
        match self {
            // one /dev for all users
            Root::Op(Op::Mount("overlay", _, target, attr, _)) if guards.lack("devices") => {
                weaken(attr, guards);
                *self = Root::Op(Op::Bind(layout::DEVICES, target, *attr));
            }
            Root::Op(op) => op.weaken(guards),
            Root::Devices(_, _, attr) | Root::Processes(_, _, attr) | Root::Scratch(_, attr, ..) => {
                weaken(attr, guards);
            }
            Root::Overlay(_, _, _, attr, redirect) => {
                weaken(attr, guards);
                if guards.lack("redirect") {
                    *redirect = "follow";
                }
            }
            // `chroot`, as in 2015
            Root::Enter(path, _) if guards.lack("pivot") => *self = Root::Chroot(path),
            _ => {}
        }
    }

    fn shared() -> Option<Self> {
        Some(Root::Shared)
    }
}
