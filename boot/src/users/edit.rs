//! The first steps of every change of a users partition image: locks it, finds the home, and collects the bytes to
//! write.

use super::ext4::{Lock, lock};
use super::names;
use super::read::Image;
use crate::host::error::{Error, Result, Tried};
use crate::host::interrupt::Making;
use crate::host::shown::Shown;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Locks an image that a machine will use, and opens it.
pub fn to_change(path: &Path) -> Result<(Lock, Image)> {
    let lock = lock(path)?;
    let image = Image::open(path)?;
    match image.refused {
        None => Ok((lock, image)),
        Some(why) => Err(Error::new(format!("change {}", path.display()), why)),
    }
}

/// The path of an existing home.
pub fn home_of(image: &Image, path: &Path, name: &str) -> Result<Vec<u8>> {
    let top = [b"/", name.as_bytes()].concat();
    let home = !name.is_empty() && !name.contains('/') && !shim::users::is_ours(name.as_bytes());
    match image.look(&top)? {
        Some(found) if home && found.is_dir() => Ok(top),
        _ => {
            let error = Error::new(format!("find {} in {}", Shown::of(name), path.display()), "there is no such home");
            if name == names::APP {
                let next = format!("nodeos users add {} {name} --no-logon", path.display());
                return Err(error.next(format!("a machine makes it at the app's first start; to make it now: {next}")));
            }
            let users =
                image.users()?.iter().map(|user| Shown::of(&user.name).to_string()).collect::<Vec<_>>().join(", ");
            Err(error.next(format!("the homes are: {users}")))
        }
    }
}

/// Files with bytes that debugfs copies.
pub struct Staged {
    folder: TempDir,
    files: u64,
    _making: Making, // dropped after the folder
}

impl Staged {
    pub fn new() -> Result<Self> {
        let _making = Making::start();
        let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
        Ok(Self { folder, files: 0, _making })
    }

    pub fn file(&mut self, bytes: &[u8]) -> Result<PathBuf> {
        self.files += 1;
        let path = self.folder.path().join(self.files.to_string());
        fs::write(&path, bytes).tried("write", &path)?;
        Ok(path)
    }
}
