//! Which system calls a user's program may make: an allow-list for node and native addons, as a seccomp filter.
//!
//! 1. A call that is not listed here fails with `EPERM`. If this kernel does not know it either, it fails with
//!    `ENOSYS`, so that a libc falls back to an older call.
//! 2. `clone3` fails with `ENOSYS`: its flags are in memory, where no filter can read them. Every libc falls back to
//!    `clone`.
//! 3. Absent on purpose: calls that mount, trace, load modules, or set the host name or the clock, and `io_uring`,
//!    because filters do not see its requests.
//!
//! The list is a constant, and so is the filter: the compiler sorts the calls into ranges.

use linux_raw_sys::general as raw;

use crate::arch::{AUDIT_ARCH, calls::LEGACY_CALLS};

/// One instruction of classic BPF: `struct sock_filter` (include/uapi/linux/filter.h).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does (include/uapi/linux/bpf_common.h).
    pub code: u16,
    /// How many instructions a jump leaves out if its condition holds.
    pub yes: u8,
    /// The same if it does not.
    pub no: u8,
    /// The operand.
    pub value: u32,
}

macro_rules! calls {
    ($($name:ident)+) => { &[$((stringify!($name), raw::$name)),+] };
}

/// System calls that exist on every architecture, by purpose.
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
    // processes and threads; the flags of `clone` are checked
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
    // identity; changing it needs capabilities that only root has
    calls!(__NR_getuid __NR_geteuid __NR_getgid __NR_getegid __NR_getresuid __NR_getresgid __NR_getgroups __NR_setuid
        __NR_setgid __NR_setreuid __NR_setregid __NR_setresuid __NR_setresgid __NR_setfsuid __NR_setfsgid
        __NR_setgroups __NR_capget __NR_capset __NR_uname __NR_sysinfo __NR_getrandom),
    // network, and the sandbox's own System V IPC
    calls!(__NR_socket __NR_socketpair __NR_bind __NR_connect __NR_listen __NR_accept __NR_accept4 __NR_getsockname
        __NR_getpeername __NR_sendto __NR_recvfrom __NR_sendmsg __NR_recvmsg __NR_sendmmsg __NR_recvmmsg
        __NR_setsockopt __NR_getsockopt __NR_shutdown __NR_shmget __NR_shmat __NR_shmctl __NR_shmdt __NR_semget
        __NR_semop __NR_semctl __NR_semtimedop __NR_msgget __NR_msgsnd __NR_msgrcv __NR_msgctl),
    // a program may restrict itself further
    calls!(__NR_seccomp __NR_landlock_create_ruleset __NR_landlock_add_rule __NR_landlock_restrict_self),
    LEGACY_CALLS,
];

/// The newest system call of our kernel (Linux 6.12).
const NEWEST: u32 = raw::__NR_mseal;

/// `CLONE_NEW*` of every namespace (include/uapi/linux/sched.h).
const NEW_NAMESPACES: u32 = raw::CLONE_NEWNS
    | raw::CLONE_NEWCGROUP
    | raw::CLONE_NEWUTS
    | raw::CLONE_NEWIPC
    | raw::CLONE_NEWUSER
    | raw::CLONE_NEWPID
    | raw::CLONE_NEWNET;
