//! Reads the homes on the mounted users partition into the table.

use core::{ffi::CStr, mem::MaybeUninit};

use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, OFlags, RawDir},
    io::Result,
};

use crate::{
    guards::{Guard, Guards},
    guest::place,
    layout, say,
    say::{Say, Text},
    users::{Found, Homes, Refusal, is_ours},
};

/// The folder with the homes.
pub fn folder() -> Result<OwnedFd> {
    place::file(layout::USERS, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Fills the table, and calls `refused` for each entry that is no home; the others are not affected.
pub fn scan(
    users: &OwnedFd,
    homes: &mut Homes,
    apps: bool,
    guards: Guards<'_>,
    refused: &mut dyn FnMut(&[u8], Refusal),
) -> Result<()> {
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(users, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if is_ours(name.to_bytes()) {
            continue;
        }
        let admitted = match look(users, name, apps, guards) {
            Ok(found) => homes.admit(name.to_bytes(), found).map(drop),
            Err(errno) => Err(Refusal::Unreadable(errno.raw_os_error())),
        };
        if let Err(refusal) = admitted {
            refused(name.to_bytes(), refusal);
        }
    }
    for (name, refusal) in homes.shared() {
        refused(name, refusal);
    }
    Ok(())
}

/// A name for the log: bytes that a console should not print become question marks.
pub struct Plain<'a>(pub &'a [u8]);

impl Say for Plain<'_> {
    fn say(&self, text: &mut Text) {
        for byte in self.0 {
            let _ = text.push(if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' });
        }
    }
}

fn look(users: &OwnedFd, name: &CStr, apps: bool, guards: Guards<'_>) -> Result<Found> {
    let stat = rustix::fs::statat(users, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    // one that is not UTF-8 is refused
    let name = name.to_str().ok().filter(|_| directory);
    let has_init = name.is_some_and(|name| {
        // an app's is on the medium, which only its maker writes
        let app = apps && place::app(name).is_ok();
        app || has_init(users, name, stat.st_uid) || !guards.hold(Guard::Init)
    });
    Ok(Found { directory, uid: stat.st_uid, gid: stat.st_gid, has_init })
}

/// Whether the home's `/init` is a regular executable of the home's owner. A link there is not followed, because a user
/// may have put anything there. That the home itself is no link was seen before; only root could have changed it since.
fn has_init(users: &OwnedFd, home: &str, owner: u32) -> bool {
    let mut path = Text::new();
    say!(&mut path, home, "/", layout::HOME_INIT);
    place::at(users, &path).is_ok_and(|stat| {
        let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        regular && stat.st_uid == owner && stat.st_mode & 0o100 != 0
    })
}
