//! Makes and changes users partition images: `create`, `add`, `passwd`, `del`.

use super::disk::Inode;
use super::edit::{Staged, home_of, to_change};
use super::ext4::{BLOCK, Work, not_in_use};
use super::home::{Home, Needs};
use super::logon::{Logon, Shell, set_shell, text};
use super::names;
use super::nsh::{self, Nsh};
use super::policy;
use super::read::{Image, User};
use super::script::Script;
use crate::host::digest::Key;
use crate::host::error::{Error, Result};
use crate::host::foreign;
use shim::layout::{LOGON_FILE, LOST_FOUND, ROOT_USER, USERS_LABEL};
use shim::logon_file::LogonFile;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The default size of a users partition, in bytes. The file is sparse: the host stores only what is written.
pub const DEFAULT_SIZE: u64 = 256 << 20;
/// The smallest size with room for a journal and a home.
pub const SMALLEST_SIZE: u64 = 8 << 20;

/// Options for a new users partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Create {
    /// Bytes; whole blocks of 4 KiB.
    pub size: u64,
    /// Whether an existing file is replaced.
    pub force: bool,
}

impl Default for Create {
    fn default() -> Self {
        Self { size: DEFAULT_SIZE, force: false }
    }
}

/// A user to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    pub name: String,
    /// The uid and gid; by default the smallest free one from 1000 on.
    pub uid: Option<u32>,
    /// A folder of the host to copy as the home.
    pub from: Option<PathBuf>,
    /// How the user logs on. The default is `etc/logon.json` in the folder; without that, the user cannot log on.
    pub logon: Option<Logon>,
    /// The program of a session. The default is the one in the folder, `nsh`, or node.
    pub shell: Option<Shell>,
    /// The shell for a user who can log on and has no other.
    pub nsh: Option<Nsh>,
}

/// Makes a users partition. The same homes and size give the same bytes.
pub fn create(path: &Path, options: Create, homes: &[Home]) -> Result<()> {
    let tried = || format!("make {}", path.display());
    if path.symlink_metadata().is_ok() && !options.force {
        return Err(Error::new(tried(), "it exists").next("--force replaces it"));
    }
    if path.is_dir() {
        return Err(Error::new(tried(), "it is a folder").next("name a file"));
    }
    not_in_use(tried(), path)?;
    if options.size < SMALLEST_SIZE || !options.size.is_multiple_of(BLOCK) {
        let why = format!("{} bytes; it must be at least {SMALLEST_SIZE} and a multiple of {BLOCK}", options.size);
        return Err(Error::new(tried(), why).next("--size 256M"));
    }
    names::check_all(homes.iter().map(|home| (home.name.as_str(), home.uid)))?;
    let uuid = uuid(options.size, homes)?;
    let work = Work::empty(path, options.size, USERS_LABEL, &uuid)?;
    let mut script = Script::default();
    script.own_folders()?;
    write(&work, script, homes, path)?;
    work.keep()
}

/// Adds a user. The home's owner is the user.
pub fn add(path: &Path, new: &NewUser) -> Result<User> {
    names::check(&new.name)?;
    new.logon.as_ref().map_or(Ok(()), |logon| no_guest_as_root(&new.name, logon))?;
    let (_lock, before) = to_change(path)?;
    let taken: Vec<_> = before.users()?.into_iter().map(|user| (user.name, user.uid)).collect();
    let uid = names::pick_uid(&new.name, new.uid, &taken)?;
    let mut home = Home::new(&new.name, uid);
    if let Some(from) = &new.from {
        home.copy(from, "", &[LOST_FOUND])?;
    }
    if let Some(mut file) = logon_file(new)? {
        if let (Some(nsh), true) = (&new.nsh, wants_nsh(new)?) {
            nsh.put(&mut home)?;
            set_shell(&mut file, &Shell { path: nsh::PATH.to_owned(), args: Vec::new() })?;
        }
        home.logon(&file)?;
    }
    let work = Work::copy(path)?;
    write(&work, Script::default(), &[home], path)?;
    work.keep()?;
    let users = Image::open(path)?.users()?;
    users.into_iter().find(|user| user.name == new.name).ok_or_else(|| {
        Error::new(format!("add {} to {}", new.name, path.display()), "it is missing").next("please report this bug")
    })
}

/// Changes how a user logs on, but not the shell.
pub fn passwd(path: &Path, name: &str, logon: &Logon) -> Result<()> {
    no_guest_as_root(name, logon)?;
    let (_lock, image) = to_change(path)?;
    let top = home_of(&image, path, name)?;
    let owner = image.look(&top)?.map_or((0, 0), |found| (found.uid, found.gid));
    let mut file = image.logon(&top)?.unwrap_or_default();
    file.password = logon.stored()?;

    let at = [top.as_slice(), b"/", LOGON_FILE.as_bytes()].concat();
    let folder = image.look(&[&top, b"/etc".as_slice()].concat())?;
    if folder.as_ref().is_some_and(|folder| !folder.is_dir()) {
        return Err(Error::new(format!("change {name}'s {LOGON_FILE}"), "etc is not a folder").next("remove it there"));
    }
    let there = if folder.is_some() { image.look(&at)? } else { None };
    if there.as_ref().is_some_and(|found| found.is_dir()) {
        return Err(Error::new(format!("change {name}'s {LOGON_FILE}"), "it is a folder").next("remove it there"));
    }
    let mut staged = Staged::new()?;
    let from = staged.file(text(&file)?.as_bytes())?;
    let work = Work::copy(path)?;
    let mut script = Script::default();
    script.logon(name, owner, folder.is_some(), there.is_some(), &from)?;
    work.change(&script)?;
    work.keep()
}

