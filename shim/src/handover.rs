//! What `/setup` hands to PID 1 when it ends: settings, consoles and users. PID 1 parses no text and reads no folder.
//!
//! The format is a row of records: the length of a name, three numbers, the name. The first record has the settings and
//! the number of users, then come the consoles, then the users. All of it fits into a pipe, so nobody waits.

mod users;

use heapless::Vec;

pub use self::users::{News, REFUSED, Users, slot};
use crate::{
    layout::{MAX_CONSOLES, MAX_HOMES, MAX_NAMES},
    op::User,
    users::{Homes, Index},
};

/// The bytes of a record without its name.
const FIXED: usize = 13;
/// The most bytes of a console's name.
pub const CONSOLE: usize = 16;
/// The most bytes of a record.
pub const LONGEST: usize = FIXED + u8::MAX as usize;
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
    /// A console: see `Line`. A user: uid, gid, and bits.
    pub numbers: [u32; 3],
    /// Below /dev, or of the user.
    pub name: &'a str,
}

impl<'a> Record<'a> {
    /// That user's.
    #[must_use]
    pub fn of(homes: &'a Homes, index: Index) -> Option<Self> {
        let User { name, uid, gid } = homes.get(index)?;
        Some(Self { numbers: [uid, gid, if homes.has_init(index) { users::INIT } else { 0 }], name })
    }

    /// For a row of records. A name that is longer than its length can say, which no table of homes has, is left out.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8, LONGEST> {
        let [a, b, c] = self.numbers.map(u32::to_ne_bytes);
        let mut bytes = Vec::new();
        let Ok(length) = u8::try_from(self.name.len()) else { return bytes };
        for part in [&[length], &a[..], &b, &c, self.name.as_bytes()] {
            let _ = bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// The records, for the program that writes them. `send` gets them piece by piece.
pub struct Writer<'a> {
    piece: Vec<u8, PIECE>,
    send: &'a mut dyn FnMut(&[u8]),
}

impl<'a> Writer<'a> {
    /// Begins with the settings.
    pub fn new(settings: Settings, send: &'a mut dyn FnMut(&[u8])) -> Self {
        let Settings { single, apps, unattended, consoles, users } = settings;
        let bits = u32::from(single) | u32::from(apps) << 1 | u32::from(unattended) << 2;
        let mut writer = Self { piece: Vec::new(), send };
        writer.push(Record { numbers: [bits, consoles.into(), users], name: "" });
        writer
    }

    /// Appends a record.
    pub fn push(&mut self, record: Record<'_>) {
        if self.piece.len() > PIECE - LONGEST {
            self.flush();
        }
        let _ = self.piece.extend_from_slice(&record.bytes());
    }

    /// Appends the users, and ends.
    pub fn users(mut self, homes: &Homes) {
        for index in homes.indexes() {
            if let Some(record) = Record::of(homes, index) {
                self.push(record);
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
    /// The number of consoles.
    pub consoles: u8,
    /// The number of users.
    pub users: u32,
}

/// The records, for PID 1.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads records alone.
    #[must_use]
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Reads one record.
    #[must_use]
    pub fn one(bytes: &'a [u8]) -> Option<Record<'a>> {
        Self(bytes).take()
    }

    /// Reads the settings; the rest is the consoles, then the users. `None` if there is nothing.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<(Settings, Self)> {
        let mut reader = Self(bytes);
        let [bits, consoles, users] = reader.take()?.numbers;
        let consoles = u8::try_from(consoles).ok()?;
        let (single, apps, unattended) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
        Some((Settings { single, apps, unattended, consoles, users }, reader))
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

#[cfg(test)]
pub(crate) mod tests;
