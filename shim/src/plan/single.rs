//! Steps outside of the plans: what PID 1 does before its plan, the guest's home, and what a process gives up before it
//! runs anything of a user's.
//!
//! Their order and reasons are defined only here. A program of the guest executes each step directly, and the compiler
//! inlines all of it: a list with a loop would be more code. The host collects the steps to print them.

use core::{convert::Infallible, ffi::CStr, fmt};

use crate::{
    capabilities::Capabilities,
    op::{Attr, User},
    plan::{GUEST, Need, Step, Steps, Why},
    seccomp,
};

/// What PID 1 does itself, before `/setup` executes the plan of the boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// Empties the bounding set of capabilities.
    BoundingSet,
    /// Leaves the rootfs for a mount of the same files, and sets the attributes of the rootfs.
    OwnRoot(Attr),
}

/// Makes a user the owner of that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own<'a>(pub &'a CStr, pub &'a User<'a>);

/// What a process gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege<'a> {
    /// Supplementary groups, then the gid, then the uid, because each call needs a privilege that the next one gives
    /// up.
    Identity(&'a User<'a>),
    /// All capabilities but these.
    Capabilities(Capabilities),
    /// The ability to gain privileges by an exec.
    Exec,
    /// Access to abstract sockets of other sandboxes.
    AbstractSockets,
    /// System calls that are not on the list.
    Calls,
}

/// Executes steps, or collects them.
pub trait Run<O> {
    /// Why a step failed.
    type Error;

    /// Takes one step.
    ///
    /// # Errors
    /// If the step failed: then the following steps make no sense.
    fn run(&mut self, step: Step<O>) -> Result<(), Self::Error>;
}

const fn must<O>(op: O, why: Why) -> Step<O> {
    Step { op, need: Need::Required, why }
}

/// The first steps of PID 1.
#[inline(always)]
pub fn first<R: Run<First>>(run: &mut R) -> Result<(), R::Error> {
    run.run(must(First::BoundingSet, Why::Bounded))?;
    run.run(must(First::OwnRoot(Attr::READ_ONLY), Why::OwnRoot))
}

/// The last step for a session in RAM: makes the guest the owner of the guest's home.
#[inline(always)]
pub fn own_guest<R: Run<Own<'static>>>(run: &mut R) -> Result<(), R::Error> {
    run.run(Step { op: Own(c"/tmp/guest", &GUEST), need: Need::Optional, why: Why::RamSession })
}

/// Becomes a user.
#[inline(always)]
pub fn become_user<'a, R: Run<Privilege<'a>>>(user: &'a User<'a>, run: &mut R) -> Result<(), R::Error> {
    let keep = if user.uid == 0 { Capabilities::ROOT } else { Capabilities(0) };
    run.run(must(Privilege::Identity(user), Why::Identity))?;
    // a change of uid clears the permitted set, but not the inheritable one: root keeps its part of both
    run.run(must(Privilege::Capabilities(keep), Why::Capabilities))?;
    run.run(must(Privilege::Exec, Why::NoGain))
}

/// The last steps before any program of a user is run, or any of their data is read.
#[inline(always)]
pub fn shut_in<'a, R: Run<Privilege<'a>>>(run: &mut R) -> Result<(), R::Error> {
    run.run(must(Privilege::AbstractSockets, Why::OwnSockets))?;
    run.run(must(Privilege::Calls, Why::Calls))
}

impl<O> Run<O> for Steps<O> {
    type Error = Infallible;

    fn run(&mut self, step: Step<O>) -> Result<(), Infallible> {
        let _ = self.push(step);
        Ok(())
    }
}

impl fmt::Display for First {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BoundingSet => f.write_str("empty the bounding set"),
            Self::OwnRoot(attr) => write!(f, "mount --bind / / && mount -o remount,bind,{attr} / && chroot /"),
        }
    }
}

impl fmt::Display for Own<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chown {}:{} {}", self.1.uid, self.1.gid, self.0.to_str().unwrap_or("?"))
    }
}

impl fmt::Display for Privilege<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(user) => write!(f, "groups: none; gid: {}; uid: {}", user.gid, user.uid),
            Self::Capabilities(keep) => write!(f, "capabilities: {keep}"),
            Self::Exec => f.write_str("no_new_privs"),
            Self::AbstractSockets => f.write_str("landlock: abstract sockets"),
            Self::Calls => write!(f, "seccomp: {} system calls, no others", seccomp::COUNT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<O: fmt::Display>(run: impl FnOnce(&mut Steps<O>) -> Result<(), Infallible>) -> String {
        let mut steps = Steps::new();
        let Ok(()) = run(&mut steps);
        steps.iter().map(|step| format!("{step}\n")).collect()
    }

    #[test]
    fn pid_1_first_drops_what_executables_could_restore() {
        let own_root = "mount --bind / / && mount -o remount,bind,ro,nodev,nosuid / && chroot /\n";
        assert_eq!(text(first), format!("empty the bounding set\n{own_root}"));
        assert_eq!(text(own_guest), "chown 1000:1000 /tmp/guest || true\n");
    }

    #[test]
    fn a_users_program_keeps_no_capabilities_and_roots_keeps_the_root_set() {
        let ana = User { name: "ana", uid: 1000, gid: 100 };
        let given_up = |user: &User<'_>| text(|run| become_user(user, run)) + &text(shut_in);
        let calls = format!("seccomp: {} system calls, no others\n", seccomp::COUNT);
        let last = format!("no_new_privs\nlandlock: abstract sockets\n{calls}");
        let expected = format!("groups: none; gid: 100; uid: 1000\ncapabilities: none\n{last}");
        assert_eq!(given_up(&ana), expected);
        let root = User { name: "root", uid: 0, gid: 0 };
        let expected = format!("groups: none; gid: 0; uid: 0\ncapabilities: {}\n{last}", Capabilities::ROOT);
        assert_eq!(given_up(&root), expected);
    }
}
