//! `nodeos clean`: shows what the cache holds, and frees it.

use std::fs;

use boot::host::cache::Cache;
use boot::host::cache::clean::Held;
use boot::users::kept;

use crate::common::{Act, Common, Failed, print_line};

/// Show what the cache holds, and free all but kernels
#[derive(clap::Args)]
#[command(after_help = "\
The cache is $XDG_CACHE_HOME/nodeos, else ~/.cache/nodeos. What is removed is made or fetched again when \
it is needed. What a command used in the last three hours stays. Homes \
that `nodeos run` keeps are not in the cache, and are never removed.

Examples:
  nodeos clean --dry-run    only the list
  nodeos clean --all        kernels too: the next run builds one again, which takes minutes

Exit status: 0 done, 71 something could not be removed.")]
pub struct Args {
    /// Remove kernels, their source and compiled pieces too
    #[arg(long)]
    all: bool,
    /// Remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// Kinds that take minutes to make again.
const SLOW: [&str; 3] = ["ccache", "kernel", "kernel-source"];

impl Act for Args {
    fn run(self, _: Common) -> Result<u8, Failed> {
        let cache = Cache::open()?;
        print_line(&format!("{:16} {:>8} {:>10} {:>10}", cache.root().display(), "entries", "MB", "freed MB"))?;
        let (mut total, mut failed) = ([0, 0], Vec::new());
        for Held { kind, entries, bytes, unused } in cache.held()? {
            let goes = self.all || !SLOW.contains(&kind.as_str());
            let freed = match (goes, self.dry_run) {
                (false, _) => 0,
                (true, true) => unused,
                (true, false) => {
                    let (freed, errors) = cache.clean(&kind)?;
                    failed.extend(errors);
                    freed
                }
            };
            total = [total[0] + bytes, total[1] + freed];
            print_line(&line(&kind, &entries.to_string(), bytes, freed))?;
        }
        print_line(&line("all", "", total[0], total[1]))?;
        if self.dry_run {
            print_line("nothing was removed: --dry-run")?;
        }
        if let Some(error) = failed.first() {
            return Err(Failed::new(format!("{} entries stay: cannot {error}", failed.len())));
        }
        let folder = kept::folder()?;
        let homes = fs::read_dir(&folder).map_or(0, |found| found.flatten().count());
        print_line(&format!("homes of earlier runs, which stay: {homes} files in {}", folder.display()))
    }
}

fn line(kind: &str, entries: &str, bytes: u64, freed: u64) -> String {
    format!("{kind:16} {entries:>8} {:>10} {:>10}", bytes / 1_000_000, freed / 1_000_000)
}
