//! What a machine does while nobody wants anything of it.

use std::collections::BTreeMap;

use qemu::{machine::Machine, vm::Vm};
use shim::{
    arches::Arch,
    programs::{INIT, SERVICES},
    watchdog::TIMEOUT,
};
use tests::{Boot, Disk, runs};

/// Seconds that are watched, by the machine's clock.
const SECONDS: u64 = 300;
/// How often the machine may wake up in them.
const LIMIT: u64 = SECONDS;
/// How often a busy process wakes up, for comparison.
const TICKS: u64 = 300;

/// Prints how often a processor went to sleep (`idle_calls` of kernel/time/timer_list.c) and how often each process did
/// (proc_pid_status(5)), first while this process sleeps too, then while it wakes up ten times a second. It counts its own
/// ticks, because one boot in five of QEMU 7.2 loses an interrupt of the HPET here, and sleeps for up to 21 s more.
const WATCHES: &str = r"
    const fs = require('fs')
    const read = path => { try { return fs.readFileSync(path, 'utf8') } catch { return '' } }
    const number = text => +(text?.match(/\d+/) ?? 0)
    const sample = () => {
        const processors = read('/proc/timer_list').match(/\.idle_calls +: \d+/g) ?? []
        const all = { processors: processors.reduce((sum, text) => sum + number(text), 0) }
        for (const pid of fs.readdirSync('/proc').filter(Number)) {
            const status = read(`/proc/${pid}/status`)
            const [name, switches] = ['Name', 'voluntary_ctxt_switches'].map(key => status.match(`\n?${key}:\t(.*)`)?.[1])
            if (name) all[name] = (all[name] ?? 0) + number(switches)
        }
        return all
    }
    const pause = seconds => new Promise(done => setTimeout(done, seconds * 1000))
    const watch = async (what, over) => {
        const before = sample()
        await over
        for (const [key, count] of Object.entries(sample())) console.log(`[${what} ${key.replaceAll(' ', '-')} ${count - (before[key] ?? 0)}]`)
    }
    ;(async () => {
        await pause(120)
        await watch('rest', pause(SECONDS))
        let ticks = 0
        await watch('busy', new Promise(done => setInterval(() => ++ticks === TICKS && done(), 100)))
        console.log('watched')
    })()";

/// Root sees all processes and the timers of the kernel only without these guards. The machine has a watchdog, which PID
/// 1 feeds. On x86_64 it has one processor: where the clock counts instructions, the kernel does not trust the timers of
/// more, and its tick goes on (arch/x86/kernel/apic/apic.c, `calibrate_APIC_clock`). Nor does it trust the processor's
/// clock, and would look twice a second.
pub fn a_machine_at_rest_wakes_up_at_most_once_a_second(arch: &'static Arch) {
    let root = format!("const SECONDS = {SECONDS}, TICKS = {TICKS};{WATCHES}");
    let disk = Disk::with(&[runs("root", 0, &root), runs("ana", 1000, "setInterval(() => {}, 1e9)")]);
    let boot = Boot::on(arch).homes(&disk).without("pid,proc,masks").counted().words("ntp=none tsc=reliable");
    let cpus = if arch.name == "x86_64" { 1 } else { 2 };
    let mut vm = Vm::start(Machine { cpus, watchdog: true, ..boot.machine() }).unwrap();
    vm.expect("watched").unwrap();
    let said = vm.transcript();
    let counts = |what: &str| -> BTreeMap<String, u64> {
        let lines =
            said.lines().filter_map(|line| line.strip_prefix('[')?.strip_prefix(what)?.trim().strip_suffix(']'));
        lines
            .filter_map(|line| line.split_once(' '))
            .map(|(key, count)| (key.to_owned(), count.parse().unwrap()))
            .collect()
    };
    let (rest, busy) = (counts("rest "), counts("busy "));
    let some: Vec<_> = rest.iter().filter(|(_, count)| **count > 0).collect();
    println!("{arch}, in {SECONDS} s: {some:?}; busy: {}", busy["processors"]);
    assert!(rest["processors"] <= LIMIT, "{said}");
    // the other side: what wakes up is counted
    assert!(busy["processors"] > TICKS / 2, "{said}");
    // our own programs hardly take part in it: PID 1 feeds the watchdog
    let services: Vec<_> = SERVICES.iter().map(|service| rest[service.program.name]).collect();
    assert!(rest[INIT.name] <= 2 * SECONDS / u64::from(TIMEOUT) + 2, "{said}");
    assert!(services.iter().sum::<u64>() <= SECONDS / 60, "{said}");
}
