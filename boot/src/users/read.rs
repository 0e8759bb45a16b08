//! What is in a users partition. Nothing is mounted, nothing is written.

use super::disk::{Disk, Inode, ROOT};
use super::ext4::{in_use, replayed};
use super::place::Place;
use super::superblock;
use crate::error::{Error, Result};
use crate::inspect::mode_text;
use crate::shown::Shown;
use serde::Serialize;
use shim::layout::{HOME_INIT, LOGON_FILE, MAX_LOGON_FILE, POLICY, ROOT_USER};
use shim::logon_file::LogonFile;
use shim::policy::{MAX_FILE, Policy};
use shim::users::{Found, HomeId, Homes, is_ours};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// How a user logs on, as a listing says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// With a password.
    Password,
    /// Without one.
    Guest,
    /// Not at all.
    None,
}

/// One home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// Its name; bytes that are no UTF-8 are replaced.
    pub name: String,
    /// Its owner.
    pub uid: u32,
    /// And group.
    pub gid: u32,
    /// Files and links in it.
    pub files: u64,
    /// Bytes in these.
    pub bytes: u64,
    /// How its owner logs on.
    pub logon: How,
    /// Whether it has an `/init` that runs at boot.
    pub init: bool,
    /// What is wrong with its policy, for which the strictest will count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken_policy: Option<String>,
    /// Why the machine will refuse it, if it will.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// One file, folder, link or other thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its path from the top of the partition.
    pub path: String,
    /// Type and permissions as `ls -l` shows them.
    pub mode: String,
    /// Its owner.
    pub uid: u32,
    /// And group.
    pub gid: u32,
    /// Bytes in it.
    pub bytes: u64,
    /// What a link says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A users partition, for `inspect`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// The filesystem's label.
    pub label: String,
    /// Its UUID.
    pub uuid: String,
    /// Bytes from its start to its end.
    pub size: u64,
    /// Why no machine mounts it to write, if none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<&'static str>,
    /// The homes.
    pub users: Vec<User>,
    /// Everything in it, in the order of paths.
    pub members: Vec<Member>,
}

/// More members are not listed.
const MOST: usize = 1 << 22;

/// An image that is open.
pub struct Image {
    disk: Disk,
    path: PathBuf,
    /// Why no machine mounts it to write, and what to do about that.
    pub refused: Option<&'static str>,
    _replayed: Option<TempPath>,
}

/// The homes of a users partition, by name.
pub fn list(path: &Path) -> Result<Vec<User>> {
    Image::open(path)?.users()
}

/// Everything in a users partition.
pub fn inspect(path: &Path) -> Result<Partition> {
    partition(&Place::of(path)?)
}

/// The same, of a partition that was found.
pub fn partition(place: &Place) -> Result<Partition> {
    let image = Image::at(place)?;
    let mut members = Vec::new();
    image.walk(b"/", &mut |path, found| {
        if members.len() == MOST {
            return Err(image.failed(path, &format!("there are more than {MOST} files and folders")));
        }
        let link = match found.is_link() {
            // its owner may write what is no path; the machine stands it
            true => Some(match image.disk.link(found) {
                Ok(says) => String::from_utf8_lossy(&says).into_owned(),
                Err(error) => format!("({})", error.why),
            }),
            false => None,
        };
        members.push(Member {
            path: cut(path),
            mode: mode_text(found.mode.into()),
            uid: found.uid,
            gid: found.gid,
            bytes: found.size,
            link,
        });
        Ok(())
    })?;
    members.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Partition {
        label: image.disk.superblock().label(),
        uuid: image.disk.superblock().uuid(),
        size: place.window.length(),
        refused: image.refused,
        users: image.users()?,
        members,
    })
}

/// A path as it is listed: one that nobody can open is cut, for 25000 of them would be more than the memory has.
fn cut(path: &[u8]) -> String {
    const LONGEST: usize = 4096; // PATH_MAX
    match path.len() > LONGEST {
        true => Shown::of(path).to_string(),
        false => String::from_utf8_lossy(path).into_owned(),
    }
}

impl Image {
    /// Opens an image, or the partition of one.
    pub fn open(path: &Path) -> Result<Self> {
        Self::at(&Place::of(path)?)
    }

