//! `nodeos doctor`: which commands work on this machine, and which tools the others lack.
//!
//! A row is a command as users type it. Its needs come from the command itself (`purposes`), so that this page cannot
//! contradict the command.

use boot::media::{self, Code};
use boot::tools::{self, For, Tool};
use clap::Parser;
use serde::Serialize;
use shim::arches::ALL;

use crate::Cli;
use crate::common::{Act, Common, Failed, exit, print_json, print_line};

/// Show which commands work on this machine, and what is missing for the others
#[derive(clap::Args)]
#[command(after_help = "Exit status: 0 every command works, 69 something is missing.")]
pub struct Args {
    /// Also list each program and file that is looked for
    #[arg(long)]
    tools: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Commands, and what they are for. ARCH stands for each architecture.
const COMMANDS: &[(&str, &str)] = &[
    ("users create FILE", "make and edit homes"),
    ("log HOST", "show the log of a machine elsewhere"),
    ("explain", "print what a machine does at boot"),
    ("inspect FILE", "show what is in an image"),
    ("run --arch ARCH", "boot the demo or an app in QEMU"),
    ("measure --arch ARCH", "measure what a machine costs"),
    ("budget", "hold those costs against limits"),
    ("report --out FILE", "write a page of them"),
    ("bench", "compare with other systems"),
];

#[derive(Serialize)]
struct Row {
    command: String,
    does: &'static str,
    works: bool,
    lacks: Vec<Lack>,
}

#[derive(Clone, Serialize)]
struct Lack {
    name: &'static str,
    package: &'static str,
    why: &'static str,
}

impl Act for Args {
    const ASKS_LATER: bool = true;

    fn purposes(&self) -> Vec<For> {
        tools::everything()
    }

