//! What `/setup` hands to PID 1 when it ends: settings, consoles and users. PID 1 parses no text and reads no folder.
//!
//! The format is a row of records: the length of a name, three numbers, the name. The first record has the settings and
//! the number of users, then come the consoles, then the users. All of it fits into a pipe, so nobody waits.

use heapless::Vec;

use crate::{
    cmdline::Pipes,
    layout::{MAX_CONSOLES, MAX_HOMES, MAX_NAMES, ROOT_USER},
    op::User,
    users::Homes,
};

/// The bytes of a record without its name.
const FIXED: usize = 13;
/// The most bytes of a console's name.
pub const CONSOLE: usize = 16;
/// The most bytes of a record.
const LONGEST: usize = FIXED + u8::MAX as usize;
/// The most bytes that are written at once.
const PIECE: usize = 2048;
/// The most bytes of all records.
pub const ROOM: usize = FIXED + MAX_CONSOLES * (FIXED + CONSOLE) + MAX_HOMES * FIXED + MAX_NAMES;
/// A user, for PID 1: the place of its record among the consoles and users, in bytes.
pub type HomeId = u16;
/// How many numbers `slot` returns.
pub const SLOTS: usize = ROOM / FIXED + 1;
/// A place among the records is a `HomeId`, and a pipe holds 64 KiB (pipe(7)): sixteen pages, each of which takes at least
/// two pieces.
const _: () = assert!(ROOM <= HomeId::MAX as usize && ROOM / (PIECE - LONGEST) < 2 * 16 - 1);

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// A console: see `Line`. A user: uid, gid, and whether the home has an `/init` that may run.
    pub numbers: [u32; 3],
    /// Below /dev, or of the user.
    pub name: &'a str,
}

/// The records, for the program that writes them. `send` gets them piece by piece.
pub struct Writer<'a> {
    piece: Vec<u8, PIECE>,
    send: &'a mut dyn FnMut(&[u8]),
}

impl<'a> Writer<'a> {
    /// Begins with the settings.
    pub fn new(settings: Settings, send: &'a mut dyn FnMut(&[u8])) -> Self {
        let Settings { single, apps, unattended, pipes, consoles, users } = settings;
        let bits = u32::from(single) | u32::from(apps) << 1 | u32::from(unattended) << 2 | u32::from(pipes.0) << 3;
        let mut writer = Self { piece: Vec::new(), send };
        writer.push(Record { numbers: [bits, consoles.into(), users], name: "" });
        writer
    }

    /// Appends a record. A table of homes has no name that is longer than its length can say.
    pub fn push(&mut self, record: Record<'_>) {
        let [a, b, c] = record.numbers.map(u32::to_ne_bytes);
        let Ok(length) = u8::try_from(record.name.len()) else { return };
        if self.piece.len() > PIECE - LONGEST {
            self.flush();
        }
        for part in [&[length], &a[..], &b, &c, record.name.as_bytes()] {
            let _ = self.piece.extend_from_slice(part);
        }
    }

    /// Appends the users, and ends.
    pub fn users(mut self, homes: &Homes) {
        for index in homes.indexes() {
            if let Some(User { name, uid, gid }) = homes.get(index) {
                self.push(Record { numbers: [uid, gid, homes.has_init(index).into()], name });
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        (self.send)(&self.piece);
        self.piece.clear();
    }
}

/// What PID 1 needs besides the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Nobody's `/init` runs and only root may log on.
    pub single: bool,
    /// Whether some users may have code on the medium.
    pub apps: bool,
    /// Whether nobody looks at the machine.
    pub unattended: bool,
    /// Which standard streams of an app are pipes.
    pub pipes: Pipes,
    /// The number of consoles.
    pub consoles: u8,
    /// The number of users.
    pub users: u32,
}

/// The records, for PID 1.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads the settings; the rest is the consoles, then the users. `None` if there is nothing.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<(Settings, Self)> {
        let mut reader = Self(bytes);
        let [bits, consoles, users] = reader.take()?.numbers;
        let pipes = Pipes(u8::try_from(bits >> 3).ok()?);
        let consoles = u8::try_from(consoles).ok()?;
        let unattended = bits & 4 != 0;
        Some((Settings { single: bits & 1 != 0, apps: bits & 2 != 0, unattended, pipes, consoles, users }, reader))
    }

    /// Takes the first record.
    #[inline(never)]
    pub fn take(&mut self) -> Option<Record<'a>> {
        let ([length, a, b, c, d, e, f, g, h, i, j, k, l], rest) = self.0.split_first_chunk::<FIXED>()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        self.0 = rest;
        let numbers =
            [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(|bytes| u32::from_ne_bytes(bytes.map(|byte| *byte)));
        Some(Record { numbers, name: core::str::from_utf8(name).ok()? })
    }
}

/// A number below `SLOTS` that no other user has, for tables: no two records begin within `FIXED` bytes.
#[must_use]
pub const fn slot(id: HomeId) -> usize {
    id as usize / FIXED
}

/// The users.
#[derive(Clone, Copy, Debug)]
pub struct Users<'a>(Reader<'a>);

impl<'a> Users<'a> {
    /// The users in the rest of the records. `None` if it does not hold as many as were counted.
    #[must_use]
    pub fn new(rest: Reader<'a>, count: u32) -> Option<Self> {
        let users = Self(rest);
        (u32::try_from(users.count()) == Ok(count)).then_some(users)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ids().count()
    }

