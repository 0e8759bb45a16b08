//! After create, add, passwd and del, e2fsck finds no error, and other users' homes are unchanged.

use crate::users::{Scratch, fsck, homes};
use boot::users::debugfs;
use boot::users::image::{NewUser, add, del, passwd};
use boot::users::logon::{Logon, Shell};
use boot::users::read::{How, Image, inspect, list};
use std::fs;
use std::path::Path;

fn new(name: &str) -> NewUser {
    NewUser { name: name.to_owned(), uid: None, from: None, logon: None, shell: None, nsh: None }
}

fn free_blocks(image: &Path) -> String {
    let answer = debugfs::ask(image, "stats -h").unwrap();
    answer.lines().find(|line| line.starts_with("Free blocks:")).unwrap().to_owned()
}

#[test]
fn every_change_of_a_users_image_leaves_it_clean() {
    let scratch = Scratch::with(&homes());
    let image = scratch.image();
    assert_eq!(fsck(&image), "");
    let before = inspect(&image).unwrap();

    let tree = scratch.folder().join("tree");
    fs::create_dir_all(tree.join("deep/er")).unwrap();
    fs::write(tree.join("deep/er/file"), vec![1; 100_000]).unwrap();
    let shell = Some(Shell { path: "/bin/nsh".into(), args: vec!["-i".into()] });
    let user = NewUser { from: Some(tree.clone()), logon: Some(Logon::Guest), shell, ..new("bo") };
    let added = add(&image, &user).unwrap();
    assert_eq!((added.uid, added.gid, added.logon, added.files), (1000, 1000, How::Guest, 2));
    assert_eq!(fsck(&image), "");

    passwd(&image, "bo", &Logon::Password("geheim".into())).unwrap();
    assert_eq!(fsck(&image), "");
    let file = Image::open(&image).unwrap().logon(b"/bo").unwrap().unwrap();
    assert!(file.password.as_deref().unwrap().starts_with("$argon2id$"));
    assert_eq!((file.shell(), file.shell_args.len()), ("/bin/nsh", 1), "the shell stays");

    passwd(&image, "root", &Logon::Password("geheim".into())).unwrap();
    assert_eq!(fsck(&image), "", "a home that had no etc");
    assert_eq!(list(&image).unwrap().last().unwrap().logon, How::Password);
    passwd(&image, "root", &Logon::Nobody).unwrap();
    assert_eq!(list(&image).unwrap().last().unwrap().logon, How::None);

    del(&image, "bo").unwrap();
    assert_eq!(fsck(&image), "");
    let after = inspect(&image).unwrap();
    let others = |members: &[boot::users::read::Member]| -> Vec<String> {
        members.iter().filter(|member| !member.path.starts_with("/root")).map(ToString::to_string).collect()
    };
    assert_eq!(others(&after.members), others(&before.members));
    assert_eq!(scratch.names(), ["tree", "users.img"], "nothing is left beside it");
}

#[test]
fn removing_a_home_frees_its_blocks() {
    let scratch = Scratch::with(&homes());
    let image = scratch.image();
    let before = free_blocks(&image);
    let tree = scratch.folder().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("large"), vec![1; 1 << 20]).unwrap();
    add(&image, &NewUser { from: Some(tree), ..new("bo") }).unwrap();
    assert_ne!(free_blocks(&image), before);
    del(&image, "bo").unwrap();
    assert_eq!(free_blocks(&image), before);
}

#[test]
fn a_home_with_overlay_whiteouts_and_attributes_can_be_removed() {
    let scratch = Scratch::with(&homes());
    let image = scratch.image();
    add(&image, &new("bo")).unwrap();
    // whiteouts and attributes are what overlayfs leaves in a home
    let value = scratch.folder().join("value");
    fs::write(&value, vec![b'y'; 3000]).unwrap();
    let lines = format!(
        "cd /bo\nmknod whiteout c 0 0\nmknod fifo p\nmkdir opaque\nea_set /bo/opaque trusted.overlay.opaque y\n\
         ea_set -f {} /bo/opaque user.large\n",
        value.display()
    );
    debugfs::write(&image, lines.as_bytes()).unwrap();
    assert_eq!(fsck(&image), "");
    assert!(inspect(&image).unwrap().members.iter().any(|member| member.to_string().starts_with('c')));
    del(&image, "bo").unwrap();
    assert_eq!(fsck(&image), "");
    assert!(list(&image).unwrap().iter().all(|user| user.name != "bo"));
}

#[test]
fn a_new_user_gets_the_first_free_uid() {
    let scratch = Scratch::with(&homes());
    let image = scratch.image();
    assert_eq!(add(&image, &new("a")).unwrap().uid, 1000);
    assert_eq!(add(&image, &new("b")).unwrap().uid, 1002, "1001 is guest's");
    del(&image, "a").unwrap();
    assert_eq!(add(&image, &new("c")).unwrap().uid, 1000);
    del(&image, "root").unwrap();
    assert_eq!(add(&image, &new("root")).unwrap().uid, 0);
    assert_eq!(fsck(&image), "");
}

#[test]
fn a_logon_file_in_the_copied_folder_is_kept() {
    let scratch = Scratch::with(&homes());
    let tree = scratch.folder().join("tree");
    fs::create_dir_all(tree.join("etc")).unwrap();
    fs::write(tree.join("etc/logon.json"), "{\"password\": \"\"}").unwrap();
    let added = add(&scratch.image(), &NewUser { from: Some(tree.clone()), ..new("bo") }).unwrap();
    assert_eq!(added.logon, How::Guest);
    let nobody = NewUser { from: Some(tree.clone()), logon: Some(Logon::Nobody), ..new("eve") };
    assert_eq!(add(&scratch.image(), &nobody).unwrap().logon, How::None);
    fs::write(tree.join("etc/logon.json"), "{\"password\": ").unwrap();
    let refused = add(&scratch.image(), &NewUser { from: Some(tree), ..new("max") }).unwrap_err();
    assert!(refused.to_string().contains("the machine would refuse it"), "{refused}");
}
