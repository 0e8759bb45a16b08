//! `nodeos report`: one page with the measurements.

use std::fs;
use std::path::{Path, PathBuf};

use boot::host::Host;
use boot::host::cache::write_whole;
use boot::host::error::Tried;
use boot::host::folder::above;
use boot::media::Medium;
use boot::tools::For;
use lab::bench::{Arena, Wanted};
use lab::budget::Records;
use lab::comparison::Comparison;
use lab::figures::Measured;
use lab::measure::{self, WHATS};
use lab::report::{Machine, Report, TITLE, echarts};

use crate::bench;
use crate::common::{Act, Common, Failed, print_line};
use crate::source::Source;

/// Measure, and write the results to an HTML page
#[derive(clap::Args)]
#[command(after_help = "\
The page is a single HTML file that needs no network. It shows what fills the medium, memory at four
moments, the boot as a timeline, the first line by memory, system calls, instructions, a comparison
with other systems, and the history of the budgets. Every figure is also in a table.

Examples:
  nodeos report --out report.html                 measure everything: about ten minutes
  nodeos report --no-bench --out report.html      without the other systems: about five
  nodeos measure --json > pc.json
  nodeos measure --arch aarch64 --json > arm.json
  nodeos bench --json > bench.json
  nodeos report --from pc.json --from arm.json --from bench.json --out report.html")]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// The medium to measure
    #[arg(long, value_name = "TARGET", value_parser = crate::build::targets(), default_value = boot::media::ALL[0].name)]
    target: &'static Medium,
    /// Use this output of `nodeos measure --json` or `nodeos bench --json` instead of measuring; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with_all = ["app", "target", "users", "append", "node", "carbon"])]
    from: Vec<PathBuf>,
    /// Do not measure other systems
    #[arg(long, conflicts_with = "from")]
    no_bench: bool,
    /// The page
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Act for Args {
    fn purposes(&self) -> Vec<For> {
        if !self.from.is_empty() {
            return vec![For::Images];
        }
        let source = self.source.clone().for_target(self.target);
        let mut purposes = source.purposes();
        purposes.extend([For::Medium(self.target.name), For::Machine(source.arch())]);
        if !self.no_bench {
            purposes.extend(bench::purposes(source.arch(), &bench::all()));
        }
        purposes
    }

    fn run(mut self, common: Common) -> Result<u8, Failed> {
        self.source = self.source.for_target(self.target);
        // measuring takes minutes, so everything else that can fail comes before it
        free(&self.out)?;
        writable(&self.out)?;
        let (mut machines, mut comparisons) = (Vec::new(), Vec::new());
        for file in &self.from {
            read(file, &mut machines, &mut comparisons)?;
        }
        let history = Records::of_this_clone()?.budgets()?.history();
        let host = common.host()?;
        let echarts = echarts::script(&host)?;
        if self.from.is_empty() {
            let wanted =
                Wanted { arch: self.source.arch(), contenders: bench::all(), homes: vec![1], runs: 1, floor: false };
            let arena = if self.no_bench { None } else { Some(Arena::new(&host, &wanted)?) };
            machines.push(self.measured(&host)?);
            if let Some(arena) = arena {
                comparisons.push(arena.measure()?);
            }
        }
        let page = Report { machines: &machines, comparisons: &comparisons, history: &history }.page(&echarts)?;
        write_whole(&self.out, page.as_bytes())?;
        print_line(&format!("{}, {} KiB", self.out.display(), page.len().div_ceil(1024)))
    }
}

impl Args {
    fn measured(&self, host: &Host) -> Result<Machine, Failed> {
        let subject = self.source.subject(self.target)?;
        let all: Vec<_> = WHATS.iter().map(|(_, what)| *what).collect();
        let (measured, _) = measure::measure(host, &subject, &all, 1)?;
        Ok(Machine { measured, file: None })
    }
}

/// A file of either kind.
fn read(file: &Path, machines: &mut Vec<Machine>, comparisons: &mut Vec<Comparison>) -> Result<(), Failed> {
    let text = fs::read_to_string(file).tried("read", file)?;
    let done = match Comparison::is_one(&text) {
        true => Comparison::read(&text).map(|comparison| comparisons.push(comparison)),
        false => Measured::read(&text)
            .map(|measured| machines.push(Machine { measured, file: Some(file.display().to_string()) })),
    };
    done.map_err(|why| {
        let next = "nodeos measure --json and nodeos bench --json write such files";
        Failed::new(format!("cannot read {}: {why}\n  next: {next}", file.display()))
    })
}

/// Refuses to replace what is no report.
fn free(out: &Path) -> Result<(), Failed> {
    let report = |text: String| text.contains(TITLE);
    // only regular files are read: a pipe would block
    match out.exists() && !(out.is_file() && fs::read_to_string(out).is_ok_and(report)) {
        true => Err(Failed::usage(format!(
            "--out {}: something is there that is not a report; name a new file",
            out.display()
        ))),
        false => Ok(()),
    }
}

/// Refuses a place where no file can be made.
fn writable(out: &Path) -> Result<(), Failed> {
    let folder = above(out);
    let made = tempfile::tempfile_in(folder).tried("make a file in", folder);
    made.map(drop).map_err(|error| {
        let next = "name a file in a folder that is there and that you may write to";
        Failed::usage(format!("--out {}: {}", out.display(), error.next(next)))
    })
}
