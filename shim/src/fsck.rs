//! The result of an e2fsck of a users partition, and how the partition is mounted after it.
//!
//! `/mend` runs e2fsck and exits with the result; `/setup` mounts. e2fsck runs at most once per boot, so there is one
//! deadline. If it stopped half-way, the partition is mounted read-only.

use crate::ext4::{self, Asked};

/// The result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsck {
    /// It did not run, because no damage is known.
    Clean,
    /// It found no problem, or repaired all of them.
    Mended,
    /// It finished, and some damage is left.
    Left,
    /// It did not begin to check, so the partition is no worse than before.
    NeverBegan,
    /// It was stopped half-way. It may have changed inodes but not the bitmaps, so writes could overwrite blocks in
    /// use.
    Killed,
    /// It does not end even when it is killed. It has the disk open, and may still write.
    Held,
}

/// How a run of it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With that exit status (e2fsck(8), exit code), and whether it had begun to check the filesystem.
    Status(u8, bool),
    /// By a signal that we did not send.
    Signal,
    /// We killed it at the deadline.
    Late,
    /// It did not end even when it was killed.
    Never,
}

impl End {
    /// The result that follows from it.
    #[must_use]
    pub const fn came_to(self) -> Fsck {
        match self {
            Self::Status(0..4, _) => Fsck::Mended,
            Self::Status(4..8, _) => Fsck::Left,
            // it could not continue
            Self::Status(_, false) => Fsck::NeverBegan,
            Self::Status(_, true) | Self::Signal | Self::Late => Fsck::Killed,
            Self::Never => Fsck::Held,
        }
    }
}

/// Whether a line of e2fsck shows that it has begun to check the filesystem, and perhaps to change it.
#[must_use]
pub fn begins(line: &str) -> bool {
    line.starts_with("Pass ") || ext4::mends(line)
}

impl Fsck {
    const ALL: [Self; 6] = [Self::Clean, Self::Mended, Self::Left, Self::NeverBegan, Self::Killed, Self::Held];

    /// The exit status of `/mend` for this result.
    #[must_use]
    pub const fn status(self) -> u8 {
        self as u8
    }

    /// The result for an exit status of `/mend`. If `/mend` ended in another way, e2fsck may still be running.
    #[must_use]
    pub fn of_status(status: Option<i32>) -> Self {
        Self::ALL.into_iter().find(|fsck| Some(i32::from(fsck.status())) == status).unwrap_or(Self::Held)
    }

    /// Whether the partition may be written to. Replaying its journal is a write, too.
    #[must_use]
    pub const fn writable(self) -> bool {
        !matches!(self, Self::Killed | Self::Held)
    }

    /// The start of the log line about it, which the reason follows; empty if all is well.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Clean | Self::Mended => "",
            Self::Left => "e2fsck could not repair the users partition completely; it is used as it is",
            Self::NeverBegan => "e2fsck could not start; the users partition is used as it is",
            Self::Killed => "e2fsck was stopped half-way; the users partition is read-only",
            Self::Held => "e2fsck hangs and has the disk open; the users partition is read-only, or absent",
        }
    }
}

/// What `/setup` tries, one after the other, until the partition is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// Mounts it with the options of `usersflags=`.
    Asked,
    /// Mounts it without the options that ext4 may not know.
    Kept,
    /// Logs why the kernel refused it. If no reason is found, e2fsck checks all of it.
    Mend,
    /// Only logs why.
    Why,
    /// Mounts it read-only; the journal is replayed.
    Read,
    /// Mounts it read-only, and writes nothing to the disk.
    Untouched,
}

impl Try {
    /// The first step. `fsck` is the result of the e2fsck that the superblock required, if any.
    #[must_use]
    pub const fn first(fsck: Fsck) -> Self {
        if fsck.writable() { Self::Asked } else { Self::Untouched }
    }

    /// The next step, if this one did not mount it. `fsck` is the latest result of e2fsck.
    #[must_use]
    pub fn next(self, fsck: Fsck, flags: &str) -> Option<Self> {
        let asked = Asked::of(flags);
        match self {
            Self::Asked if asked.kept() != flags => Some(Self::Kept),
            Self::Asked | Self::Kept if fsck == Fsck::Clean && !asked.read_only => Some(Self::Mend),
            Self::Asked | Self::Kept => Some(Self::Why),
            Self::Mend if fsck == Fsck::Mended => Some(Self::Asked),
            Self::Mend | Self::Why if fsck.writable() && !(asked.read_only && asked.no_journal) => Some(Self::Read),
            Self::Mend | Self::Why | Self::Read => Some(Self::Untouched),
            Self::Untouched => None,
        }
    }

