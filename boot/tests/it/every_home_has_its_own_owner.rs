//! A user owns their home and everything in it. root owns the folders of the system.

use crate::users::{Scratch, fsck, homes};
use boot::users::debugfs;
use boot::users::home::Home;
use boot::users::image::create;
use boot::users::read::{How, inspect, list};

#[test]
fn every_home_has_its_own_owner() {
    let scratch = Scratch::with(&homes());
    let partition = inspect(&scratch.image()).unwrap();
    assert_eq!((partition.label.as_str(), partition.size), (shim::layout::USERS_LABEL, 16 << 20));
    let mut seen = [0; 4];
    for member in &partition.members {
        let (place, owner) = match member.path.split('/').nth(1).unwrap() {
            ".overlay" | ".policy" | "lost+found" => (0, 0),
            "root" => (1, 0),
            "guest" => (2, 1001),
            _ => (3, 70_000),
        };
        seen[place] += 1;
        assert_eq!((member.uid, member.gid), (owner, owner), "{member}");
    }
    assert_eq!(seen, [3, 1, 3, 42]);
    let line = |path: &str| partition.members.iter().find(|member| member.path == path).unwrap().to_string();
    assert_eq!(line("/.overlay"), "drwx------      0      0       4096 /.overlay");
    assert_eq!(line("/guest"), "drwx------   1001   1001       4096 /guest");
    assert!(line("/guest/etc/logon.json").starts_with("-rw-------   1001   1001 "));
    assert!(line("/ana, \"la\" <7>/odd/q\"uo\"te/link to q\"uo\"te").ends_with(" -> q\"uo\"te"));
}

#[test]
fn users_are_listed_with_files_logon_and_init() {
    let users = list(&Scratch::with(&homes()).image()).unwrap();
    let short: Vec<_> =
        users.iter().map(|user| (user.name.as_str(), user.uid, user.files, user.logon, user.init)).collect();
    assert_eq!(
        short,
        [
            ("ana, \"la\" <7>", 70_000, 28, How::None, true),
            ("guest", 1001, 1, How::Guest, false),
            ("root", 0, 0, How::None, false)
        ]
    );
    assert!(users.iter().all(|user| user.refused.is_none()));
    assert_eq!(users[1].bytes, 57);
}

#[test]
fn refused_homes_are_listed_with_the_reason() {
    let scratch = Scratch::with(&homes());
    // changes that a person could make with mount
    let lines = "mkdir eve\nmkdir twin\nset_inode_field twin uid 1001\nmkdir a:b\nset_inode_field a:b uid 7\n\
                 symlink link guest\nmkdir .hidden\n";
    debugfs::write(scratch.image(), lines.as_bytes()).unwrap();
    let users = list(&scratch.image()).unwrap();
    let refused: Vec<_> = users
        .iter()
        .filter_map(|user| Some((user.name.as_str(), user.refused.as_deref()?.split([';', ',']).next()?, user.logon)))
        .collect();
    assert_eq!(
        refused,
        [
            ("a:b", "its name has a colon", How::None),
            ("eve", "uid 0 owns it", How::None),
            ("guest", "uid 1001 owns another home too", How::Guest),
            ("link", "it is not a directory", How::None),
            ("twin", "uid 1001 owns another home too", How::None),
        ]
    );
}

#[test]
fn a_symlink_with_an_impossible_target_is_listed() {
    let mut home = Home::new("ana", 1000);
    home.link("long", &"x".repeat(1000));
    let partition = inspect(&Scratch::with(&[home]).image()).unwrap();
    assert!(partition.to_string().contains(&format!(" /ana/long -> {}\n", "x".repeat(1000))));
}

#[test]
fn files_in_a_home_have_their_exact_content() {
    let scratch = Scratch::with(&homes());
    let fs = ext4_view::Ext4::load_from_path(scratch.image()).unwrap();
    assert_eq!(fs.read("/ana, \"la\" <7>/odd/back\\slash/back\\slash").unwrap(), b"back\\slash");
    assert_eq!(fs.read("/ana, \"la\" <7>/large").unwrap(), vec![7; 300_000]);
    assert_eq!(fs.read("/ana, \"la\" <7>/empty").unwrap(), b"");
    assert_eq!(fs.read_link("/ana, \"la\" <7>/long").unwrap().to_str().unwrap(), "x/".repeat(500));
}

#[test]
fn a_home_of_five_thousand_files_is_made_in_seconds() {
    let mut home = Home::new("ana", 1000);
    for index in 0..5000 {
        home.file(&format!("node_modules/package-{}/file-{index}.js", index % 100), format!("{index}"));
    }
    let scratch = Scratch::new();
    let start = std::time::Instant::now();
    create(&scratch.image(), boot::users::image::Create::default(), &[home]).unwrap();
    let took = start.elapsed();
    assert!(took.as_secs() < 30, "{took:?}");
    assert_eq!(list(&scratch.image()).unwrap()[0].files, 5000);
    assert_eq!(fsck(&scratch.image()), "");
}