    fn run(self, _: Common) -> Result<u8, Failed> {
        let tools = tools::all();
        let rows = rows(&tools, |tool| tool.found().is_some())?;
        let missing: Vec<Tool> = tools.iter().copied().filter(|tool| tool.found().is_none()).collect();
        if self.json {
            print_json(&rows)?;
        } else {
            if self.tools {
                print_line(&(table(&tools) + "\n"))?;
            }
            print_line(&text(&rows))?;
            print_line(&match missing.is_empty() {
                true => "\neverything works".to_owned(),
                false => format!("\nfor all of them:\n  {}", tools::install(&tools::packages(&missing))),
            })?;
        }
        Ok(if missing.is_empty() { exit::DONE } else { exit::MISSING })
    }
}

/// Each command with what it lacks of the tools.
fn rows(tools: &[Tool], found: impl Fn(&Tool) -> bool) -> Result<Vec<Row>, Failed> {
    let row = |command: String, does, needs: &[For]| {
        let mut lacks: Vec<Lack> = Vec::new();
        for tool in tools.iter().filter(|tool| needs.contains(&tool.needed) && !found(tool)) {
            if lacks.iter().all(|lack| lack.name != tool.name()) {
                lacks.push(Lack { name: tool.name(), package: tool.package(), why: tool.why });
            }
        }
        Row { command, does, works: lacks.is_empty(), lacks }
    };
    let of = |words: String, does| {
        let wrong = |error| Failed::new(format!("cannot read the command `{words}` of this page: {error}"));
        let cli = Cli::try_parse_from(["nodeos"].into_iter().chain(words.split(' '))).map_err(wrong)?;
        let purposes = cli.verb.purposes();
        Ok::<_, Failed>(row(format!("nodeos {words}"), does, &purposes))
    };
    let mut rows = Vec::new();
    for (words, does) in COMMANDS {
        let archs = if words.contains("ARCH") { ALL } else { &ALL[..1] };
        for arch in archs {
            rows.push(of(words.replace("ARCH", arch.name), does)?);
        }
    }
    for medium in media::ALL {
        for arch in ALL.iter().filter(|arch| medium.archs.contains(&arch.name)) {
            rows.push(of(format!("build --target {medium} --arch {arch} --out OUT"), medium.about)?);
        }
    }
    // the command itself finds out by the file which medium it is
    for arch in ALL {
        let needs = [For::Machine(arch), For::Firmware(arch)];
        rows.push(row(format!("nodeos run MEDIUM, for {arch}"), "boot a medium as hardware would", &needs));
    }
    for medium in media::ALL.iter().filter(|medium| matches!(medium.code, Code::Apart(_))) {
        let needs = [For::Images, For::Users, For::Medium(medium.name)];
        let command = format!("nodeos update-app MEDIUM APP, for {}", medium.name);
        rows.push(row(command, "replace an app and keep its data", &needs));
    }
    rows.push(row("./nodeos test".to_owned(), "run every test", &tools::everything()));
    Ok(rows)
}

fn text(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.command.len()).max().unwrap_or(0);
    let line = |Row { command, does, lacks, works }: &Row| {
        let state = if *works { "works" } else { "LACKS" };
        let mut packages: Vec<&str> = lacks.iter().map(|lack| lack.package).collect();
        packages.dedup();
        let lacks = if *works { String::new() } else { format!("\n         apt-get install {}", packages.join(" ")) };
        format!("{state}  {command:<width$}  {does}{lacks}")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Every tool, once.
fn table(tools: &[Tool]) -> String {
    let mut seen = Vec::new();
    let mut lines = String::new();
    for tool in tools {
        if !seen.contains(&tool.name()) {
            seen.push(tool.name());
            let found = if tool.found().is_some() { "found  " } else { "MISSING" };
            lines += &format!("{found}  {:<42} {:<22} {}\n", tool.name(), tool.package(), tool.why);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Row, rows, text};
    use boot::tools::{For, Tool, all};
    use shim::arches::ALL;

    fn with(found: impl Fn(&Tool) -> bool) -> Vec<Row> {
        rows(&all(), found).unwrap()
    }

    fn works(rows: &[Row]) -> Vec<&str> {
        rows.iter().filter(|row| row.works).map(|row| row.command.as_str()).collect()
    }

    #[test]
    fn with_only_e2fsprogs_homes_can_be_created_but_no_machine_runs() {
        let rows = with(|tool| tool.package() == "e2fsprogs");
        assert_eq!(works(&rows), ["nodeos users create FILE", "nodeos explain", "nodeos inspect FILE"]);
        assert!(text(&rows).contains("works  nodeos users create FILE "), "{}", text(&rows));
        assert!(text(&rows).contains("LACKS  nodeos update-app MEDIUM APP, for sd "), "{}", text(&rows));
    }

    #[test]
    fn run_works_without_tools_for_tests_and_other_machines() {
        let arch = ALL.iter().find(|arch| arch.name == "x86_64").unwrap();
        let needed = [For::Images, For::Users, For::Kernel(arch), For::Machine(arch)];
        let names: Vec<_> = all().iter().filter(|tool| needed.contains(&tool.needed)).map(Tool::name).collect();
        let rows = with(|tool| names.contains(&tool.name()));
        let works = works(&rows);
        assert!(
            works.contains(&"nodeos run --arch x86_64") && works.contains(&"nodeos measure --arch x86_64"),
            "{works:?}"
        );
        for lacks in ["nodeos run --arch aarch64", "nodeos build --target pxe --arch x86_64 --out OUT", "./nodeos test"]
        {
            assert!(!works.contains(&lacks), "{lacks}");
        }
        let pxe = rows.iter().find(|row| row.command.contains("pxe")).unwrap();
        let packages: Vec<_> = pxe.lacks.iter().map(|lack| lack.package).collect();
        assert_eq!(packages, ["ipxe", "ipxe", "pxelinux", "syslinux-common"]);
        let text = text(&rows);
        assert!(text.contains("docs/pxe.md\n         apt-get install ipxe pxelinux syslinux-common\n"), "{text}");
    }

    #[test]
    fn with_all_tools_every_command_works() {
        assert!(with(|_| true).iter().all(|row| row.works));
        assert!(with(|_| false).iter().filter(|row| row.works).count() == 2, "explain and inspect need nothing");
    }
}
