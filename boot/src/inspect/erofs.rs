//! The members of an EROFS filesystem. erofs-rs reads it in place: nothing is unpacked, so no name in it becomes a name
//! of the host.

use std::cell::Cell;
use std::fmt::Display;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use erofs_rs::r#async::{EroFS, File};
use erofs_rs::backend::AsyncImage;
use erofs_rs::types::Inode;

use super::{Facts, Read};
use crate::host::error::{Error, Result};
use crate::host::shown::Shown;
use crate::host::shown::mode_text;
use crate::host::window::Window;
use crate::image::unpack::{self, Names, UNPACKED};
use crate::users::read::Member;

/// The longest path that can be opened, and the longest link target: PATH_MAX.
const LONGEST: usize = 4096;
/// A carbon copy never has more members.
const MOST: usize = 1 << 20;

pub fn read(image: &Window) -> Result<Vec<Read>> {
    let tried = |what: &dyn Display| format!("read {what} in {}", image.path().display());
    let failed = |why: erofs_rs::Error| Error::new(tried(&"the EROFS filesystem"), why);
    let fs = at_once(EroFS::new(Bytes(image.clone()))).map_err(failed)?;
    let next = || {
        format!("dump.erofs --ls --path=/ {} lists one folder, however much is in the others", image.path().display())
    };
    let (names, programs) = (Names::default(), Cell::new(UNPACKED));
    let mut all = Vec::new();
    let mut walk = at_once(fs.walk_dir("/")).map_err(failed)?;
    while let Some(entry) = at_once(async { walk.next_entry().await.transpose() }).map_err(failed)? {
        let (path, inode) = (entry.dir_entry.path().into_vec(), entry.inode);
        let within = |why: &dyn Display| Error::new(tried(&Shown::of(&path)), why);
        if path.len() > LONGEST {
            return Err(within(&format!("its path has {} bytes, at most {LONGEST} can be opened", path.len())));
        }
        if all.len() == MOST {
            return Err(within(&format!("there are more than {MOST} members, which are no carbon copy")));
        }
        let link = match inode.is_symlink() {
            true if inode.data_size() > LONGEST as u64 => {
                return Err(within(&format!("a link of {} bytes, at most {LONGEST} are one", inode.data_size())));
            }
            true => {
                let says = at_once(fs.read_link_inode(inode)).map_err(|why| within(&why))?;
                Some(String::from_utf8_lossy(says.as_bytes()).into_owned())
            }
            false => None,
        };
        let shown = String::from_utf8_lossy(&path).into_owned();
        names.take(&shown, link.as_deref().unwrap_or_default()).map_err(|why| within(&why).next(next()))?;
        let facts = facts(&fs, inode, &programs).map_err(|why| within(&why))?;
        let (mode, bytes) = (mode_text(mode(&inode)), inode.data_size());
        all.push(Read { member: Member { path: shown, mode, uid: inode.uid(), gid: inode.gid(), bytes, link }, facts });
    }
    Ok(all)
}

/// erofs-rs only awaits reads of a file, and these are complete when they return.
pub fn at_once<T>(future: impl Future<Output = erofs_rs::Result<T>>) -> erofs_rs::Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(erofs_rs::Error::NotSupported("to wait for a read".to_owned())),
    }
}

pub struct Bytes(pub Window);

impl AsyncImage for Bytes {
    async fn read_exact_at(&self, to: &mut [u8], at: u64) -> erofs_rs::Result<()> {
        Ok(self.0.read_exact_at(to, at)?)
    }
}

pub fn mode(inode: &Inode) -> u32 {
    inode.file_type().as_raw_mode() | inode.permissions().mode()
}

fn facts(fs: &EroFS<Bytes>, inode: Inode, left: &Cell<u64>) -> erofs_rs::Result<Facts> {
    if !inode.is_file() {
        return Ok(Facts::None);
    }
    match Facts::read(inode.data_size(), &mut Content { file: fs.open_inode_file(inode)?, left }) {
        // compressed in a way that our kernel does not know either
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(Facts::None),
        facts => Ok(facts?),
    }
}

/// Files may share blocks, so the bytes that are read of all of them are counted.
pub struct Content<'a> {
    pub file: File<'a, Bytes>,
    pub left: &'a Cell<u64>,
}

impl io::Read for Content<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let bytes = at_once(self.file.read(to)).map_err(|error| match error {
            erofs_rs::Error::Io(error) => error,
            erofs_rs::Error::NotSupported(_) => io::ErrorKind::Unsupported.into(),
            error => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
        })?;
        unpack::take(self.left, bytes as u64)?;
        Ok(bytes)
    }
}
