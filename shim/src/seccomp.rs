//! Which system calls a user's program may make: an allow-list for node and native addons, as a seccomp filter.
//!
//! 1. What is not named here fails with `EPERM`; what this kernel does not know either, with `ENOSYS`, so that a libc
//!    goes on to an older call.
//! 2. `clone3` is `ENOSYS`: its flags lie in memory, where no filter can read them; every libc falls back to `clone`.
//! 3. Absent: whatever mounts, traces, loads, names the host or sets its clock, and `io_uring`, whose requests no
//!    filter sees.
//!
//! The list is a constant, and so is the program: the compiler sorts it into ranges.

use linux_raw_sys::general as raw;

use crate::arch::{AUDIT_ARCH, calls::LEGACY_CALLS};

/// One instruction of classic BPF: `struct sock_filter` (include/uapi/linux/filter.h).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    code: u16,
    yes: u8,
    no: u8,
    value: u32,
}

macro_rules! calls {
    ($($name:ident)+) => { &[$((stringify!($name), raw::$name)),+] };
}

/// Calls of every machine, by what they are for.
const CALLS: &[&[(&str, u32)]] = &[
    // files
    calls!(__NR_read __NR_write __NR_close __NR_close_range __NR_fstat __NR_lseek __NR_pread64 __NR_pwrite64 __NR_readv
        __NR_writev __NR_preadv __NR_pwritev __NR_preadv2 __NR_pwritev2 __NR_openat __NR_openat2 __NR_newfstatat
        __NR_statx __NR_faccessat __NR_faccessat2 __NR_readlinkat __NR_mkdirat __NR_mknodat __NR_unlinkat __NR_renameat
        __NR_renameat2 __NR_linkat __NR_symlinkat __NR_fchmod __NR_fchmodat __NR_fchmodat2 __NR_fchown __NR_fchownat
        __NR_ftruncate __NR_truncate __NR_fallocate __NR_fsync __NR_fdatasync __NR_sync __NR_syncfs
        __NR_sync_file_range __NR_getdents64 __NR_getcwd __NR_chdir __NR_fchdir __NR_dup __NR_dup3 __NR_fcntl
        __NR_flock __NR_ioctl __NR_pipe2 __NR_sendfile __NR_splice __NR_tee __NR_vmsplice __NR_copy_file_range
        __NR_utimensat __NR_statfs __NR_fstatfs __NR_fadvise64 __NR_readahead __NR_umask __NR_setxattr __NR_lsetxattr
        __NR_fsetxattr __NR_getxattr __NR_lgetxattr __NR_fgetxattr __NR_listxattr __NR_llistxattr __NR_flistxattr
        __NR_removexattr __NR_lremovexattr __NR_fremovexattr __NR_cachestat),
    // events
    calls!(__NR_inotify_init1 __NR_inotify_add_watch __NR_inotify_rm_watch __NR_epoll_create1 __NR_epoll_ctl
        __NR_epoll_pwait __NR_epoll_pwait2 __NR_eventfd2 __NR_signalfd4 __NR_timerfd_create __NR_timerfd_settime
        __NR_timerfd_gettime __NR_ppoll __NR_pselect6),
    // memory
    calls!(__NR_mmap __NR_mprotect __NR_munmap __NR_brk __NR_mremap __NR_msync __NR_mincore __NR_madvise __NR_mlock
        __NR_mlock2 __NR_munlock __NR_mlockall __NR_munlockall __NR_memfd_create __NR_membarrier __NR_pkey_alloc
        __NR_pkey_free __NR_pkey_mprotect __NR_mseal __NR_map_shadow_stack),
    // processes and threads; `clone` is looked at
    calls!(__NR_clone __NR_execve __NR_execveat __NR_exit __NR_exit_group __NR_wait4 __NR_waitid __NR_kill __NR_tkill
        __NR_tgkill __NR_pidfd_open __NR_pidfd_send_signal __NR_getpid __NR_getppid __NR_gettid __NR_getpgid
        __NR_setpgid __NR_getsid __NR_setsid __NR_getpriority __NR_setpriority __NR_ioprio_get __NR_ioprio_set
        __NR_getrlimit __NR_setrlimit __NR_prlimit64 __NR_getrusage __NR_times __NR_prctl __NR_set_tid_address
        __NR_set_robust_list __NR_get_robust_list __NR_rseq __NR_futex __NR_futex_waitv __NR_futex_wake __NR_futex_wait
        __NR_futex_requeue __NR_sched_yield __NR_sched_getaffinity __NR_sched_setaffinity __NR_sched_getparam
        __NR_sched_setparam __NR_sched_getscheduler __NR_sched_setscheduler __NR_sched_get_priority_max
        __NR_sched_get_priority_min __NR_sched_rr_get_interval __NR_sched_getattr __NR_sched_setattr __NR_getcpu
        __NR_restart_syscall),
    // signals and time
    calls!(__NR_rt_sigaction __NR_rt_sigprocmask __NR_rt_sigreturn __NR_rt_sigpending __NR_rt_sigsuspend
        __NR_rt_sigtimedwait __NR_rt_sigqueueinfo __NR_rt_tgsigqueueinfo __NR_sigaltstack __NR_nanosleep
        __NR_clock_nanosleep __NR_clock_gettime __NR_clock_getres __NR_gettimeofday __NR_getitimer __NR_setitimer
        __NR_timer_create __NR_timer_settime __NR_timer_gettime __NR_timer_getoverrun __NR_timer_delete),
    // who one is; to become another takes capabilities that only root has
    calls!(__NR_getuid __NR_geteuid __NR_getgid __NR_getegid __NR_getresuid __NR_getresgid __NR_getgroups __NR_setuid
        __NR_setgid __NR_setreuid __NR_setregid __NR_setresuid __NR_setresgid __NR_setfsuid __NR_setfsgid
        __NR_setgroups __NR_capget __NR_capset __NR_uname __NR_sysinfo __NR_getrandom),
    // network, and the sandbox's own System V IPC
    calls!(__NR_socket __NR_socketpair __NR_bind __NR_connect __NR_listen __NR_accept __NR_accept4 __NR_getsockname
        __NR_getpeername __NR_sendto __NR_recvfrom __NR_sendmsg __NR_recvmsg __NR_sendmmsg __NR_recvmmsg
        __NR_setsockopt __NR_getsockopt __NR_shutdown __NR_shmget __NR_shmat __NR_shmctl __NR_shmdt __NR_semget
        __NR_semop __NR_semctl __NR_semtimedop __NR_msgget __NR_msgsnd __NR_msgrcv __NR_msgctl),
    // a program may shut itself in further
    calls!(__NR_seccomp __NR_landlock_create_ruleset __NR_landlock_add_rule __NR_landlock_restrict_self),
    LEGACY_CALLS,
];

