//! The homes of a users partition, and which of them are refused.
//!
//! The owner of a home is the user: uid and gid come from the directory, never from a file in it. The names are stored
//! one after another in one array, because a machine may have hundreds of homes and there is no heap.

use heapless::Vec;

use crate::{
    displayed,
    layout::{LOST_FOUND, MAX_HOMES, MAX_NAMES, ROOT_USER},
    op::User,
    say,
    say::Say,
};

/// Why an entry at the top of a users partition is not a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is a file, a link or a device.
    NoDirectory,
    /// Owned by uid 0, but not called root.
    UidZero,
    /// Called root, but owned by another uid.
    RootNotOwner(u32),
    /// Another home has the same owner.
    SharedUid(u32),
    /// The name is not possible in passwd(5).
    Name,
    /// There are more homes than the table holds.
    TooMany,
    /// It could not be read: errno.
    Unreadable(i32),
}

impl Say for Refusal {
    fn say(&self, text: &mut say::Text) {
        match self {
            Self::NoDirectory => say!(text, "it is not a directory"),
            Self::UidZero => say!(text, "uid 0 owns it, and only the home called root may be uid 0's; chown it"),
            Self::RootNotOwner(uid) => say!(text, "it is called root but uid ", uid, " owns it; chown it to 0"),
            Self::SharedUid(uid) => say!(text, "uid ", uid, " owns another home too; give each home its own uid"),
            Self::Name => say!(
                text,
                "its name has a colon, a control character, a blank at an end or one of #+- in front, or is not UTF-8; rename it"
            ),
            Self::TooMany => say!(text, "there are more than ", MAX_HOMES, " homes, or their names are too long"),
            Self::Unreadable(errno) => say!(text, "it cannot be read: ", crate::errno::name(*errno)),
        }
    }
}

/// The result of `stat` for a directory entry.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Whether it is a directory.
    pub directory: bool,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Whether the home has an `/init` that may run.
    pub has_init: bool,
}

#[derive(Clone, Copy, Debug)]
struct Home {
    name_at: u16,
    name_len: u8,
    has_init: bool,
    shared: bool,
    uid: u32,
    gid: u32,
}

/// The table of homes.
#[derive(Debug, Default)]
pub struct Homes {
    homes: Vec<Home, MAX_HOMES>,
    names: Vec<u8, MAX_NAMES>,
}

/// A home's index in the table. PID 1, which has no table, has a `handover::HomeId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index(u16);

/// Whether an entry at the top of a users partition belongs to the system, and is no home.
#[must_use]
pub fn is_ours(name: &[u8]) -> bool {
    name.first() == Some(&b'.') || name == LOST_FOUND.as_bytes()
}

/// The name, if `getpwnam` can find it in passwd(5). There, `#` begins a comment, `+` and `-` were used by NIS, leading
/// blanks are skipped (glibc, nss/nss_files/files-parse.c), and a colon ends the name.
#[must_use]
pub fn text(name: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(name).ok()?;
    let ends = [*name.first()?, *name.last()?];
    let good = !matches!(ends, [b'#' | b'+' | b'-' | b' ', _] | [_, b' ']);
    (good && !text.chars().any(|c| c == ':' || c.is_control())).then_some(text)
}

/// Whether a home of that name and owner can be: what `/users` says, PID 1 does not trust. A name becomes a path and an
/// argument, and all bits set mean nobody to setresuid(2).
#[must_use]
pub fn may_be(name: &str, uid: u32) -> bool {
    let plain = !name.starts_with('.') && name.bytes().all(|byte| byte != b'/' && byte != 0);
    plain && uid != u32::MAX && (uid == 0) == (name == ROOT_USER)
}

/// Whether this entry alone can be a home, without regard to the others.
fn judge(name: &[u8], found: Found) -> Result<(), Refusal> {
    let text = text(name).ok_or(Refusal::Name)?;
    match (found.directory, found.uid, text == ROOT_USER) {
        (false, ..) => Err(Refusal::NoDirectory),
        (_, 0, false) => Err(Refusal::UidZero),
        (_, 1.., true) => Err(Refusal::RootNotOwner(found.uid)),
        _ => Ok(()),
    }
}

