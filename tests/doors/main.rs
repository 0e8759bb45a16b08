//! The same attacks' machine on a kernel with doors that ours lack, and attacks on these: that the other guards hold there
//! too, and that each row's attack works where they are left out.
//!
//! Not a part of `./nodeos test`: it needs two more kernels, a quarter of an hour on two cores.
//! `cargo test --release -p tests --test doors` runs it.

#[path = "../escape/machine.rs"]
mod machine;
#[macro_use]
#[path = "../escape/rows.rs"]
mod rows;

/// The kernel has what `tests::DOORS` names.
const DOORS: bool = true;

rows! {
    kexec: "root", "capabilities,seccomp";
    module: "root", "capabilities,seccomp";
    user_namespace: "ana", "seccomp";
    io_uring: "ana", "seccomp";
    keyring: "ana", "seccomp";
    userfaultfd: "ana", "seccomp";
    perf: "ana", "seccomp,settings";
    sysrq: "root", "masks,ro";
    core_pattern: "root", "masks,ro";
    kcore: "root", "masks,ro,capabilities";
    kallsyms: "root", "masks,ro,capabilities,settings";
    dev_mem: "root", "capabilities,nodev";
    process_vm: "root", "pid,capabilities,landlock,seccomp,settings";
    by_handle: "root", "seccomp";
    file_capability: "ana", "capabilities,nosuid,no_new_privs,landlock,seccomp";
    @x86_64
    iopl: "root", "capabilities,seccomp";
}