/// The newest call that the kernel of ours has (Linux 6.12).
const NEWEST: u32 = raw::__NR_mseal;

/// `CLONE_NEW*` of every namespace (include/uapi/linux/sched.h).
const NEW_NAMESPACES: u32 = raw::CLONE_NEWNS
    | raw::CLONE_NEWCGROUP
    | raw::CLONE_NEWUTS
    | raw::CLONE_NEWIPC
    | raw::CLONE_NEWUSER
    | raw::CLONE_NEWPID
    | raw::CLONE_NEWNET;
/// What a user does to no terminal, for others use it too (include/uapi/asm-generic/ioctls.h; ioctl_tty(2)).
const IOCTLS: [u32; 7] = [
    TIOCSTI, TIOCLINUX, 0x540a, // TCXONC: stops output, past the next hang-up
    0x540c, // TIOCEXCL: nobody else opens it
    0x5423, // TIOCSETD: another line discipline
    0x5425, // TCSBRKP: a break as long as one likes
    0x5427, // TIOCSBRK: one without an end
];
/// Types into a terminal as if its user did.
const TIOCSTI: u32 = 0x5412;
/// Reads a virtual terminal's screen, and pastes into it (ioctl_console(2)).
const TIOCLINUX: u32 = 0x541c;
/// The family whose queues no cgroup pays for (net/netlink/af_netlink.c): only `NETLINK_ROUTE`, 0, which
/// os.networkInterfaces() asks.
const AF_NETLINK: u32 = 16;