/// An error if there is no such home.
pub fn known(path: &Path, name: &str) -> Result<()> {
    home_of(&Image::open(path)?, path, name).map(drop)
}

/// Removes a user's home with all of its content, and the policy. Their blocks become free.
pub fn del(path: &Path, name: &str) -> Result<()> {
    let (_lock, image) = to_change(path)?;
    let top = home_of(&image, path, name)?;
    let mut script = Script::default();
    for file in policy::files(name) {
        if let Some(found) = image.look(&file)?.filter(|found| !found.is_dir()) {
            script.unlink(&file)?;
            script.free(found.number)?;
        }
    }
    // a file may also have names outside of the home: then it stays, and e2fsck counts its remaining names
    let mut inside: BTreeMap<u32, (u16, u16)> = BTreeMap::new();
    let mut count = |found: &Inode| {
        let links = if found.is_dir() { 1 } else { found.links };
        inside.entry(found.number).or_insert((0, links)).0 += 1;
    };
    image.look(&top)?.iter().for_each(&mut count);
    image.walk(&top, &mut |_, found| {
        count(found);
        Ok(())
    })?;
    script.unlink(&top)?;
    let gone = inside.into_iter().filter(|(_, (names, links))| names >= links);
    gone.into_iter().try_for_each(|(number, _)| script.free(number))?;
    let work = Work::copy(path)?;
    work.change(&script)?;
    // repairs blocks of large attributes, counts, and names that debugfs commands cannot contain
    work.mend()?;
    work.keep()
}

/// Refuses an empty password for root: it would not work.
fn no_guest_as_root(name: &str, logon: &Logon) -> Result<()> {
    if name == ROOT_USER && *logon == Logon::Guest {
        return Err(Error::new("make root a guest", "root cannot log on without a password")
            .next("--password-file FILE, or --no-logon"));
    }
    Ok(())
}

/// Whether a new user can log on and has no shell of their own: then `nsh` is theirs.
pub fn wants_nsh(new: &NewUser) -> Result<bool> {
    let given = given_logon_file(new)?.unwrap_or_default();
    let logs_on = new.logon.as_ref().map_or(given.password.is_some(), |logon| *logon != Logon::Nobody);
    Ok(logs_on && new.shell.is_none() && given.shell.is_none())
}

/// `etc/logon.json` in the folder that becomes the home.
fn given_logon_file(new: &NewUser) -> Result<Option<LogonFile>> {
    let Some(at) = new.from.as_ref().map(|from| from.join(LOGON_FILE)) else { return Ok(None) };
    let Some(bytes) = foreign::if_there(&at, foreign::TEXT)? else { return Ok(None) };
    LogonFile::parse(&bytes).map(Some).ok_or_else(|| {
        Error::new(format!("read {}", at.display()), "the machine would refuse it").next("see docs/users-partition.md")
    })
}

fn logon_file(new: &NewUser) -> Result<Option<LogonFile>> {
    let given = given_logon_file(new)?;
    if new.logon.is_none() && new.shell.is_none() {
        return Ok(given); // unchanged, or none
    }
    let replaces = given.is_some();
    let mut file = given.unwrap_or_default();
    if let Some(logon) = &new.logon {
        file.password = logon.stored()?;
    }
    if let Some(shell) = &new.shell {
        set_shell(&mut file, shell)?;
    }
    // without a file nobody logs on either; one in the copied folder must be replaced
    Ok(Some(file).filter(|file| replaces || *file != LogonFile::default()))
}

/// Writes homes into a filesystem, if it has room for them.
fn write(work: &Work, mut script: Script, homes: &[Home], path: &Path) -> Result<()> {
    let mut all = Needs::default();
    for home in homes {
        let needs = home.needs(BLOCK)?;
        all.blocks += needs.blocks;
        all.inodes += needs.inodes;
    }
    let free = work.free()?;
    for (what, needed, there) in [("blocks of 4 KiB", all.blocks, free.blocks), ("inodes", all.inodes, free.inodes)] {
        if needed > there {
            let why = format!("it is full: {needed} {what} are needed, {there} are free");
            return Err(
                Error::new(format!("write the homes into {}", path.display()), why).next("make a larger one: --size")
            );
        }
    }
    let mut staged = Staged::new()?;
    for home in homes {
        script.home(home, |bytes| staged.file(bytes))?;
    }
    work.change(&script)
}

/// A UUID derived from the content.
fn uuid(size: u64, homes: &[Home]) -> Result<String> {
    let start = Key::default().with("users partition", size.to_le_bytes());
    homes.iter().try_fold(start, |key, home| home.digest(key)).map(Key::uuid)
}

#[cfg(test)]
mod tests {
    use super::{Home, uuid};

    #[test]
    fn the_uuid_depends_on_the_content() {
        let one = uuid(1 << 20, &[Home::new("ana", 1000)]).unwrap();
        assert_eq!(one, uuid(1 << 20, &[Home::new("ana", 1000)]).unwrap());
        assert_ne!(one, uuid(1 << 20, &[Home::new("ana", 1001)]).unwrap());
        assert_ne!(one, uuid(1 << 21, &[Home::new("ana", 1000)]).unwrap());
        assert_eq!((one.len(), &one[14..15]), (36, "8"));
    }
}