    /// Opens what lies at that place. A journal that waits is replayed in a copy.
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
        Ok(Self { disk: Disk::open(window, superblock).map_err(busy)?, path, refused, _replayed: copy })
    }

    /// The homes, by name, judged by the shim's table.
    pub fn users(&self) -> Result<Vec<User>> {
        let mut table = Homes::new();
        let mut users: BTreeMap<Vec<u8>, (User, Option<HomeId>)> = BTreeMap::new();
        for (name, number) in self.disk.names(&self.disk.inode(ROOT)?)? {
            if is_ours(&name) {
                continue;
            }
            let found = self.disk.inode(number)?;
            let mut user = self.user(&name, &found)?;
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

    fn user(&self, name: &[u8], found: &Inode) -> Result<User> {
        let mut user = User {
            name: String::from_utf8_lossy(name).into_owned(),
            uid: found.uid,
            gid: found.gid,
            files: 0,
            bytes: 0,
            logon: How::None,
            init: false,
            broken_policy: self.policy(&String::from_utf8_lossy(name))?.and_then(std::result::Result::err),
            refused: None,
        };
        if !found.is_dir() {
            return Ok(user); // a link may lead to another's home
        }
        let top = [b"/", name].concat();
        self.walk(&top, &mut |_, found| {
            if !found.is_dir() {
                user.files += 1;
                user.bytes = user.bytes.saturating_add(found.size);
            }
            Ok(())
        })?;
        // a regular file that its home's owner owns and may run: the shim's own condition
        let init = self.look(&[top.as_slice(), b"/", HOME_INIT.as_bytes()].concat())?;
        user.init = init.is_some_and(|init| init.is_file() && init.uid == found.uid && init.mode & 0o100 != 0);
        user.logon = match self.logon(&top)?.and_then(|file| file.password) {
            None => How::None,
            Some(password) if password.is_empty() && name == ROOT_USER.as_bytes() => How::None, // logon::check
            Some(password) if password.is_empty() => How::Guest,
            Some(_) => How::Password,
        };
        Ok(user)
    }

    /// The logon file of a home; `None` for one that the shim would not take.
    pub fn logon(&self, top: &[u8]) -> Result<Option<LogonFile>> {
        let file = self.look(&[top, b"/", LOGON_FILE.as_bytes()].concat())?.filter(Inode::is_file);
        match file {
            Some(found) if found.size <= MAX_LOGON_FILE as u64 => {
                Ok(LogonFile::parse(&self.content(&found, MAX_LOGON_FILE as u64)?))
            }
            _ => Ok(None),
        }
    }

    /// What root grants a user, or what is wrong with the file; `None` where there is none.
    pub fn policy(&self, name: &str) -> Result<Option<std::result::Result<Policy, String>>> {
        let no = |why: &str| Ok(Some(Err(why.to_owned())));
        let path = [b"/", POLICY.as_bytes(), b"/", name.as_bytes(), b".json"].concat();
        match self.look(&path)? {
            None => Ok(None),
            Some(found) if !found.is_file() => no("it is no regular file"),
            Some(found) if found.uid != 0 || found.mode & 0o022 != 0 => no("others than root can write it"),
            Some(found) if found.size >= MAX_FILE as u64 => no("it is too long"),
            Some(found) => {
                let bytes = self.content(&found, MAX_FILE as u64)?;
                let said = String::from_utf8_lossy(&bytes).split_whitespace().collect::<Vec<_>>().join(" ");
                Ok(Some(Policy::parse(&bytes).map_err(|why| format!("{why}: {}", Shown::of(&said)))))
            }
        }
    }

    /// What a file holds, at most that much.
    pub fn content(&self, file: &Inode, most: u64) -> Result<Vec<u8>> {
        self.disk.content(file, most)
    }

    /// What a link says.
    pub fn link(&self, link: &Inode) -> Result<Vec<u8>> {
        self.disk.link(link)
    }

    /// What lies at a path, with no link followed on the way or at its end; `None` for nothing.
    pub fn look(&self, path: &[u8]) -> Result<Option<Inode>> {
        let mut found = self.disk.inode(ROOT)?;
        for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            if !found.is_dir() {
                return Ok(None);
            }
            let names = self.disk.names(&found)?;
            let Ok(at) = names.binary_search_by(|(name, _)| name.as_slice().cmp(part)) else { return Ok(None) };
            found = self.disk.inode(names[at].1)?;
        }
        Ok(Some(found))
    }

    /// Hands over everything below a folder, a folder before what is in it, in the order of names. However deep the
    /// folders are nested, the stack is not.
    pub fn walk(&self, folder: &[u8], each: &mut dyn FnMut(&[u8], &Inode) -> Result<()>) -> Result<()> {
        let top = self.look(folder)?.filter(Inode::is_dir);
        let top = top.ok_or_else(|| self.failed(folder, &"there is no such folder"))?;
        let mut path = folder.strip_suffix(b"/").unwrap_or(folder).to_vec();
        let mut seen = HashSet::from([top.number]);
        let mut folders = vec![(self.disk.names(&top)?.into_iter(), path.len())];
        while let Some((names, length)) = folders.last_mut() {
            path.truncate(*length);
            let Some((name, number)) = names.next() else {
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
                folders.push((self.disk.names(&found)?.into_iter(), path.len()));
            }
        }
        Ok(())
    }

    fn failed(&self, path: &[u8], why: &dyn fmt::Display) -> Error {
        Error::new(format!("read {} in {}", Shown::of(path), self.path.display()), why)
    }
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

/// The heading above such lines.
pub const HEADING: &str = "   uid    gid logon    init   files       bytes name";

/// One line of `inspect`.
impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, mode, uid, gid, bytes, .. } = self;
        write!(f, "{mode} {uid:>6} {gid:>6} {bytes:>10} {}", Shown::of(path))?;
        match &self.link {
            Some(says) => write!(f, " -> {}", Shown::of(says)),
            None => Ok(()),
        }
    }
}

/// What `inspect` prints.
impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "users partition: ext4, label {}, UUID {}, {} bytes", self.label, self.uuid, self.size)?;
        if let Some(why) = &self.refused {
            writeln!(f, "no machine mounts it to write: {why}")?;
        }
        writeln!(f, "{HEADING}")?;
        self.users.iter().try_for_each(|user| writeln!(f, "{user}"))?;
        self.members.iter().try_for_each(|member| writeln!(f, "{member}"))
    }
}
