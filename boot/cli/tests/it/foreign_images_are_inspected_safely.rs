//! Images from untrusted sources: with names that lead out of the image, names with escape
//! sequences, and false sizes.

use crate::users::names;
use boot::host::run::find;
use boot::image::erofs::{CARBON, Packing, mkfs};
use boot::inspect::{Contents, inspect};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An EROFS image of a folder's content.
fn erofs(folder: &Path, fill: impl FnOnce(&Path)) -> PathBuf {
    let (from, image) = (folder.join("from"), folder.join("image"));
    fs::create_dir(&from).unwrap();
    fill(&from);
    mkfs(&CARBON, Packing::Compressed).arg(&image).arg(&from).ok().unwrap();
    image
}

/// Replaces bytes that occur once in the image, and turns off the checksum of the superblock.
fn patch(image: &Path, old: &[u8], new: &[u8]) {
    let mut bytes = fs::read(image).unwrap();
    let at: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(old)).collect();
    assert_eq!(at.len(), 1, "{}", old.escape_ascii());
    bytes[at[0]..at[0] + new.len()].copy_from_slice(new);
    bytes[1024 + 8] &= !1; // EROFS_FEATURE_COMPAT_SB_CHKSUM
    fs::write(image, bytes).unwrap();
}

#[test]
fn a_path_escaping_an_erofs_image_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let image = erofs(folder.path(), |from| fs::write(from.join("xx_escaped"), "evil").unwrap());
    patch(&image, b"xx_escaped", b"../escaped");

    // an unpacker follows the name
    let inner = folder.path().join("out/inner");
    fs::create_dir_all(&inner).unwrap();
    let extract = format!("--extract={}", inner.display());
    assert!(Command::new("fsck.erofs").args(["--force", &extract]).arg(&image).status().unwrap().success());
    assert_eq!(fs::read_to_string(folder.path().join("out/escaped")).unwrap(), "evil");
    fs::remove_file(folder.path().join("out/escaped")).unwrap();

    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nodeos"));
    let done = command.arg("inspect").arg(&image).env("TMPDIR", &temporary).current_dir(&inner).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(71), "{said}");
    assert!(said.contains("invalid directory entry name"), "{said}");
    for (place, there) in [(&temporary, vec![]), (&folder.path().join("out"), vec!["inner"]), (&inner, vec![])] {
        assert_eq!(names(place), there);
    }
}

#[test]
fn an_erofs_image_is_listed_with_modes_links_and_programs() {
    let folder = tempfile::tempdir().unwrap();
    let image = erofs(folder.path(), |from| {
        fs::create_dir(from.join("bin")).unwrap();
        fs::copy(find("true").unwrap(), from.join("bin/true")).unwrap();
        symlink("/bin/true", from.join("link")).unwrap();
        fs::write(from.join("a\x1b[2Jb"), "x").unwrap();
    });
    let Contents::Carbon(tree) = inspect(&image).unwrap() else { panic!("no carbon copy") };
    let size = fs::metadata(find("true").unwrap()).unwrap().len();
    let of = |path: &str| tree.members.iter().find(|member| member.path == path).unwrap();
    assert_eq!((of("/bin/true").bytes, of("/bin/true").mode.as_str(), of("/bin/true").uid), (size, "-rwxr-xr-x", 0));
    assert_eq!(of("/link").link.as_deref(), Some("/bin/true"));
    assert_eq!(tree.programs[0].path, "/bin/true");
    let text = tree.to_string();
    assert!(text.contains(r" /a\u{1b}[2Jb") && !text.contains('\x1b'), "{text}");
}

