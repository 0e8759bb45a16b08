//! What an ext4 superblock shows before the mount: why the kernel refuses it, and whether it needs e2fsck.
//!
//! Pure, over a function that reads: the guest reads a device, the host a file. A reason names the obstacle and a next
//! step that keeps the data. Offsets and bits: fs/ext4/ext4.h, `struct ext4_super_block`; refused features:
//! fs/ext4/super.c, `ext4_feature_set_ok`. Nothing here prevents a mount: the kernel decides, this only explains.

use crate::{
    cut,
    probe::{self, BLOCK, EXT4},
};

/// Reads a block at that many bytes from the start; `None` if the device or file is shorter.
pub type Read<'a> = dyn FnMut(u64, &mut [u8; BLOCK]) -> Option<()> + 'a;

/// The offset of the superblock.
const AT: usize = 1024;
const LOG_BLOCK_SIZE: usize = AT + 0x18;
const STATE: usize = AT + 0x3a;
const COMPAT: usize = AT + 0x5c;
const INCOMPAT: usize = AT + 0x60;
const RO_COMPAT: usize = AT + 0x64;
const JOURNAL_INODE: usize = AT + 0xe0;
const HAS_JOURNAL: u32 = 4;
/// A larger value means blocks larger than a page of 4 KiB: a block has 1024 bytes, shifted left by this.
const MOST_LOG_BLOCK_SIZE: u32 = 2;

/// Features that prevent a mount, in the order in which the kernel checks them: the word, the bits, the message.
static REFUSED: [(usize, u32, &str); 6] = [
    (INCOMPAT, 8, "it is the journal of another filesystem"),
    // all but EXT4_FEATURE_INCOMPAT_SUPP
    (INCOMPAT, !0x3_e7d6, "a newer Linux made it, with features that this kernel lacks; copy the homes to a new one"),
    (
        INCOMPAT,
        0x2_0000,
        "this kernel lacks casefold; if no folder uses it: `tune2fs -O ^casefold DEVICE` on another computer",
    ),
    (RO_COMPAT, 0x1000, "it is marked read-only; `tune2fs -O ^read-only DEVICE` on another computer ends that"),
    // all but EXT4_FEATURE_RO_COMPAT_SUPP
    (RO_COMPAT, !0x1_b77b, "a newer Linux made it, with features that this kernel reads and does not write"),
    (
        RO_COMPAT,
        0x2100,
        "this kernel does not write quotas; `tune2fs -O ^quota,^project DEVICE` on another computer keeps the homes",
    ),
];

const LARGE_BLOCKS: &str = "its blocks are larger than the kernel's pages of 4 KiB; copy the homes to a new one";
const FOREIGN_JOURNAL: &str = "its journal is on another disk; attach that disk to another computer and run `e2fsck -f \
                               DEVICE`, then remove the journal";

/// The first copy of the superblock, for blocks of 4, 2 and 1 KiB: it is at the start of the second block group. e2fsck
/// overwrites the first blocks with it, so people should run that on a copy of the disk.
static COPIES: [(u64, &str); 3] = [
    (
        32768 * 4096,
        "its superblock is damaged, but there is another: copy the disk, and run `e2fsck -B 4096 -b 32768` on the copy",
    ),
    (
        16384 * 2048,
        "its superblock is damaged, but there is another: copy the disk, and run `e2fsck -B 2048 -b 16384` on the copy",
    ),
    (
        8193 * 1024,
        "its superblock is damaged, but there is another: copy the disk, and run `e2fsck -B 1024 -b 8193` on the copy",
    ),
];

