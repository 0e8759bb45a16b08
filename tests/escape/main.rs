//! Attacks from inside a sandbox. Each fails in an ordinary machine, and works where the guards
//! against it are left out.
//!
//! A row names an attack of `tests/guest`, the user who makes it, and the guards against it. In the
//! first boot, with all guards, every attack fails. In a second boot, which lacks only the row's
//! guards, the attack works. This shows that the test would notice a missing guard. Rows that leave
//! out the same guards share a boot. `./nodeos test NAME` runs rows by name.

mod bombs;
mod held;
mod machine;
mod node;
#[macro_use]
mod rows;
mod shared;
mod terminals;

/// Whether the kernel has the options of `tests::DOORS`. This suite uses our own kernel, which
/// lacks them.
const DOORS: bool = false;

rows! {
    // files, mounts, the disk; Landlock and seccomp cannot be installed without no_new_privs
    offline_node: "ana", "nodev";
    offline_device: "ana", "nodev";
    mknod: "root", "capabilities,nodev";
    mknod_device: "root", "capabilities,nodev";
    second_mount: "root", "capabilities,nodev,seccomp";
    mount: "root", "capabilities,seccomp";
    remount: "root", "capabilities,seccomp";
    unmask: "root", "capabilities,seccomp";
    unshare: "root", "capabilities,seccomp";
    chroot: "root", "capabilities,seccomp";
    nested_chroot: "root", "capabilities,seccomp,pivot";
    moved_out: "root", "capabilities,seccomp,pivot";
    leaked_folder: "root", "descriptors";
    propagation: "root", "capabilities,seccomp,private";
    below_the_root: "root", "detach";
    set_user_id: "ana", "nosuid,no_new_privs,landlock,seccomp";
    foreign_init: "dora", "init";
    linked_init: "erik", "init";
    redirect: "ana", "redirect";
    // other users
    see_processes: "root", "pid";
    kill: "root", "pid";
    proc_environ: "root", "pid,capabilities,landlock";
    proc_root: "root", "pid,capabilities,landlock";
    proc_cwd: "root", "pid,capabilities,landlock";
    proc_fd: "root", "pid,capabilities,landlock";
    proc_mem: "root", "pid,capabilities,landlock,settings";
    setns: "root", "pid,capabilities,landlock,seccomp";
    ptrace: "root", "pid,capabilities,landlock,seccomp,settings";
    abstract_socket: "ana", "landlock,ipc";
    log_of_another: "ana", "rights";
    shared_memory: "ana", "ipc";
    posix_shared_memory: "ana", "shm,ro,devices";
    network: "cara", "network";
    hear_device: "ana", "devices";
    lock_device: "ana", "devices";
    lock_console: "ana", "console";
    lock_input: "ana", "console";
    // more than one user's share
    take_memory: "ana", "limits";
    take_processes: "ana", "limits";
    // the kernel
    clone_parent: "ana", "seccomp";
    personality: "ana", "seccomp";
    ptrace_own: "ana", "seccomp,settings";
    bpf: "root", "capabilities,seccomp";
    sethostname: "root", "capabilities,seccomp";
    clock_settime: "root", "capabilities,seccomp";
    reboot: "root", "capabilities,seccomp,pid";
    syslog: "root", "capabilities,seccomp";
    tiocsti: "root", "capabilities,seccomp";
    tioclinux: "root", "capabilities,seccomp,nodev";
    raw_socket: "root", "capabilities";
    uevent: "root", "capabilities,seccomp";
    interface: "root", "capabilities";
    realtime: "root", "capabilities";
    rlimit: "root", "capabilities";
    oom_score: "root", "capabilities,ro";
    proc_interrupts: "ana", "proc";
    proc_net_unix: "ana", "proc";
    proc_sys_read: "ana", "masks";
    proc_sys_write: "root", "masks,ro";
    environment: "ana", "environment";
}
