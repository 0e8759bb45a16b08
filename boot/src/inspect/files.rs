//! Single files of an EROFS filesystem, by their paths, and the apps that it has.

use std::cell::Cell;
use std::io::Read;

use erofs_rs::Error as Erofs;
use erofs_rs::r#async::EroFS;
use erofs_rs::types::Inode;
use shim::layout::{APP_FOLDER, APP_POLICY};
use shim::op::Code;
use shim::plan;
use shim::policy::MAX_FILE;
use shim::users::is_ours;

use super::erofs::{Bytes, Content, at_once, mode};
use crate::host::error::{Error, Result, Tried};
use crate::host::window::Window;
use crate::image::unpack::UNPACKED;
use crate::users::app;
use crate::users::roots::{Judged, RootsFile};

/// An app of an image of apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its user.
    pub name: String,
    pub code: Code,
    /// The policy that its medium has for it.
    pub policy: Option<Judged>,
}

impl From<app::App> for App {
    /// What will be in its image.
    fn from(app: app::App) -> Self {
        let code = if app.writable { Code::Writable } else { Code::ReadOnly };
        Self { name: app.name, code, policy: app.policy.map(Ok) }
    }
}

/// An open filesystem.
pub struct Files {
    fs: EroFS<Bytes>,
    image: Window,
    left: Cell<u64>,
}

impl Files {
    /// Opens the filesystem in a file or a partition.
    pub fn open(image: &Window) -> Result<Self> {
        let fs = at_once(EroFS::new(Bytes(image.clone())));
        let failed = |why| Error::new(format!("read the EROFS filesystem in {}", image.path().display()), why);
        Ok(Self { fs: fs.map_err(failed)?, image: image.clone(), left: Cell::new(UNPACKED) })
    }

    /// The content of a file; `None` if no file has that path.
    pub fn file(&self, path: &str) -> Result<Option<impl Read + use<'_>>> {
        match at_once(self.fs.open(path)) {
            Ok(file) => Ok(Some(Content { file, left: &self.left })),
            Err(Erofs::PathNotFound(_) | Erofs::NotAFile(_) | Erofs::NotADirectory(_)) => Ok(None),
            Err(why) => Err(self.failed(path, why)),
        }
    }

    /// What is in a folder, by name; nothing if there is no such folder.
    fn folder(&self, path: &str) -> Result<Vec<(String, Inode)>> {
        let failed = |why| self.failed(path, why);
        let mut entries = match at_once(self.fs.read_dir(path)) {
            Err(Erofs::PathNotFound(_)) => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut all = Vec::new();
        while let Some(entry) = at_once(async { entries.next_entry().await.transpose() }).map_err(failed)? {
            let path = entry.dir_entry.path().into_vec();
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            all.push((String::from_utf8_lossy(name).into_owned(), entry.inode));
        }
        Ok(all)
    }

    /// The apps of an image of apps, by name.
    pub fn apps(&self) -> Result<Vec<App>> {
        let mut apps = Vec::new();
        for (name, inode) in self.folder("/")? {
            if !inode.is_dir() || is_ours(name.as_bytes()) {
                continue;
            }
            let own = self.folder(&format!("/{name}"))?;
            let code = own.iter().find(|(name, inode)| name == APP_FOLDER && inode.is_dir());
            let policy = self.policy(&name)?;
            apps.push(App { name, code: plan::code(code.map_or(0, |(_, inode)| mode(inode))), policy });
        }
        apps.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(apps)
    }

    fn policy(&self, app: &str) -> Result<Option<Judged>> {
        let (above, file) = APP_POLICY.rsplit_once('/').unwrap_or(("", APP_POLICY));
        let path = format!("/{app}/{APP_POLICY}");
        let found = self.folder(&format!("/{app}/{above}"))?.into_iter().find(|(name, _)| name == file);
        let Some((_, inode)) = found else { return Ok(None) };
        let (is_file, size) = (inode.is_file(), inode.data_size());
        let mut text = Vec::new();
        if is_file && size < MAX_FILE as u64 {
            let file = self.fs.open_inode_file(inode).map_err(|why| self.failed(&path, why))?;
            Content { file, left: &self.left }
                .read_to_end(&mut text)
                .tried("read", format!("{path} in {}", self.image.path().display()))?;
        }
        // a medium is root's
        Ok(Some(RootsFile { is_file, uid: 0, mode: 0, size, text: &text }.policy()))
    }

    fn failed(&self, path: &str, why: Erofs) -> Error {
        Error::new(format!("read {path} in {}", self.image.path().display()), why)
    }
}
