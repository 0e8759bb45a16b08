//! `nodeos measure`: the cost of a machine in numbers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use boot::media::Medium;
use boot::tools::For;
use lab::figures::{Curve, Figure, KINDS, Measured, kind};
use lab::measure::{self, MOMENTS, WHATS, What};

use crate::common::{Act, Common, Failed, print_json, print_line};
use crate::source::Source;

/// Measure a machine: sizes, system calls, instructions, memory and time
#[derive(clap::Args)]
#[command(after_help = "\
What to measure:
  sizes         the guest's programs by section and function, kernel, initramfs, carbon copy,
                homes by npm package, medium. Parts of a compressed file are given unpacked
  calls         system calls of PID 1 until a user's program runs, and of the programs it starts
  instructions  of kernel, shim and node until node's first line, counted by the emulator
  memory        at four moments: kernel (before PID 1's first step), prompt (the logon prompt),
                first-line (of a session), idle (its REPL after 5 s)
  time          a timeline of the boot under emulation; it varies with the host's load. With an
                APP, that of the app as `nodeos run APP` boots it, until it listens or for 60 s
                after its first line
  floor         the smallest memory with which the first line takes at most 1.25 times as long as
                with 512 MiB. Up to eight boots for each place of the carbon copy: minutes

With an APP, only sizes and time are measured; time needs node 22.15 or newer. The other figures are
those of a small program of our own (qemu/lab/src/measure), and not the app's.

Examples:
  nodeos measure                                  everything except the floor
  nodeos measure examples/http --only sizes --parts 20
  nodeos measure examples/http --only time        from the firmware to the app's first listen()
  nodeos measure --arch aarch64 --only calls,instructions --runs 10
  nodeos measure --only floor --json")]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// The medium to measure the sizes of
    #[arg(long, value_name = "TARGET", value_parser = crate::build::targets(), default_value = boot::media::ALL[0].name)]
    target: &'static Medium,
    /// What to measure, separated by commas: see below [default: all but floor]
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = what)]
    only: Vec<What>,
    /// How often to measure calls, instructions and memory. The median is printed with its spread; for memory, the run that
    /// used least
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=100))]
    runs: u8,
    /// How many parts of each figure to show, largest first
    #[arg(long, value_name = "N", default_value = "6")]
    parts: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Act for Args {
    fn purposes(&self) -> Vec<For> {
        let source = self.source.clone().for_target(self.target);
        let mut purposes = source.purposes();
        purposes.extend([For::Medium(self.target.name), For::Machine(source.arch())]);
        purposes
    }

    fn run(self, common: Common) -> Result<u8, Failed> {
        let Self { source, target, only, runs, parts, json } = self;
        let subject = source.for_target(target).subject(target)?;
        let of_app = !subject.users.apps.is_empty();
        let apps = |what: &What| !of_app || matches!(what, What::Sizes | What::Time);
        if let Some((name, _)) = WHATS.iter().find(|(_, what)| only.contains(what) && !apps(what)) {
            return Err(Failed::usage(format!(
                "--only {name}: that is measured with a program of our own, not with an APP\n  next: leave the APP out, or \
                 measure its sizes and time"
            )));
        }
        let all = || WHATS.iter().map(|(_, what)| *what).filter(|what| *what != What::Floor && apps(what)).collect();
        let whats = if only.is_empty() { all() } else { only };
        let (measured, spreads) = measure::measure(&common.host()?, &subject, &whats, runs.into())?;
        if json { print_json(&measured) } else { print_line(text(&measured, &spreads, parts).trim_end()) }
    }
}

fn what(name: &str) -> Result<What, String> {
    let names = || WHATS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    WHATS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, what)| *what)
        .ok_or_else(|| format!("expected one of: {}", names()))
}

/// A table for each kind of figures.
fn text(measured: &Measured, spreads: &BTreeMap<String, u64>, parts: usize) -> String {
    let mut text = format!("{} {}", measured.arch, measured.target);
    for (name, version) in &measured.versions {
        let _ = write!(text, ", {name} {version}");
    }
    text.push('\n');
    for of in &KINDS {
        let here = measured.figures.iter().filter(|(name, _)| kind(name).is_some_and(|kind| kind.name == of.name));
        let here: Vec<_> = here.collect();
        if here.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n== {}, {}", of.title, of.unit);
        if of.name == "memory" {
            text += &moments(measured);
            continue;
        }
        for (name, figure) in here {
            let name_alone = name.split_once('.').map_or(name.as_str(), |(_, rest)| rest);
            let spread = spreads.get(name).filter(|spread| **spread > 0);
            let spread = spread.map(|s| format!("  (largest {}.{} % above)", s / 10, s % 10)).unwrap_or_default();
            let _ = writeln!(text, "{:>11} {name_alone}{spread}", figure.value);
            text += &of_parts(figure, parts);
        }
    }
    if !measured.timeline.is_empty() {
        text += "\n== timeline, ms after the machine was started\n";
        for event in &measured.timeline {
            let _ = writeln!(text, "{:>11} {}", event.at / 1000, event.what);
        }
    }
    measured.curves.iter().for_each(|curve| text += &of_curve(curve));
    text
}

/// A column for each moment.
fn moments(measured: &Measured) -> String {
    let of = |moment: &str, what: &str| measured.figures.get(&format!("memory.{moment}.{what}"));
    let names = measured.figures.keys().filter_map(|name| name.strip_prefix("memory.kernel."));
    let mut text = MOMENTS.iter().map(|moment| format!("{moment:>11}")).collect::<String>() + "\n";
    for name in names {
        for moment in MOMENTS {
            let _ = write!(text, "{:>11}", of(moment, name).map_or(0, |figure| figure.value));
        }
        let _ = writeln!(text, " {name}");
    }
    text
}

/// The sections, where they are of a program, and the largest parts.
fn of_parts(figure: &Figure, count: usize) -> String {
    let mut text = String::new();
    let mut sections = BTreeMap::<&str, u64>::new();
    for (name, value) in figure.parts.iter().filter(|(name, _)| name.starts_with('.')) {
        *sections.entry(name.split(' ').next().unwrap_or_default()).or_default() += value;
    }
    for (section, value) in sections {
        let _ = writeln!(text, "{value:>17} {section}");
    }
    let largest = figure.largest();
    for (name, value) in largest.iter().take(count) {
        let _ = writeln!(text, "{value:>19} {name}");
    }
    let rest: u64 = largest.iter().skip(count).map(|(_, value)| *value).sum();
    if rest > 0 && count > 0 {
        let _ = writeln!(text, "{rest:>19} {} more", largest.len() - count);
    }
    text
}

fn of_curve(curve: &Curve) -> String {
    let mut text =
        format!("\n== first line by memory, carbon copy as {}, ms after the kernel's start\n", curve.placement);
    for (mib, took) in &curve.points {
        let took = took.map_or_else(|| "never, or far too late".to_owned(), |ms| ms.to_string());
        let floor = if curve.floor == Some(*mib) { "  <- the floor" } else { "" };
        let _ = writeln!(text, "{:>11} {took}{floor}", format!("{mib} MiB"));
    }
    text
}
