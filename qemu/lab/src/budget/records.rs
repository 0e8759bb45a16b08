//! The files of budgets and landed figures in the source tree: only this module reads and writes them.

use std::fs;
use std::path::{Path, PathBuf};

use boot::host::cache::write_whole;
use boot::host::error::{Error, Result, Tried};
use boot::host::run::Run;
use shim::arches::{ALL, Arch};

use super::{Budgets, Landed, machines};
use crate::figures::FORMAT;

/// The path of the budgets in the source tree.
pub const BUDGETS: &str = "qemu/budgets.toml";

/// The records of a source tree.
pub struct Records {
    root: PathBuf,
}

impl Records {
    /// The records of the source tree in which this program was built.
    pub fn of_this_clone() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
        match root.join("qemu").is_dir() {
            true => Ok(Self { root: root.to_owned() }),
            false => {
                let why = format!("{} is gone", root.display());
                Err(Error::new("find the budgets", why).next("run nodeos from its clone"))
            }
        }
    }

    /// The budgets. Refuses budgets of a machine that does not exist, because they would never be checked.
    pub fn budgets(&self) -> Result<Budgets> {
        let file = self.root.join(BUDGETS);
        let read = || format!("read {}", file.display());
        let text = fs::read_to_string(&file).tried("read", &file)?;
        let budgets = Budgets::read(&text).map_err(|why| Error::new(read(), why))?;
        let known: Vec<_> = machines::all().map(|(arch, target)| machines::name(arch.name, target.name)).collect();
        match budgets.rows.keys().find(|machine| !known.contains(machine)) {
            None => Ok(budgets),
            Some(machine) => {
                Err(Error::new(read(), format!("there is no machine {machine}; there are {}", known.join(", "))))
            }
        }
    }

    /// The figures that landed last.
    pub fn landed(&self) -> Result<Landed> {
        let files = ALL.iter().map(|arch| self.root.join(record(arch))).filter(|path| path.exists());
        joined(files.map(|path| Ok((path.display().to_string(), fs::read_to_string(&path).tried("read", &path)?))))
    }

    /// The landed figures at a git revision.
    pub fn landed_at(&self, revision: &str, archs: &[&Arch]) -> Result<Landed> {
        let show = |arch: &&Arch| {
            let object = format!("{revision}:{}", record(arch));
            let run = Run::new("git").args(["show", "--end-of-options", &object]).within(&self.root);
            let text = run.output().map_err(|error| {
                error.next(
                    "name a revision that has records: git log -- qemu/landed; --arch and --target ask for fewer machines",
                )
            })?;
            Ok((object, text))
        };
        joined(archs.iter().map(show))
    }

    /// Writes the budgets, and the landed figures of each architecture.
    pub fn write(&self, budgets: &Budgets, landed: &Landed) -> Result<()> {
        for arch in ALL {
            let of = landed.machines.iter().filter(|(name, _)| name.split('.').next() == Some(arch.name));
            let of = Landed { format: FORMAT, machines: of.map(|(n, f)| (n.clone(), f.clone())).collect() };
            let path = self.root.join(record(arch));
            let text = serde_json::to_string_pretty(&of)
                .map_err(|error| Error::new(format!("write {}", path.display()), error.to_string()))?;
            fs::create_dir_all(path.parent().unwrap_or(&self.root)).tried("make the folder of", &path)?;
            write_whole(&path, format!("{text}\n").as_bytes())?;
        }
        write_whole(&self.root.join(BUDGETS), budgets.text().as_bytes())
    }
}

fn record(arch: &Arch) -> String {
    format!("qemu/landed/{arch}.json")
}

/// The machines of several records; each record comes with a name for errors.
fn joined(records: impl Iterator<Item = Result<(String, String)>>) -> Result<Landed> {
    let mut landed = Landed { format: FORMAT, ..Landed::default() };
    for record in records {
        let (name, text) = record?;
        let read = Landed::read(&text).map_err(|why| Error::new(format!("read {name}"), why))?;
        landed.machines.extend(read.machines);
    }
    Ok(landed)
}