    /// The mount options of this step, if it mounts.
    #[must_use]
    pub fn options(self, flags: &str) -> &str {
        match self {
            Self::Asked => flags,
            Self::Kept => Asked::of(flags).kept(),
            Self::Mend | Self::Why => "",
            Self::Read => "ro",
            Self::Untouched => "ro,noload",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Fsck, Try, begins};

    #[test]
    fn the_result_of_e2fsck_depends_on_how_it_ended() {
        for (end, came_to) in [
            (End::Status(0, true), Fsck::Mended),
            (End::Status(1, true), Fsck::Mended),
            (End::Status(3, false), Fsck::Mended),
            (End::Status(4, true), Fsck::Left),
            (End::Status(5, true), Fsck::Left),
            // an operational error, before it began and in the middle; cancelled; it could not be started
            (End::Status(8, false), Fsck::NeverBegan),
            (End::Status(8, true), Fsck::Killed),
            (End::Status(12, true), Fsck::Killed),
            (End::Status(32, true), Fsck::Killed),
            (End::Status(127, false), Fsck::NeverBegan),
            (End::Signal, Fsck::Killed),
            (End::Late, Fsck::Killed),
            (End::Never, Fsck::Held),
        ] {
            assert_eq!(end.came_to(), came_to, "{end:?}");
        }
    }

    #[test]
    fn e2fsck_has_begun_once_it_prints_a_pass_or_a_repair() {
        for line in
            ["Pass 1: Checking inodes, blocks, and sizes", "Fix? yes", "users: Inode 13, i_blocks is 8.  FIXED."]
        {
            assert!(begins(line), "{line}");
        }
        for line in ["", "e2fsck 1.47.0 (5-Feb-2023)", "users: recovering journal", "/disk: is in use. Passed."] {
            assert!(!begins(line), "{line}");
        }
    }

    #[test]
    fn setup_reads_the_result_of_e2fsck_from_the_exit_status() {
        for fsck in Fsck::ALL {
            assert_eq!(Fsck::of_status(Some(fsck.status().into())), fsck);
        }
        for status in [None, Some(127), Some(-1)] {
            assert_eq!(Fsck::of_status(status), Fsck::Held, "{status:?}: e2fsck may still run");
        }
    }

    /// All steps for a partition that never mounts, after the result `fsck`. If e2fsck runs then, its result is
    /// `mended`.
    fn tries(mut fsck: Fsck, mended: Fsck, flags: &str) -> Vec<Try> {
        let (mut tried, mut next) = (vec![], Some(Try::first(fsck)));
        while let Some(this) = next {
            assert!(tried.len() < 20, "{tried:?}");
            tried.push(this);
            fsck = if this == Try::Mend { mended } else { fsck };
            next = this.next(fsck, flags);
        }
        tried
    }

    #[test]
    fn mount_attempts_depend_on_the_result_of_e2fsck() {
        use Try::{Asked, Kept, Mend, Read, Untouched, Why};
        for (fsck, mended, flags, wanted) in [
            (Fsck::Clean, Fsck::Mended, "", &[Asked, Mend, Asked, Why, Read, Untouched][..]),
            (Fsck::Clean, Fsck::Left, "", &[Asked, Mend, Read, Untouched]),
            (Fsck::Clean, Fsck::NeverBegan, "foo", &[Asked, Kept, Mend, Read, Untouched]),
            (Fsck::Clean, Fsck::Mended, "foo", &[Asked, Kept, Mend, Asked, Kept, Why, Read, Untouched]),
            // e2fsck was stopped or hangs: nothing is written any more, and it does not run again
            (Fsck::Clean, Fsck::Killed, "", &[Asked, Mend, Untouched]),
            (Fsck::Clean, Fsck::Held, "noatime", &[Asked, Kept, Mend, Untouched]),
            (Fsck::Killed, Fsck::Mended, "noatime", &[Untouched]),
            (Fsck::Held, Fsck::Mended, "", &[Untouched]),
            // e2fsck ran before the mount, so it does not run again
            (Fsck::Mended, Fsck::Mended, "", &[Asked, Why, Read, Untouched]),
            (Fsck::Left, Fsck::Mended, "noatime", &[Asked, Kept, Why, Read, Untouched]),
            (Fsck::NeverBegan, Fsck::Mended, "", &[Asked, Why, Read, Untouched]),
            // a partition that must not be written is not checked
            (Fsck::Clean, Fsck::Mended, "ro", &[Asked, Why, Read, Untouched]),
            (Fsck::Clean, Fsck::Mended, "ro,noload", &[Asked, Why, Untouched]),
            (Fsck::Clean, Fsck::Mended, "ro,foo,noload", &[Asked, Kept, Why, Untouched]),
        ] {
            assert_eq!(tries(fsck, mended, flags), wanted, "{fsck:?} {mended:?} {flags}");
        }
    }

    #[test]
    fn after_an_unfinished_e2fsck_nothing_is_written() {
        for fsck in [Fsck::Killed, Fsck::Held] {
            for flags in ["", "noatime", "commit=30,foo"] {
                let mounts = tries(fsck, fsck, flags).into_iter().map(|this| this.options(flags));
                assert_eq!(mounts.collect::<Vec<_>>(), ["ro,noload"], "{fsck:?} {flags}");
            }
            assert!(fsck.says().contains("read-only"));
        }
        assert_eq!(Try::Kept.options("ro,foo"), "ro");
        assert_eq!(Try::Asked.options("noatime"), "noatime");
    }
}
