//! Attacks on kernel features that our kernels lack, on a kernel that has them. Each attack fails
//! because of our other guards, and works where those are left out.
//!
//! This suite is not part of `./nodeos test`, because it needs two more kernels and takes a quarter
//! of an hour on two cores. `cargo test --release -p tests --test doors` runs it.

#[path = "../escape/machine.rs"]
mod machine;
#[macro_use]
#[path = "../escape/rows.rs"]
mod rows;

/// Whether the kernel has the options of `tests::DOORS`: in this suite it has.
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
