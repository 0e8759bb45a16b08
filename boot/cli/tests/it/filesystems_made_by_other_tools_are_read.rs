//! Users partitions that mke2fs made with unusual options, or with content that our own tools would
//! not write.

use crate::users::fsck;
use boot::host::run::Run;
use boot::users::debugfs;
use boot::users::image::{NewUser, add, del, passwd};
use boot::users::logon::Logon;
use boot::users::read::{How, inspect, list};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

struct Made {
    _folder: TempDir,
    image: PathBuf,
}

/// A filesystem with these options, the home of ana, and what the commands of debugfs add.
fn made(options: &[&str], mib: u64, commands: &str) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("users.ext4");
    fs::File::create(&image).unwrap().set_len(mib << 20).unwrap();
    let label = ["-q", "-F", "-t", "ext4", "-L", "nodeos-users"];
    Run::new("mke2fs").args(label).args(options).arg(&image).ok().unwrap();
    let home = "mkdir ana\nsif ana uid 1000\nsif ana gid 1000\nmkdir ana/sub\nsif ana/sub uid 1000\n";
    change(&image, &format!("{home}{commands}"));
    Made { _folder: folder, image }
}

fn change(image: &Path, commands: &str) {
    assert_eq!(debugfs::write(image, commands.as_bytes()).unwrap(), "");
}

fn new(name: &str) -> NewUser {
    NewUser { name: name.to_owned(), uid: None, from: None, logon: Some(Logon::Guest), shell: None, nsh: None }
}

fn users(image: &Path) -> Vec<(String, u64)> {
    list(image).unwrap().into_iter().map(|user| (user.name, user.files)).collect()
}

fn free_blocks(image: &Path) -> u64 {
    let said = debugfs::ask(image, "stats -h").unwrap();
    said.lines().find_map(|line| line.strip_prefix("Free blocks:")).unwrap().trim().parse().unwrap()
}

#[test]
fn folders_nested_25000_deep_are_counted_and_removed() {
    let deep = "cd /ana/sub\n".to_owned() + &"mkdir d\ncd d\n".repeat(25_000) + "symlink end /ana\n";
    let made = made(&["-N", "30000"], 256, "");
    let before = free_blocks(&made.image);
    change(&made.image, &deep);
    assert_eq!(users(&made.image), [("ana".to_owned(), 1)]);
    let partition = inspect(&made.image).unwrap();
    // the others are lost+found, ana, ana/sub and the link
    assert_eq!(partition.members.len(), 25_000 + 4);
    assert!(partition.members.iter().all(|member| member.path.len() <= 4096));
    del(&made.image, "ana").unwrap();
    assert_eq!((users(&made.image), fsck(&made.image)), (vec![], String::new()));
    assert_eq!(free_blocks(&made.image), before + 2, "ana and ana/sub");
}

/// Replaces a name with one of the same length that debugfs cannot express. The filesystem has no
/// checksums.
fn rename(image: &Path, old: &[u8], new: &[u8]) {
    let mut bytes = fs::read(image).unwrap();
    let at: Vec<usize> = (0..bytes.len() - old.len()).filter(|at| bytes[*at..].starts_with(old)).collect();
    assert_eq!((at.len(), old.len()), (1, new.len()), "{}", old.escape_ascii());
    bytes[at[0]..at[0] + old.len()].copy_from_slice(new);
    fs::write(image, bytes).unwrap();
}

#[test]
fn names_that_debugfs_cannot_express_are_listed_and_removed() {
    let commands = "mkdir bo\nsif bo uid 1001\nsif bo gid 1001\nmkdir odd_home_\nsif odd_home_ uid 1002\ncd /ana/sub\n\
                    symlink first_name_ x\nmkdir second_name\nsymlink second_name/third x\nsymlink quote_name x\n";
    let made = made(&["-O", "^metadata_csum,^has_journal"], 16, commands);
    rename(&made.image, b"first_name_", b"a\nrm <2>\n.\x1b");
    rename(&made.image, b"second_name", b"b\rc\x07\"\"\" %'\\");
    rename(&made.image, b"quote_name", b"\"q\" <7>\t#\xff");
    rename(&made.image, b"odd_home_", b"odd\nhome_");
    let names: Vec<_> = list(&made.image).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(users(&made.image).len(), 3);
    assert!(names.iter().any(|line| line.contains(r"odd\nhome_  refused at boot: its name")), "{names:?}");
    let text = inspect(&made.image).unwrap().to_string();
    for name in [r"/ana/sub/a\nrm <2>\n.\u{1b} -> x", r#"/ana/sub/b\rc\u{7}""" %'\\/third"#, r#"/ana/sub/"q" <7>\t#"#] {
        assert!(text.contains(name), "{text}");
    }
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    del(&made.image, "ana").unwrap();
    del(&made.image, "odd\nhome_").unwrap();
    assert_eq!((users(&made.image), fsck(&made.image)), (vec![("bo".to_owned(), 0)], String::new()));
}