impl Homes {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { homes: Vec::new(), names: Vec::new() }
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.homes.clear();
        self.names.clear();
    }

    /// Adds one directory entry.
    ///
    /// # Errors
    /// The reason why it is not a home. A shared uid shows only when all entries have been added: `shared`.
    pub fn admit(&mut self, name: &[u8], found: Found) -> Result<Index, Refusal> {
        judge(name, found)?;
        let name_at = u16::try_from(self.names.len()).map_err(|_| Refusal::TooMany)?;
        let name_len = u8::try_from(name.len()).map_err(|_| Refusal::Name)?;
        let index = u16::try_from(self.homes.len()).map_err(|_| Refusal::TooMany)?;
        if self.homes.is_full() || self.names.extend_from_slice(name).is_err() {
            return Err(Refusal::TooMany);
        }
        let mut shared = false;
        for other in self.homes.iter_mut().filter(|other| other.uid == found.uid) {
            other.shared = true;
            shared = true;
        }
        let home = Home { name_at, name_len, has_init: found.has_init, shared, uid: found.uid, gid: found.gid };
        let _ = self.homes.push(home);
        Ok(Index(index))
    }

    /// The user of that home; `None` if the uid turned out to be shared.
    #[must_use]
    pub fn get(&self, Index(index): Index) -> Option<User<'_>> {
        let home = self.homes.get(usize::from(index)).filter(|home| !home.shared)?;
        let at = usize::from(home.name_at);
        let name = self.names.get(at..at.saturating_add(usize::from(home.name_len)))?;
        Some(User { name: core::str::from_utf8(name).ok()?, uid: home.uid, gid: home.gid })
    }

    /// The home with that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Index> {
        self.indexes().find(|index| self.get(*index).is_some_and(|user| user.name == name))
    }

    /// Whether that home has an `/init` that may run.
    #[must_use]
    pub fn has_init(&self, Index(index): Index) -> bool {
        self.homes.get(usize::from(index)).is_some_and(|home| home.has_init)
    }

    /// The indexes of all homes, including refused ones.
    pub fn indexes(&self) -> impl Iterator<Item = Index> + use<> {
        (0..u16::try_from(self.homes.len()).unwrap_or(u16::MAX)).map(Index)
    }

    /// The homes that were refused for a shared uid, with their names.
    pub fn shared(&self) -> impl Iterator<Item = (&[u8], Refusal)> {
        self.homes.iter().filter(|home| home.shared).map(|home| {
            let at = usize::from(home.name_at);
            let name = self.names.get(at..at.saturating_add(usize::from(home.name_len)));
            (name.unwrap_or_default(), Refusal::SharedUid(home.uid))
        })
    }

    /// The number of homes that are users.
    #[must_use]
    pub fn count(&self) -> usize {
        self.homes.iter().filter(|home| !home.shared).count()
    }
}

displayed!(Refusal);

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(uid: u32) -> Found {
        Found { directory: true, uid, gid: uid, has_init: false }
    }

    #[test]
    fn homes_are_found_by_name_with_their_owner() {
        let mut homes = Homes::new();
        homes.admit(b"ana", directory(1000)).unwrap();
        let id = homes.admit(b"root", directory(0)).unwrap();
        assert_eq!(homes.named("root"), Some(id));
        assert_eq!(homes.get(homes.named("ana").unwrap()).unwrap().uid, 1000);
        assert_eq!((homes.named("an"), homes.count()), (None, 2));
    }

    #[test]
    fn invalid_homes_are_refused_and_others_admitted() {
        let mut homes = Homes::new();
        let refusal = |homes: &mut Homes, name: &[u8], found| homes.admit(name, found).unwrap_err();
        assert_eq!(refusal(&mut homes, b"eve", directory(0)), Refusal::UidZero);
        assert_eq!(refusal(&mut homes, b"root", directory(7)), Refusal::RootNotOwner(7));
        assert_eq!(refusal(&mut homes, b"f", Found { directory: false, ..directory(9) }), Refusal::NoDirectory);
        let odd = [&b"a:b"[..], b"a\nb", b"\xff", b"", b"#ana", b"+ana", b"-ana", b" ana", b"ana ", b" ", b"\tana"];
        for name in odd.into_iter().chain(["a\u{7f}".as_bytes(), "a\u{9b}".as_bytes()]) {
            assert_eq!(refusal(&mut homes, name, directory(9)), Refusal::Name, "{}", name.escape_ascii());
        }
        for name in ["a,b", "a\\b", "a b", "a#", "a+", "a-", "7", "<7>", "\"a\"", "ñandú", "$HOME", &"x".repeat(255)]
        {
            assert!(homes.admit(name.as_bytes(), directory(2000 + u32::try_from(homes.count()).unwrap())).is_ok());
        }
        assert_eq!(homes.count(), 12);
    }

    #[test]
    fn all_homes_that_share_a_uid_are_refused() {
        let mut homes = Homes::new();
        for (name, uid) in [("a", 1000), ("b", 1001), ("c", 1000), ("d", 1000)] {
            homes.admit(name.as_bytes(), directory(uid)).unwrap();
        }
        let shared: std::vec::Vec<_> = homes.shared().map(|(name, _)| name.to_vec()).collect();
        assert_eq!(shared, [b"a", b"c", b"d"]);
        assert_eq!((homes.named("a"), homes.named("c"), homes.count()), (None, None, 1));
    }

    #[test]
    fn a_full_table_refuses_more_homes_and_keeps_the_rest() {
        let mut homes = Homes::new();
        for uid in 0..u32::try_from(MAX_HOMES).unwrap() {
            homes.admit(format!("h{uid}").as_bytes(), directory(1000 + uid)).unwrap();
        }
        assert_eq!(homes.admit(b"one more", directory(9)), Err(Refusal::TooMany));
        assert_eq!(homes.count(), MAX_HOMES);
    }

    #[test]
    fn our_own_folders_are_not_homes() {
        assert!(
            is_ours(b".overlay")
                && is_ours(b".policy")
                && is_ours(crate::layout::TIME.as_bytes())
                && is_ours(b"lost+found")
                && !is_ours(b"lost")
        );
    }
}
