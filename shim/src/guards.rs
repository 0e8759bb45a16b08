//! The guards of a sandbox that are not steps of a plan.
//!
//! In the shim of an image all guards hold: `Guards` is empty and `hold` is a constant. Tests build another shim
//! (`--features weak`), which no user gets. There, the word `without=NAME,NAME` on the kernel's command line leaves
//! guards out, so that a test can show that an attack works without its guard. `plan::guarded` leaves out steps of a
//! plan by the same word.

use core::ffi::CStr;

#[cfg(feature = "weak")]
use crate::cut;

/// A guard that a shim for tests can leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The allow-list of system calls.
    Seccomp,
    /// A program cannot connect to abstract sockets of other sandboxes.
    Landlock,
    /// A user's program has no capabilities; root's has `Capabilities::ROOT`.
    Capabilities,
    /// An exec gives no privileges that the process lacks.
    NoNewPrivileges,
    /// Nobody can inspect a process before it belongs to its user.
    Dumpable,
    /// A terminal is taken from its last user before the next logon.
    Terminal,
    /// The owner of a home must also own its `/init`.
    Init,
    /// A user's program gets a new environment, not that of PID 1.
    Environment,
    /// A sandbox sees only its own processes.
    Pids,
    /// A sandbox has System V IPC of its own.
    Ipc,
    /// A sandbox has a host name of its own.
    Uts,
    /// A sandbox enters its root by `pivot_root`, not by `chroot`.
    Pivot,
    /// A user's program inherits no descriptor of PID 1.
    Descriptors,
    /// An `/init` prints on a terminal of its own, and not on the console.
    Console,
    /// A sandbox without a device program of its own opens no device that is granted to any user.
    Claims,
    /// A password check takes no more memory than the reserve allows.
    CheckMemory,
    /// A users partition that is not clean is repaired before it is mounted.
    Mend,
    /// PID 1 feeds the watchdog.
    Watchdog,
    /// The door does for a user what the policy allows, and nothing about others.
    Rights,
    /// A service leaves homes, devices and privileges behind.
    Apart,
}

/// Which guards hold: all of them.
#[cfg(not(feature = "weak"))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guards<'a>(core::marker::PhantomData<&'a str>);

#[cfg(not(feature = "weak"))]
impl<'a> Guards<'a> {
    /// Ignores the word.
    pub const fn take(&mut self, _key: &str, _value: &'a str) {}

    /// Takes words in the form in which a program receives them: none.
    pub fn of(_words: impl Iterator<Item = &'a CStr>) -> Self {
        Self::default()
    }

    /// Always true.
    #[must_use]
    pub const fn hold(self, _guard: Guard) -> bool {
        true
    }
}

/// Which guards hold: all but those that the word on the kernel's command line names.
#[cfg(feature = "weak")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guards<'a>(&'a str);

#[cfg(feature = "weak")]
impl<'a> Guards<'a> {
    /// Takes words in the form in which a program receives them.
    pub fn of(words: impl Iterator<Item = &'a CStr>) -> Self {
        let mut guards = Self::default();
        for word in words.filter_map(|word| word.to_str().ok()) {
            let (key, value) = cut::once(word, b'=').unwrap_or((word, ""));
            guards.take(key, value);
        }
        guards
    }

    /// Takes one word of the kernel's command line.
    pub fn take(&mut self, key: &str, value: &'a str) {
        if key == "without" {
            self.0 = value;
        }
    }

    /// Whether that guard holds.
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
            Guard::Watchdog => "watchdog",
            Guard::Rights => "rights",
            Guard::Apart => "apart",
        })
    }

    /// Whether the word contains that name.
    #[must_use]
    pub fn lack(self, name: &str) -> bool {
        cut::has(self.0, b',', name)
    }
}
