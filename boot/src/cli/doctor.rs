//! `nodeos doctor`: what is needed, what is here.

use boot::tools::{self, Tool};
use serde::Serialize;

use super::{Failed, exit, print_json, print_line};

/// Show each program and package that is needed, and whether it is here
#[derive(clap::Args)]
#[command(after_help = "Exit status: 0 when everything is here, 69 when something is missing.")]
pub struct Args {
    /// For a program to read
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    package: &'static str,
    why: &'static str,
    found: Option<std::path::PathBuf>,
}

impl Args {
    pub fn run(self) -> Result<u8, Failed> {
        let mut tools = tools::all();
        let mut seen = Vec::new();
        tools.retain(|tool| {
            !seen.contains(&tool.name()) && {
                seen.push(tool.name());
                true
            }
        });
        let row = |tool: &Tool| Row { name: tool.name(), package: tool.package, why: tool.why, found: tool.found() };
        let rows: Vec<Row> = tools.iter().map(row).collect();
        let missing: Vec<Tool> = tools.into_iter().filter(|tool| tool.found().is_none()).collect();
        if self.json {
            print_json(&rows)?;
        } else {
            print_line(&table(&rows))?;
            print_line(&match missing.len() {
                0 => "\neverything is here".to_owned(),
                many => {
                    let install = tools::install(&tools::packages(&missing));
                    format!("\n{many} missing; to install them:\n  {install}")
                }
            })?;
        }
        Ok(if missing.is_empty() { exit::DONE } else { exit::MISSING })
    }
}

fn table(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let found = if row.found.is_some() { "found  " } else { "MISSING" };
        format!("{found}  {:<38} {:<22} {}", row.name, row.package, row.why)
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
