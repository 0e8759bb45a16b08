//! `nodeos`: makes images and runs them.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use cli::{Cli, exit};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let shown = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            if std::env::args_os().nth(1).is_some_and(|word| word == "--missing") {
                return ExitCode::from(exit::DONE); // the launcher asks; the command itself will say it
            }
            // a closed stdout is no reason to complain
            let _ = error.print();
            return ExitCode::from(if shown { exit::DONE } else { exit::USAGE });
        }
    };
    if let Err(error) = boot::host::interrupt::catch() {
        complain(&format!("cannot catch SIGINT: {error}"));
        return ExitCode::from(exit::FAILED);
    }
    match cli.run() {
        Ok(status) => ExitCode::from(status),
        Err(failed) => {
            complain(&failed.to_string());
            ExitCode::from(failed.status)
        }
    }
}

/// That nobody reads it is no reason to panic, as `eprintln` does.
fn complain(text: &str) {
    let _ = std::io::stderr().write_all(format!("nodeos: {text}\n").as_bytes());
}
