//! `nodeos budget`: a gate for what a machine costs.

use std::fs;
use std::path::{Path, PathBuf};

use boot::assembly::Users;
use boot::host::Host;
use boot::host::cache::write_whole;
use boot::host::error::Tried;
use boot::host::run::Run;
use boot::image::manifest::Manifest;
use boot::media::{self, Medium, Starts};
use boot::tools::For;
use lab::budget::{Budgets, Entry, Finding, Landed};
use lab::figures::{FORMAT, Measured};
use lab::measure::{self, Subject, What};
use shim::arches::{ALL, Arch};

use crate::common::{Act, Common, Failed, exit, print_line};
use crate::source::arch;

/// Hold a machine's costs against its budgets; fails with the numbers and what grew
#[derive(clap::Args)]
#[command(after_help = "\
Budgets are in qemu/budgets.toml: by architecture and target, for each size, and of the target direct for each count of system
calls and instructions, its limit and what it was when it last landed. More than the limit fails; so does more than landed,
by what its row allows (`within`, in hundredths; else 1 for bytes, 0 for calls, 5 for instructions). qemu/landed/ARCH.json has what each figure was made
of: that says what grew.

Examples:
  nodeos budget                                       every machine; minutes, for it boots some
  nodeos budget --arch x86_64 --target iso
  nodeos budget --compare HEAD~3                      held against what landed then
  nodeos budget --update --reason \"node 24.22\"        what is measured lands

Exit status: 0 all is within its budget, 71 something is not, or could not be measured.")]
pub struct Args {
    /// One architecture: x86_64 or aarch64 [default: each]
    #[arg(long, value_name = "ARCH", value_parser = arch)]
    arch: Option<&'static Arch>,
    /// One target [default: each]
    #[arg(long, value_name = "TARGET", value_parser = crate::build::targets())]
    target: Option<&'static Medium>,
    /// Hold against what had landed at that revision of git's
    #[arg(long, value_name = "REV", conflicts_with = "update")]
    compare: Option<String>,
    /// Land what is measured
    #[arg(long, requires = "reason")]
    update: bool,
    /// Why that is right: it goes into the file
    #[arg(long, value_name = "TEXT", requires = "update", value_parser = reason)]
    reason: Option<String>,
    /// Instructions are counted so many times: the median is taken
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u8).range(1..=100))]
    runs: u8,
}

/// Where the records lie, from the source tree's top.
const BUDGETS: &str = "qemu/budgets.toml";

impl Act for Args {
    fn purposes(&self) -> Vec<For> {
        let mut purposes = vec![For::Images, For::Users];
        for (arch, target) in self.machines() {
            purposes.extend([For::Kernel(arch), For::Machine(arch), For::Medium(target.name)]);
        }
        purposes
    }

    fn run(self, common: Common) -> Result<u8, Failed> {
        let (root, host) = (source()?, common.host()?);
        let file = root.join(BUDGETS);
        let mut budgets = read_budgets(&file)?;
        known(&budgets, &file)?;
        if self.machines().next().is_none() {
            return Err(Failed::usage("no machine is of that architecture and that target"));
        }
        let mut landed = match &self.compare {
            Some(rev) => self.then(&root, rev)?,
            None => landed(&root)?,
        };
        if self.compare.is_some() {
            budgets.hold_against(&landed);
        }
        let (mut findings, mut changes) = (Vec::new(), Vec::new());
        let mut machines = 0;
        for (arch, target) in self.machines() {
            let measured = measured(&host, arch, target, self.runs)?;
            match self.update {
                true => changes.extend(budgets.land(&measured, &mut landed).map_err(Failed::new)?),
                false => findings.extend(budgets.check(&measured, &landed)),
            }
            machines += 1;
        }
        if self.update {
            return land(&root, &mut budgets, &landed, &changes, self.reason.as_deref().unwrap_or_default());
        }
        verdict(&findings, machines)
    }
}

impl Args {
    /// Those that are asked for, of those that there are.
    fn machines(&self) -> impl Iterator<Item = (&'static Arch, &'static Medium)> {
        let asked = |arch: &&Arch, target: &&Medium| {
            self.arch.is_none_or(|asked| asked == *arch) && self.target.is_none_or(|asked| asked.name == target.name)
        };
        all().filter(move |(arch, target)| asked(arch, target))
    }

    /// What had landed at a revision, of the machines that are asked for.
    fn then(&self, root: &Path, rev: &str) -> Result<Landed, Failed> {
        let mut landed = Landed { format: FORMAT, ..Landed::default() };
        let mut archs: Vec<&Arch> = self.machines().map(|(arch, _)| arch).collect();
        archs.dedup();
        for arch in archs {
            let object = format!("{rev}:{}", record(arch));
            let text = Run::new("git").args(["show", &object]).within(root).output().map_err(|error| {
                error.next("name a revision that has records: git log -- qemu/landed; --arch and --target ask for fewer machines")
            })?;
            landed.machines.extend(parsed(&object, &text)?.machines);
        }
        let had = |name: &String| !landed.machines.contains_key(name);
        let missing: Vec<_> = self.machines().map(|(arch, target)| format!("{arch}.{target}")).filter(had).collect();
        match missing.is_empty() {
            true => Ok(landed),
            false => Err(Failed::new(format!(
                "hold against what landed at {rev}: nothing had of {}\n  next: --arch and --target ask for fewer machines",
                missing.join(", ")
            ))),
        }
    }
}

