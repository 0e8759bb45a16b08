//! `nodeos budget`: checks the cost of a machine against limits.

use boot::host::run::Run;
use boot::media::Medium;
use boot::tools::For;
use lab::budget::{BUDGETS, Finding, Landed, Records, machines};
use shim::arches::Arch;

use crate::common::{Act, Common, Failed, exit, print_line};
use crate::source::archs;

/// Compare what machines cost with their budgets; fail if something grew
#[derive(clap::Args)]
#[command(after_help = "\
Budgets are in qemu/budgets.toml, by architecture and target: for every size, and for the target
direct also for system calls, instructions and two figures of memory. A row has a limit and the
figure that was recorded last. A figure fails above its limit, and above the recorded figure by more
than its row allows (`within`, in percent; by default 1 for bytes, 0 for calls, 5 for instructions,
2 for memory). Its parts are recorded in qemu/landed/ARCH.json, so that the output names what grew.

Examples:
  nodeos budget                                   every machine; takes minutes, because some are booted
  nodeos budget --arch x86_64 --target iso
  nodeos budget --compare HEAD~3                  compare with the figures recorded then
  nodeos budget --update --reason \"node 24.22\"    record the measured figures

Exit status: 0 everything is within its budget, 71 something is not or could not be measured.")]
pub struct Args {
    /// The architecture [default: each]
    #[arg(long, value_name = "ARCH", value_parser = archs())]
    arch: Option<&'static Arch>,
    /// The target [default: each]
    #[arg(long, value_name = "TARGET", value_parser = crate::build::targets())]
    target: Option<&'static Medium>,
    /// Compare with the figures recorded at this git revision
    #[arg(long, value_name = "REV", conflicts_with = "update")]
    compare: Option<String>,
    /// Record the measured figures
    #[arg(long, requires = "reason")]
    update: bool,
    /// Why the new figures are right; recorded in the budgets file
    #[arg(long, value_name = "TEXT", requires = "update", value_parser = reason)]
    reason: Option<String>,
    /// How often to count instructions; the median is used
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u8).range(1..=100))]
    runs: u8,
}

impl Act for Args {
    fn purposes(&self) -> Vec<For> {
        let mut purposes = vec![For::Images, For::Users];
        for (arch, target) in self.machines() {
            purposes.extend([For::Kernel(arch), For::Machine(arch), For::Medium(target.name)]);
        }
        purposes
    }

    fn run(self, common: Common) -> Result<u8, Failed> {
        let (records, host) = (Records::of_this_clone()?, common.host()?);
        let mut budgets = records.budgets()?;
        if self.machines().next().is_none() {
            return Err(Failed::usage("no target is built for this architecture"));
        }
        let mut landed = match &self.compare {
            Some(revision) => self.then(&records, revision)?,
            None => records.landed()?,
        };
        if self.compare.is_some() {
            budgets.hold_against(&landed);
        }
        let (mut findings, mut changes) = (Vec::new(), Vec::new());
        let mut count = 0;
        for (arch, target) in self.machines() {
            let measured = machines::measured(&host, arch, target, self.runs)?;
            match self.update {
                true => changes.extend(budgets.land(&measured, &mut landed).map_err(Failed::new)?),
                false => findings.extend(budgets.check(&measured, &landed)),
            }
            count += 1;
        }
        if self.update {
            if changes.is_empty() {
                return print_line("nothing has changed: nothing was written");
            }
            let date = Run::new("date").args(["-u", "+%F"]).output()?;
            budgets.note(date.trim(), self.reason.as_deref().unwrap_or_default(), &changes);
            records.write(&budgets, &landed)?;
            return print_line(&changes.join("\n"));
        }
        verdict(&findings, count)
    }
}

impl Args {
    /// Those that are asked for, of those that there are.
    fn machines(&self) -> impl Iterator<Item = (&'static Arch, &'static Medium)> {
        let asked = |arch: &&Arch, target: &&Medium| {
            self.arch.is_none_or(|asked| asked == *arch) && self.target.is_none_or(|asked| asked.name == target.name)
        };
        machines::all().filter(move |(arch, target)| asked(arch, target))
    }

    /// What had landed at a revision, of the machines that are asked for.
    fn then(&self, records: &Records, rev: &str) -> Result<Landed, Failed> {
        let mut archs: Vec<&Arch> = self.machines().map(|(arch, _)| arch).collect();
        archs.dedup();
        let landed = records.landed_at(rev, &archs)?;
        let asked = self.machines().map(|(arch, target)| machines::name(arch.name, target.name));
        let missing: Vec<_> = asked.filter(|name| !landed.machines.contains_key(name)).collect();
        match missing.is_empty() {
            true => Ok(landed),
            false => Err(Failed::new(format!(
                "cannot compare with {rev}: it has no records of {}\n  next: --arch and --target ask for fewer machines",
                missing.join(", ")
            ))),
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

/// Words that say something.
fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("expected the reason why what is measured is right".to_owned()),
        said => Ok(said.to_owned()),
    }
}
