//! Compares this system with others, on the same QEMU and kernel: the cost until a user's first line of JavaScript.
//!
//! ```text
//! a contender (a row of `ALL`) → initramfs and disks → timed, counted and small boots → reports of `app.js` → rows
//! ```
//!
//! Each system runs the same program (`app.js`) as a user, from the same homes. Its row lists the functions that it
//! lacks.

mod contenders;
mod debian;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::comparison::{Comparison, First, Rest, Row};
use crate::figures::{FORMAT, median};
use crate::readings::{Cost, cost};
use qemu::failure::Failure;
use qemu::machine::{Drive, Machine, Network, Start};
use qemu::vm::Vm;
use shim::arches::Arch;
use shim::logon_file::{LogonFile, Password};
use tempfile::TempDir;

use crate::measure;
use boot::host::Host;
use boot::host::error::{Error, Result, Tried};
use boot::host::interrupt::{self, Making};
use boot::host::progress::Progress;
use boot::users::home::Home;
use boot::users::image::{Create, create};

pub use self::contenders::{ALL, Contender};

/// The machine's RAM in MiB: enough for an unpacked carbon copy.
const RAM: u32 = 512;

/// The settings of a comparison.
pub struct Wanted {
    /// The machine's architecture.
    pub arch: &'static Arch,
    /// The systems to compare.
    pub contenders: Vec<&'static Contender>,
    /// Numbers of homes, of which one runs something. The first number is used for all other measurements.
    pub homes: Vec<u32>,
    /// How often each system is timed, in turn; the median counts.
    pub runs: usize,
    /// Whether to find the smallest memory.
    pub floor: bool,
}

/// The files that a contender boots.
pub struct Booted {
    pub kernel: PathBuf,
    pub initramfs: PathBuf,
    /// Its disks, except the homes.
    pub disks: Vec<PathBuf>,
    /// Kernel parameters, and arguments for its PID 1 after `--`.
    pub words: String,
    /// Their size on the medium, in bytes.
    pub bytes: u64,
    /// Versions of its parts.
    pub versions: BTreeMap<String, String>,
    /// Where to put the meter, which becomes its init.
    pub meter: Meter,
}

/// The place of a contender's `/init`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meter {
    /// In its initramfs.
    Initramfs,
    /// On its first disk.
    Disk,
}

/// Contenders that are ready to be measured.
pub struct Arena<'a> {
    wanted: &'a Wanted,
    ready: Vec<Ready>,
    /// Users partitions, one for each number of homes.
    homes: Vec<(u32, PathBuf)>,
    left_out: BTreeMap<String, String>,
    _folder: TempDir,
    _making: Making, // dropped after the folder
}

impl<'a> Arena<'a> {
    /// Makes all files to boot, so that a missing network or tool is noticed here.
    pub fn new(host: &Host, wanted: &'a Wanted) -> Result<Self> {
        let _making = Making::start();
        let _folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
        let folder = _folder.path();
        let homes = wanted.homes.iter().map(|count| Ok((*count, homes(folder, *count)?))).collect::<Result<_>>()?;
        let meter = measure::meter(wanted.arch)?;
        let (mut ready, mut left_out) = (Vec::new(), BTreeMap::new());
        for contender in &wanted.contenders {
            if contender.installed && !wanted.arch.is_host() {
                let why = format!("its programs would have to run here, on {}, to install it", Arch::host());
                left_out.insert(contender.name.to_owned(), why);
                continue;
            }
            let at = folder.join(contender.name);
            fs::create_dir(&at).tried("make the folder", &at)?;
            let booted = (contender.build)(host, wanted.arch, &at)?;
            let counted = Counted::new(&booted, &meter, &at)?;
            ready.push(Ready { arch: wanted.arch, contender, booted, counted, progress: host.progress });
        }
        if let (true, Some((name, why))) = (ready.is_empty(), left_out.first_key_value()) {
            return Err(Error::new(format!("measure {name}"), why));
        }
        Ok(Self { wanted, ready, homes, left_out, _folder, _making })
    }

