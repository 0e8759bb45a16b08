//! Turns the output of a console into figures: the lines of the meter, and those of the kernel. Pure.
//!
//! ```text
//! meter's lines  -> calls, instructions, memory
//! kernel's stamps, node's own clock -> timeline
//! ```

use std::collections::BTreeMap;

use shim::arches::Arch;
use shim::programs;

use crate::figures::{Event, Figure, Figures};
use crate::syscall::syscall;
use qemu::console::{find, untorn};

/// A line of the meter: kind, name, numbers.
type Line<'a> = (&'a str, &'a str, BTreeMap<&'a str, u64>);

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().filter_map(|line| {
        // a prompt may come before it
        let (kind, name, numbers) = meter::parse(&line[line.find(meter::MARK)?..])?;
        Some((kind, name, numbers.collect()))
    })
}

/// System calls by program and by name, of a machine with `meter::CALLS`.
#[must_use]
pub fn calls(text: &str, arch: &Arch) -> Figures {
    let mut figures = Figures::new();
    for (_, what, numbers) in lines(&untorn(text)).filter(|(kind, ..)| *kind == "calls") {
        // a truncated line has fewer calls than its total
        let sum: u64 = numbers.iter().filter(|(key, _)| **key != "Total").map(|(_, count)| count).sum();
        if numbers.get("Total") != Some(&sum) {
            continue;
        }
        let named = numbers.iter().filter_map(|(call, count)| Some((syscall(arch, call.parse().ok()?), *count)));
        let name = format!("calls.{what}");
        // of several lines of a program, the first is the one at boot; PID 1's count continues, so its last line is
        // used
        if what == "init" || !figures.contains_key(&name) {
            figures.insert(name, Figure::sum(named.collect()));
        }
    }
    figures
}

/// The number of instructions until a first line of JavaScript, in a machine with `meter::COST` whose clock counts
/// instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// By the kernel, in the process that later becomes PID 1.
    pub kernel: u64,
    /// By the kernel's threads until node begins; one of them unpacks the initramfs.
    pub threads: u64,
    /// By PID 1 since it became a program, in all of its programs.
    pub init: u64,
    /// By each program until then, including PID 1. `entry` is the part of node's process before its exec.
    pub programs: BTreeMap<String, u64>,
    /// By node, from its exec to the first line.
    pub node: u64,
}

/// Parses the cost; `None` if a part of it is missing.
#[must_use]
pub fn cost(text: &str) -> Option<Cost> {
    let text = untorn(text);
    // nobody waits for a service: how far it is when node begins is chance
    let service = |kind, name, pid| (kind == "exec" && programs::is_service(name)).then_some(pid);
    let services: Vec<_> =
        lines(&text).filter_map(|(kind, name, numbers)| service(kind, name, *numbers.get("Pid")?)).collect();
    // PID 1's programs, each with the instructions that PID 1 had used before
    let (mut begun, mut alive) = (Vec::<(&str, u64)>::new(), Vec::new());
    let mut ended = BTreeMap::<&str, u64>::new();
    let (mut at_node, mut threads) = (None, None);
    for (kind, name, numbers) in lines(&text) {
        let of = |key: &str| numbers.get(key).copied();
        match kind {
            "exec" if of("Pid")? == 1 => begun.push((name, of("Own")?)),
            "exec" if name == "node" => at_node = Some((of("Own")?, ended.clone(), std::mem::take(&mut alive))),
            "alive" if !services.contains(&of("Pid")?) => alive.push((of("Pid")?, name, of("Own")?)),
            "kernel" => threads = Some(of("Own")?),
            "exit" => *ended.entry(name).or_default() += of("Own")?,
            "node" => {
                let (entry, ended, alive) = at_node?;
                let (_, _, now) = *alive.iter().find(|(pid, ..)| *pid == 1)?;
                let (_, kernel) = *begun.first()?;
                let mut programs = BTreeMap::from([("entry".to_owned(), entry)]);
                let mut add = |name: &str, own: u64| *programs.entry(name.to_owned()).or_default() += own;
                let ends = begun.iter().skip(1).map(|(_, at)| *at).chain([now]);
                begun.iter().zip(ends).for_each(|((name, from), to)| add(name, to.saturating_sub(*from)));
                alive.iter().filter(|(pid, ..)| *pid != 1).for_each(|(_, name, own)| add(name, *own));
                ended.iter().for_each(|(name, own)| add(name, *own));
                let node = of("Used")?.checked_mul(1000)?.saturating_sub(entry);
                return Some(Cost { kernel, threads: threads?, init: now.saturating_sub(kernel), programs, node });
            }
            _ => {}
        }
    }
    None
}

