//! How much of the machine a sandbox may use. This depends on the machine's memory, the number of users, and the
//! policy.
//!
//! All users together get less than the machine has. The rest is a reserve, so that PID 1 and a logon always work. If
//! there are several users, each gets half of that, so that one user alone cannot keep another from starting node. A
//! policy may set more or less, but never more than the limit of all users together.

use crate::{
    logon_file::MEMORY_KIB,
    policy::{LEAST_MEMORY, Policy},
};

/// The limits of one sandbox, or of all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes, including cached files and kernel memory. Above it, a process of the sandbox is killed (`memory.max`).
    pub memory: u64,
    /// Bytes above which a program that allocates more is slowed down (`memory.high`); none by default.
    pub high: Option<u64>,
    /// Processes and threads (`pids.max`).
    pub pids: u64,
}

/// The smallest reserve, and the largest: a password check takes 8 MiB.
const RESERVE: (u64, u64) = (8 << 20, 64 << 20);
/// Bytes of memory for each thread. Its stack and tables in the kernel take about 32 KiB: an eighth of that.
const MEMORY_PER_PID: u64 = 256 << 10;
/// The smallest and the largest number of processes of all users.
const PIDS: (u64, u64) = (128, 16384);
/// The number of process numbers of the machine (`kernel.pid_max`): the maximum of Linux.
pub const NUMBERS: &str = "4194304";

/// The limits of all users together, on a machine with that much memory.
#[must_use]
pub fn of_all(ram: u64) -> Limits {
    Limits { memory: ram.saturating_sub(reserve(ram)), high: None, pids: (ram / MEMORY_PER_PID).clamp(PIDS.0, PIDS.1) }
}

/// KiB that a password check may use on a machine with that much memory: half of the reserve, because a check that uses
/// up the reserve would take memory from another program. A hash of the default cost can be checked on every machine.
#[must_use]
pub fn check_kib(ram: u64) -> u32 {
    u32::try_from(reserve(ram) >> 11).map_or(u32::MAX, |half| half.max(MEMORY_KIB))
}

fn reserve(ram: u64) -> u64 {
    (ram / 8).clamp(RESERVE.0, RESERVE.1)
}

/// The limits of one sandbox on a machine with so many users.
#[must_use]
pub fn of_one(all: Limits, users: usize, policy: &Policy) -> Limits {
    let share = |all: u64| if users > 1 { all / 2 } else { all };
    let memory = policy.memory.unwrap_or(share(all.memory).max(LEAST_MEMORY));
    let pids = policy.pids.map_or(share(all.pids), u64::from);
    Limits { memory: memory.min(all.memory), high: policy.high, pids: pids.min(all.pids) }
}

/// MiB of memory in which node's own smallest limit of a heap fits: 256 MiB and what it needs besides.
const FITS: u64 = 256 + BESIDES;
/// MiB that node needs besides its heap: measured 15 of its own, and the pages of its program that are in use.
const BESIDES: u64 = 64;

/// The limit of a node's heap in MiB, in a sandbox with so many bytes. Without one, node takes at least 256 MiB
/// (V8's `Heap::HeapSizeFromPhysicalMemory`), and the kernel kills it where its own error would have said more. `None`
/// if that fits.
#[must_use]
pub fn heap(memory: u64) -> Option<u64> {
    let mib = memory >> 20;
    (mib < FITS).then(|| mib.saturating_sub(BESIDES).max(mib / 2))
}

impl Limits {
    /// How many bytes each of `/tmp` and `/dev/shm` may hold. If both are full, half of the memory is left to empty
    /// them.
    #[must_use]
    pub fn scratch(&self) -> u64 {
        self.memory / 4
    }

    /// How many files each of them may hold: a file takes about a KiB of kernel memory.
    #[must_use]
    pub fn scratch_files(&self) -> u64 {
        self.scratch() >> 12
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_heap_is_limited_where_the_default_does_not_fit() {
        for (mib, limit) in [(40, Some(20)), (112, Some(56)), (200, Some(136)), (319, Some(255)), (320, None)] {
            assert_eq!(heap(mib * MIB), limit, "{mib} MiB");
        }
    }

    #[test]
    fn a_reserve_is_kept_from_users() {
        for (ram, memory, pids) in
            [(49 * MIB, 41 * MIB, 196), (240 * MIB, 210 * MIB, 960), (16384 * MIB, 16320 * MIB, 16384)]
        {
            assert_eq!(of_all(ram), Limits { memory, high: None, pids }, "{ram}");
        }
        assert_eq!(of_all(0).memory, 0);
    }

    #[test]
    fn a_password_check_fits_into_the_reserve() {
        for (ram, mib) in [(0, 8), (49, 8), (240, 15), (512, 32), (16384, 32)] {
            let ram = ram * MIB;
            assert_eq!(check_kib(ram), mib << 10, "{ram}");
            assert!(u64::from(check_kib(ram)) << 10 <= reserve(ram));
        }
    }

    #[test]
    fn tasks_of_all_users_leave_process_ids_for_a_logon() {
        for ram in [49 * MIB, 240 * MIB, 2800 * MIB, 16384 * MIB, 1 << 50] {
            let pids = of_all(ram).pids;
            // a process may occupy three numbers: its own, its group's and its session's; the rest is for the kernel's
            // threads
            assert!(3 * pids + 4096 < NUMBERS.parse().unwrap(), "{ram}");
            // kernel/fork.c, `set_max_threads`: an eighth of the memory for stacks of 16 KiB; half of that for each uid
            assert!(pids <= ram / (8 * (16 << 10)) / 2, "{ram}");
        }
    }

    #[test]
    fn each_of_several_users_may_use_half() {
        let all = of_all(240 * MIB);
        assert_eq!(of_one(all, 1, &Policy::default()), all);
        assert_eq!(of_one(all, 3, &Policy::default()), Limits { memory: 105 * MIB, high: None, pids: 480 });
        // half of a small machine would not start node
        assert_eq!(of_one(of_all(100 * MIB), 2, &Policy::default()).memory, 64 * MIB);
        assert_eq!(of_one(of_all(49 * MIB), 2, &Policy::default()).memory, 41 * MIB);
    }

    #[test]
    fn a_policy_can_raise_or_lower_limits_but_not_beyond_the_total() {
        let all = of_all(240 * MIB);
        let policy = |memory, pids| Policy { memory: Some(memory), pids: Some(pids), ..Policy::default() };
        assert_eq!(of_one(all, 2, &Policy { high: Some(9), ..Policy::default() }).high, Some(9));
        assert_eq!(of_one(all, 2, &policy(32 * MIB, 20)), Limits { memory: 32 * MIB, high: None, pids: 20 });
        assert_eq!(of_one(all, 2, &policy(u64::MAX, u32::MAX)), all);
    }

    #[test]
    fn scratch_space_never_fills_the_memory() {
        let limits = of_one(of_all(240 * MIB), 2, &Policy::default());
        assert!(2 * limits.scratch() <= limits.memory / 2 + 1);
        assert!(limits.scratch_files() > 1000);
    }
}