    /// Measures all contenders, one after the other.
    pub fn measure(&self) -> Result<Comparison> {
        let Self { wanted, ready, homes, left_out, .. } = self;
        let mut growth = BTreeMap::new();
        for (count, homes) in homes.iter().skip(1) {
            let between = |ready: &Ready| Ok((ready.contender.name.to_owned(), between(&ready.cost(homes, *count)?)));
            growth.insert(*count, ready.iter().map(between).collect::<Result<BTreeMap<_, _>>>()?);
        }
        let (rows, count) = match homes.first() {
            Some((count, homes)) => (self.rows(homes, *count)?, *count),
            None => (vec![], 0),
        };
        growth.insert(count, rows.iter().map(|row| (row.name.clone(), row.between)).collect());
        Ok(Comparison {
            format: FORMAT,
            arch: wanted.arch.name.to_owned(),
            ram: RAM,
            homes: count,
            runs: wanted.runs,
            versions: ready.iter().flat_map(|ready| ready.booted.versions.clone()).collect(),
            rows,
            growth,
            left_out: left_out.clone(),
        })
    }

    fn rows(&self, homes: &Path, count: u32) -> Result<Vec<Row>> {
        let mut timed = vec![Vec::new(); self.ready.len()];
        for _ in 0..self.wanted.runs.max(1) {
            // in turn, so that other load of the host affects all of them
            for (ready, timed) in self.ready.iter().zip(&mut timed) {
                timed.push(ready.time(homes)?);
            }
        }
        let row = |(ready, timed): (&Ready, Vec<(First, Rest)>)| {
            let floor = if self.wanted.floor { ready.floor(homes)? } else { None };
            Ok(ready.row(ready.cost(homes, count)?, &timed, floor))
        };
        self.ready.iter().zip(timed).map(row).collect()
    }
}

/// A users partition with ana, who runs `app.js` and may log on, and other users without programs.
fn homes(folder: &Path, count: u32) -> Result<PathBuf> {
    let path = folder.join(format!("{count}.ext4"));
    let mut ana = Home::new("ana", 1000);
    ana.program("init", include_str!("app.js"));
    ana.logon(&LogonFile { password: Some(Password::new()), ..LogonFile::default() })?;
    let others = (1..count).map(|number| Home::new(&format!("u{number}"), 1000 + number));
    let all: Vec<Home> = [ana].into_iter().chain(others).collect();
    create(&path, Create { size: 64 << 20, force: true }, &all)?;
    Ok(path)
}

fn between(cost: &Cost) -> u64 {
    cost.programs.values().sum()
}

/// The files of the boot that is counted: the same, plus the meter.
struct Counted {
    initramfs: PathBuf,
    disks: Vec<PathBuf>,
    words: String,
}

impl Counted {
    fn new(booted: &Booted, meter: &Path, folder: &Path) -> Result<Self> {
        let (mut initramfs, mut disks) = (booted.initramfs.clone(), booted.disks.clone());
        let which = match (booted.meter, disks.first_mut()) {
            (Meter::Disk, Some(disk)) => {
                let copy = folder.join("disk");
                debian::with_program(disk, meter::COST, meter, &copy)?;
                *disk = copy;
                "init"
            }
            _ => {
                initramfs = folder.join("counted");
                measure::with_program(&booted.initramfs, meter::COST, meter, &initramfs)?;
                "rdinit"
            }
        };
        Ok(Self { initramfs, disks, words: format!("{which}=/{}", meter::COST) })
    }
}

/// A contender that is ready.
struct Ready {
    arch: &'static Arch,
    contender: &'static Contender,
    booted: Booted,
    counted: Counted,
    progress: Progress,
}

impl Ready {
    /// The machine for timing.
    fn machine(&self, homes: &Path) -> Machine {
        self.machine_of(&self.booted.initramfs, &self.booted.disks, homes, "")
    }

