//! Machines that the meter measures from inside.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::figures::{Event, Figures};
use crate::readings;
use qemu::failure::Failure;
use qemu::machine::{Drive, Machine, Network, Start};
use qemu::vm::{DEADLINE, Vm};
use shim::arches::Arch;
use shim::last_word::LastWord;
use shim::logon_file::{Arg, LogonFile, Password};
use shim::programs;
use tempfile::TempDir;

use boot::assembly;
use boot::host::error::{Error, Result, Tried};
use boot::host::interrupt::{self, Making};
use boot::host::progress::Progress;
use boot::image::Image;
use boot::image::archive;
use boot::image::tree::{Entry, Tree};
use boot::parts::shim::only_program;
use boot::users::home::Home;
use boot::users::image::{Create, create};

/// The machine's RAM, unless memory is what is measured.
const RAM_MIB: u32 = 256;
/// The moments at which memory is read.
pub const MOMENTS: [&str; 4] = ["kernel", "prompt", "first-line", "idle"];
/// Milliseconds without activity after which a session counts as idle.
const IDLE: u64 = 5000;

/// The meter, built for that architecture.
pub fn meter(arch: &Arch) -> Result<PathBuf> {
    only_program(arch, "meter", "meter")
}

/// Writes to `out` the initramfs with another program at its top.
pub fn with_program(initramfs: &Path, name: &str, program: &Path, out: &Path) -> Result<()> {
    let mut tree = Tree::default();
    tree.put(&format!("/{name}"), Entry::File { source: program.to_owned(), mode: 0o755 })?;
    let more = out.with_extension("more");
    archive::write(&tree, false, None, &more)?;
    archive::join(&[initramfs, &more], out)
}

/// Everything that is needed to boot the machines.
pub struct Guest<'a> {
    _making: Making,
    image: &'a Image,
    meter: PathBuf,
    homes: PathBuf,
    folder: TempDir,
    progress: Progress,
}

impl<'a> Guest<'a> {
    /// Builds the meter and the homes.
    pub fn new(image: &'a Image, progress: Progress) -> Result<Self> {
        let _making = Making::start();
        let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
        let phase = progress.quick("measure", "build the meter");
        let meter = meter(image.arch)?;
        phase.done("the meter");
        let homes = folder.path().join("homes.ext4");
        Ok(Self { _making, image, meter, homes, folder, progress })
    }

    /// System calls of PID 1 and its programs. `more` are homes besides our own.
    pub fn calls(&self, more: &[Home]) -> Result<Figures> {
        let text = self.of_init(meter::CALLS, false, more)?;
        let mut figures = readings::calls(&text, self.image.arch);
        // one that starts later is seen only where the boot is slow
        let late = programs::ALL.iter().filter(|program| programs::is_late(program)).map(|program| program.name);
        for name in late {
            figures.retain(|figure, _| !figure.starts_with(&format!("calls.{name}")));
        }
        let missing = programs::started()
            .filter(|program| !programs::is_late(program))
            .map(|program| program.name)
            .chain(["program"])
            .find(|what| !figures.contains_key(&format!("calls.{what}")));
        match missing {
            None => Ok(figures),
            Some(what) => {
                Err(Error::new("count system calls", format!("the meter did not say those of {what}:\n{text}")))
            }
        }
    }

    /// Instructions until node's first line. `more` are homes besides our own.
    pub fn instructions(&self, more: &[Home]) -> Result<Figures> {
        let text = self.of_init(meter::COST, true, more)?;
        let missing =
            || Error::new("count instructions", format!("the meter did not say those of each phase:\n{text}"));
        readings::instructions(&text).ok_or_else(missing)
    }

    /// Memory at four moments: before the shim's first step, at the logon prompt, at a session's first line, and after
    /// its REPL has been idle.
    pub fn memory(&self) -> Result<Figures> {
        let mut ana = Home::new("ana", 1000);
        let shell_args = Arg::try_from("/shell.js").map_err(|_| Error::new("write logon.json", "too long"))?;
        let mut file = LogonFile { password: Some(Password::new()), ..LogonFile::default() };
        let _ = file.shell_args.push(shell_args);
        ana.file("shell.js", include_str!("shell.js"));
        ana.logon(&file)?;
        create(&self.homes, Create { size: 64 << 20, force: true }, &[ana])?;
        let machine = self.machine(meter::MEMORY, "")?;
        let ram = u64::from(machine.memory_mib) * 1024;
        let phase = self.progress.quick("measure", "memory at four moments");
        let lines = moments(machine).map_err(|failure| failed("read the memory of a machine", failure))?;
        phase.done("memory at four moments");
        let mut figures = Figures::new();
        for (moment, line) in MOMENTS.into_iter().zip(lines) {
            let unread = || Error::new("read the memory of a machine", format!("the meter said: {line}"));
            figures.extend(readings::memory(&line, moment, ram).ok_or_else(unread)?);
        }
        Ok(figures)
    }

    /// The timeline of the boot.
    pub fn time(&self) -> Result<Vec<Event>> {
        homes_of_init(&self.homes, &[])?;
        let machine = self.machine("init", "loglevel=7")?;
        let phase = self.progress.quick("measure", "a boot's timeline");
        let timed = timed(machine, finished).map_err(|failure| failed("time a boot", failure))?;
        phase.done("a boot's timeline");
        Ok(timed.0)
    }

