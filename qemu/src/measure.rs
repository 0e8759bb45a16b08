//! From what a console printed to figures: the meter's lines, and the kernel's own. Pure.
//!
//! ```text
//! meter's lines  -> calls, instructions, memory
//! kernel's stamps, node's own clock -> timeline
//! ```

use std::collections::BTreeMap;

use shim::arches::Arch;
use syscalls::{aarch64, x86_64};

use crate::console::untorn;
use crate::figures::{Event, Figure, Figures};

/// A meter's line: kind, name, numbers.
type Line<'a> = (&'a str, &'a str, BTreeMap<&'a str, u64>);

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().filter_map(|line| {
        let (kind, name, numbers) = meter::parse(line)?;
        Some((kind, name, numbers.collect()))
    })
}

/// System calls by program and by name, of a machine with `meter::CALLS`: the last word on each.
#[must_use]
pub fn calls(text: &str, arch: &Arch) -> Figures {
    let mut figures = Figures::new();
    for (_, what, numbers) in lines(&untorn(text)).filter(|(kind, ..)| *kind == "calls") {
        // a line that was cut short says less than its sum
        let sum: u64 = numbers.iter().filter(|(key, _)| **key != "Total").map(|(_, count)| count).sum();
        if numbers.get("Total") != Some(&sum) {
            continue;
        }
        let named = numbers.iter().filter_map(|(key, count)| Some((call(arch, key.parse().ok()?), *count)));
        let name = format!("calls.{what}");
        // the first of several is that at boot; PID 1's goes on
        if what == "init" || !figures.contains_key(&name) {
            figures.insert(name, Figure::sum(named.collect()));
        }
    }
    figures
}

/// A system call's name.
fn call(arch: &Arch, number: usize) -> String {
    let name = match arch.name {
        "aarch64" => aarch64::Sysno::new(number).map(|call| call.name()),
        _ => x86_64::Sysno::new(number).map(|call| call.name()),
    };
    name.map_or_else(|| number.to_string(), str::to_owned)
}

/// Instructions until node's first line, of a machine whose clock counts them, with `meter::COST`: each phase, the `shim`'s
/// programs together, and `all`.
/// `None` where a phase is missing.
#[must_use]
pub fn instructions(text: &str) -> Option<Figures> {
    let text = untorn(text);
    let (mut kernel, mut node_starts, mut node) = (None, None, None);
    let mut ours = BTreeMap::new();
    for (kind, name, numbers) in lines(&text) {
        match (kind, name) {
            // what the kernel did in the process that becomes PID 1
            ("exec", "init") if kernel.is_none() => kernel = numbers.get("Init").copied(),
            ("exec", "node") => node_starts = node_starts.or(numbers.get("Init").copied()),
            ("exit", "node") => {}
            // a process of a logon is that of the check; sessions become node
            ("exit", program) => drop(ours.entry(program).or_insert(*numbers.get("Own")?)),
            ("node", "first") => node = numbers.get("Used").map(|microseconds| microseconds * 1000),
            _ => {}
        }
    }
    let (kernel, node) = (kernel?, node?);
    let mut figures: Figures = ours.iter().map(|(name, own)| (format!("instructions.{name}"), (*own).into())).collect();
    figures.insert("instructions.kernel".to_owned(), kernel.into());
    figures.insert("instructions.init".to_owned(), node_starts?.saturating_sub(kernel).into());
    figures.insert("instructions.node".to_owned(), node.into());
    for needed in ["setup", "broker", "logon", "sandbox"] {
        ours.get(needed)?;
    }
    let short =
        |(name, figure): (&String, &Figure)| (name.trim_start_matches("instructions.").to_owned(), figure.value);
    let shim = figures.iter().filter(|(name, _)| !name.ends_with(".kernel") && !name.ends_with(".node")).map(short);
    let shim = Figure::sum(shim.collect());
    let all = Figure::sum(figures.iter().map(short).collect());
    figures.insert("instructions.shim".to_owned(), shim);
    figures.insert("instructions.all".to_owned(), all);
    Some(figures)
}

/// When node's first line came, in microseconds, by that line.
#[must_use]
pub fn first_line(line: &str) -> Option<u64> {
    lines(&untorn(line)).next()?.2.get("Now").copied()
}

/// What the meter says where it fails.
#[must_use]
pub fn failure(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix(meter::FAILED))
}

/// Memory at one moment, by one line of `meter::MEMORY`; `ram` is the machine's, in KiB.
#[must_use]
pub fn memory(line: &str, moment: &str, ram: u64) -> Option<Figures> {
    let (kind, _, numbers) = meter::parse(line)?;
    let numbers: BTreeMap<_, _> = numbers.collect();
    let of = |key: &str| numbers.get(key).copied();
    let total = of("MemTotal").filter(|_| kind == "memory")?;
    let rest = [
        ("free", "MemFree"),
        ("available", "MemAvailable"),
        ("init-private", "InitPrivate"),
        ("init-shared", "InitShared"),
        ("anonymous", "AnonPages"),
        ("slab", "Slab"),
        ("kernel-stacks", "KernelStack"),
        ("page-tables", "PageTables"),
        ("tmpfs", "Shmem"),
        ("page-cache", "Cached"),
        ("carbon-cache", "CarbonCache"),
    ];
    let figure = |name: &str, value: u64| (format!("memory.{moment}.{name}"), Figure::from(value));
    let mut figures = Figures::from([figure("reserved", ram.checked_sub(total)?)]);
    for (name, key) in rest {
        figures.extend([figure(name, of(key)?)]);
    }
    Some(figures)
}