#[test]
fn names_in_an_encrypted_folder_are_listed_as_bytes() {
    let commands = "cd /ana/sub\nsymlink first_name_ x\nsymlink second_name x\nsif . flags 0x80800\n";
    let made = made(&["-O", "^metadata_csum,^has_journal,encrypt"], 16, commands);
    // encrypted names can contain any bytes
    rename(&made.image, b"first_name_", b"../../x\0\x1b\xff/");
    assert_eq!(users(&made.image), [("ana".to_owned(), 2)]);
    let partition = inspect(&made.image).unwrap();
    let paths: Vec<_> = partition.members.iter().map(|member| member.path.as_str()).collect();
    assert!(paths.contains(&"/ana/sub/(encrypted 2e2e2f2e2e2f78001bff2f)"), "{paths:?}");
    // encrypted files cannot be carried in an initramfs
    let cache = boot::host::cache::Cache::at(made.image.with_extension("cache"));
    let error = boot::users::carried::archive(&cache.unwrap(), &made.image).unwrap_err().to_string();
    assert!(error.contains("/ana/sub: it is encrypted, and cannot travel"), "{error}");
}

#[test]
fn a_file_hard_linked_from_another_home_is_kept() {
    let made = made(&[], 16, "mkdir bo\nsif bo uid 1001\nsif bo gid 1001\n");
    let file = made.image.with_extension("file");
    fs::write(&file, vec![7; 100_000]).unwrap();
    change(
        &made.image,
        &format!("cd /ana\nwrite {} shared\nln shared /bo/shared\nsif shared links_count 2\n", file.display()),
    );
    assert_eq!(fsck(&made.image), "");
    del(&made.image, "ana").unwrap();
    assert_eq!((users(&made.image), fsck(&made.image)), (vec![("bo".to_owned(), 1)], String::new()));
    let inside = ext4_view::Ext4::load_from_path(&made.image).unwrap();
    assert_eq!(inside.read("/bo/shared").unwrap(), vec![7; 100_000]);
}

#[test]
fn inodes_of_128_bytes_small_blocks_and_no_extents_are_read_and_changed() {
    for options in
        [&["-I", "128"][..], &["-b", "1024"], &["-O", "^extent,^64bit"], &["-O", "none"], &["-O", "^metadata_csum"]]
    {
        let made = made(options, 64, "");
        let from = made.image.with_extension("from");
        fs::create_dir(&from).unwrap();
        // large enough for block tables of the third level
        let large: Vec<u8> = (0..5_000_000_u32).map(|index| (index / 1000) as u8).collect();
        fs::write(from.join("large"), &large).unwrap();
        fs::write(from.join("init"), "#!/usr/bin/env node\n").unwrap();
        add(&made.image, &NewUser { from: Some(from), ..new("bo") }).unwrap();
        passwd(&made.image, "ana", &Logon::Guest).unwrap();
        assert_eq!(users(&made.image), [("ana".to_owned(), 1), ("bo".to_owned(), 3)], "{options:?}");
        assert!(list(&made.image).unwrap().iter().all(|user| user.logon == How::Guest && user.refused.is_none()));
        let image = boot::users::read::Image::open(&made.image).unwrap();
        let file = image.look(b"/bo/large").unwrap().unwrap();
        assert!(image.content(&file, 5_000_000).unwrap() == large, "{options:?}");
        let error = image.content(&file, 4_999_999).unwrap_err().to_string();
        assert!(error.contains("5000000 bytes, and at most 4999999"), "{error}");
        del(&made.image, "ana").unwrap();
        assert_eq!(fsck(&made.image), "", "{options:?}");
    }
}