/// Other formats that are recognized by the start of the disk: block, offset in it, magic, message.
static OTHERS: [(u64, usize, &[u8], &str); 13] = [
    (0, 1024, &probe::EROFS, "it is EROFS, not ext4"),
    (0, 1024, &[0x10, 0x20, 0xf5, 0xf2], "it is F2FS, not ext4"),
    (0, 0, b"XFSB", "it is XFS, not ext4"),
    (0, 0, b"hsqs", "it is squashfs, not ext4"),
    (0, 0, b"LUKS\xba\xbe", "it is encrypted (LUKS), not ext4"),
    (0, 3, b"NTFS    ", "it is NTFS, not ext4"),
    (0, 3, b"EXFAT   ", "it is exFAT, not ext4"),
    (0, 54, b"FAT", "it is FAT, not ext4"),
    (0, 82, b"FAT32", "it is FAT, not ext4"),
    (probe::BLOCKS[1], 0, probe::ISO, "it is ISO 9660, not ext4"),
    (65536, 64, b"_BHRfS_M", "it is btrfs, not ext4"),
    (0, 512, b"LABELONE", "it is LVM, not ext4"),
    // must come after FAT and NTFS, because their first sector ends with the same bytes
    (0, 510, &[0x55, 0xaa], "it is a whole disk with partitions: name one of them"),
];

const UNKNOWN: &str = "it is not an ext4 filesystem, nor another that is known here";
/// Only in this case may a new filesystem be made.
pub const EMPTY: &str = "it is empty: make one with `nodeos users create`";
/// An ext4 filesystem has its group descriptors and first inodes within this many bytes.
const BEGINNING: u64 = 1 << 20;

fn word(block: &[u8; BLOCK], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(block.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn has(block: &[u8; BLOCK], at: usize, magic: &[u8]) -> bool {
    block.get(at..).is_some_and(|rest| rest.starts_with(magic))
}

/// Why the kernel would refuse to mount it, or to mount it for writing, and what to do; `None` if no reason is found.
pub fn refused(read: &mut Read<'_>) -> Option<&'static str> {
    let mut block = [0; BLOCK];
    read(0, &mut block)?;
    if probe::is_ext4(&block) {
        return features(&block);
    }
    for (at, place, magic, what) in &OTHERS {
        if read(*at, &mut block).is_some() && has(&block, *place, magic) {
            return Some(what);
        }
    }
    // checked last, because these copies survive when another filesystem replaces the ext4
    for (at, what) in &COPIES {
        // s_magic and s_block_group_nr, of a superblock at the start of its block
        if read(*at, &mut block).is_some() && has(&block, EXT4.0, &EXT4.1) && has(&block, 0x5a, &[1, 0]) {
            return Some(what);
        }
    }
    let mut at = 0;
    while at < BEGINNING && read(at, &mut block).is_some() {
        if block.iter().any(|byte| *byte != 0) {
            return Some(UNKNOWN);
        }
        at = at.saturating_add(BLOCK as u64);
    }
    Some(EMPTY)
}

/// How thoroughly e2fsck should check and repair it before the mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It was not unmounted and has no journal: e2fsck repairs what it can without a question.
    Preen,
    /// The kernel found damage in it: e2fsck checks everything.
    Full,
}

/// The check that the state in the superblock requires. A filesystem with a journal needs none after a power loss: the
/// kernel replays the journal.
#[must_use]
pub fn check(block: &[u8; BLOCK]) -> Option<Check> {
    const VALID: u32 = 1; // EXT4_VALID_FS, EXT4_ERROR_FS
    const ERROR: u32 = 2;
    let state = word(block, STATE).filter(|_| probe::is_ext4(block))?;
    if state & ERROR != 0 {
        return Some(Check::Full);
    }
    if state & VALID == 0 { Some(Check::Preen) } else { None }
}

/// Whether a line of e2fsck reports a problem that it repaired: either a question that `-y` answered, or a message of
/// `-p`, which ends with a word in capitals (e2fsck/problem.c, `preen_msg`).
#[must_use]
pub fn mends(line: &str) -> bool {
    let word = line.strip_suffix('.').and_then(|line| line.rsplit(' ').next()).unwrap_or("");
    let capitals = word.len() > 4 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    line.ends_with("? yes") || (capitals && !matches!(word, "MANUALLY" | "IGNORED"))
}

/// What the options in `usersflags=` request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The mount is read-only.
    pub read_only: bool,
    /// The journal is not loaded.
    pub no_journal: bool,
}

impl Asked {
    /// Parses options that are separated by commas.
    #[must_use]
    pub fn of(options: &str) -> Self {
        let has = |wanted: &str| {
            let mut words = Some(options);
            core::iter::from_fn(|| cut::next(&mut words, b',')).any(|word| word == wanted)
        };
        Self { read_only: has("ro"), no_journal: has("noload") || has("norecovery") }
    }

    /// The options to keep if ext4 does not know all of them.
    #[must_use]
    pub fn kept(self) -> &'static str {
        match (self.read_only, self.no_journal) {
            (true, true) => "ro,noload",
            (true, false) => "ro",
            _ => "",
        }
    }

    /// Whether `commit=` may be set: the kernel refuses it if no journal is loaded.
    #[must_use]
    pub fn commits(self) -> bool {
        !self.read_only && !self.no_journal
    }
}