    /// Boots a machine with one processor, in which one user runs `init.js`, and waits for its end. Returns its output.
    fn of_init(&self, first: &str, counted: bool, more: &[Home]) -> Result<String> {
        homes_of_init(&self.homes, more)?;
        let words = if counted { self.image.arch.qemu_counted } else { "" };
        let machine = self.machine(first, words)?;
        let machine = Machine { counted, cpus: 1, network: Network::None, ..machine };
        let what = if counted { "instructions" } else { "system calls" };
        let phase = self.progress.quick("measure", what);
        let run = || {
            let mut vm = Vm::start(machine)?;
            finished(&mut vm)?;
            Ok(vm.transcript())
        };
        let tried = format!("count {what}");
        let text = run().map_err(|failure| failed(&tried, failure))?;
        phase.done(what);
        match readings::failure(&text) {
            Some(errno) => Err(Error::new(tried, format!("the meter fails in the machine: {errno}"))),
            None => Ok(text),
        }
    }

    /// The machine as in `nodeos run`, but with that program as its first one.
    fn machine(&self, first: &str, words: &str) -> Result<Machine> {
        interrupt::check(|| "boot a machine to measure it".to_owned())?;
        let initramfs = self.folder.path().join(format!("{first}.initramfs"));
        with_program(&self.image.initramfs, first, &self.meter, &initramfs)?;
        let initramfs = if first == "init" { &self.image.initramfs } else { &initramfs };
        machine(self.image, initramfs, &self.homes, &format!("rdinit=/{first} {words}"))
    }
}

/// Boots a machine that logs everything, until `end` returns.
pub fn timed<T>(
    machine: Machine,
    end: impl FnOnce(&mut Vm) -> std::result::Result<T, Failure>,
) -> std::result::Result<(Vec<Event>, T), Failure> {
    let start = Instant::now();
    let mut vm = Vm::start(machine)?;
    vm.expect("] ")?;
    let firmware = u64::try_from(start.elapsed().as_micros()).unwrap_or(0);
    let end = end(&mut vm)?;
    Ok((readings::timeline(&vm.transcript(), firmware), end))
}

/// Homes of one user who runs `init.js`, and other homes.
pub fn homes_of_init(path: &Path, more: &[Home]) -> Result<()> {
    let mut ana = Home::new("ana", 1000);
    ana.program("init", include_str!("init.js"));
    create(path, Create { size: 64 << 20, force: true }, &[&[ana], more].concat())
}

/// A machine with that image. It does not keep changes.
pub fn machine(image: &Image, initramfs: &Path, homes: &Path, words: &str) -> Result<Machine> {
    let cmdline = format!("{} {words}", assembly::cmdline(image, true)?);
    let disks = image.filesystems().map(Drive::read_only);
    Ok(Machine {
        memory_mib: RAM_MIB,
        drives: disks.chain([Drive { snapshot: true, ..Drive::writable(homes) }]).collect(),
        network: Network::User { publish: vec![], boot: None },
        ..Machine::new(image.arch, Start::kernel(&image.kernel, initramfs, cmdline))
    })
}

/// Waits until the machine has powered off by itself.
fn finished(vm: &mut Vm) -> std::result::Result<(), Failure> {
    match vm.ending()?.last_word {
        Some(LastWord::PowerOff(0)) => Ok(()),
        _ => Err(vm.failure("the machine did not end well")),
    }
}

/// The meter's lines at the four moments.
fn moments(machine: Machine) -> std::result::Result<[String; 4], Failure> {
    let mut vm = Vm::start(machine)?;
    let line = |vm: &mut Vm, which: &str| {
        let start = format!("{}memory {which}", meter::MARK);
        let (_, found) = vm.expect_any_within(DEADLINE, &[&start, meter::FAILED])?;
        let rest = vm.rest_of_line()?;
        if found == 0 { Ok(start + &rest) } else { Err(vm.failure(format!("the meter fails in the machine: {rest}"))) }
    };
    let kernel = line(&mut vm, "before")?;
    vm.expect("username:")?;
    // one line may have been in progress
    line(&mut vm, "after")?;
    let prompt = line(&mut vm, "after")?;
    vm.send("ana")?;
    vm.expect("the first line")?;
    line(&mut vm, "after")?;
    let first = line(&mut vm, "after")?;
    vm.expect("> ")?;
    let since = Instant::now();
    let from = readings::uptime(&line(&mut vm, "after")?).unwrap_or(0);
    loop {
        let idle = line(&mut vm, "after")?;
        if readings::uptime(&idle).is_some_and(|at| at >= from + IDLE) {
            return Ok([kernel, prompt, first, idle]);
        }
        if since.elapsed() > DEADLINE + Duration::from_millis(IDLE) {
            return Err(vm.failure("the machine's clock does not go on"));
        }
    }
}

/// The parts of a kernel in memory, from its messages when it begins. Nothing else in the machine is started.
pub fn kernel_parts(image: &Image) -> Result<Figures> {
    let tried = "read how large the kernel is";
    interrupt::check(|| tried.to_owned())?;
    let words = format!("console={} loglevel=7 panic=-1", image.arch.console);
    let start = Start::kernel(&image.kernel, &image.initramfs, words);
    let said = || {
        let mut vm = Vm::start(Machine { memory_mib: RAM_MIB, ..Machine::new(image.arch, start) })?;
        vm.expect("K available (")?;
        vm.rest_of_line()
    };
    let said = said().map_err(|failure| failed(tried, failure))?;
    readings::kernel(&said).ok_or_else(|| Error::new(tried, format!("it says: {said}")))
}

fn failed(tried: &str, failure: Failure) -> Error {
    Error::new(tried, failure)
}
