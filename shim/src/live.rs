//! What the services know of a user who has a sandbox: a file in `layout::LIVE`, named by the uid, which `/sandbox`
//! writes.

use crate::{
    cut,
    rights::Rights,
    say,
    say::{Say, Text},
};

/// Enough bytes for every file: a number, a blank and the longest name.
pub const ROOM: usize = 264;

/// Its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live<'a> {
    /// What the user's policy allows.
    pub rights: Rights,
    /// The user's name.
    pub name: &'a str,
}

impl Say for Live<'_> {
    fn say(&self, text: &mut Text) {
        say!(text, self.rights.0, " ", self.name);
    }
}

impl<'a> Live<'a> {
    /// Parses the file.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (rights, name) = cut::once(core::str::from_utf8(bytes).ok()?, b' ')?;
        let rights = Rights(u8::try_from(cut::number(rights, 10)?).ok()?);
        (!name.is_empty()).then_some(Self { rights, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_round_trips() {
        for name in ["ana", "a b", "7 8", &"x".repeat(255)] {
            let live = Live { rights: Rights::ALL, name };
            let mut text = Text::new();
            say!(&mut text, live);
            assert!(text.len() < ROOM);
            assert_eq!(Live::parse(text.as_bytes()), Some(live));
        }
    }

    #[test]
    fn what_is_cut_off_is_no_user() {
        for text in ["", "3", "3 ", "ana", "256 ana", "-1 ana"] {
            assert_eq!(Live::parse(text.as_bytes()), None, "{text}");
        }
    }
}
