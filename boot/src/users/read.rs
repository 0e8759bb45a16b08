//! What is in a users partition image. ext4-view reads it; nothing is mounted, nothing is written.

use super::ext4::in_use;
use super::superblock::{self, Superblock};
use crate::error::{Error, Result, Tried};
use ext4_view::{Ext4, Ext4Error, FileType, Metadata, PathBuf as InsidePath};
use serde::Serialize;
use shim::layout::{HOME_INIT, LOGON_FILE, MAX_LOGON_FILE, POLICY, ROOT_USER};
use shim::logon_file::LogonFile;
use shim::policy::{MAX_FILE, Policy};
use shim::users::{Found, HomeId, Homes, is_ours};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

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
    /// The homes.
    pub users: Vec<User>,
    /// Everything in it, in the order of paths.
    pub members: Vec<Member>,
}

/// An image that is open.
pub struct Image {
    fs: Ext4,
    path: PathBuf,
}

/// The homes of a users partition, by name.
pub fn list(path: &Path) -> Result<Vec<User>> {
    Image::open(path)?.users()
}

/// Everything in a users partition.
pub fn inspect(path: &Path) -> Result<Partition> {
    let image = Image::open(path)?;
    let mut members = Vec::new();
    image.walk(b"/", &mut |path, found| {
        let link = match found.is_symlink() {
            // its owner may write what is no path; the machine stands it
            true => {
                Some(image.fs.read_link(path).map_or_else(|why| format!("({why})"), |says| says.display().to_string()))
            }
            false => None,
        };
        members.push(Member {
            path: path.display().to_string(),
            mode: mode_text(found),
            uid: found.uid(),
            gid: found.gid(),
            bytes: found.len(),
            link,
        });
        Ok(())
    })?;
    members.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Partition {
        label: image.fs.label().display().to_string(),
        uuid: image.fs.uuid().to_string(),
        size: std::fs::metadata(path).tried("look at", path)?.len(),
        users: image.users()?,
        members,
    })
}

impl Image {
    /// Opens an image.
    pub fn open(path: &Path) -> Result<Self> {
        let superblock = superblock::of(path)?;
        let fs = Ext4::load_from_path(path).map_err(|error| {
            let failed = |why: &str| Error::new(format!("read {}", path.display()), why);
            match superblock.whole(path) {
                Err(error) => error,
                Ok(()) if in_use(path) => failed("a running machine has it open").next("stop the machine first"),
                Ok(()) if superblock == Superblock::Recover => {
                    failed("its machine was cut off, and its journal waits to be replayed")
                        .next(format!("e2fsck -fp {}", path.display()))
                }
                Ok(()) => failed(&format!("we cannot read that kind of ext4 filesystem: {error}"))
                    .next("nodeos users create FILE makes one that we can"),
            }
        })?;
        Ok(Self { fs, path: path.to_owned() })
    }