/// Every medium, for every architecture that it is made for.
fn all() -> impl Iterator<Item = (&'static Arch, &'static Medium)> {
    let all = ALL.iter().flat_map(|arch| media::ALL.iter().map(move |target| (arch, target)));
    all.filter(|(arch, target)| target.archs.contains(&arch.name))
}

/// Refuses budgets of a machine that there is not: nobody would look at them.
fn known(budgets: &Budgets, file: &Path) -> Result<(), Failed> {
    let all: Vec<_> = all().map(|(arch, target)| format!("{arch}.{target}")).collect();
    match budgets.rows.keys().find(|machine| !all.contains(machine)) {
        None => Ok(()),
        Some(machine) => {
            let why = format!("there is no machine {machine}; there are {}", all.join(", "));
            Err(Failed::new(format!("read {}: {why}", file.display())))
        }
    }
}

/// Says what was found; fails if anything of it does.
fn verdict(findings: &[Finding], machines: usize) -> Result<u8, Failed> {
    let said = |fails: bool| {
        let of = findings.iter().filter(move |finding| finding.what.fails() == fails);
        of.map(|finding| format!("\n  {finding}")).collect::<String>()
    };
    let (fails, less) = (said(true), said(false));
    if fails.is_empty() {
        return print_line(&format!("{machines} machines are within their budgets{less}"));
    }
    let text = format!(
        "a budget is broken:{fails}{less}\n  next: mend it, or say why it is right: nodeos budget --update --reason TEXT; \
         a limit is raised by hand, in {BUDGETS}"
    );
    Err(Failed { status: exit::FAILED, text })
}

/// What budgets are for, of one machine without homes.
fn measured(host: &Host, arch: &'static Arch, target: &'static Medium, runs: u8) -> Result<Measured, Failed> {
    let subject = Subject { arch, target, users: Users::None, manifest: Manifest::default() };
    // system calls are the same at each run
    let is_booted = target.starts == Starts::Loaded;
    let once = if is_booted { &[What::Sizes, What::Calls][..] } else { &[What::Sizes] };
    let mut measured = measure::measure(host, &subject, once, 1)?.0;
    if !is_booted {
        // the shim and the carbon copy are those of direct
        measured.figures.retain(|name, _| ["bytes.kernel", "bytes.initramfs", "bytes.medium"].contains(&name.as_str()));
    } else {
        let counted = measure::measure(host, &subject, &[What::Instructions], runs.into())?.0;
        measured.figures.extend(counted.figures);
    }
    Ok(measured)
}

/// The source tree that this was built in.
fn source() -> Result<PathBuf, Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    match root.join("qemu").is_dir() {
        true => Ok(root.to_owned()),
        false => Err(Failed::new(format!("find the budgets: {} is gone; run nodeos from its clone", root.display()))),
    }
}

/// What landed when and why.
pub fn history() -> Result<Vec<Entry>, Failed> {
    Ok(read_budgets(&source()?.join(BUDGETS))?.history())
}

fn read_budgets(file: &Path) -> Result<Budgets, Failed> {
    let text = fs::read_to_string(file).tried("read", file)?;
    Budgets::read(&text).map_err(|why| Failed::new(format!("read {}: {why}", file.display())))
}

fn record(arch: &Arch) -> String {
    format!("qemu/landed/{arch}.json")
}

/// What landed last.
fn landed(root: &Path) -> Result<Landed, Failed> {
    let files = ALL.iter().map(record).filter(|name| root.join(name).exists());
    let read = |name: String| -> Result<Landed, Failed> {
        let path = root.join(name);
        parsed(&path.display().to_string(), &fs::read_to_string(&path).tried("read", &path)?)
    };
    let mut landed = Landed { format: FORMAT, ..Landed::default() };
    for one in files.map(read) {
        landed.machines.extend(one?.machines);
    }
    Ok(landed)
}

fn parsed(name: &str, text: &str) -> Result<Landed, Failed> {
    Landed::read(text).map_err(|why| Failed::new(format!("read {name}: {why}")))
}

/// Words that say something.
fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("expected the reason why what is measured is right".to_owned()),
        said => Ok(said.to_owned()),
    }
}

/// Writes what landed, and why.
fn land(root: &Path, budgets: &mut Budgets, landed: &Landed, changes: &[String], reason: &str) -> Result<u8, Failed> {
    if changes.is_empty() {
        return print_line("nothing has changed: nothing was written");
    }
    let date = Run::new("date").args(["-u", "+%F"]).output()?;
    budgets.note(date.trim(), reason, changes);
    for arch in ALL {
        let of = landed.machines.iter().filter(|(name, _)| name.split('.').next() == Some(arch.name));
        let of = Landed { format: FORMAT, machines: of.map(|(n, f)| (n.clone(), f.clone())).collect() };
        let text = serde_json::to_string_pretty(&of).map_err(|error| Failed::new(format!("write JSON: {error}")))?;
        let path = root.join(record(arch));
        fs::create_dir_all(path.parent().unwrap_or(root)).tried("make the folder of", &path)?;
        write_whole(&path, format!("{text}\n").as_bytes())?;
    }
    write_whole(&root.join(BUDGETS), budgets.text().as_bytes())?;
    print_line(&changes.join("\n"))
}
