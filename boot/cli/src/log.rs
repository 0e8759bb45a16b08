//! `nodeos log`: what a machine far away has printed, by its SSH server.

use std::os::unix::process::CommandExt;
use std::process::Command;

use boot::tools::For;
use boot::users::names;

use crate::common::{Act, Common, Failed};

/// Show what programs print on a machine that runs, with the time of each line
#[derive(clap::Args)]
#[command(after_help = "\
The machine needs an SSH server: examples/ssh, as docs/remote.md shows. A user sees their own log; root sees that of \
each user, and the kernel's. The machine keeps the last 64 KiB of each, or what `log` of its policy says.

Examples:
  nodeos log app@192.168.1.20              what the app has printed
  nodeos log -f app@192.168.1.20           the same, and what it prints from now on, until ctrl-c
  nodeos log root@192.168.1.20 ana         what ana's program has printed
  nodeos log --kernel root@192.168.1.20    the kernel's messages
  nodeos log --port 2222 app@127.0.0.1     a machine of `nodeos run --publish 2222:22`

Exit status: 0 shown, 69 there is no ssh here, 255 no connection, else what the machine says.")]
pub struct Args {
    /// Go on with what is printed from now on
    #[arg(short, long)]
    follow: bool,
    /// The kernel's messages
    #[arg(long, conflicts_with = "user")]
    kernel: bool,
    /// The port of its SSH server
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The machine, as ssh takes it
    #[arg(value_name = "[USER@]HOST")]
    machine: String,
    /// Whose log, if not one's own
    #[arg(value_name = "NAME")]
    user: Option<String>,
}

impl Args {
    /// The words after `ssh`. The last one is for the machine's shell.
    fn words(&self) -> Result<Vec<String>, Failed> {
        let mut command = if self.kernel { "dmesg" } else { "log" }.to_owned();
        if self.follow {
            command += " -f";
        }
        if let Some(user) = &self.user {
            names::check(user)?;
            command += &format!(" '{}'", user.replace('\'', r"'\''"));
        }
        let port = self.port.map(|port| ["-p".to_owned(), port.to_string()]);
        Ok(port.into_iter().flatten().chain(["-T", "--", &self.machine, &command].map(str::to_owned)).collect())
    }
}

impl Act for Args {
    fn purposes(&self) -> Vec<For> {
        vec![For::Remote]
    }

    fn run(self, _: Common) -> Result<u8, Failed> {
        let error = Command::new("ssh").args(self.words()?).exec();
        Err(Failed::new(format!("cannot run ssh: {error}")))
    }
}
