//! Reads a users partition. Nothing is mounted, nothing is written.

mod listing;

pub use self::listing::{Member, Partition, inspect, partition};
use super::disk::{Disk, HELD, Inode, ROOT};
use super::ext4::{in_use, replayed};
use super::place::Place;
use super::roots::{Judged, RootsFile, Settings};
use super::superblock;
use crate::host::error::{Error, Result};
use crate::host::shown::Shown;
use serde::Serialize;
use shim::layout::{HOME_INIT, LOGON_FILE, MACHINE, MAX_LOGON_FILE, POLICY, POLICY_SUFFIX, ROOT_USER};
use shim::logon_file::LogonFile;
use shim::users::{Found, Homes, Index, is_ours};
use shim::{machine_file, policy};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// How a user logs on, in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// With a password.
    Password,
    /// Without one.
    Guest,
    /// Cannot log on.
    None,
}

/// One home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// Its name; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// The number of files and links in it.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// How its owner logs on.
    pub logon: How,
    /// Whether it has an `/init` that runs at boot.
    pub init: bool,
    /// What is wrong with its policy; then the strictest one applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken_policy: Option<String>,
    /// Why the machine will refuse it, if it will.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl User {
    /// A user with an empty home.
    #[must_use]
    pub fn new(name: &str, uid: u32, gid: u32, logon: How) -> Self {
        let (name, files, bytes, init) = (name.to_owned(), 0, 0, false);
        Self { name, uid, gid, files, bytes, logon, init, broken_policy: None, refused: None }
    }
}

/// More homes are not listed: this is sixty times what a machine accepts.
const MOST_HOMES: usize = 1 << 16;

/// An opened image.
pub struct Image {
    disk: Disk,
    path: PathBuf,
    /// Why no machine mounts it for writing, and what to do about that.
    pub refused: Option<&'static str>,
    _replayed: Option<TempPath>,
}

/// The names in a folder, sorted, with the numbers of their inodes.
type Names = Vec<(Vec<u8>, u32)>;

/// The homes of a users partition, by name.
pub fn list(path: &Path) -> Result<Vec<User>> {
    Image::open(path)?.users()
}

impl Image {
    /// Opens an image, or the partition of one.
    pub fn open(path: &Path) -> Result<Self> {
        Self::at(&Place::of(path)?)
    }

    /// Opens the users partition there. If its journal must be replayed, this is done in a copy.
    pub fn at(place: &Place) -> Result<Self> {
        let Place { window, superblock } = place;
        let path = window.path().to_owned();
        let failed = |why: &str| Error::new(format!("read {}", path.display()), why);
        if let Some(why) = superblock.unreadable() {
            return Err(
                failed(&why).next("the machine may mount it all the same; to edit it, copy the homes to a new one")
            );
        }
        let busy = |error| {
            if in_use(&path) { failed("a running machine has it open").next("stop the machine first") } else { error }
        };
        let (window, superblock, copy) = match superblock.recover() {
            true => {
                let (place, copy) = replayed(place).map_err(busy)?;
                (place.window, place.superblock, Some(copy))
            }
            false => (window.clone(), superblock.clone(), None),
        };
        let refused = superblock::refused(&window);
        let disk = Disk::new(window, superblock);
        disk.inode(ROOT).map_err(busy)?;
        Ok(Self { disk, path, refused, _replayed: copy })
    }

    /// The homes, by name. The shim's table decides which ones are refused.
    pub fn users(&self) -> Result<Vec<User>> {
        let mut table = Homes::new();
        let mut users: BTreeMap<Vec<u8>, (User, Option<Index>)> = BTreeMap::new();
        let names = self.disk.names(&self.disk.inode(ROOT)?, &mut { HELD })?;
        if names.len() > MOST_HOMES {
            let why = format!("{} names lie there, and at most {MOST_HOMES} homes are listed", names.len());
            return Err(self.disk.beyond(&"/", &why));
        }
        let policies = self.policies()?;
        for (name, number) in names {
            if is_ours(&name) {
                continue;
            }
            let found = self.disk.inode(number)?;
            let mut user = self.user(&name, &found, &policies)?;
            let (uid, gid) = (user.uid, user.gid);
            let judged = table.admit(&name, Found { directory: found.is_dir(), uid, gid, has_init: user.init });
            let id = judged.map_err(|refusal| user.refused = Some(refusal.to_string())).ok();
            users.insert(name, (user, id));
        }
        for (name, refusal) in table.shared() {
            if let Some((user, _)) = users.get_mut(name) {
                user.refused = Some(refusal.to_string());
            }
        }
        Ok(users.into_values().map(|(user, _)| user).collect())
    }