/// When the meter read a line of `meter::MEMORY`, in milliseconds.
#[must_use]
pub fn uptime(line: &str) -> Option<u64> {
    meter::parse(line)?.2.filter(|(key, _)| *key == "Uptime").map(|(_, value)| value).next()
}

/// The kernel's parts in memory, by what its line has behind `K available (` (mm/mm_init.c, `mem_init_print_info`).
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

/// What happens at a boot, by the kernel's stamps; `firmware` is the time before the first of them, in microseconds.
#[must_use]
pub fn timeline(text: &str, firmware: u64) -> Vec<Event> {
    // what is told apart; everything of the shim's is
    const KERNELS: [(&str, &str); 4] = [
        ("Linux version", "the kernel begins"),
        ("Unpacking initramfs", "the kernel unpacks the initramfs"),
        ("Freeing initrd memory", "the initramfs is unpacked"),
        ("Run ", "PID 1 begins"),
    ];
    let mut events = Vec::new();
    for line in text.lines() {
        if let Some((at, said)) = stamped(line) {
            let known = KERNELS.iter().find(|(start, _)| said.starts_with(start)).map(|(_, what)| *what);
            if let Some(what) = known.or_else(|| said.strip_prefix("nodeos: ")) {
                events.push(Event { at: at + firmware, what: what.to_owned() });
            }
        }
    }
    for (_, name, numbers) in lines(&untorn(text)).filter(|(kind, ..)| *kind == "node") {
        let told = [
            ("Start", "node begins"),
            ("V8", "node has started V8"),
            ("Environment", "node has made its environment"),
            ("Bootstrap", "node's bootstrap is done"),
            ("Now", if name == "listen" { "the app listens" } else { "the first line of JavaScript" }),
        ];
        let event = |(key, what): (&str, &str)| Some(Event { at: numbers.get(key)? + firmware, what: what.to_owned() });
        events.extend(told.into_iter().filter_map(event));
    }
    events.sort_by_key(|event| event.at);
    events
}

/// A record of the kernel's log: its stamp in microseconds, and what it says. It may stand within a line.
fn stamped(line: &str) -> Option<(u64, &str)> {
    line.match_indices('[').find_map(|(start, _)| {
        let (stamp, said) = line[start + 1..].split_once("] ")?;
        let (seconds, micros) = stamp.split_once('.').filter(|(_, micros)| micros.len() == 6)?;
        Some((seconds.trim_start().parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?, said))
    })
}

#[cfg(test)]
mod tests {
    use super::{calls, instructions, kernel, memory, stamped, timeline, uptime};
    use shim::arches::ALL;

    #[test]
    fn calls_have_names_and_pid_1_has_the_last_word() {
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

    #[test]
    fn instructions_are_by_phase_or_not_at_all() {
        let text = "meter: exec init Init=100\nmeter: exit setup Own=7 Init=101\nmeter: exit broker Own=1 Init=102\n\
            meter: exit logon Own=2 Init=103\nmeter: exec node Init=110\n\
            meter: node first Used=2 Now=9\nmeter: exit node Own=9 Init=111\nmeter: exit sandbox Own=5 Init=120\n";
        let figures = instructions(text).unwrap();
        let values: Vec<_> = figures.iter().map(|(name, figure)| (name.as_str(), figure.value)).collect();
        let own = |name| figures[&format!("instructions.{name}")].value;
        assert_eq!((own("kernel"), own("init"), own("setup"), own("node"), own("all")), (100, 10, 7, 2000, 2125));
        assert_eq!((own("shim"), values.len()), (25, 9));
        for line in text.lines().filter(|line| !line.contains("exit node")) {
            assert_eq!(instructions(&text.replace(line, "")), None, "{line}");
        }
    }

    #[test]
    fn the_meter_says_that_it_fails() {
        assert_eq!(super::first_line("meter: node first Used=1 Now=5 Start=2"), Some(5));
        assert_eq!(super::failure("a\nmeter: failed ENOMEM\n"), Some("ENOMEM"));
        assert_eq!(super::failure("meter: calls failed Total=0\n"), None);
    }

    #[test]
    fn memory_is_what_the_meter_read() {
        let line = "meter: memory after Uptime=2582 MemTotal=1000 MemFree=206 MemAvailable=230 Buffers=1 Cached=29 AnonPages=9 Shmem=184 Slab=41 KernelStack=640 PageTables=4 Percpu=180 InitPrivate=84 InitShared=0 CarbonCache=20";
        let figures = memory(line, "prompt", 1024).unwrap();
        assert_eq!(figures["memory.prompt.reserved"].value, 24);
        assert_eq!(figures["memory.prompt.init-private"].value, 84);
        assert_eq!(figures.len(), 12);
        assert_eq!(uptime(line), Some(2582));
        assert_eq!(memory(&line[..100], "prompt", 1024), None, "cut off");
        assert_eq!(memory(line, "prompt", 999), None, "more than there is");
    }

    #[test]
    fn a_timeline_is_in_the_order_of_time() {
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
    fn the_kernel_says_how_large_it_is() {
        let text =
            "8192K kernel code, 789K rwdata, 872K rodata, 888K init, 964K bss, 19748K reserved, 0K cma-reserved)\n";
        let figures = kernel(text).unwrap();
        assert_eq!((figures["bytes.kernel.code"].value, figures["bytes.kernel.bss"].value), (8192 * 1024, 964 * 1024));
        assert_eq!(kernel("8192K kernel code)"), None);
    }
}
