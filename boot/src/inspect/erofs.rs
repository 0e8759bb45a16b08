//! The members of an EROFS filesystem. erofs-rs reads it in place: nothing is unpacked, so no name in it becomes a name
//! of the host.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use erofs_rs::r#async::{EroFS, File};
use erofs_rs::backend::AsyncImage;
use erofs_rs::types::Inode;

use shim::layout::{APP_FOLDER, APP_POLICY};
use shim::op::Code;
use shim::plan;
use shim::policy::MAX_FILE;
use shim::users::is_ours;

use super::{Facts, Read};
use crate::host::error::{Error, Result};
use crate::host::shown::Shown;
use crate::host::shown::mode_text;
use crate::host::window::Window;
use crate::image::unpack::{self, Names, UNPACKED};
use crate::users::app;
use crate::users::read::{Judged, Member, judge};

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

/// The apps of an image, by name.
pub fn apps(image: &Window) -> Result<Vec<App>> {
    let failed = |why: erofs_rs::Error| Error::new(format!("read the apps in {}", image.path().display()), why);
    let fs = at_once(EroFS::new(Bytes(image.clone()))).map_err(failed)?;
    let mut apps = Vec::new();
    for (name, inode) in folder(&fs, "/").map_err(failed)? {
        if !inode.is_dir() || is_ours(name.as_bytes()) {
            continue;
        }
        let own = folder(&fs, &format!("/{name}")).map_err(failed)?;
        let code = own.iter().find(|(name, inode)| name == APP_FOLDER && inode.is_dir());
        let policy = policy(&fs, &name).map_err(failed)?;
        apps.push(App { name, code: plan::code(code.map_or(0, |(_, inode)| mode(inode))), policy });
    }
    apps.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(apps)
}

/// The names in a folder; none if there is no such folder.
fn folder(fs: &EroFS<Bytes>, path: &str) -> erofs_rs::Result<Vec<(String, Inode)>> {
    let mut entries = match at_once(fs.read_dir(path)) {
        Err(erofs_rs::Error::PathNotFound(_)) => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut all = Vec::new();
    while let Some(entry) = at_once(async { entries.next_entry().await.transpose() })? {
        let path = entry.dir_entry.path().into_vec();
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        all.push((String::from_utf8_lossy(name).into_owned(), entry.inode));
    }
    Ok(all)
}

fn policy(fs: &EroFS<Bytes>, app: &str) -> erofs_rs::Result<Option<Judged>> {
    let (above, file) = APP_POLICY.rsplit_once('/').unwrap_or(("", APP_POLICY));
    let found = folder(fs, &format!("/{app}/{above}"))?.into_iter().find(|(name, _)| name == file);
    let Some((_, inode)) = found else { return Ok(None) };
    let (is_file, size) = (inode.is_file(), inode.data_size());
    let mut text = Vec::new();
    if is_file && size < MAX_FILE as u64 {
        let left = Cell::new(UNPACKED);
        Content { file: fs.open_inode_file(inode)?, left: &left }.read_to_end(&mut text)?;
    }
    // a medium is root's
    Ok(Some(judge(is_file, 0, 0, size, &text)))
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

fn mode(inode: &Inode) -> u32 {
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
