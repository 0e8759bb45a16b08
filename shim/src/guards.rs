//! The guards of a sandbox that are no step of a plan, each by name.
//!
//! In every shim that an image gets, all of them hold, and that is a constant. Tests build another (`--features weak`),
//! in which the kernel's word `without=NAME,NAME` leaves some out, steps of a plan too (`weak`): to see each attack work
//! where its guard is missing.

#[cfg(not(feature = "weak"))]
use crate::plan::Steps;

/// One guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The allow-list of system calls.
    Seccomp,
    /// Abstract sockets end at the program's own.
    Landlock,
    /// Capabilities are given up.
    Capabilities,
    /// No exec gives more than one has.
    NoNewPrivileges,
    /// A process is not looked into before it is the user's.
    Dumpable,
    /// A terminal is taken from its last user before the next logon.
    Terminal,
    /// A home's `/init` must be its owner's.
    Init,
    /// A user's environment is made anew.
    Environment,
    /// A sandbox sees its own processes alone.
    Pids,
    /// A sandbox has System V IPC of its own.
    Ipc,
    /// A sandbox has a host name of its own.
    Uts,
    /// A sandbox's root is a root, not a folder that is called so.
    Pivot,
    /// No descriptor of PID 1's is open in a user's program.
    Descriptors,
    /// A user's `/init` has a node of the console to itself.
    Console,
    /// Whoever has no program of the own opens no device that is granted to anybody.
    Claims,
    /// A password check takes no more memory than the reserve has.
    CheckMemory,
    /// A users partition that is not clean is mended before it is mounted.
    Mend,
}

/// Which of them hold: all.
#[cfg(not(feature = "weak"))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guards<'a>(core::marker::PhantomData<&'a str>);

#[cfg(not(feature = "weak"))]
impl<'a> Guards<'a> {
    /// No word of the kernel's changes them.
    pub const fn take(&mut self, _key: &str, _value: &'a str) {}

    /// Always.
    #[must_use]
    pub const fn hold(self, _guard: Guard) -> bool {
        true
    }

    /// The plan as it is.
    pub fn guarded<O>(self, plan: Steps<O>) -> Steps<O> {
        plan
    }
}

#[cfg(feature = "weak")]
pub use crate::weak::Guards;
