//! This system beside others, on the same QEMU, kernel and node: what it takes to come to a user's first line of JavaScript.
//!
//! ```text
//! a contender (a row of `ALL`) → initramfs and disks → counted boot, timed boot → `app.js` says what it sees → ratios
//! ```
//!
//! Each runs the same program (`app.js`) as a user's, from the same homes. What a contender leaves out is a field of its row.

mod contenders;

use std::collections::BTreeMap;

use qemu::figures::median;
use qemu::machine::{Drive, Machine, Network, Start};
use qemu::measure::{Bench, cost};
use qemu::vm::Vm;
use serde::Serialize;
use shim::arches::Arch;
use std::path::PathBuf;

use crate::cache::Cache;
use crate::error::{Error, Result, Tried};
use crate::interrupt::{self, Making};
use crate::measure;
use crate::progress::Progress;
use crate::users::home::Home;
use crate::users::image::{Create, create};

pub use self::contenders::{ALL, Contender};

/// The machine's RAM: enough for a carbon copy that is unpacked.
const RAM_MIB: u32 = 512;

/// What a contender boots.
pub struct Booted {
    /// The kernel.
    pub kernel: PathBuf,
    /// Its initramfs.
    pub initramfs: PathBuf,
    /// Its disks, but for the homes.
    pub disks: Vec<PathBuf>,
    /// Words for the kernel, and arguments for its PID 1 behind `--`.
    pub words: String,
    /// Bytes on the medium.
    pub bytes: u64,
}

/// What was measured of a contender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// What it leaves out.
    pub lacks: &'static str,
    /// Bytes on the medium: kernel, initramfs, carbon copy.
    pub bytes: u64,
    /// Instructions until the user's first line, of processes: the kernel unpacks the initramfs in a thread of its own.
    pub instructions: u64,
    /// Those of every process between kernel and the one that becomes that node; what that one does before counts as node.
    pub between: u64,
    /// By program.
    pub programs: BTreeMap<String, u64>,
    /// Milliseconds after the kernel began, emulated.
    pub ms: u64,
    /// KiB of memory that are not available at the first line, of 512 MiB.
    pub memory: u64,
    /// Files with an execute bit that the user can reach.
    pub reachable: u64,
    /// Those with a set-user-ID or set-group-ID bit.
    pub setuid: u64,
    /// Capabilities that the user's program has.
    pub capabilities: u64,
    /// Its uid.
    pub uid: u64,
}

/// Measures them all, one after the other; each is timed so many times, in turn, and the median counts.
pub fn bench(cache: &Cache, arch: &'static Arch, homes: u32, runs: usize, progress: Progress) -> Result<Vec<Row>> {
    let _making = Making::start();
    let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
    let image = folder.path().join("homes.ext4");
    let mut ana = Home::new("ana", 1000);
    ana.program("init", include_str!("app.js"));
    // they are looked at, and nothing of them runs
    let others = (1..homes).map(|number| Home::new(&format!("u{number}"), 1000 + number));
    let all: Vec<Home> = [ana].into_iter().chain(others).collect();
    create(&image, Create { size: 64 << 20, force: true }, &all)?;
    let meter = measure::meter(arch)?;
    let mut booted = Vec::new();
    for contender in &ALL {
        let at = folder.path().join(contender.name);
        std::fs::create_dir(&at).tried("make the folder", &at)?;
        booted.push((contender, (contender.build)(cache, arch, &at, progress)?));
    }
    let mut said = BTreeMap::<&str, Vec<Bench>>::new();
    for _ in 0..runs.max(1) {
        // in turn, so that what else the host does meets them all
        for (contender, booted) in &booted {
            let machine = machine(arch, booted, &booted.initramfs, &image, &booted.words);
            let (_, bench) = first_line(contender, machine, "time", progress)?;
            said.entry(contender.name).or_default().push(bench);
        }
    }
    let mut rows = Vec::new();
    for (contender, booted) in &booted {
        let initramfs = folder.path().join(contender.name).join("counted");
        measure::with_program(&booted.initramfs, meter::COST, &meter, &initramfs)?;
        // x86's kernel hands this word on to PID 1 (its decompressor reads it): tini would run it
        let counted = arch.qemu_counted.split(' ').filter(|word| *word != "nokaslr" || !booted.words.contains("-- "));
        let counted = counted.collect::<Vec<_>>().join(" ");
        let words = format!("rdinit=/{} {counted} {}", meter::COST, booted.words);
        let machine = Machine { counted: true, cpus: 1, ..machine(arch, booted, &initramfs, &image, &words) };
        let (text, bench) = first_line(contender, machine, "instructions", progress)?;
        let cost = cost(&text).ok_or_else(|| {
            Error::new(
                format!("count {}'s instructions", contender.name),
                format!("the meter said too little:\n{text}"),
            )
        })?;
        let runs = said.remove(contender.name).unwrap_or_default();
        let between = cost.programs.values().sum();
        rows.push(Row {
            name: contender.name,
            what: contender.what,
            lacks: contender.lacks,
            bytes: booted.bytes,
            instructions: cost.kernel + between + cost.node,
            between,
            programs: cost.programs,
            ms: median(runs.iter().map(|run| run.now / 1000)),
            memory: u64::from(RAM_MIB) * 1024 - median(runs.iter().map(|run| run.available)),
            reachable: bench.programs,
            setuid: bench.setuid,
            capabilities: bench.capabilities,
            uid: bench.uid,
        });
    }
    Ok(rows)
}

fn machine(
    arch: &'static Arch,
    booted: &Booted,
    initramfs: &std::path::Path,
    homes: &std::path::Path,
    words: &str,
) -> Machine {
    let disks = booted.disks.iter().map(Drive::read_only);
    let homes = Drive { snapshot: true, ..Drive::writable(homes) };
    let cmdline = format!("console={} quiet panic=-1 {words}", arch.console);
    Machine {
        memory_mib: RAM_MIB,
        drives: disks.chain([homes]).collect(),
        network: Network::None,
        ..Machine::new(arch, Start::kernel(&booted.kernel, initramfs, cmdline))
    }
}

/// Boots it until the user's program has said what it sees.
fn first_line(contender: &Contender, machine: Machine, what: &str, progress: Progress) -> Result<(String, Bench)> {
    let tried = || format!("boot {}", contender.name);
    interrupt::check(tried)?;
    let phase = progress.quick("bench", &format!("{}, {what}", contender.name));
    let run = || {
        let mut vm = Vm::start(machine)?;
        vm.expect("meter: node bench")?;
        let rest = vm.rest_of_line()?;
        Ok((vm.transcript(), rest))
    };
    let (text, rest) = run().map_err(|failure: qemu::failure::Failure| Error::new(tried(), failure))?;
    phase.done(&format!("{}, {what}", contender.name));
    let bench = Bench::read(&rest).ok_or_else(|| Error::new(tried(), format!("its program said: {rest}")))?;
    Ok((text, bench))
}