    fn user(&self, name: &[u8], found: &Inode, policies: &Names) -> Result<User> {
        let policy = named(policies, &policy_name(&String::from_utf8_lossy(name)));
        let policy = policy.map(|number| self.judged(&self.disk.inode(number)?)).transpose()?;
        let mut user = User::new(&String::from_utf8_lossy(name), found.uid, found.gid, How::None);
        user.broken_policy = policy.and_then(std::result::Result::err);
        if !found.is_dir() {
            return Ok(user); // a link may lead to another user's home
        }
        self.walk_from([b"/", name].concat(), found, &mut |_, found| {
            if !found.is_dir() {
                user.files += 1;
                user.bytes = user.bytes.saturating_add(found.size);
            }
            Ok(())
        })?;
        // a regular executable file that the home's owner owns: the shim's own condition
        let init = self.below(found, HOME_INIT.as_bytes())?;
        user.init = init.is_some_and(|init| init.is_file() && init.uid == found.uid && init.mode & 0o100 != 0);
        user.logon = match self.logon_of(self.below(found, LOGON_FILE.as_bytes())?)?.and_then(|file| file.password) {
            None => How::None,
            Some(password) if password.is_empty() && name == ROOT_USER.as_bytes() => How::None, // logon::check
            Some(password) if password.is_empty() => How::Guest,
            Some(_) => How::Password,
        };
        Ok(user)
    }

    /// The logon file of a home; `None` if the shim would not accept it.
    pub fn logon(&self, top: &[u8]) -> Result<Option<LogonFile>> {
        self.logon_of(self.look(&[top, b"/", LOGON_FILE.as_bytes()].concat())?)
    }

    fn logon_of(&self, file: Option<Inode>) -> Result<Option<LogonFile>> {
        match file.filter(Inode::is_file) {
            Some(found) if found.size <= MAX_LOGON_FILE as u64 => {
                Ok(LogonFile::parse(&self.content(&found, MAX_LOGON_FILE as u64)?))
            }
            _ => Ok(None),
        }
    }

    /// The policy of a user, or what is wrong with the file; `None` if there is no file.
    pub fn policy(&self, name: &str) -> Result<Option<Judged>> {
        let file = named(&self.policies()?, &policy_name(name));
        file.map(|number| self.judged(&self.disk.inode(number)?)).transpose()
    }

    /// The names in the folder of policies.
    fn policies(&self) -> Result<Names> {
        let folder = self.look(POLICY.as_bytes())?.filter(Inode::is_dir);
        folder.map_or(Ok(Names::new()), |folder| self.disk.names(&folder, &mut { HELD }))
    }

    fn judged(&self, file: &Inode) -> Result<Judged> {
        self.of_root(file, policy::MAX_FILE, |file| file.policy())
    }

    /// The machine's own settings in JSON, or what is wrong with the file; `None` if there is no file.
    pub fn settings(&self) -> Result<Option<Settings>> {
        let file = self.look(MACHINE.as_bytes())?;
        file.map(|file| self.of_root(&file, machine_file::MAX_FILE, |file| file.settings())).transpose()
    }