// include/uapi/linux/bpf_common.h, filter.h
const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const IF_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const IF_ANY: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

// include/uapi/linux/seccomp.h: struct seccomp_data, and what a filter returns
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;
const SECOND_ARGUMENT: u32 = 24;
const THIRD_ARGUMENT: u32 = 32;
const ALLOW: u32 = 0x7fff_0000;
const KILL: u32 = 0x8000_0000;
const EPERM: u32 = 0x0005_0000 | 1;
const ENOSYS: u32 = 0x0005_0000 | 38;

/// How many calls are listed.
pub const COUNT: usize = numbers();
const RANGES: usize = ranges().0;
/// Before the ranges, and behind them.
const HEAD: usize = 9;
const TAIL: usize = 11 + IOCTLS.len();

/// The filter.
pub static FILTER: [Instruction; HEAD + 2 * RANGES + TAIL] = filter();

// The compiler runs what follows, and nobody else: what would panic does not compile.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
mod at_compile_time {
    use super::*;

    pub(super) const fn numbers() -> usize {
        let (mut count, mut group) = (0, 0);
        while group < CALLS.len() {
            count += CALLS[group].len();
            group += 1;
        }
        count
    }

    /// All numbers, the smallest first.
    const fn sorted() -> [u32; COUNT] {
        let (mut all, mut length, mut group) = ([0; COUNT], 0, 0);
        while group < CALLS.len() {
            let mut call = 0;
            while call < CALLS[group].len() {
                let mut at = length;
                while at > 0 && all[at - 1] > CALLS[group][call].1 {
                    all[at] = all[at - 1];
                    at -= 1;
                }
                all[at] = CALLS[group][call].1;
                length += 1;
                call += 1;
            }
            group += 1;
        }
        all
    }

    /// How many ranges the numbers make, and the first and last of each.
    pub(super) const fn ranges() -> (usize, [(u32, u32); COUNT]) {
        let numbers = sorted();
        let (mut ranges, mut length, mut at) = ([(0, 0); COUNT], 0, 0);
        while at < COUNT {
            if length > 0 && numbers[at] <= ranges[length - 1].1 + 1 {
                ranges[length - 1].1 = numbers[at];
            } else {
                ranges[length] = (numbers[at], numbers[at]);
                length += 1;
            }
            at += 1;
        }
        (length, ranges)
    }

    const fn step(code: u16, value: u32, yes: usize, no: usize) -> Instruction {
        assert!(yes < 256 && no < 256, "too far to jump");
        Instruction { code, yes: yes as u8, no: no as u8, value }
    }