#[test]
fn a_filesystem_that_machines_cannot_write_is_listed_but_not_changed() {
    for (options, why, next) in [
        (&["-O", "casefold"][..], "this kernel lacks casefold", "tune2fs -O ^casefold DEVICE"),
        (&["-O", "quota"], "this kernel does not write quotas", "tune2fs -O ^quota,^project DEVICE"),
        (&["-O", "quota,project"], "this kernel does not write quotas", "tune2fs -O ^quota,^project DEVICE"),
        (&["-b", "65536"], "its blocks are larger than the kernel's pages of 4 KiB", "copy the homes to a new one"),
    ] {
        let made = made(options, 256, "");
        assert_eq!(users(&made.image), [("ana".to_owned(), 0)], "{options:?}");
        let before = fs::read(&made.image).unwrap();
        for error in [
            add(&made.image, &new("bo")).unwrap_err(),
            passwd(&made.image, "ana", &Logon::Guest).unwrap_err(),
            del(&made.image, "ana").unwrap_err(),
            boot::users::policy::set_policy(&made.image, "ana", None).unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.contains(why) && text.contains(next) && !text.contains("--force"), "{text}");
        }
        assert!(fs::read(&made.image).unwrap() == before);
        let mut command = Command::new(env!("CARGO_BIN_EXE_nodeos"));
        let done = command.args(["users", "list"]).arg(&made.image).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && said.contains(why) && said.contains(next), "{said}");
        assert!(inspect(&made.image).unwrap().to_string().contains(why));
    }
}

#[test]
fn the_advice_for_unsupported_features_works_and_keeps_the_homes() {
    let made = made(&["-O", "casefold,quota,project"], 64, "");
    // the first advice is for casefold, the second for both kinds of quota
    for _ in 0..2 {
        let error = add(&made.image, &new("bo")).unwrap_err().to_string();
        let advice = error.split('`').nth(1).unwrap().replace("DEVICE", made.image.to_str().unwrap());
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
        let done = Command::new("sh").args(["-c", &advice]).env("PATH", path).output().unwrap();
        assert!(done.status.success(), "{advice}: {}", String::from_utf8_lossy(&done.stderr));
    }
    add(&made.image, &new("bo")).unwrap();
    assert_eq!(users(&made.image), [("ana".to_owned(), 0), ("bo".to_owned(), 1)]);
}

#[test]
fn inspecting_a_damaged_filesystem_never_advises_a_repair() {
    let made = made(&[], 16, "symlink ana/link x\nmkdir ana/a\nmkdir ana/b\n");
    let whole = fs::read(&made.image).unwrap();
    // damages bytes that are in use: in the superblock, groups, inodes and blocks
    let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    let mut errors = 0;
    for at in used.iter().step_by(used.len() / 100 + 1) {
        let mut bytes = whole.clone();
        bytes[*at] ^= 0x55;
        fs::write(&made.image, &bytes).unwrap();
        if let Err(error) = inspect(&made.image) {
            let text = error.to_string();
            assert!(!text.contains("next: e2fsck -f "), "{text}");
            errors += 1;
        }
    }
    assert!(errors > 10, "{errors}");
}

#[test]
fn block_tables_that_share_blocks_are_refused() {
    const TABLES: usize = 16_000;
    let forged = format!("sif ana/sub size 4398046511104\nsif ana/sub block[TIND] {TABLES}\n");
    let made = made(&["-b", "4096", "-O", "^64bit,^extent,^metadata_csum,^has_journal"], 64, &forged);
    let mut bytes = fs::read(&made.image).unwrap();
    // two tables, each full of references to the next block; reading them all would take 4 GB of
    // reads
    for (table, next) in [(TABLES, 16_001_u32), (TABLES + 1, 16_002)] {
        bytes[table * 4096..][..4096].copy_from_slice(&next.to_le_bytes().repeat(1024));
    }
    fs::write(&made.image, bytes).unwrap();
    let error = inspect(&made.image).unwrap_err().to_string();
    assert!(error.contains("it has more blocks than the filesystem"), "{error}");
}

/// Checks that a command refuses an image with 1 GiB of memory, and returns the error.
fn refused_in_little_memory(command: &str, image: &Path) -> String {
    let line = format!("ulimit -v 1048576; exec {} {command} {}", env!("CARGO_BIN_EXE_nodeos"), image.display());
    let done = Command::new("sh").args(["-c", &line]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(71), "{said}");
    said
}

const PLAIN: [&str; 6] = ["-b", "4096", "-O", "^metadata_csum,^has_journal,^64bit", "-N", "512"];