    fn machine_of(&self, initramfs: &Path, disks: &[PathBuf], homes: &Path, words: &str) -> Machine {
        let kept = |path: &Path| Drive { snapshot: true, ..Drive::writable(path) };
        let drives = disks.iter().map(PathBuf::as_path).chain([homes]).map(kept).collect();
        let cmdline = format!("console={} quiet panic=-1 {words} {}", self.arch.console, self.booted.words);
        let start = Start::kernel(&self.booted.kernel, initramfs, cmdline);
        Machine { memory_mib: RAM, drives, network: Network::None, ..Machine::new(self.arch, start) }
    }

    /// What the user's program reports at its first line, and five seconds later.
    fn time(&self, homes: &Path) -> Result<(First, Rest)> {
        self.boot("time", self.machine(homes), |vm| {
            Ok((said(vm, First::LINE, First::read)?, said(vm, Rest::LINE, Rest::read)?))
        })
    }

    /// The number of instructions until its first line.
    fn cost(&self, homes: &Path, count: u32) -> Result<Cost> {
        // x86's kernel passes this word on to PID 1 (only its decompressor uses it), and tini would run it
        let arguments = self.booted.words.contains("-- ");
        let words = self.arch.qemu_counted.split(' ').filter(|word| *word != "nokaslr" || !arguments);
        let words = words.chain([self.counted.words.as_str()]).collect::<Vec<_>>().join(" ");
        let machine = self.machine_of(&self.counted.initramfs, &self.counted.disks, homes, &words);
        let what = format!("instructions, {count} homes");
        let text = self.boot(&what, Machine { counted: true, cpus: 1, ..machine }, |vm| {
            said(vm, First::LINE, First::read)?;
            Ok(vm.transcript())
        })?;
        cost(&text).ok_or_else(|| {
            let tried = format!("count {}'s instructions", self.contender.name);
            Error::new(tried, format!("the meter said too little:\n{text}"))
        })
    }

    /// The smallest memory with which the first line comes fast enough.
    fn floor(&self, homes: &Path) -> Result<Option<u32>> {
        Ok(measure::floor(self.contender.name, &self.machine(homes), self.progress)?.1)
    }

    fn boot<T>(
        &self,
        what: &str,
        machine: Machine,
        talk: impl FnOnce(&mut Vm) -> std::result::Result<T, Failure>,
    ) -> Result<T> {
        let tried = || format!("boot {}", self.contender.name);
        interrupt::check(tried)?;
        let phase = self.progress.quick("bench", &format!("{}, {what}", self.contender.name));
        let said = Vm::start(machine).and_then(|mut vm| talk(&mut vm));
        let said = said.map_err(|failure| Error::new(tried(), failure))?;
        phase.done(&format!("{}, {what}", self.contender.name));
        Ok(said)
    }

    fn row(&self, cost: Cost, timed: &[(First, Rest)], floor: Option<u32>) -> Row {
        let used = |available: u64| (u64::from(RAM) * 1024).saturating_sub(available);
        let last = timed.last().map(|(_, rest)| *rest);
        let seen = |of: fn(&Rest) -> u64| last.as_ref().map_or(0, of);
        Row {
            name: self.contender.name.to_owned(),
            what: self.contender.what.to_owned(),
            lacks: self.contender.lacks.to_owned(),
            bytes: self.booted.bytes,
            kernel: cost.kernel + cost.threads,
            between: between(&cost),
            init: cost.init,
            node: cost.node,
            programs: cost.programs,
            ms: median(timed.iter().map(|(first, _)| first.now / 1000)),
            first: used(median(timed.iter().map(|(first, _)| first.available))),
            rest: used(median(timed.iter().map(|(_, rest)| rest.available))),
            floor,
            reachable: seen(|rest| rest.programs),
            setuid: seen(|rest| rest.setuid),
            capabilities: seen(|rest| rest.capabilities),
            uid: seen(|rest| rest.uid),
        }
    }
}

/// Waits for a line of `app.js` that starts with `start`, and parses the rest of it.
fn said<T>(vm: &mut Vm, start: &str, read: fn(&str) -> Option<T>) -> std::result::Result<T, Failure> {
    vm.expect(start)?;
    let rest = vm.rest_of_line()?;
    read(&rest).ok_or_else(|| vm.failure(format!("its program said: {rest}")))
}
