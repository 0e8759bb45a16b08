//! `nodeos completions`: a script for a shell to complete the command line.

use clap::CommandFactory;
use clap_complete::generate;

use crate::Cli;
use crate::common::{Act, Common, Failed, print_line};

/// Print a completion script for a shell
#[derive(clap::Args)]
#[command(after_help = "\
The script goes to stdout. Write it again after an update of nodeos. It completes ./nodeos too.

Where to put it:
  bash   ~/.local/share/bash-completion/completions/nodeos, with Debian's package bash-completion
  zsh    a file _nodeos in a folder that ~/.zshrc adds to fpath before it runs compinit
  fish   ~/.config/fish/completions/nodeos.fish

Examples:
  source <(nodeos completions bash)       bash or zsh, for this shell alone
  nodeos completions bash > ~/.local/share/bash-completion/completions/nodeos
  nodeos completions zsh > ~/.zfunc/_nodeos
  nodeos completions fish > ~/.config/fish/completions/nodeos.fish

Exit status: 0 the script is printed, 64 there is no such shell, 71 stdout cannot be written to.")]
pub struct Args {
    /// The shell that reads the script
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Shells whose scripts are tested.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Act for Args {
    fn run(self, _: Common) -> Result<u8, Failed> {
        print_line(script(self.shell).trim_end())
    }
}

fn script(shell: Shell) -> String {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), "nodeos", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
