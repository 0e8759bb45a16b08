//! `nodeos bench`: compares this system with others.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use boot::tools::For;
use lab::bench::{ALL, Arena, Contender, Wanted};
use lab::comparison::{COLUMNS, Comparison};
use shim::arches::Arch;

use crate::common::{Act, Common, Failed, print_json, print_line};
use crate::source::archs;

/// Compare NodeOS with other systems on the same QEMU and kernel
#[derive(clap::Args)]
#[command(after_help = "\
Systems:
  nodeos-medium, nodeos-image, nodeos-plain   NodeOS, with each place of the carbon copy
  busybox-medium   a busybox script that makes the same mounts and namespaces
  node-plain       as NodeOS did in 2015: node is PID 1 and mounts from JavaScript
  tini-plain       tini as PID 1 starts node as root
  systemd-medium   Debian's minimal system with systemd and Debian's node (only for the host's
                   own architecture)
  debian-medium    the same, started by Debian's own initramfs
Each runs the same program as a user, from the same homes. docs/benchmarks.md has a table, and says
what each leaves out.

Examples:
  nodeos bench                                     about seven minutes
  nodeos bench --floor --homes 1,10,100,500        everything: about twenty minutes
  nodeos bench --only nodeos-medium,busybox-medium --runs 1
  nodeos bench --json > bench.json                 for nodeos report --from bench.json")]
pub struct Args {
    /// The machine's architecture
    #[arg(long, value_name = "ARCH", value_parser = archs(), default_value = Arch::host().name)]
    arch: &'static Arch,
    /// The systems to compare, separated by commas [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = contender)]
    only: Vec<&'static Contender>,
    /// How many homes there are; one of them runs a program. With several numbers, the first is used for the table, the others
    /// to measure how instructions grow
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u32).range(1..=500))]
    homes: Vec<u32>,
    /// How often to time each system, in turn; the median is used
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u8).range(1..=100))]
    runs: u8,
    /// Also find the smallest memory of each, in up to eight more boots
    #[arg(long)]
    floor: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Act for Args {
    fn purposes(&self) -> Vec<For> {
        purposes(self.arch, &self.contenders())
    }

    fn run(self, common: Common) -> Result<u8, Failed> {
        let contenders = self.contenders();
        let Self { arch, homes, runs, floor, json, .. } = self;
        let wanted = Wanted { arch, contenders, homes, runs: runs.into(), floor };
        let all = Arena::new(&common.host()?, &wanted)?.measure()?;
        if json { print_json(&all) } else { print_line(text(&all).trim_end()) }
    }
}

impl Args {
    fn contenders(&self) -> Vec<&'static Contender> {
        // a system that is named twice takes part only once
        all().into_iter().filter(|one| self.only.is_empty() || self.only.iter().any(|of| of.name == one.name)).collect()
    }
}

/// Whoever there is.
pub fn all() -> Vec<&'static Contender> {
    ALL.iter().collect()
}

/// What these need.
pub fn purposes(arch: &'static Arch, contenders: &[&Contender]) -> Vec<For> {
    let mut purposes = vec![For::Images, For::Users, For::Kernel(arch), For::Machine(arch)];
    if arch.is_host() && contenders.iter().any(|contender| contender.installed) {
        purposes.push(For::Bench);
    }
    purposes
}

fn contender(name: &str) -> Result<&'static Contender, String> {
    let names = || ALL.map(|contender| contender.name).join(", ");
    ALL.iter().find(|contender| contender.name == name).ok_or_else(|| format!("expected one of: {}", names()))
}

/// Figures, and behind each its ratio to this system's with node in the same place.
fn text(all: &Comparison) -> String {
    let mut text = format!("{}, {} MiB, homes: {}, timed: {}", all.arch, all.ram, all.homes, all.runs);
    for (name, version) in &all.versions {
        let _ = write!(text, ", {name} {version}");
    }
    text += "\n\n";
    for row in &all.rows {
        let _ = writeln!(text, "== {}: {}", row.name, row.what);
        let _ = writeln!(text, "leaves out: {}", row.lacks);
        for column in &COLUMNS {
            let Some(value) = (column.of)(row) else { continue };
            let ratio = all.ratio(row, column);
            let ratio = ratio.map(|ratio| format!("  ({ratio:.2} of nodeos-{})", row.place())).unwrap_or_default();
            let _ = writeln!(text, "{value:>11} {}{ratio}", column.title);
        }
        for (program, own) in &row.programs {
            let _ = writeln!(text, "{own:>19} instructions of {program}");
        }
        text.push('\n');
    }
    if all.growth.len() > 1 {
        text += &growth(&all.growth);
    }
    for (name, why) in &all.left_out {
        let _ = writeln!(text, "left out: {name}: {why}");
    }
    text
}

/// A line for each number of homes, a column for each contender.
fn growth(all: &BTreeMap<u32, BTreeMap<String, u64>>) -> String {
    let names = || all.values().next().into_iter().flat_map(BTreeMap::keys);
    let mut text = "== instructions between kernel and node, by homes\n      homes".to_owned();
    names().for_each(|name| {
        let _ = write!(text, " {name:>14}");
    });
    for (count, by_name) in all {
        let _ = write!(text, "\n{count:>11}");
        for name in names() {
            let _ = write!(text, " {:>14}", by_name.get(name).map_or("-".to_owned(), u64::to_string));
        }
    }
    text + "\n\n"
}

#[cfg(test)]
mod tests {
    use super::text;
    use lab::comparison::{Comparison, Row};

    #[test]
    fn results_are_printed_with_ratios_and_omissions_with_a_reason() {
        let row = |name: &str, between| Row {
            name: name.to_owned(),
            between,
            programs: [("init".to_owned(), 7)].into(),
            uid: 1,
            ..Row::default()
        };
        let rows = vec![row("nodeos-plain", 50), row("tini-plain", 75)];
        let growth = [1, 10].map(|homes| (homes, [("tini-plain".to_owned(), 75 * u64::from(homes))].into())).into();
        let left_out = [("debian-medium".to_owned(), "why".to_owned())].into();
        let all = Comparison {
            format: 1,
            arch: "a".to_owned(),
            ram: 512,
            homes: 1,
            runs: 3,
            versions: [].into(),
            rows,
            growth,
            left_out,
        };
        let text = text(&all);
        for line in [
            "         75 between kernel and node  (1.50 of nodeos-plain)\n",
            "         50 between kernel and node\n",
            "                  7 instructions of init\n",
            "          1 its uid\n                  7",
            "         10            750\n",
            "left out: debian-medium: why\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(!text.contains("suffice"), "nobody asked: {text}");
    }
}