    fn at(&self, id: HomeId) -> Option<Record<'a>> {
        Reader(self.0.0.get(usize::from(id)..)?).take()
    }

    /// The user of that home.
    #[must_use]
    pub fn get(&self, id: HomeId) -> Option<User<'a>> {
        let Record { numbers: [uid, gid, _], name } = self.at(id)?;
        Some(User { name, uid, gid })
    }

    /// Whether that home has an `/init` that may run.
    #[must_use]
    pub fn has_init(&self, id: HomeId) -> bool {
        self.at(id).is_some_and(|record| record.numbers[2] != 0)
    }

    /// The home with that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<HomeId> {
        self.ids().find(|id| self.get(*id).is_some_and(|user| user.name == name))
    }

    /// root's home.
    #[must_use]
    pub fn root(&self) -> Option<HomeId> {
        self.named(ROOT_USER)
    }

    /// All homes.
    pub fn ids(&self) -> impl Iterator<Item = HomeId> + use<'a> {
        let (all, mut rest) = (self.0.0.len(), self.0);
        core::iter::from_fn(move || {
            let id = HomeId::try_from(all.saturating_sub(rest.0.len())).ok()?;
            rest.take().map(|_| id)
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::users::Found;

    fn admit(homes: &mut Homes, name: &str, uid: u32, has_init: bool) {
        homes.admit(name.as_bytes(), Found { directory: true, uid, gid: uid + 1, has_init }).unwrap();
    }

    fn written(settings: Settings, console: Option<Record<'_>>, homes: &Homes) -> std::vec::Vec<u8> {
        let mut bytes = std::vec::Vec::new();
        let mut send = |piece: &[u8]| bytes.extend_from_slice(piece);
        let mut writer = Writer::new(settings, &mut send);
        console.into_iter().for_each(|console| writer.push(console));
        writer.users(homes);
        assert!(bytes.len() <= ROOM);
        bytes
    }

    /// The users in what is written for those homes.
    fn with_users<T>(homes: &Homes, work: impl FnOnce(Users<'_>) -> T) -> T {
        let bytes = written(counted(homes), None, homes);
        let (settings, rest) = Reader::new(&bytes).unwrap();
        work(Users::new(rest, settings.users).unwrap())
    }

    fn counted(homes: &Homes) -> Settings {
        Settings { users: u32::try_from(homes.count()).unwrap(), ..Settings::default() }
    }

    #[test]
    fn settings_consoles_and_users_round_trip() {
        let settings = Settings { single: true, apps: false, unattended: true, pipes: Pipes(6), consoles: 1, users: 2 };
        let mut homes = Homes::new();
        for (name, uid, has_init) in [("ana", 1000, true), ("a", 7, false), ("b", 7, false), ("root", 0, false)] {
            admit(&mut homes, name, uid, has_init);
        }
        let console = Record { numbers: [1, 38400, u32::MAX], name: "ttyS0" };
        let bytes = written(settings, Some(console), &homes);
        let (read, mut rest) = Reader::new(&bytes).unwrap();
        assert_eq!((read, rest.take()), (settings, Some(console)));
        let users = Users::new(rest, 2).unwrap();
        let names: Vec<&str, 4> = users.ids().map(|id| users.get(id).unwrap().name).collect();
        assert_eq!(names, ["ana", "root"], "the two that share a uid are no users");
        let (ana, root) = (users.named("ana").unwrap(), users.root().unwrap());
        assert_eq!(users.get(ana), Some(User { name: "ana", uid: 1000, gid: 1001 }));
        assert!(users.has_init(ana) && !users.has_init(root));
        assert_eq!((users.named("an"), users.get(u16::MAX)), (None, None));
    }

    /// The ids of a table with as many homes as it holds.
    pub fn all_ids() -> std::vec::Vec<HomeId> {
        let mut homes = Homes::new();
        for uid in 0..u32::try_from(MAX_HOMES).unwrap() {
            admit(&mut homes, &format!("{uid:032}"), 1000 + uid, true);
        }
        with_users(&homes, |users| users.ids().collect())
    }

    #[test]
    fn every_table_of_homes_fits() {
        assert_eq!(all_ids().len(), MAX_HOMES);
    }

    #[test]
    fn each_user_has_a_slot() {
        let (mut slots, mut homes) = ([false; SLOTS], Homes::new());
        for uid in 0..u32::try_from(MAX_HOMES).unwrap() {
            admit(&mut homes, &format!("{uid:x}"), 1000 + uid, true);
        }
        with_users(&homes, |users| {
            for id in users.ids() {
                assert!(!std::mem::replace(&mut slots[slot(id)], true), "{id}");
            }
        });
        assert!(all_ids().into_iter().all(|id| slot(id) < SLOTS));
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let mut homes = Homes::new();
        for (name, uid) in [("ana", 1000), ("eva", 1001)] {
            admit(&mut homes, name, uid, true);
        }
        let bytes = written(counted(&homes), None, &homes);
        let users =
            |length| Reader::new(&bytes[..length]).and_then(|(settings, rest)| Users::new(rest, settings.users));
        assert_eq!(users(bytes.len()).unwrap().count(), 2);
        for length in 0..bytes.len() {
            assert!(users(length).is_none(), "{length}");
        }
    }
}
