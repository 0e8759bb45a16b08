//! Everything in a users partition, for `inspect`.

use super::{HEADING, Image, User};
use crate::host::error::Result;
use crate::host::shown::Shown;
use crate::host::shown::mode_text;
use crate::users::place::Place;
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// A file, folder, link or other entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its path from the top of the partition.
    pub path: String,
    /// Type and permissions as `ls -l` shows them.
    pub mode: String,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Bytes in it.
    pub bytes: u64,
    /// The target of a link.
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
    /// Its size in bytes.
    pub size: u64,
    /// Why no machine mounts it for writing, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<&'static str>,
    /// The homes.
    pub users: Vec<User>,
    /// Everything in it, in the order of paths.
    pub members: Vec<Member>,
}

/// The maximum number of listed members.
const MOST: usize = 1 << 22;
/// The maximum number of bytes of all paths and links: a path in a `node_modules` has about a hundred.
const LISTED: usize = 512 << 20;

/// Everything in a users partition.
pub fn inspect(path: &Path) -> Result<Partition> {
    partition(&Place::of(path)?)
}

/// The same for a partition that was already found.
pub fn partition(place: &Place) -> Result<Partition> {
    let image = Image::at(place)?;
    let mut members = Vec::new();
    let mut bytes = 0;
    image.walk(b"/", &mut |path, found| {
        let beyond = |why: String| image.disk.beyond(&Shown::of(path), &why);
        if members.len() == MOST {
            return Err(beyond(format!("it is file or folder {}, and at most {MOST} are listed", MOST + 1)));
        }
        let link = match found.is_link() {
            // the owner may write anything into a link, and the machine still works
            true => Some(match image.disk.link(found) {
                Ok(says) => String::from_utf8_lossy(&says).into_owned(),
                Err(error) => format!("({})", error.why),
            }),
            false => None,
        };
        let shown = cut(path);
        bytes += shown.len() + link.as_ref().map_or(0, String::len);
        if bytes > LISTED {
            return Err(beyond(format!(
                "the paths and links until here take {bytes} bytes, and at most {LISTED} are listed"
            )));
        }
        members.push(Member {
            path: shown,
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

/// A path for the list. Paths that cannot be opened are cut: 25000 of them would not fit into memory.
fn cut(path: &[u8]) -> String {
    const LONGEST: usize = 4096; // PATH_MAX
    match path.len() > LONGEST {
        true => Shown::of(path).to_string(),
        false => String::from_utf8_lossy(path).into_owned(),
    }
}

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

/// The output of `inspect`.
impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "users partition: ext4, label {}, UUID {}, {} bytes", self.label, self.uuid, self.size)?;
        if let Some(why) = &self.refused {
            writeln!(f, "machines will mount it read-only: {why}")?;
        }
        writeln!(f, "{HEADING}")?;
        self.users.iter().try_for_each(|user| writeln!(f, "{user}"))?;
        self.members.iter().try_for_each(|member| writeln!(f, "{member}"))
    }
}
