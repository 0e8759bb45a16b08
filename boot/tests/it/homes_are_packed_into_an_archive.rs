//! Homes in an initramfs: what the archive contains, and which files it refuses.

use boot::host::cache::Cache;
use boot::image::unpack;
use boot::users::carried;
use boot::users::debugfs;
use boot::users::home::Home;
use boot::users::image::{Create, create};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

fn stage() -> (TempDir, Cache, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().join("cache")).unwrap();
    let users = folder.path().join("users.ext4");
    let mut root = Home::new("root", 0);
    root.file("secret", "root's");
    let mut ana = Home::new("ana", 1000);
    ana.program("init", "#!/usr/bin/env node\n");
    ana.link("other", "../root/secret");
    create(&users, Create { size: 64 << 20, force: false }, &[root, ana]).unwrap();
    (folder, cache, users)
}

#[test]
fn archived_files_keep_owner_and_mode_and_an_end_mark_follows() {
    let (_folder, cache, users) = stage();
    let made = carried::archive(&cache, &users).unwrap();
    assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let mut held = Vec::new();
    let members = unpack::read(&made, |member, content| {
        let mut text = String::new();
        content.read_to_string(&mut text)?;
        held.push((member.path.clone(), text));
        Ok(())
    })
    .unwrap();
    let of = |path: &str| members.iter().find(|member| member.path == path).unwrap_or_else(|| panic!("{path}"));
    let (ana, init, link) = (of("/homes/ana"), of("/homes/ana/init"), of("/homes/ana/other"));
    assert_eq!((ana.uid, ana.gid, init.uid, init.mode & 0o777), (1000, 1000, 1000, 0o755));
    assert_eq!(link.detail, "../root/secret");
    assert_eq!((of("/homes").uid, of("/homes/root/secret").uid), (0, 0));
    assert!(held.contains(&("/homes/root/secret".to_owned(), "root's".to_owned())));
    assert_eq!(members.last().unwrap().path, "/homes.whole");
    assert!(!members.iter().any(|member| member.path.contains("lost+found")));
}

#[test]
fn a_name_that_is_not_utf8_is_refused() {
    let (_folder, cache, users) = stage();
    // `x\xff` is displayed as `x` and U+FFFD, so a link of that name could be taken for it and lead
    // to another's file
    debugfs::write(&users, b"mkdir /ana/x\xff\n").unwrap();
    debugfs::write(&users, "symlink /ana/x\u{fffd} ../root\n".as_bytes()).unwrap();
    let error = carried::archive(&cache, &users).unwrap_err().to_string();
    assert!(error.contains("is not UTF-8") && error.contains("rename it"), "{error}");
}

#[test]
fn a_file_that_cannot_be_archived_is_named() {
    let (_folder, cache, users) = stage();
    debugfs::write(&users, b"cd /ana\nmknod pipe p\n").unwrap();
    let error = carried::archive(&cache, &users).unwrap_err().to_string();
    assert!(error.contains("/ana/pipe: it is not a file, folder or link"), "{error}");
}