/// Flags that `clone` refuses: new namespaces, and `CLONE_PARENT`, which would make children of a session children of
/// PID 1.
const REFUSED_FLAGS: u32 = NEW_NAMESPACES | raw::CLONE_PARENT;
/// Terminal requests that are refused: no session needs them, and they would affect the next user or another user's
/// screen. First and last of each range, in order. In the group `T`, requests that are not in a range are harmless;
/// those that a newer kernel adds are refused (include/uapi/asm-generic/ioctls.h; linux/kd.h, linux/vt.h;
/// ioctl_console(2)).
const IOCTLS: [(u32, u32); 15] = [
    // everything of a virtual terminal: keyboard mode and maps, graphics mode, fonts, sound, ports, and which one is
    // shown
    (0x4b00, 0x4bff),
    (0x540a, 0x540a), // TCXONC: stops the output, even after the next hang-up
    (0x540c, 0x540d), // TIOCEXCL, TIOCNXCL: nobody else can open it
    (0x5412, 0x5412), // TIOCSTI: injects input as if the terminal's user had typed it
    (0x541c, 0x541d), // TIOCLINUX: reads a screen and pastes; TIOCCONS: redirects the console's output
    (0x541f, 0x541f), // TIOCSSERIAL: a line's divisor and flags stay changed
    (0x5423, 0x5423), // TIOCSETD: another line discipline
    (0x5425, 0x5427), // TCSBRKP, TIOCSBRK: a break of any length
    (0x542f, 0x5440), // TIOCSRS485: stays set; TCSETX and similar ones, TIOCVHANGUP
    (0x5442, 0x544f),
    (0x5453, 0x5458), // TIOCSERCONFIG; TIOCSLCKTRMIOS: locks settings
    (0x545b, 0x545b), // TIOCSERSETMULTI
    (0x5461, 0x54ff),
    (0x5600, 0x56ff),
    (0xc028_5443, 0xc028_5443), // TIOCSISO7816: stays set
];
/// A family of sockets whose queues are not charged to any cgroup (net/netlink/af_netlink.c). Only `NETLINK_ROUTE`, 0,
/// is allowed, because os.networkInterfaces() needs it.
const AF_NETLINK: u32 = 16;

// include/uapi/linux/bpf_common.h, filter.h
const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const IF_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const IF_ANY: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

// include/uapi/linux/seccomp.h: struct seccomp_data, and the return values of a filter
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;
const SECOND_ARGUMENT: u32 = 24;
const THIRD_ARGUMENT: u32 = 32;
const ALLOW: u32 = 0x7fff_0000;
const KILL: u32 = 0x8000_0000;
const EPERM: u32 = 0x0005_0000 | 1;
const ENOSYS: u32 = 0x0005_0000 | 38;

/// The number of listed calls.
pub const COUNT: usize = numbers();
const RANGES: usize = ranges().0;
/// The number of instructions before and after the ranges.
const HEAD: usize = 9;
const TAIL: usize = 11 + 2 * IOCTLS.len();

/// The filter.
pub static FILTER: [Instruction; HEAD + 2 * RANGES + TAIL] = filter();

// The compiler runs all of this: where it would panic, it does not compile.
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

    /// All numbers in ascending order.
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

    /// The number of ranges, and the first and last number of each.
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
        // the positions of the parts of the tail
        let denied = HEAD + 2 * RANGES;
        let (clone, socket, ioctl) = (denied + 1, denied + 3, denied + 7);
        let allowed = ioctl + 1 + 2 * IOCTLS.len();
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
            // above this range: continue with the next; within: allowed; in the gap before it: denied
            all[at] = step(IF_GREATER, ranges[range].1, 1, 0);
            all[at + 1] = step(IF_AT_LEAST, ranges[range].0, allowed - at - 2, denied - at - 2);
            range += 1;
        }
        // the array was filled with the instruction of `denied` and `denied_too`; there are two, because jumps go
        // forward only
        all[clone] = step(LOAD, FIRST_ARGUMENT, 0, 0);
        all[clone + 1] = step(IF_ANY, REFUSED_FLAGS, denied_too - clone - 2, allowed - clone - 2);
        all[socket] = step(LOAD, FIRST_ARGUMENT, 0, 0);
        all[socket + 1] = step(IF_EQUAL, AF_NETLINK, 0, allowed - socket - 2);
        all[socket + 2] = step(LOAD, THIRD_ARGUMENT, 0, 0);
        all[socket + 3] = step(IF_EQUAL, 0, allowed - socket - 4, denied_too - socket - 4);
        all[ioctl] = step(LOAD, SECOND_ARGUMENT, 0, 0);
        let mut range = 0;
        while range < IOCTLS.len() {
            let at = ioctl + 1 + 2 * range;
            let (first, last) = IOCTLS[range];
            assert!(first <= last && (range == 0 || IOCTLS[range - 1].1 < first), "out of order");
            // above this range: continue with the next; within: denied; in the gap before it: allowed
            all[at] = step(IF_GREATER, last, 1, 0);
            all[at + 1] = step(IF_AT_LEAST, first, denied_too - at - 2, allowed - at - 2);
            range += 1;
        }
        all[allowed] = step(RETURN, ALLOW, 0, 0);
        all[unknown] = step(RETURN, ENOSYS, 0, 0);
        all
    }
}
use at_compile_time::{filter, numbers, ranges};

#[cfg(test)]
mod tests;
