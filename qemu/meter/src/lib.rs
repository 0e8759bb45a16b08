//! The format of the lines that the meter, a program in the guest, prints and the host reads.
//!
//! ```text
//! rdinit=/meter-… → the meter leaves a process behind and becomes /init → lines on the console → `parse`
//! ```
//!
//! 1. Under each of its names it reads one thing: `MEMORY`, `CALLS`, `COST`, `HOLDERS`, `PAID`.
//! 2. It runs in the initramfs's place of `/init` alone: no image that anybody keeps has it.
//! 3. A line is written at once, and is `meter: KIND NAME KEY=NUMBER …`.
//!
//! Absent on purpose: judging. It says what the kernel says.
#![cfg_attr(target_env = "musl", no_std)]

/// How each line starts.
pub const MARK: &str = "meter: ";

/// How it says that it fails, before the errno.
pub const FAILED: &str = "meter: failed ";

/// Prints once a second what lies where in memory: `memory before` as PID 1's program begins, then `memory after`.
///
/// The kernel's own names and KiB (proc_meminfo(5)), and ours: `Uptime` in milliseconds; `CarbonCache`, the pages of
/// the carbon copy that are in memory; `FreeLists`, free pages that each processor keeps for itself; `InitPrivate` and
/// `InitShared`, PID 1's own pages and those of its program. (The kernel has no smaps: PROC_PAGE_MONITOR is off.)
pub const MEMORY: &str = "meter-memory";

/// Counts system calls: `calls WHAT Total=… NUMBER=…` where WHAT is `program` (from the fork to a user's exec),
/// `sandbox` (to the wait of its first process), or the name of one of our programs at its end; `init` behind each of
/// them.
pub const CALLS: &str = "meter-calls";

/// Prints the processor time of processes, in nanoseconds since their fork: `exec PROGRAM Pid=… Own=…` when one becomes
/// a program (PID 1's first is what the kernel did before), and `exit PROGRAM Pid=… Own=…`. Before node's exec it
/// prints `alive PROGRAM Pid=… Own=…` for each other process, and `kernel threads Own=…` for all of the kernel's own.
/// In a machine whose clock counts instructions (`-icount shift=0`) that is how many were executed.
pub const COST: &str = "meter-cost";

/// Prints once a second which process holds which capabilities, a bit each:
/// `holds PROGRAM Pid=… CapInh=… CapPrm=… CapEff=… CapBnd=… CapAmb=…` for all but the kernel's own, then `holds all`.
pub const HOLDERS: &str = "meter-holders";

/// Prints once a second what all users' processes hold, in KiB: `paid users Used=… Current=… Kernel=… Stack=…`. `Used`
/// is the memory that the kernel can take back only if a program lets it, `Current` the part of that for which the
/// users' cgroup is charged. If `Used` grows more than `Current`, nobody pays for the difference.
pub const PAID: &str = "meter-paid";

/// One line's kind, name and numbers.
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
        // cut off in the middle
        assert_eq!(parse("meter: calls setup Total=3 0=").unwrap().2.count(), 1);
    }
}