    /// Judges a file that is read only if it is shorter than this.
    fn of_root<T>(&self, file: &Inode, most: usize, judge: impl FnOnce(RootsFile<'_>) -> T) -> Result<T> {
        let small = file.is_file() && file.size < most as u64;
        let text = if small { self.content(file, most as u64)? } else { Vec::new() };
        let (is_file, mode) = (file.is_file(), file.mode.into());
        Ok(judge(RootsFile { is_file, uid: file.uid, mode, size: file.size, text: &text }))
    }

    /// The content of a file of at most `most` bytes.
    pub fn content(&self, file: &Inode, most: u64) -> Result<Vec<u8>> {
        self.disk.content(file, most)
    }

    /// The target of a link.
    pub fn link(&self, link: &Inode) -> Result<Vec<u8>> {
        self.disk.link(link)
    }

    /// The inode at a path, or `None`. It follows no links, neither on the way nor at the end.
    pub fn look(&self, path: &[u8]) -> Result<Option<Inode>> {
        self.below(&self.disk.inode(ROOT)?, path)
    }

    fn below(&self, folder: &Inode, path: &[u8]) -> Result<Option<Inode>> {
        let mut found = folder.clone();
        for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            if !found.is_dir() {
                return Ok(None);
            }
            let Some(number) = named(&self.disk.names(&found, &mut { HELD })?, part) else { return Ok(None) };
            found = self.disk.inode(number)?;
        }
        Ok(Some(found))
    }

    /// Calls `each` for everything below a folder, sorted by name, a folder before its content. It is not recursive, so
    /// the depth of the folders does not matter.
    pub fn walk(&self, folder: &[u8], each: &mut dyn FnMut(&[u8], &Inode) -> Result<()>) -> Result<()> {
        let top = self.look(folder)?.filter(Inode::is_dir);
        let top = top.ok_or_else(|| self.failed(folder, &"there is no such folder"))?;
        self.walk_from(folder.strip_suffix(b"/").unwrap_or(folder).to_vec(), &top, each)
    }

    fn walk_from(
        &self,
        mut path: Vec<u8>,
        top: &Inode,
        each: &mut dyn FnMut(&[u8], &Inode) -> Result<()>,
    ) -> Result<()> {
        let mut seen = HashSet::from([top.number]);
        // each folder has the room that was left before it
        let mut room = HELD;
        let mut folders = vec![(self.disk.names(top, &mut room)?.into_iter(), path.len(), HELD)];
        while let Some((names, length, before)) = folders.last_mut() {
            path.truncate(*length);
            let Some((name, number)) = names.next() else {
                room = *before;
                folders.pop();
                continue;
            };
            path.push(b'/');
            path.extend(name);
            let found = self.disk.inode(number)?;
            each(&path, &found)?;
            if found.is_dir() {
                if !seen.insert(number) {
                    return Err(self.disk.damaged(&Shown::of(&path), "that folder lies in another place too"));
                }
                let before = room;
                folders.push((self.disk.names(&found, &mut room)?.into_iter(), path.len(), before));
            }
        }
        Ok(())
    }

    fn failed(&self, path: &[u8], why: &dyn fmt::Display) -> Error {
        Error::new(format!("read {} in {}", Shown::of(path), self.path.display()), why)
    }
}

fn policy_name(user: &str) -> Vec<u8> {
    format!("{user}{POLICY_SUFFIX}").into_bytes()
}

/// The inode of that name.
fn named(names: &Names, name: &[u8]) -> Option<u32> {
    names.binary_search_by(|(other, _)| other.as_slice().cmp(name)).ok().map(|at| names[at].1)
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Password => "password",
            Self::Guest => "guest",
            Self::None => "none",
        })
    }
}

/// One line of `users list`.
impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let init = if self.init { "init" } else { "-" };
        let Self { uid, gid, files, bytes, logon, .. } = self;
        let name = Shown::of(&self.name);
        write!(f, "{uid:>6} {gid:>6} {logon:<8} {init:<4} {files:>7} {bytes:>11} {name}")?;
        if let Some(why) = &self.refused {
            return write!(f, "  refused at boot: {why}");
        }
        match &self.broken_policy {
            Some(why) => write!(f, "  the strictest policy counts: in {POLICY}/{name}.json, {why}"),
            None => Ok(()),
        }
    }
}

/// The heading above these lines.
pub const HEADING: &str = "   uid    gid logon    init   files       bytes name";
