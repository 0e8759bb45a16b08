//! Names of system calls, from the crate `syscalls`.

use shim::arches::Arch;
use syscalls::{aarch64, x86_64};

type Name = fn(usize) -> Option<&'static str>;

/// The names of system calls by architecture. Without a row, the numbers are used.
const NAMES: &[(&str, Name)] = &[
    ("x86_64", |number| x86_64::Sysno::new(number).map(|call| call.name())),
    ("aarch64", |number| aarch64::Sysno::new(number).map(|call| call.name())),
];

/// A system call's name.
pub fn syscall(arch: &Arch, number: usize) -> String {
    let named = NAMES.iter().find(|(name, _)| *name == arch.name).and_then(|(_, name)| name(number));
    named.map_or_else(|| number.to_string(), str::to_owned)
}