/// The same as figures: of each program, of the kernel, of `shim` (everything except the kernel and node), and of
/// `all`. The kernel has only one figure, because work moves between PID 1's process and the kernel's threads from run
/// to run.
#[must_use]
pub fn instructions(text: &str) -> Option<Figures> {
    let Cost { kernel, threads, programs, node, .. } = cost(text)?;
    let mut needed = programs::started().filter(|program| !programs::is_service(program.name));
    needed.all(|program| programs.contains_key(program.name)).then_some(())?;
    let shim = Figure::sum(programs.clone());
    let kernel = Figure::sum(BTreeMap::from([("pid-1".to_owned(), kernel), ("threads".to_owned(), threads)]));
    let mut parts = programs;
    parts.extend([("kernel".to_owned(), kernel.value), ("node".to_owned(), node)]);
    let named = |(name, own): (&String, &u64)| (format!("instructions.{name}"), Figure::from(*own));
    let mut figures: Figures = parts.iter().map(named).collect();
    figures.extend([("instructions.shim".to_owned(), shim), ("instructions.kernel".to_owned(), kernel)]);
    figures.insert("instructions.all".to_owned(), Figure::sum(parts));
    Some(figures)
}

/// The start of the line that reports when the first line of JavaScript ran.
pub const FIRST: &str = "meter: node first";

/// The start of the line that reports that the app listens. It contains the key from the first line, which the app does
/// not know.
#[must_use]
pub fn listens(first: &str) -> Option<String> {
    let key = *lines(&untorn(first)).next()?.2.get("Key")?;
    Some(format!("{}node listen Key={key} ", meter::MARK))
}

/// The time of node's first line in microseconds, from that line.
#[must_use]
pub fn first_line(line: &str) -> Option<u64> {
    lines(&untorn(line)).next()?.2.get("Now").copied()
}

/// The meter's message when it fails.
#[must_use]
pub fn failure(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix(meter::FAILED))
}

/// Figures of memory that do not overlap: their sum is the machine's RAM.
///
/// tmpfs and the carbon copy's pages are page cache; block devices' own pages (`buffers`) are not. Anonymous pages,
/// slab, stacks and page tables do not overlap (fs/proc/meminfo.c). Percpu is not among them: at boot the kernel takes
/// it from reserved memory (mm/percpu.c, `pcpu_embed_first_chunk`). `free` does not include the pages that each
/// processor keeps for itself (`free-lists`). `rest` is not accounted for anywhere: pages of drivers and of vmalloc,
/// and later percpu.
pub const PARTS: [&str; 10] = [
    "reserved",
    "slab",
    "kernel-stacks",
    "page-tables",
    "rest",
    "anonymous",
    "page-cache",
    "buffers",
    "free-lists",
    "free",
];

/// Memory at one moment, from one line of `meter::MEMORY`; `ram` is the machine's RAM in KiB.
#[must_use]
pub fn memory(line: &str, moment: &str, ram: u64) -> Option<Figures> {
    let (kind, _, numbers) = meter::parse(line)?;
    let numbers: BTreeMap<_, _> = numbers.collect();
    let total = numbers.get("MemTotal").filter(|_| kind == "memory")?;
    let read = [
        ("free", "MemFree"),
        ("free-lists", "FreeLists"),
        ("available", "MemAvailable"),
        ("init-private", "InitPrivate"),
        ("init-shared", "InitShared"),
        ("anonymous", "AnonPages"),
        ("slab", "Slab"),
        ("kernel-stacks", "KernelStack"),
        ("page-tables", "PageTables"),
        ("percpu", "Percpu"),
        ("tmpfs", "Shmem"),
        ("buffers", "Buffers"),
        ("page-cache", "Cached"),
        ("carbon-cache", "CarbonCache"),
    ];
    let mut values = BTreeMap::from([("reserved", ram.checked_sub(*total)?)]);
    for (name, key) in read {
        values.insert(name, *numbers.get(key)?);
    }
    let known: u64 = PARTS.iter().filter_map(|part| values.get(part)).sum();
    values.insert("rest", ram.checked_sub(known)?);
    Some(values.into_iter().map(|(name, value)| (format!("memory.{moment}.{name}"), value.into())).collect())
}