    /// The homes, by name, judged by the shim's table.
    pub fn users(&self) -> Result<Vec<User>> {
        let mut table = Homes::new();
        let mut users: BTreeMap<Vec<u8>, (User, Option<HomeId>)> = BTreeMap::new();
        for (name, found) in self.folder(b"/")? {
            if is_ours(&name) {
                continue;
            }
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

    fn user(&self, name: &[u8], found: &Metadata) -> Result<User> {
        let mut user = User {
            name: String::from_utf8_lossy(name).into_owned(),
            uid: found.uid(),
            gid: found.gid(),
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
                user.bytes += found.len();
            }
            Ok(())
        })?;
        // a regular file that its home's owner owns and may run: the shim's own condition
        let init = self.look(&[top.as_slice(), b"/", HOME_INIT.as_bytes()].concat())?;
        user.init = init.is_some_and(|init| {
            init.file_type() == FileType::Regular && init.uid() == found.uid() && init.mode() & 0o100 != 0
        });
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
        let path = [top, b"/", LOGON_FILE.as_bytes()].concat();
        let above = path.get(..path.len() - "/logon.json".len()).unwrap_or_default();
        let folder = self.look(above)?.is_some_and(|found| found.is_dir());
        let file = self.look(&path)?.filter(|found| found.file_type() == FileType::Regular);
        match file {
            Some(found) if folder && found.len() <= MAX_LOGON_FILE as u64 => {
                let bytes = self.fs.read(path.as_slice()).map_err(|error| self.failed(&path, &error))?;
                Ok(LogonFile::parse(&bytes))
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
            Some(found) if found.file_type() != FileType::Regular => no("it is no regular file"),
            Some(found) if found.uid() != 0 || found.mode() & 0o022 != 0 => no("others than root can write it"),
            Some(found) if found.len() >= MAX_FILE as u64 => no("it is too long"),
            Some(_) => {
                let bytes = self.fs.read(path.as_slice()).map_err(|error| self.failed(&path, &error))?;
                let said = String::from_utf8_lossy(&bytes).split_whitespace().collect::<Vec<_>>().join(" ");
                Ok(Some(Policy::parse(&bytes).map_err(|why| format!("{why}: {said}"))))
            }
        }
    }

    /// What a file holds.
    pub fn content(&self, path: &str) -> Result<Vec<u8>> {
        self.fs.read(path).map_err(|error| self.failed(path.as_bytes(), &error))
    }

    /// What a link says.
    pub fn link(&self, path: &str) -> Result<Vec<u8>> {
        let says = self.fs.read_link(path).map_err(|error| self.failed(path.as_bytes(), &error))?;
        Ok(says.as_ref().to_vec())
    }

    /// What lies at a path, links not followed; `None` for nothing.
    pub fn look(&self, path: &[u8]) -> Result<Option<Metadata>> {
        match self.fs.symlink_metadata(path) {
            Ok(found) => Ok(Some(found)),
            Err(Ext4Error::NotFound | Ext4Error::NotADirectory | Ext4Error::TooManySymlinks) => Ok(None),
            Err(error) => Err(self.failed(path, &error)),
        }
    }

    /// Hands over everything below a folder, a folder before what is in it.
    pub fn walk(&self, folder: &[u8], each: &mut dyn FnMut(&InsidePath, &Metadata) -> Result<()>) -> Result<()> {
        for (name, found) in self.folder(folder)? {
            let slash: &[u8] = if folder == b"/" { b"" } else { b"/" };
            let path = [folder, slash, &name].concat();
            let inside = InsidePath::try_from(path.as_slice()).map_err(|error| self.failed(&path, &error))?;
            each(&inside, &found)?;
            if found.is_dir() {
                self.walk(&path, each)?;
            }
        }
        Ok(())
    }

    /// Names and what they are, in the order of names.
    fn folder(&self, path: &[u8]) -> Result<Vec<(Vec<u8>, Metadata)>> {
        let failed = |error: Ext4Error| self.failed(path, &error);
        let mut names = Vec::new();
        for entry in self.fs.read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().as_ref().to_vec();
            if name != b"." && name != b".." {
                names.push((name, entry.metadata().map_err(failed)?));
            }
        }
        names.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(names)
    }

    fn failed(&self, path: &[u8], why: &dyn fmt::Display) -> Error {
        let path = String::from_utf8_lossy(path);
        Error::new(format!("read {path} in {}", self.path.display()), why)
            .next(format!("e2fsck -f {}", self.path.display()))
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
        let Self { name, uid, gid, files, bytes, logon, .. } = self;
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
        write!(f, "{mode} {uid:>6} {gid:>6} {bytes:>10} {path}")?;
        match &self.link {
            Some(says) => write!(f, " -> {says}"),
            None => Ok(()),
        }
    }
}

/// What `inspect` prints.
impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "users partition: ext4, label {}, UUID {}, {} bytes", self.label, self.uuid, self.size)?;
        writeln!(f, "{HEADING}")?;
        self.users.iter().try_for_each(|user| writeln!(f, "{user}"))?;
        self.members.iter().try_for_each(|member| writeln!(f, "{member}"))
    }
}

/// `drwxr-xr-x` and its like.
fn mode_text(found: &Metadata) -> String {
    let kind = match found.file_type() {
        FileType::Directory => 'd',
        FileType::Symlink => 'l',
        FileType::BlockDevice => 'b',
        FileType::CharacterDevice => 'c',
        FileType::Fifo => 'p',
        FileType::Socket => 's',
        FileType::Regular => '-',
    };
    let bits = found.mode();
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let three = bits >> shift;
        text.push(if three & 4 != 0 { 'r' } else { '-' });
        text.push(if three & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & special != 0, three & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}