#[test]
fn folders_that_share_blocks_are_refused_in_bounded_memory() {
    const BLOCKS: usize = 2000;
    const DEEP: usize = 150;
    const SHARED: u64 = 4000;
    let made = made(&PLAIN, 32, "");
    // fifteen names of 255 bytes in each block: 10 MB of memory for each folder that contains them
    let mut block = Vec::new();
    for (index, length) in std::iter::repeat_n(264_u16, 14).chain([400]).enumerate() {
        let mut entry = [&11_u32.to_le_bytes()[..], &length.to_le_bytes(), &[255, 0], &[b'a'; 255]].concat();
        entry[8] += u8::try_from(index).unwrap();
        entry.resize(length.into(), 0);
        block.extend(entry);
    }
    let file = fs::File::options().write(true).open(&made.image).unwrap();
    file.write_all_at(&block.repeat(BLOCKS), SHARED * 4096).unwrap();
    // each folder has an extent of its own, which names the next folder, and one that all folders
    // share
    let folder = format!(
        "mkdir !\nsif ! block[0] {}\nsif ! block[6] 1\nsif ! block[7] {BLOCKS}\nsif ! block[8] {SHARED}\n",
        0x2_f30a
    );
    change(&made.image, &(format!("cd /ana\n{}", format!("{folder}cd !\n").repeat(DEEP))));
    for command in ["inspect", "users list"] {
        let said = refused_in_little_memory(command, &made.image);
        assert!(said.contains("bytes, and at most 268435456 are held") && said.contains("next: debugfs"), "{said}");
    }
}

/// A filesystem of 1 TiB in a sparse file.
fn large(commands: &str) -> Made {
    let made = made(&PLAIN, 64, commands);
    let file = fs::File::options().write(true).open(&made.image).unwrap();
    file.set_len(1 << 40).unwrap();
    file.write_all_at(&(1_u32 << 28).to_le_bytes(), 1024 + 4).unwrap();
    made
}

#[test]
fn group_descriptors_are_not_kept_in_memory() {
    let made = large("");
    let file = fs::File::options().write(true).open(&made.image).unwrap();
    // one group per block: 8 GB of descriptors
    file.write_all_at(&1_u32.to_le_bytes(), 1024 + 0x20).unwrap();
    let line = format!("ulimit -v 1048576; exec {} users list {}", env!("CARGO_BIN_EXE_nodeos"), made.image.display());
    let done = Command::new("sh").args(["-c", &line]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains(" ana"), "{said}{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn repeated_extents_are_refused_in_bounded_memory() {
    for (length, why) in [(0_u16, "a piece of it has no block"), (1, "it has more than 1048576 pieces")] {
        // three entries lead to a node of 340 entries, each of these to another one, and so on: 118
        // million pieces
        const LEAF: u16 = 16_000;
        let next = u32::from(LEAF + 2);
        let top = [0x3_f30a, 0x3_0004, 0, 0, next, 0, 0, next, 0, 0, next, 0];
        let words = top.iter().enumerate().map(|(at, word)| format!("sif ana/sub block[{at}] {word}\n"));
        let made = large(&words.collect::<String>());
        let file = fs::File::options().write(true).open(&made.image).unwrap();
        for (depth, block) in [(0_u16, LEAF), (1, LEAF + 1), (2, LEAF + 2)] {
            let entry = if depth == 0 { [0, 0, length, 0, 16_100, 0] } else { [0, 0, block - 1, 0, 0, 0] };
            let node = [vec![0xf30a, 340, 340, depth, 0, 0], entry.repeat(340)].concat();
            let bytes: Vec<u8> = node.iter().flat_map(|half| half.to_le_bytes()).collect();
            file.write_all_at(&bytes, u64::from(block) * 4096).unwrap();
        }
        let said = refused_in_little_memory("inspect", &made.image);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_pending_journal_is_replayed_in_a_copy() {
    let made = made(&["-O", "^metadata_csum"], 16, "");
    let bytes = fs::read(&made.image).unwrap();
    let at = (0..bytes.len()).find(|at| bytes[*at..].starts_with(b"\x03\x02ana")).unwrap();
    let block = at / 4096; // in a filesystem this small, blocks may have 1 KiB
    let (block, size) = if bytes[1024 + 0x18] == 0 { (at / 1024, 1024) } else { (block, 4096) };
    let mut new = bytes[block * size..][..size].to_vec();
    new[at % size + 2..][..3].copy_from_slice(b"eva");
    let file = made.image.with_extension("block");
    fs::write(&file, new).unwrap();
    change(&made.image, &format!("jo\njw -b {block} {}\njc\n", file.display()));
    let before = fs::read(&made.image).unwrap();
    assert_eq!(users(&made.image), [("eva".to_owned(), 0)]);
    assert!(fs::read(&made.image).unwrap() == before, "it is only read");
    passwd(&made.image, "eva", &Logon::Guest).unwrap();
    assert_eq!((users(&made.image), fsck(&made.image)), (vec![("eva".to_owned(), 1)], String::new()));
}
