//! PID 1's users: those that `/setup` found, and what `/users` tells of them while the machine runs.
//!
//! A user's record stays where it is as long as anything belongs to the user: its place is the `HomeId`.

use heapless::Vec;

use super::{FIXED, HomeId, ROOM, Reader, Record};
use crate::{layout::ROOT_USER, op::User, users};

/// Bits of a user's third number: the home has an `/init` that may run.
pub const INIT: u32 = 1;
/// It is no user, but stays one if it was: its uid is shared for instance.
pub const REFUSED: u32 = 2;
/// The home is gone.
const GONE: u32 = 4;
/// `/users` has just told it.
const SEEN: u32 = 8;
/// Root has stopped it: it counts again when its home is gone and made again.
const STOPPED: u32 = 16;

/// Where they lie in a record.
const BITS: usize = FIXED - size_of::<u32>();

/// A number below `SLOTS` that no other user has, for tables: no two records begin within `FIXED` bytes.
#[must_use]
pub const fn slot(id: HomeId) -> usize {
    id as usize / FIXED
}

/// What a record of `/users` changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// What runs in that home has to end.
    pub ends: Option<HomeId>,
    /// That user is new.
    pub begins: Option<HomeId>,
    /// The `/init` of that home has to run.
    pub runs: Option<HomeId>,
}

/// The users.
#[derive(Debug)]
pub struct Users<'a>(&'a mut Vec<u8, ROOM>);

impl<'a> Users<'a> {
    /// The users in the rest of the records, kept in `room`. `None` if it does not hold as many as were counted.
    #[must_use]
    pub fn new(rest: Reader<'_>, count: u32, room: &'a mut Vec<u8, ROOM>) -> Option<Self> {
        room.extend_from_slice(rest.0).ok()?;
        let users = Self(room);
        (u32::try_from(users.count()) == Ok(count)).then_some(users)
    }

    /// Their records.
    #[must_use]
    pub fn records(&self) -> &[u8] {
        self.0
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ids().count()
    }

    fn at(&self, id: HomeId) -> Option<Record<'_>> {
        Reader(self.0.get(usize::from(id)..)?).take()
    }

    #[inline(never)]
    fn bits(&self, id: HomeId) -> u32 {
        self.at(id).map_or(GONE, |record| record.numbers[2])
    }

    #[inline(never)]
    fn set(&mut self, id: HomeId, bits: u32) {
        let at = usize::from(id).saturating_add(BITS);
        if let Some(place) = self.0.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *place = bits.to_ne_bytes();
        }
    }

    /// The first home from that place on that has these of those bits, and the place behind it.
    #[inline(never)]
    fn search(&self, from: usize, bits: u32, of: u32) -> Option<(HomeId, usize)> {
        let mut rest = Reader(self.0.get(from..)?);
        loop {
            let id = self.0.len().saturating_sub(rest.0.len());
            if rest.take()?.numbers[2] & of == bits {
                return Some((HomeId::try_from(id).ok()?, self.0.len().saturating_sub(rest.0.len())));
            }
        }
    }

    /// The user of that home, also after it is gone.
    #[must_use]
    pub fn get(&self, id: HomeId) -> Option<User<'_>> {
        let Record { numbers: [uid, gid, _], name } = self.at(id)?;
        Some(User { name, uid, gid })
    }

    /// Whether that home has an `/init` that may run.
    #[must_use]
    pub fn has_init(&self, id: HomeId) -> bool {
        self.bits(id) & INIT != 0
    }

    /// Whether programs of that user may start.
    #[must_use]
    pub fn may_run(&self, id: HomeId) -> bool {
        self.bits(id) & (GONE | STOPPED) == 0
    }

    fn find(&self, name: &str) -> Option<HomeId> {
        self.ids().find(|id| self.get(*id).is_some_and(|user| user.name == name))
    }

    /// The home with that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<HomeId> {
        self.find(name).filter(|id| self.may_run(*id))
    }

    /// root's home.
    #[must_use]
    pub fn root(&self) -> Option<HomeId> {
        self.named(ROOT_USER)
    }

    /// All homes.
    pub fn ids(&self) -> impl Iterator<Item = HomeId> + use<'_> {
        let mut from = 0;
        core::iter::from_fn(move || {
            let (id, next) = self.search(from, 0, GONE)?;
            from = next;
            Some(id)
        })
    }

    /// `/users` tells of a home: a record. `free` says whether nothing belongs to a user who is gone.
    pub fn learn(&mut self, packet: &[u8], free: impl Fn(HomeId) -> bool) -> News {
        let mut news = News::default();
        let Some(Record { numbers: [uid, gid, bits], name }) = Reader::one(packet) else { return news };
        let found = self.find(name);
        let is_same = |id: &HomeId| self.at(*id).is_some_and(|old| [old.numbers[0], old.numbers[1]] == [uid, gid]);
        if bits & REFUSED != 0 {
            let _ = found.inspect(|id| self.set(*id, self.bits(*id) | SEEN));
        } else if !users::may_be(name, uid) {
            return news;
        } else if let Some(id) = found.filter(is_same) {
            let before = self.bits(id);
            news.runs = (bits & INIT & !before != 0 && before & STOPPED == 0).then_some(id);
            self.set(id, before & STOPPED | SEEN | bits & INIT);
        } else {
            news.ends = self.leave(name);
            news.begins = self.add(packet.get(..FIXED.saturating_add(name.len())).unwrap_or_default(), uid, name, free);
            let _ = news.begins.inspect(|id| self.set(*id, SEEN | bits & INIT));
            news.runs = news.begins.filter(|_| bits & INIT != 0);
        }
        news
    }

    /// A place for a new record: one that is free and as long, else at the end. `None` if there is no room, or if a user
    /// of that uid or name is there, or something still belongs to one who is gone.
    fn add(&mut self, record: &[u8], uid: u32, name: &str, free: impl Fn(HomeId) -> bool) -> Option<HomeId> {
        let (mut from, mut place) = (0, HomeId::try_from(self.0.len()).ok()?);
        while let Some((id, next)) = self.search(from, 0, 0) {
            let Record { numbers: [other, _, bits], name: called } = self.at(id)?;
            if bits & GONE == 0 || !free(id) {
                if other == uid || called == name {
                    return None;
                }
            } else if next.saturating_sub(from) == record.len() {
                place = id;
            }
            from = next;
        }
        let at = usize::from(place);
        self.0.resize(self.0.len().max(at.saturating_add(record.len())), 0).ok()?;
        self.0.get_mut(at..)?.get_mut(..record.len())?.copy_from_slice(record);
        Some(place)
    }

    /// That home is gone. Returns whose programs have to end.
    #[inline(never)]
    pub fn leave(&mut self, name: &str) -> Option<HomeId> {
        self.find(name).inspect(|id| self.set(*id, GONE))
    }

    /// Root stops that user.
    pub fn stop(&mut self, name: &str) -> Option<HomeId> {
        self.named(name).inspect(|id| self.set(*id, self.bits(*id) | STOPPED))
    }

    /// `/users` has told of all. Returns a home that it has not told of, and which is gone: call it until there is none.
    pub fn settle(&mut self) -> Option<HomeId> {
        let gone = self.search(0, 0, GONE | SEEN);
        while gone.is_none()
            && let Some((id, _)) = self.search(0, SEEN, SEEN)
        {
            self.set(id, self.bits(id) & !SEEN);
        }
        gone.map(|(id, _)| id).inspect(|id| self.set(*id, GONE))
    }
}