/// The time in milliseconds at which the meter read a line of `meter::MEMORY`.
#[must_use]
pub fn uptime(line: &str) -> Option<u64> {
    meter::parse(line)?.2.filter(|(key, _)| *key == "Uptime").map(|(_, value)| value).next()
}

/// The kernel's parts in memory, from the text after `K available (` in its message (mm/mm_init.c,
/// `mem_init_print_info`).
#[must_use]
pub fn kernel(text: &str) -> Option<Figures> {
    let (parts, _) = text.split_once(')')?;
    let kib = |part: &str| {
        let (number, name) = part.trim().split_once("K ")?;
        let name = name.trim_start_matches("kernel ");
        let known = ["code", "rwdata", "rodata", "init", "bss"].contains(&name);
        known.then_some((format!("bytes.kernel.{name}"), (number.parse::<u64>().ok()? * 1024).into()))
    };
    let figures: Figures = parts.split(',').filter_map(kib).collect();
    (figures.len() == 5).then_some(figures)
}

/// The events of a boot, by the kernel's time stamps; `firmware` is the time before the first of them, in microseconds.
#[must_use]
pub fn timeline(text: &str, firmware: u64) -> Vec<Event> {
    // kernel messages that become events; all messages of the shim do
    const KERNELS: [(&str, &str); 4] = [
        ("Linux version", "the kernel begins"),
        ("Unpacking initramfs", "the kernel unpacks the initramfs"),
        ("Freeing initrd memory", "the initramfs is unpacked"),
        ("Run ", "PID 1 begins"),
    ];
    const STAGES: [(&str, &str); 6] = [
        ("Start", "node begins"),
        ("V8", "node has started V8"),
        ("Environment", "node has made its environment"),
        ("Bootstrap", "node's bootstrap is done"),
        ("Ready", "what times the app is in place"),
        ("Now", "the first line of JavaScript"),
    ];
    let whole = untorn(text);
    let nodes = |wanted| {
        let nodes = lines(&whole).filter(move |(kind, name, _)| (*kind, *name) == ("node", wanted));
        nodes.map(|(.., numbers)| numbers)
    };
    // an app can print anything, but nothing before its first line, and it does not know the key
    let first = nodes("first").next().unwrap_or_default();
    let mut listens = nodes("listen").filter(|numbers| numbers.get("Key") == first.get("Key"));
    let mut told: Vec<_> = STAGES.iter().filter_map(|(key, what)| Some((*first.get(key)?, *what))).collect();
    told.extend(listens.find_map(|numbers| Some((*numbers.get("Now")?, "the app listens"))));

    let kernels = |said: &str| KERNELS.iter().find(|(start, _)| said.starts_with(start)).map(|(_, what)| *what);
    let shims = |said| str::strip_prefix(said, "nodeos: ");
    let (boot, later) = text.split_at(find(text, FIRST).map_or(text.len(), |first| first.start));
    let boot: Vec<_> = boot.lines().filter_map(stamped).collect();
    // the console may lag behind, but its records are in order
    let last = boot.last().map_or(0, |(at, _)| *at);
    let later = later.lines().filter_map(stamped).filter(|(at, _)| *at >= last);
    told.extend(boot.into_iter().filter_map(|(at, said)| Some((at, kernels(said).or_else(|| shims(said))?))));
    told.extend(later.filter_map(|(at, said)| Some((at, shims(said)?))));
    let event = |(at, what): (u64, &str)| Some(Event { at: at.checked_add(firmware)?, what: what.to_owned() });
    let mut events: Vec<_> = told.into_iter().filter_map(event).collect();
    events.sort_by_key(|event| event.at);
    events
}

