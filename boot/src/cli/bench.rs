//! `nodeos bench`: this system beside others.

use std::fmt::Write as _;

use boot::bench::{Row, bench};
use boot::cache::Cache;
use boot::tools::For;
use shim::arches::Arch;

use super::source::arch;
use super::{Common, Failed, print_json, print_line};

/// Hold this system against others, on the same QEMU, kernel and node
#[derive(clap::Args)]
#[command(after_help = "\
Contenders: this system with each place of the carbon copy; the same mounts as a script of busybox's; the way of 2015, node as
PID 1 that mounts from JavaScript; tini as PID 1 that starts node. Each runs the same program as a user's, from the same homes.
docs/benchmarks.md has a table, and says what each leaves out.

Examples:
  nodeos bench                     minutes
  nodeos bench --homes 100         how cost grows with homes that are looked at
  nodeos bench --json")]
pub struct Args {
    /// The machine's architecture: x86_64 or aarch64
    #[arg(long, value_name = "ARCH", value_parser = arch, default_value = Arch::host().name)]
    arch: &'static Arch,
    /// So many homes, of which one runs something
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=500))]
    homes: u32,
    /// Time each so many times, in turn; the median counts
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u8).range(1..=100))]
    runs: u8,
    /// For a program to read
    #[arg(long)]
    json: bool,
}

impl Args {
    pub fn purposes(&self) -> Vec<For> {
        vec![For::Images, For::Users, For::Kernel(self.arch), For::Machine(self.arch)]
    }

    pub fn run(self, common: Common) -> Result<u8, Failed> {
        let rows = bench(&Cache::open()?, self.arch, self.homes, self.runs.into(), common.progress)?;
        if self.json { print_json(&rows) } else { print_line(text(&rows).trim_end()) }
    }
}

/// A figure's name, and where it is.
type Column = (&'static str, fn(&Row) -> u64);

/// Figures, and behind each its ratio to this system's with the carbon copy in the same place.
fn text(rows: &[Row]) -> String {
    let place = |row: &Row| row.name.rsplit('-').next().unwrap_or_default();
    let ours = |row: &Row| rows.iter().find(|ours| ours.name.starts_with("nodeos") && place(ours) == place(row));
    let figures: [Column; 9] = [
        ("instructions of processes to the first line", |row| row.instructions),
        ("of them between kernel and node", |row| row.between),
        ("ms to the first line, emulated", |row| row.ms),
        ("KiB of memory at the first line", |row| row.memory),
        ("bytes on the medium", |row| row.bytes),
        ("files with an execute bit that the user can reach", |row| row.reachable),
        ("with set-user-ID or set-group-ID", |row| row.setuid),
        ("capabilities of the user's program", |row| row.capabilities),
        ("uid of the user's program", |row| row.uid),
    ];
    let mut text = String::new();
    for row in rows {
        let _ = writeln!(text, "== {}: {}", row.name, row.what);
        let _ = writeln!(text, "leaves out: {}", row.lacks);
        for (name, of) in figures {
            let ratio = match ours(row).map(of) {
                Some(ours) if ours > 0 && !row.name.starts_with("nodeos") && name != "uid of the user's program" => {
                    let hundredths = of(row) * 100 / ours;
                    format!("  ({}.{:02} of nodeos-{})", hundredths / 100, hundredths % 100, place(row))
                }
                _ => String::new(),
            };
            let _ = writeln!(text, "{:>11} {name}{ratio}", of(row));
        }
        for (program, own) in &row.programs {
            let _ = writeln!(text, "{own:>19} instructions of {program}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Row, text};

    #[test]
    fn a_ratio_is_to_this_system_with_the_carbon_copy_in_the_same_place() {
        let row = |name, instructions| Row {
            name,
            what: "w",
            lacks: "l",
            bytes: 1,
            instructions,
            between: 0,
            programs: [("init".to_owned(), 7)].into(),
            ms: 1,
            memory: 1,
            reachable: 1,
            setuid: 0,
            capabilities: 0,
            uid: 0,
        };
        let text = text(&[row("nodeos-medium", 100), row("nodeos-plain", 50), row("tini-plain", 75)]);
        assert!(text.contains("75 instructions of processes to the first line  (1.50 of nodeos-plain)\n"), "{text}");
        assert!(
            text.contains("100 instructions of processes to the first line\n")
                && text.contains("7 instructions of init\n"),
            "{text}"
        );
        // nothing is a ratio to nothing
        assert!(text.contains("0 of them between kernel and node\n"), "{text}");
    }
}
