//! The format of the lines that the meter, a program in the guest, prints for the host.
//!
//! ```text
//! rdinit=/meter-… → the meter leaves a process in the background and becomes /init → lines on the console → `parse`
//! ```
//!
//! 1. Each of its names selects one kind of measurement: `MEMORY`, `CALLS`, `COST`, `HOLDERS`, `PAID`.
//! 2. It only runs in an initramfs, in place of `/init`: no image that is kept contains it.
//! 3. Each line is written at once, in the form `meter: KIND NAME KEY=NUMBER …`.
//!
//! Absent on purpose: judging. It reports what the kernel reports.
#![cfg_attr(target_env = "musl", no_std)]

/// The start of each line.
pub const MARK: &str = "meter: ";

/// The start of the line when it fails; the errno follows.
pub const FAILED: &str = "meter: failed ";

/// Prints the use of memory once a second: `memory before` when PID 1's program begins, then `memory after`.
///
/// It has the kernel's own names, in KiB (proc_meminfo(5)), and ours: `Uptime` in milliseconds; `CarbonCache`, the
/// pages of the carbon copy that are in memory; `FreeLists`, free pages that each processor keeps for itself;
/// `InitPrivate` and `InitShared`, PID 1's own pages and those of its program. (The kernel has no smaps:
/// PROC_PAGE_MONITOR is off.)
pub const MEMORY: &str = "meter-memory";

/// Counts system calls: `calls WHAT Total=… NUMBER=…`. WHAT is `program` (from the fork to a user's exec), `sandbox`
/// (to the wait of its first process), or the name of one of our programs when it exits. After each of these lines
/// there is one for `init`.
pub const CALLS: &str = "meter-calls";

/// Prints the processor time of processes, in nanoseconds since their fork: `exec PROGRAM Pid=… Own=…` when a process
/// becomes a program (for PID 1's first program this is the kernel's work before), and `exit PROGRAM Pid=… Own=…`.
/// Before node's exec it prints `alive PROGRAM Pid=… Own=…` for each other process, and `kernel threads Own=…` for all
/// of the kernel's threads. In a machine whose clock counts instructions (`-icount shift=0`), the time is the number of
/// instructions.
pub const COST: &str = "meter-cost";

/// Prints once a second whose each process is, which capabilities it has, as bits, and what it sees:
/// `holds PROGRAM Pid=… Uid=… Gid=… CapInh=… CapPrm=… CapEff=… CapBnd=… CapAmb=… NoNewPrivs=… Homes=… Disk=…` for all
/// except the kernel's own, then `holds all`. `Homes` is how many names are where PID 1 sees the users partition, `Disk`
/// whether the first disk can be opened there.
pub const HOLDERS: &str = "meter-holders";

/// Prints once a second how much memory all users' processes hold, in KiB:
/// `paid users Used=… Current=… Kernel=… Stack=…`. `Used` is the memory that the kernel can only reclaim if a program
/// releases it, `Current` the part of it that is charged to the users' cgroup. If `Used` grows more than `Current`, the
/// difference is not charged to anybody.
pub const PAID: &str = "meter-paid";

/// Parses a line into kind, name and numbers.
pub fn parse(line: &str) -> Option<(&str, &str, impl Iterator<Item = (&str, u64)>)> {
    let mut words = line.trim_end().strip_prefix(MARK)?.split(' ');
    let (kind, name) = (words.next()?, words.next()?);
    Some((kind, name, words.filter_map(|word| word.split_once('=').and_then(|(k, v)| Some((k, v.parse().ok()?))))))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_line_is_parsed_into_kind_name_and_numbers() {
        let (kind, name, numbers) = parse("meter: calls setup Total=3 0=1 17=2\r\n").unwrap();
        assert_eq!((kind, name), ("calls", "setup"));
        assert_eq!(numbers.collect::<Vec<_>>(), [("Total", 3), ("0", 1), ("17", 2)]);
        assert!(parse("calls setup").is_none() && parse("meter: calls").is_none());
        // truncated in the middle
        assert_eq!(parse("meter: calls setup Total=3 0=").unwrap().2.count(), 1);
    }
}