/// Whether it has a journal. Without one, the kernel refuses `commit=`.
#[must_use]
pub fn has_journal(block: &[u8; BLOCK]) -> bool {
    word(block, COMPAT).is_some_and(|compat| compat & HAS_JOURNAL != 0)
}

fn features(block: &[u8; BLOCK]) -> Option<&'static str> {
    if word(block, LOG_BLOCK_SIZE)? > MOST_LOG_BLOCK_SIZE {
        return Some(LARGE_BLOCKS);
    }
    for (at, bits, what) in &REFUSED {
        if word(block, *at)? & bits != 0 {
            return Some(what);
        }
    }
    if has_journal(block) && word(block, JOURNAL_INODE)? == 0 { Some(FOREIGN_JOURNAL) } else { None }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, process::Command};

    use super::*;

    fn reader(bytes: &[u8]) -> impl FnMut(u64, &mut [u8; BLOCK]) -> Option<()> {
        move |at, block| {
            let at = usize::try_from(at).ok()?;
            block.copy_from_slice(bytes.get(at..at + BLOCK)?);
            Some(())
        }
    }

    fn why(bytes: &[u8]) -> Option<&'static str> {
        refused(&mut reader(bytes))
    }

    fn tool(program: &str, words: &str, image: &Path) {
        let output = Command::new(program).args(words.split_whitespace()).arg(image).output().unwrap();
        assert!(output.status.success(), "{program} {words}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// An image that mke2fs makes with those options, changed by `then`.
    fn made(words: &str, size: u64, then: &[&str]) -> Vec<u8> {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(size).unwrap();
        tool("mke2fs", &format!("-q -F -t ext4 {words}"), image.path());
        then.iter().for_each(|words| tool("tune2fs", words, image.path()));
        fs::read(image.path()).unwrap()
    }

    #[test]
    fn problems_of_filesystems_made_by_mke2fs_are_explained() {
        for (words, says) in [
            ("-O quota", "quotas; `tune2fs -O ^quota,^project DEVICE`"),
            ("-O quota,project", "quotas; `tune2fs -O ^quota,^project DEVICE`"),
            ("-O casefold", "lacks casefold; if no folder uses it: `tune2fs -O ^casefold DEVICE`"),
            ("-b 65536", "blocks are larger than the kernel's pages of 4 KiB"),
            ("-O journal_dev", "the journal of another filesystem"),
        ] {
            assert!(why(&made(words, 64 << 20, &[])).unwrap().contains(says), "{words}");
        }
        assert!(why(&made("", 64 << 20, &["-O read-only"])).unwrap().contains("`tune2fs -O ^read-only DEVICE`"));
    }

    #[test]
    fn filesystems_without_problems_need_no_explanation() {
        for words in [
            "-b 1024",
            "-b 4096",
            "-O bigalloc",
            "-O encrypt",
            "-O verity",
            "-O mmp",
            "-O inline_data",
            "-O ^has_journal",
            "-O large_dir,ea_inode,metadata_csum_seed",
            "-O orphan_file,fast_commit,stable_inodes",
        ] {
            assert_eq!(why(&made(words, 64 << 20, &[])), None, "{words}");
        }
    }

    /// A superblock with these bytes at `at`, of an ext4 filesystem without a journal.
    fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[AT + 0x38..AT + 0x3a].copy_from_slice(&[0x53, 0xef]);
        block[at..at + bytes.len()].copy_from_slice(bytes);
        block
    }

    #[test]
    fn only_an_unclean_filesystem_is_checked() {
        let made = made("", 16 << 20, &[]);
        let mut block: [u8; BLOCK] = made[..BLOCK].try_into().unwrap();
        for (state, wanted) in
            [(1, None), (5, None), (0, Some(Check::Preen)), (2, Some(Check::Full)), (3, Some(Check::Full))]
        {
            block[STATE] = state;
            assert_eq!(check(&block), wanted, "{state}");
        }
        assert_eq!(check(&[0; BLOCK]), None, "what is no ext4 is not for e2fsck");
    }

    #[test]
    fn requested_read_only_options_are_kept() {
        for (options, kept, commits) in [
            ("", "", true),
            ("noatime,commit=30", "", true),
            ("errors=ro,rodata", "", true),
            ("ro", "ro", false),
            ("noatime,ro,foo", "ro", false),
            ("ro,noload", "ro,noload", false),
            ("norecovery,ro", "ro,noload", false),
            ("noload", "", false),
        ] {
            let asked = Asked::of(options);
            assert_eq!((asked.kept(), asked.commits()), (kept, commits), "{options}");
        }
    }

    #[test]
    fn repairs_are_recognised_in_the_output_of_e2fsck() {
        for line in [
            "Salvage? yes",
            "Inode 2 ref count is 3, should be 4.  Fix? yes",
            "users: Inode 13, i_blocks is 8, should be 0.  FIXED.",
        ] {
            assert!(mends(line), "{line}");
        }
        for line in [
            "",
            "Pass 1: Checking inodes, blocks, and sizes",
            "users: ***** FILE SYSTEM WAS MODIFIED *****",
            "users: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.",
            "Missing '.' in directory inode 13.",
            "users: Unattached inode 14  IGNORED.",
        ] {
            assert!(!mends(line), "{line}");
        }
    }

    #[test]
    fn features_of_newer_kernels_are_explained() {
        assert_eq!(why(&with(0, &[])), None);
        assert!(why(&with(INCOMPAT, &[0, 0, 4, 0])).unwrap().contains("copy the homes"));
        assert!(why(&with(RO_COMPAT, &[0, 0, 2, 0])).unwrap().contains("reads and does not write"));
        assert!(why(&with(COMPAT, &[4])).unwrap().contains("run `e2fsck -f DEVICE`, then remove the journal"));
    }

    #[test]
    fn creating_a_filesystem_is_advised_only_for_an_empty_disk() {
        assert_eq!(why(&vec![0; 4 << 20]), Some(EMPTY));
        assert_eq!(why(&[0; BLOCK]), Some(EMPTY));
        assert_eq!(why(&[0x5a; BLOCK]), Some(UNKNOWN));
        let texts = OTHERS.iter().map(|row| row.3).chain(COPIES.map(|row| row.1)).chain(REFUSED.map(|row| row.2));
        for text in texts.chain([UNKNOWN, LARGE_BLOCKS, FOREIGN_JOURNAL]) {
            assert!(!text.contains("create"), "{text}");
        }
        // the rest of a filesystem whose first blocks were overwritten
        let mut wiped = made("-b 4096", 64 << 20, &[]);
        wiped[..8192].fill(0);
        assert_eq!(why(&wiped), Some(UNKNOWN));
        for (size, words, says) in [
            (192_u64 << 20, "-b 4096", "-b 32768"),
            (48 << 20, "-b 2048", "-b 16384"),
            (16 << 20, "-b 1024", "-b 8193"),
        ] {
            let mut wiped = made(words, size, &[]);
            wiped[..4096].fill(0);
            assert!(why(&wiped).unwrap().contains(says), "{words}");
            // if another filesystem was made on it since, e2fsck must not be suggested
            for (at, place, magic, says) in OTHERS {
                let place = usize::try_from(at).unwrap() + place;
                let kept = wiped[place..place + magic.len()].to_vec();
                wiped[place..place + magic.len()].copy_from_slice(magic);
                assert_eq!(why(&wiped), Some(says));
                wiped[place..place + magic.len()].copy_from_slice(&kept);
            }
        }
    }

    #[test]
    fn other_filesystems_are_named() {
        for (at, place, magic, says) in OTHERS {
            let mut bytes = vec![0; 68 << 10];
            let place = usize::try_from(at).unwrap() + place;
            bytes[place..place + magic.len()].copy_from_slice(magic);
            assert_eq!(why(&bytes), Some(says));
        }
    }
}
