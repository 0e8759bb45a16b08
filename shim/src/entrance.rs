//! How PID 1 tells `/logon` which program to start in which sandbox: the arguments of `/logon enter`.

use crate::{
    cut,
    op::User,
    say,
    say::{Say, Text},
};

/// What a program in a sandbox begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entrance<'a, L> {
    /// Whose it is.
    pub user: User<'a>,
    /// Empty for the user's shell.
    pub path: &'a str,
    /// The terminal of the session: its name below /dev, and its line. Without it there is nothing to read.
    pub terminal: Option<(&'a str, L)>,
    /// Whether it prints on the standard output that `/logon` has.
    pub prints: bool,
}

impl<L: Say> Say for Entrance<'_, L> {
    fn say(&self, text: &mut Text) {
        let Self { user, path, terminal, prints } = self;
        say!(text, "logon\0enter\0", user.name, "\0", user.uid, "\0", user.gid, "\0", path, "\0");
        say!(text, if *prints { "prints" } else { "" }, "\0");
        if let Some((name, line)) = terminal {
            say!(text, name, "\0", line, "\0");
        }
    }
}

/// A user from three arguments: the name, the uid and the gid.
pub fn user<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<User<'a>> {
    Some(User { name: words.next()?, uid: cut::small(words.next()?, 10)?, gid: cut::small(words.next()?, 10)? })
}

impl<'a> Entrance<'a, &'a str> {
    /// From the arguments behind `enter`.
    pub fn parse(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let user = user(words)?;
        let (path, prints) = (words.next()?, words.next()? == "prints");
        Some(Self { user, path, terminal: words.next().zip(words.next()), prints })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_there_and_back() {
        let user = User { name: "a b", uid: 1000, gid: 1001 };
        for entrance in [
            Entrance { user, path: "/init", terminal: None, prints: true },
            Entrance { user, path: "", terminal: Some(("ttyS0", "1,2,3,4")), prints: false },
        ] {
            let mut text = Text::new();
            say!(&mut text, entrance);
            let mut words = text.strip_suffix('\0').unwrap().split('\0').skip(2);
            assert_eq!(Entrance::parse(&mut words), Some(entrance));
        }
        assert_eq!(Entrance::parse(&mut ["ana", "1000", "x"].into_iter()), None);
    }
}