/// A record of the kernel's log: its time stamp in microseconds, and its text. It may be inside another line.
fn stamped(line: &str) -> Option<(u64, &str)> {
    line.match_indices('[').find_map(|(start, _)| {
        let (stamp, said) = line[start + 1..].split_once("] ")?;
        let (seconds, micros) = stamp.split_once('.').filter(|(_, micros)| micros.len() == 6)?;
        let seconds: u64 = seconds.trim_start().parse().ok()?;
        Some((seconds.checked_mul(1_000_000)?.checked_add(micros.parse().ok()?)?, said))
    })
}

#[cfg(test)]
mod tests {
    use super::{PARTS, calls, cost, instructions, kernel, listens, memory, stamped, timeline, uptime};
    use shim::arches::ALL;

    #[test]
    fn calls_have_names_and_the_last_reading_of_init_counts() {
        let text = "meter: calls init Total=1 0=1\nmeter: calls logon Total=1 3=1\nmeter: calls init Total=5 0=2 435=3\n\
            meter: calls logon Total=9 3=9\nmeter: calls setup Tot[    1.000000] nodeos: x\nal=1 999=1\n\
            meter: calls broker Total=3 0=1 3=\n";
        let figures = calls(text, &ALL[0]);
        assert_eq!(figures["calls.init"].value, 5);
        assert_eq!(figures["calls.init"].parts, [("read".to_owned(), 2), ("clone3".to_owned(), 3)].into());
        assert_eq!(figures["calls.logon"].value, 1, "the first");
        assert_eq!(figures["calls.setup"].parts, [("999".to_owned(), 1)].into());
        assert!(!figures.contains_key("calls.broker"), "cut short");
        assert_eq!(calls("meter: calls a Total=1 63=1\n", &ALL[1])["calls.a"].parts, [("read".to_owned(), 1)].into());
    }

    const COST: &str = "meter: exec init Pid=1 Own=100\nmeter: exec setup Pid=3 Own=1\nmeter: exit setup Pid=3 Own=7\n\
        meter: exit broker Pid=4 Own=1\nmeter: exec logon Pid=5 Own=1\nmeter: exit logon Pid=5 Own=2\n\
        meter: exec env Pid=7 Own=3\nusername: meter: alive init Pid=1 Own=110\nmeter: alive sandbox Pid=6 Own=6\nmeter: alive init Pid=8 Own=5\nmeter: kernel threads Own=50\n\
        meter: exec node Pid=7 Own=300\nmeter: node first Used=2 Now=9\nmeter: exec log Pid=8 Own=7\nmeter: exit node Pid=7 Own=9\nmeter: exit sandbox Pid=6 Own=9\n";

    #[test]
    fn instructions_are_counted_until_the_first_line() {
        let figures = instructions(COST).unwrap();
        let own = |name| figures[&format!("instructions.{name}")].value;
        assert_eq!((own("kernel"), own("init"), own("setup"), own("sandbox")), (150, 10, 7, 6));
        assert_eq!(
            figures["instructions.kernel"].parts,
            [("pid-1".to_owned(), 100), ("threads".to_owned(), 50)].into()
        );
        assert_eq!((own("entry"), own("node")), (300, 1700));
        assert_eq!((own("shim"), own("all"), figures.len()), (326, 2176, 10));
    }

    #[test]
    fn a_pid_1_that_becomes_another_program_is_counted_under_both_names() {
        let text = COST.replace("meter: exec setup Pid=3", "meter: exec other Pid=1 Own=104\nmeter: exec setup Pid=3");
        let cost = cost(&text).unwrap();
        assert_eq!((cost.kernel, cost.init, cost.programs["init"], cost.programs["other"]), (100, 10, 4, 6));
    }

    #[test]
    fn a_missing_phase_discards_all_instruction_figures() {
        for missing in
            ["exec init", "exit setup", "exit logon", "alive init", "kernel threads", "exec node", "node first"]
        {
            let text: String =
                COST.lines().filter(|line| !line.contains(missing)).map(|line| format!("{line}\n")).collect();
            assert_eq!(instructions(&text), None, "{missing}");
        }
    }

    #[test]
    fn failures_of_the_meter_are_read() {
        assert_eq!(super::first_line("meter: node first Used=1 Now=5 Start=2"), Some(5));
        assert_eq!(super::failure("a\nmeter: failed ENOMEM\n"), Some("ENOMEM"));
        assert_eq!(super::failure("meter: calls failed Total=0\n"), None);
    }

