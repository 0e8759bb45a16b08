//! No byte of an image depends on the clock, the uid on the host, or the order of a folder.

use crate::users::{Scratch, homes, small};
use boot::users::home::Home;
use boot::users::image::create;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

#[test]
fn a_users_image_is_identical_when_made_twice() {
    let made = |order: &[&str]| {
        let scratch = Scratch::new();
        let tree = scratch.folder().join("tree");
        fs::create_dir(&tree).unwrap();
        order.iter().for_each(|name| fs::write(tree.join(name), name).unwrap());
        let mut copied = Home::new("copied", 1002);
        copied.copy(&tree, "app", &[]).unwrap();
        let homes: Vec<_> = homes().into_iter().chain([copied]).collect();
        create(&scratch.image(), small(), &homes).unwrap();
        fs::read(scratch.image()).unwrap()
    };
    let first = made(&["one", "two", "three"]);
    sleep(Duration::from_millis(1100)); // a time in the image would differ
    assert_eq!(first.len(), 16 << 20);
    assert!(first == made(&["three", "two", "one"]), "the images differ");
}

#[test]
fn different_content_makes_a_different_image() {
    let one = Scratch::with(&[Home::new("ana", 1000)]);
    let two = Scratch::with(&[Home::new("ana", 1001)]);
    assert!(fs::read(one.image()).unwrap() != fs::read(two.image()).unwrap());
}
