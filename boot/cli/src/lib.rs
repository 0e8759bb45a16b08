//! The command-line interface: one file per verb, and their common code.

mod apps;
mod bench;
mod budget;
mod build;
mod clean;
mod common;
mod completions;
mod doctor;
mod explain;
mod init;
mod inspect;
mod kernel;
mod log;
mod machine;
mod man;
mod measure;
mod medium;
mod network;
mod on_terminal;
mod policy_options;
mod publish;
mod report;
mod run;
mod source;
mod update_app;
mod users;

use boot::host::progress::Progress;
use boot::tools;
use clap::{Parser, Subcommand};

use crate::common::{Act, act, print_line};
pub use crate::common::{Common, Failed, exit};

const STATUSES: &str = "\
Exit status:
  0   success; run: the machine powered off, and the app's exit status was 0
  64  wrong arguments
  69  a program or a package is missing: see `nodeos doctor`
  70  run: the machine crashed, or its power was cut
  71  any other failure
  75  run: the machine wants to restart, but stdin is no terminal
  129 run: SIGHUP stopped the machine
  130 run: ctrl-a x or SIGINT stopped the machine
      any other command: interrupted by ctrl-c, SIGTERM or SIGHUP; nothing incomplete is left
  141 run: the machine was stopped because stdout was closed
  143 run: SIGTERM stopped the machine
  any other: run: the exit status of the app";

const EXAMPLES: &str = "\
Examples:
  nodeos run                                 the demo: log on as nodeos (password nodeos) or guest
  nodeos run app.js                          a machine that runs this program and ends with it
  nodeos run examples/http --publish 8080:80 then: curl http://localhost:8080/
  nodeos run --arch aarch64 --memory 64M     another architecture, little memory
  nodeos build app.js --out image            the same machine as files
  nodeos update-app image app.js             a new version of the app; its data stays
  nodeos build --target iso --out demo.iso   a CD or USB stick; nodeos run demo.iso boots it
  nodeos users create family.ext4 && nodeos users add family.ext4 ana --password-file secret
  nodeos explain --users family.ext4         what PID 1 will do, step by step, and why

From a clone, `./nodeos test [NAME]` runs the tests. Every command has its own --help.";

/// Boots Linux straight into Node.js: makes images, runs them in QEMU.
#[derive(Parser)]
#[command(name = "nodeos", version, disable_version_flag = true, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// Answer yes to every question except that of --allow-include: install missing packages, delete users
    #[arg(short, long, global = true, display_order = 900)]
    yes: bool,
    /// Print only results and errors
    #[arg(short, long, global = true, display_order = 900)]
    quiet: bool,
    /// Print the version
    #[arg(short = 'v', long, short_alias = 'V', action = clap::ArgAction::Version, display_order = 901)]
    version: (),
    /// Print the Debian packages that the command needs and that are not there; do nothing (for the launcher)
    #[arg(long, hide = true)]
    missing: bool,
    #[command(subcommand)]
    verb: Verb,
}

/// The verbs, in the order of the help: a line each.
macro_rules! verbs {
    ($($Verb:ident: $module:ident,)+) => {
        #[derive(Subcommand)]
        enum Verb {
            $($Verb($module::Args),)+
        }

        impl Verb {
            fn purposes(&self) -> Vec<tools::For> {
                match self {
                    $(Self::$Verb(args) => args.purposes(),)+
                }
            }

            fn run(self, common: Common) -> Result<u8, Failed> {
                match self {
                    $(Self::$Verb(args) => act(args, common),)+
                }
            }
        }
    };
}

verbs! {
    Run: run,
    Build: build,
    UpdateApp: update_app,
    Init: init,
    Kernel: kernel,
    Users: users,
    Machine: machine,
    Log: log,
    Explain: explain,
    Inspect: inspect,
    Measure: measure,
    Budget: budget,
    Report: report,
    Bench: bench,
    Doctor: doctor,
    Clean: clean,
    Man: man,
    Completions: completions,
}

impl Cli {
    /// Does what was asked for; gives the exit status.
    pub fn run(self) -> Result<u8, Failed> {
        if self.missing {
            return print_line(&tools::packages(&tools::missing(&self.verb.purposes())).join(" "));
        }
        let common =
            Common { yes: self.yes, progress: if self.quiet { Progress::Silent } else { Progress::from_env() } };
        self.verb.run(common)
    }
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