    #[test]
    fn memory_figures_are_read_from_the_meter() {
        let line = "meter: memory after Uptime=2582 MemTotal=1000 MemFree=206 MemAvailable=230 Buffers=1 Cached=29 AnonPages=9 Shmem=184 Slab=41 KernelStack=64 PageTables=4 Percpu=180 FreeLists=8 InitPrivate=84 InitShared=0 CarbonCache=20";
        let figures = memory(line, "prompt", 1024).unwrap();
        assert_eq!(figures["memory.prompt.reserved"].value, 24);
        assert_eq!(figures["memory.prompt.init-private"].value, 84);
        assert_eq!(figures["memory.prompt.rest"].value, 1024 - 24 - 206 - 8 - 1 - 29 - 9 - 41 - 64 - 4);
        assert_eq!(PARTS.iter().map(|part| figures[&format!("memory.prompt.{part}")].value).sum::<u64>(), 1024);
        assert_eq!(figures.len(), 16);
        assert_eq!(uptime(line), Some(2582));
        assert_eq!(memory(&line[..100], "prompt", 1024), None, "cut off");
        assert_eq!(memory(line, "prompt", 999), None, "more than there is");
        assert_eq!(memory(&line.replace("AnonPages=9", "AnonPages=999"), "prompt", 1024), None, "parts that overlap");
    }

    #[test]
    fn a_timeline_is_in_chronological_order() {
        let text = "[    0.000000] Linux version 6.12\n[    0.100000] other\nWel[    0.500000] Run /init as init process\ncome\n\
            [    0.600000] nodeos: up; PID 1 holds 80 KiB of its own\nmeter: node listen Now=900000\nmeter: node first Now=800000 Start=700000\n";
        let said: Vec<_> = timeline(text, 50).into_iter().map(|event| (event.at, event.what)).collect();
        let at = |at: u64, what: &str| (at, what.to_owned());
        assert_eq!(
            said,
            [
                at(50, "the kernel begins"),
                at(500_050, "PID 1 begins"),
                at(600_050, "up; PID 1 holds 80 KiB of its own"),
                at(700_050, "node begins"),
                at(800_050, "the first line of JavaScript"),
                at(900_050, "the app listens")
            ]
        );
        assert_eq!(stamped("[1] [x.000000] [   12.000034] a"), Some((12_000_034, "a")));
        assert_eq!(stamped("[   12.00003] a"), None);
    }

    #[test]
    fn an_app_cannot_forge_its_timeline() {
        let first = "meter: node first Key=7 Now=800000 Start=700000";
        let text = format!(
            "[    0.500000] Run /init as init process\n\n{first}\n[    9.000000] Run x\n[    0.400000] nodeos: z\n[    0.600000] nodeos: late\nmeter: node first Key=7 Now=1 Start=1\n\
             meter: node listen Now=2\nmeter: node listen Key=8 Now=3\nmeter: node listen Key=7\n\
             [18446744073709551615.000000] nodeos: x\nno end\nmeter: node listen Key=7 N[    0.900000] nodeos: y\now=950000\n"
        );
        let said: Vec<_> = timeline(&text, 0).into_iter().map(|event| (event.at, event.what)).collect();
        let expected = [
            (500_000, "PID 1 begins"),
            (600_000, "late"),
            (700_000, "node begins"),
            (800_000, "the first line of JavaScript"),
            (900_000, "y"),
            (950_000, "the app listens"),
        ];
        assert_eq!(said, expected.map(|(at, what)| (at, what.to_owned())));
        assert_eq!(listens(first).as_deref(), Some("meter: node listen Key=7 "));
        assert_eq!(listens("meter: node first Now=1"), None);
    }

    #[test]
    fn the_size_of_the_kernel_is_read_from_its_messages() {
        let text =
            "8192K kernel code, 789K rwdata, 872K rodata, 888K init, 964K bss, 19748K reserved, 0K cma-reserved)\n";
        let figures = kernel(text).unwrap();
        assert_eq!((figures["bytes.kernel.code"].value, figures["bytes.kernel.bss"].value), (8192 * 1024, 964 * 1024));
        assert_eq!(kernel("8192K kernel code)"), None);
    }
}