#[test]
fn a_damaged_erofs_image_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let image = erofs(folder.path(), |from| {
        (0..200).for_each(|index| fs::write(from.join(format!("file{index}")), vec![7; index * 10]).unwrap());
        fs::copy(find("true").unwrap(), from.join("true")).unwrap();
    });
    let whole = fs::read(&image).unwrap();
    let mut errors = 0;
    for at in (1024..whole.len()).step_by(whole.len() / 400) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(&image, bytes).unwrap();
        errors += u32::from(inspect(&image).is_err());
    }
    fs::write(&image, &whole[..whole.len() / 2]).unwrap();
    assert!(inspect(&image).is_err() && errors > 20, "{errors}");
}

#[test]
fn inspect_prints_no_escape_sequences() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let at = folder.path().join(name);
        fs::write(&at, bytes).unwrap();
        at
    };
    let member = cpio::newc::Builder::new("a\x1b]0;evil\x07\u{9b}2J").mode(0o100_644).write(Vec::new(), 0);
    let archive = cpio::newc::trailer(member.finish().unwrap()).unwrap();
    let damaged = &archive[..archive.len() - 8];
    for (name, bytes, status) in [("whole", &archive[..], 0), ("damaged", damaged, 71)] {
        let image = file(name, bytes);
        for json in [&[][..], &["--json"]] {
            let done =
                Command::new(env!("CARGO_BIN_EXE_nodeos")).arg("inspect").arg(&image).args(json).output().unwrap();
            assert_eq!(done.status.code(), Some(status), "{}", String::from_utf8_lossy(&done.stderr));
            let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
            assert!(said.contains("evil"), "{said:?}");
            assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "{said:?}");
        }
    }
}

#[test]
fn a_decompression_bomb_is_read_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("bomb");
    let packed = zstd::Encoder::new(fs::File::create(&image).unwrap(), 1).unwrap();
    let mut member = cpio::newc::Builder::new("bomb").mode(0o100_644).write(packed, u32::MAX - 3);
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), (u32::MAX - 3).into()), &mut member).unwrap();
    cpio::newc::trailer(member.finish().unwrap()).unwrap().finish().unwrap();
    // a command that held the whole file would take 4.2 GB: it would fail at the shell's limit of 1
    // GiB
    let line = format!("ulimit -v 1048576; exec {} inspect {}", env!("CARGO_BIN_EXE_nodeos"), image.display());
    let done = Command::new("sh").args(["-c", &line]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains(" 4294967292 /bomb"),
        "{said} {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn gigabytes_of_names_are_refused_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("bomb");
    let mut packed = zstd::Encoder::new(Vec::new(), 1).unwrap();
    for _ in 0..64 {
        packed = cpio::newc::Builder::new(&"x".repeat(4090)).mode(0o100_644).write(packed, 0).finish().unwrap();
    }
    let mut packed = cpio::newc::trailer(packed).unwrap().finish().unwrap();
    packed.resize(packed.len().next_multiple_of(4), 0);
    // 2 GB of names: holding them all would exceed the shell's limit of 1 GiB
    fs::write(&image, packed.repeat(8000)).unwrap();
    assert!(fs::metadata(&image).unwrap().len() < 20 << 20);
    let line = format!("ulimit -v 1048576; exec {} inspect {}", env!("CARGO_BIN_EXE_nodeos"), image.display());
    let done = Command::new("sh").args(["-c", &line]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(71), "{said}");
    assert!(said.contains("bytes, and at most 67108864 are read") && said.contains("next: cpio -t"), "{said}");
}

#[test]
fn an_erofs_image_with_too_many_names_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let image = erofs(folder.path(), |from| {
        let deep = (0..15).fold(from.to_owned(), |above, _| above.join("d".repeat(240)));
        fs::create_dir_all(&deep).unwrap();
        let first = deep.join("a".repeat(190));
        fs::write(&first, "").unwrap();
        (0..18_000).for_each(|index| fs::hard_link(&first, deep.join(format!("{index:0190}"))).unwrap());
    });
    let text = inspect(&image).unwrap_err().to_string();
    assert!(text.contains("bytes, and at most 67108864 are read") && text.contains("next: dump.erofs --ls"), "{text}");
}