    pub(super) const fn filter() -> [Instruction; HEAD + 2 * RANGES + TAIL] {
        let mut all = [step(RETURN, EPERM, 0, 0); HEAD + 2 * RANGES + TAIL];
        // where the parts of the tail lie
        let denied = HEAD + 2 * RANGES;
        let (clone, socket, ioctl) = (denied + 1, denied + 3, denied + 7);
        let allowed = ioctl + 1 + IOCTLS.len();
        let (unknown, denied_too) = (allowed + 1, allowed + 2);

        all[0] = step(LOAD, ARCH, 0, 0);
        all[1] = step(IF_EQUAL, AUDIT_ARCH, 1, 0);
        all[2] = step(RETURN, KILL, 0, 0);
        all[3] = step(LOAD, NUMBER, 0, 0);
        all[4] = step(IF_EQUAL, raw::__NR_clone, clone - 5, 0);
        all[5] = step(IF_EQUAL, raw::__NR_ioctl, ioctl - 6, 0);
        all[6] = step(IF_EQUAL, raw::__NR_socket, socket - 7, 0);
        all[7] = step(IF_EQUAL, raw::__NR_clone3, unknown - 8, 0);
        all[8] = step(IF_GREATER, NEWEST, unknown - 9, 0);
        let (mut range, ranges) = (0, ranges().1);
        while range < RANGES {
            let at = HEAD + 2 * range;
            // beyond this one: the next; within: allowed; in the gap before it: denied
            all[at] = step(IF_GREATER, ranges[range].1, 1, 0);
            all[at + 1] = step(IF_AT_LEAST, ranges[range].0, allowed - at - 2, denied - at - 2);
            range += 1;
        }
        // `denied` itself is what the array was filled with, and so is `denied_too`, for jumps go forward only
        all[clone] = step(LOAD, FIRST_ARGUMENT, 0, 0);
        all[clone + 1] = step(IF_ANY, NEW_NAMESPACES, denied_too - clone - 2, allowed - clone - 2);
        all[socket] = step(LOAD, FIRST_ARGUMENT, 0, 0);
        all[socket + 1] = step(IF_EQUAL, AF_NETLINK, 0, allowed - socket - 2);
        all[socket + 2] = step(LOAD, THIRD_ARGUMENT, 0, 0);
        all[socket + 3] = step(IF_EQUAL, 0, allowed - socket - 4, denied_too - socket - 4);
        all[ioctl] = step(LOAD, SECOND_ARGUMENT, 0, 0);
        let mut number = 0;
        while number < IOCTLS.len() {
            let at = ioctl + 1 + number;
            all[at] = step(IF_EQUAL, IOCTLS[number], denied_too - at - 1, 0);
            number += 1;
        }
        all[allowed] = step(RETURN, ALLOW, 0, 0);
        all[unknown] = step(RETURN, ENOSYS, 0, 0);
        all
    }
}
use at_compile_time::{filter, numbers, ranges};

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would do: `seccomp_run_filters`, for the instructions that are used here.
    fn run(arch: u32, number: u32, arguments: [u32; 2]) -> u32 {
        run3(arch, number, [arguments[0], arguments[1], 0])
    }

    fn run3(arch: u32, number: u32, arguments: [u32; 3]) -> u32 {
        let (mut accumulator, mut at) = (0, 0);
        loop {
            let Instruction { code, yes, no, value } = FILTER[at];
            let jump = match code {
                LOAD => {
                    accumulator = match value {
                        NUMBER => number,
                        ARCH => arch,
                        FIRST_ARGUMENT => arguments[0],
                        SECOND_ARGUMENT => arguments[1],
                        THIRD_ARGUMENT => arguments[2],
                        other => panic!("loads {other}"),
                    };
                    0
                }
                IF_EQUAL => {
                    if accumulator == value {
                        yes
                    } else {
                        no
                    }
                }
                IF_GREATER => {
                    if accumulator > value {
                        yes
                    } else {
                        no
                    }
                }
                IF_AT_LEAST => {
                    if accumulator >= value {
                        yes
                    } else {
                        no
                    }
                }
                IF_ANY => {
                    if accumulator & value != 0 {
                        yes
                    } else {
                        no
                    }
                }
                RETURN => return value,
                other => panic!("{other:#x} is not used here"),
            };
            at += 1 + usize::from(jump);
        }
    }

    #[test]
    fn exactly_what_is_listed_is_allowed() {
        let listed: Vec<u32> = CALLS.iter().flat_map(|group| group.iter().map(|(_, number)| *number)).collect();
        for number in 0..=NEWEST {
            let wanted = match number {
                raw::__NR_clone3 => ENOSYS,
                number if listed.contains(&number) => ALLOW,
                _ => EPERM,
            };
            assert_eq!(run(AUDIT_ARCH, number, [0, 0]), wanted, "{number}");
        }
        for number in [NEWEST + 1, 500, 0x4000_0000, u32::MAX] {
            assert_eq!(run(AUDIT_ARCH, number, [0, 0]), ENOSYS, "{number}");
        }
    }

    #[test]
    fn what_reaches_beyond_a_sandbox_is_not_listed() {
        for number in [
            raw::__NR_mount,
            raw::__NR_umount2,
            raw::__NR_move_mount,
            raw::__NR_open_tree,
            raw::__NR_fsopen,
            raw::__NR_mount_setattr,
            raw::__NR_pivot_root,
            raw::__NR_chroot,
            raw::__NR_unshare,
            raw::__NR_setns,
            raw::__NR_ptrace,
            raw::__NR_process_vm_readv,
            raw::__NR_process_vm_writev,
            raw::__NR_pidfd_getfd,
            raw::__NR_kcmp,
            raw::__NR_bpf,
            raw::__NR_perf_event_open,
            raw::__NR_userfaultfd,
            raw::__NR_keyctl,
            raw::__NR_add_key,
            raw::__NR_request_key,
            raw::__NR_io_uring_setup,
            raw::__NR_io_uring_enter,
            raw::__NR_io_uring_register,
            raw::__NR_open_by_handle_at,
            raw::__NR_name_to_handle_at,
            raw::__NR_init_module,
            raw::__NR_finit_module,
            raw::__NR_delete_module,
            raw::__NR_kexec_load,
            raw::__NR_reboot,
            raw::__NR_sethostname,
            raw::__NR_setdomainname,
            raw::__NR_settimeofday,
            raw::__NR_clock_settime,
            raw::__NR_clock_adjtime,
            raw::__NR_swapon,
            raw::__NR_acct,
            raw::__NR_syslog,
            raw::__NR_vhangup,
            raw::__NR_quotactl,
            raw::__NR_fanotify_init,
            raw::__NR_personality,
        ] {
            assert_eq!(run(AUDIT_ARCH, number, [0, 0]), EPERM, "{number}");
        }
    }

    #[test]
    fn clone_makes_threads_and_processes_but_no_namespace() {
        let threads = raw::CLONE_VM | raw::CLONE_FS | raw::CLONE_FILES | raw::CLONE_SIGHAND | raw::CLONE_THREAD;
        for flags in [threads, 17, raw::CLONE_VFORK | raw::CLONE_VM] {
            assert_eq!(run(AUDIT_ARCH, raw::__NR_clone, [flags, 0]), ALLOW);
        }
        for flag in [raw::CLONE_NEWNS, raw::CLONE_NEWUSER, raw::CLONE_NEWPID, raw::CLONE_NEWNET, raw::CLONE_NEWCGROUP] {
            assert_eq!(run(AUDIT_ARCH, raw::__NR_clone, [flag | 17, 0]), EPERM);
        }
    }

    #[test]
    fn nobody_types_into_a_terminal_for_another() {
        assert_eq!(run(AUDIT_ARCH, raw::__NR_ioctl, [0, 0x5401]), ALLOW); // TCGETS
        for ioctl in IOCTLS {
            assert_eq!(run(AUDIT_ARCH, raw::__NR_ioctl, [0, ioctl]), EPERM);
        }
    }

    #[test]
    fn netlink_asks_for_interfaces_and_nothing_else() {
        for (family, protocol, wanted) in
            [(1, 0, ALLOW), (2, 6, ALLOW), (10, 17, ALLOW), (16, 0, ALLOW), (16, 2, EPERM), (16, 15, EPERM)]
        {
            assert_eq!(run3(AUDIT_ARCH, raw::__NR_socket, [family, 3, protocol]), wanted, "{family} {protocol}");
        }
    }

    #[test]
    fn another_machines_calls_end_the_program() {
        assert_eq!(run(AUDIT_ARCH ^ 1, raw::__NR_read, [0, 0]), KILL);
        assert_eq!(run(0x4000_0003, 3, [0, 0]), KILL); // i386
    }
}
