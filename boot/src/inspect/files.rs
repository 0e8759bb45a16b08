//! Single files of an EROFS filesystem, by their paths.

use std::cell::Cell;
use std::io::Read;

use erofs_rs::Error as Erofs;
use erofs_rs::r#async::EroFS;

use super::erofs::{Bytes, Content, at_once};
use crate::host::error::{Error, Result};
use crate::host::window::Window;
use crate::image::unpack::UNPACKED;

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

    /// The names of the folders at its top.
    pub fn folders(&self) -> Result<Vec<String>> {
        let failed = |why| self.failed("/", why);
        let mut all = at_once(self.fs.read_dir("/")).map_err(failed)?;
        let mut names = Vec::new();
        while let Some(entry) = at_once(async { all.next_entry().await.transpose() }).map_err(failed)? {
            if entry.inode.is_dir() {
                let path = entry.dir_entry.path().into_vec();
                names.push(String::from_utf8_lossy(&path).trim_start_matches('/').to_owned());
            }
        }
        Ok(names)
    }

    fn failed(&self, path: &str, why: Erofs) -> Error {
        Error::new(format!("read {path} in {}", self.image.path().display()), why)
    }
}
