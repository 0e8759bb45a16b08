//! Finds out which kind of medium is at a path, and which machine boots it.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use shim::arches::Arch;

use super::hardware::{self, Asked, Hardware, Refused, Starts, Stock};
use super::{ALL, MANIFEST, Manifest, Medium, Shape, beside, files};
use crate::host::cache::Cache;
use crate::host::digest;
use crate::host::error::{Error, Result, Tried};
use crate::host::tool::For;
use crate::host::window::Window;

/// A medium.
pub struct Found {
    /// Its kind.
    pub medium: &'static Medium,
    /// Its path.
    pub path: PathBuf,
    /// Its architecture.
    pub arch: &'static Arch,
}

impl Found {
    /// The medium at that path: a folder with our manifest, or a file or device that a row recognizes.
    /// `verb` is what is done with it, for errors.
    pub fn at(verb: &str, path: &Path) -> Result<Option<Self>> {
        let tried = || format!("{verb} {}", path.display());
        let found = fs::metadata(path).map_err(|error| Error::io(tried(), &error))?;
        let path = std::path::absolute(path).tried("find", path)?;
        if found.is_dir() {
            return Self::folder(verb, path);
        }
        // a stick with a medium on it is accepted too
        if !found.is_file() && !found.file_type().is_block_device() {
            return Err(Error::new(tried(), "it is neither a file nor a folder"));
        }
        let window = Window::open(&path)?;
        let kind = ALL.iter().find_map(|medium| Some((medium, (medium.recognise)(&window)?)));
        Ok(kind.map(|(medium, arch)| Self { medium, path, arch }))
    }

    fn folder(verb: &str, path: PathBuf) -> Result<Option<Self>> {
        let manifest = match Manifest::read(&path.join(MANIFEST)) {
            Ok(manifest) => manifest,
            // an app may have another kind of manifest.json
            Err(_) if !["kernel", "initramfs"].iter().all(|name| path.join(name).is_file()) => return Ok(None),
            Err(error) => return Err(error.within(format!("{verb} {}", path.display()))),
        };
        let Some(medium) = Medium::named(&manifest.target).filter(|medium| medium.shape == Shape::Folder) else {
            return Ok(None);
        };
        files(&path)?;
        let unknown =
            || Error::new(format!("{verb} {}", path.display()), format!("{MANIFEST} names an unknown architecture"));
        let arch = Arch::named(&manifest.arch).ok_or_else(unknown)?;
        Ok(Some(Self { medium, path, arch }))
    }

    /// The tools of the host that booting it needs.
    #[must_use]
    pub fn needs(&self) -> Vec<For> {
        let more = match self.medium.starts {
            Starts::Loaded => None,
            Starts::Firmware => Some(For::Firmware(self.arch)),
            Starts::TakenOut => Some(For::Medium(self.medium.name)),
        };
        [For::Machine(self.arch)].into_iter().chain(more).collect()
    }

    /// The machine that boots it.
    pub fn hardware(&self, cache: &Cache, asked: &Asked) -> std::result::Result<Hardware, Refused> {
        hardware::check(self.medium, self.arch, asked)?;
        (self.medium.boot)(&Stock { path: &self.path, arch: self.arch, cache }, asked)
    }

    /// Whether it is unchanged since a build wrote it together with its manifest.
    pub fn is_as_built(&self, cache: &Cache) -> Result<bool> {
        let known = Manifest::read(&beside(&self.path)).ok().and_then(|manifest| manifest.sha256);
        Ok(known.is_some() && known == Some(digest::file(cache, &self.path)?))
    }
}
