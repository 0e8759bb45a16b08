//! `manifest.json`: describes a medium.

use std::collections::BTreeMap;
use std::fs::{self, File, FileType};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};

use super::{Medium, Parts};
use crate::host::cache::Cache;
use crate::host::digest;
use crate::host::error::{Error, Result, Tried};

/// Its name in a folder; for a medium that is a file, it is appended to the file's name.
pub const NAME: &str = "manifest.json";

/// One medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The kind of medium, as `--target` names it.
    pub target: String,
    /// The architecture.
    pub arch: String,
    /// The default command line of the kernel.
    pub cmdline: String,
    /// Bytes of all of it.
    pub bytes: u64,
    /// SHA-256 of a medium that is one file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The versions of its parts.
    pub versions: BTreeMap<String, String>,
    /// The files in it, in the order of paths.
    pub members: Vec<Member>,
}

/// A file of a medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its path from the top of the medium.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

impl Member {
    /// Describes a file of the host that has, or will have, that path on a medium.
    pub fn of(cache: &Cache, path: PathBuf, at: &Path) -> Result<Self> {
        let bytes = fs::metadata(at).tried("look at", at)?.len();
        Ok(Self { bytes, sha256: digest::file(cache, at)?, path })
    }
}

impl Manifest {
    /// Describes a finished medium.
    pub(super) fn of(medium: &Medium, parts: &Parts<'_>, made: &Path, inside: Vec<Member>) -> Result<Self> {
        let image = parts.image;
        let found = fs::metadata(made).tried("look at", made)?;
        let (sha256, members) = match found.is_file() {
            true => (Some(digest::file(&parts.host.cache, made)?), inside),
            false => (None, members(&parts.host.cache, made)?),
        };
        let bytes = if found.is_file() { found.len() } else { members.iter().map(|member| member.bytes).sum() };
        let versions = image.versions.iter().cloned().chain((medium.versions)(parts)?);
        let versions = versions.map(|(name, version)| (name.to_owned(), version)).collect();
        let (target, arch) = (medium.name.to_owned(), image.arch.name.to_owned());
        Ok(Self { target, arch, cmdline: (medium.cmdline)(parts)?, bytes, sha256, versions, members })
    }

    /// Puts a new file in the place of the one with its path. The size of a medium that is one file does not change.
    pub fn replace(&mut self, new: Member, folder: bool) {
        for member in self.members.iter_mut().filter(|member| member.path == new.path) {
            if folder {
                self.bytes = self.bytes.saturating_sub(member.bytes).saturating_add(new.bytes);
            }
            *member = new.clone();
        }
    }

    /// Reads a manifest.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read(path)?;
        serde_json::from_slice(&text).map_err(|error| Error::new(format!("read {}", path.display()), error))
    }

    /// Its text.
    pub fn json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::new(format!("write {NAME}"), error))?;
        Ok(text + "\n")
    }
}

/// Reads a small file of a medium.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    /// More bytes than the manifest of a thousand files has.
    const MOST: u64 = 1 << 20;
    let (folder, name) = (path.parent().unwrap_or(path), path.file_name().unwrap_or_default());
    let mut text = Vec::new();
    open(folder, Path::new(name))?.take(MOST).read_to_end(&mut text).tried("read", path)?;
    Ok(text)
}

/// Opens a regular file of a medium, in its folder. Other files are refused: a link may lead anywhere on the host, a
/// FIFO never ends, and opening a device may have an effect.
pub fn open(folder: &Path, path: &Path) -> Result<File> {
    let at = folder.join(path);
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(Error::new(format!("read {}", at.display()), "it is not in the folder"));
    }
    for above in path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
        let found = fs::symlink_metadata(folder.join(above)).tried("read", &at)?;
        if !found.is_dir() {
            return Err(Error::new(format!("read {}", at.display()), "a folder above it is none of the medium's own"));
        }
    }
    let found = fs::symlink_metadata(&at).tried("read", &at)?.file_type();
    own(found).map_err(|why| Error::new(format!("read {}", at.display()), why))?;
    // if something else took its place meanwhile, do not follow it and do not block
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    File::options().read(true).custom_flags(flags).open(&at).tried("read", &at)
}

/// Refuses everything but regular files.
fn own(found: FileType) -> std::result::Result<(), &'static str> {
    match found {
        found if found.is_file() => Ok(()),
        found if found.is_symlink() => Err("it is a link; a medium has files of its own alone"),
        _ => Err("it is not a regular file; a medium has files of its own alone"),
    }
}

/// The files below a folder, in the order of paths. A machine, or a server of the folder, passes them to a guest, so
/// everything but regular files is refused.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        let at = folder.join(&below);
        for entry in fs::read_dir(&at).tried("list the folder", &at)? {
            let entry = entry.tried("list the folder", &at)?;
            let (path, found) = (below.join(entry.file_name()), entry.file_type().tried("look at", &at)?);
            if found.is_dir() {
                folders.push(path);
                continue;
            }
            let next = "put a copy of the file in its place";
            own(found).map_err(|why| Error::new(format!("use {}", folder.join(&path).display()), why).next(next))?;
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The same, with size and digest.
pub(super) fn members(cache: &Cache, folder: &Path) -> Result<Vec<Member>> {
    let member = |path: PathBuf| {
        let at = folder.join(&path);
        Member::of(cache, path, &at)
    };
    files(folder)?.into_iter().map(member).collect()
}
