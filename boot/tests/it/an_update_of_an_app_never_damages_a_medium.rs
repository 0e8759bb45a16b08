//! What would be written to at a wrong place, or by two at once, is refused or waits.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use boot::host::digest;
use boot::host::run::Run;
use boot::image::manifest::Manifest as Settings;
use boot::media::{Found, Manifest, beside};
use boot::users::ext4::lock;
use boot::users::names::APP;
use nix::fcntl::OFlag;

use crate::cards::{APPS, APPS_AT, card};
use crate::updates::{Stage, target, why};

/// A first block as an interrupted write leaves it.
fn mark() -> Vec<u8> {
    let mut block = b"nodeos: an update was interrupted\n".to_vec();
    block.resize(4096, 0);
    block
}

fn write_at(path: &Path, bytes: &[u8], at: u64) {
    File::options().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

#[test]
fn a_marked_partition_is_an_interrupted_update_that_can_be_finished() {
    let stage = Stage::new("aarch64");
    let card = card(stage.folder.path(), Some(&stage.layer(APP, "// one")));
    write_at(&card, &mark(), APPS_AT);
    let half = target(&card).unwrap();
    assert_eq!(half.same_apps(["any"].into_iter()), Ok(()));
    let unknown = half.check(&Settings::default()).unwrap().1;
    assert!(unknown[0].contains("an earlier update was interrupted"), "{unknown:?}");
    half.replace(&stage.host, &stage.layer(APP, "// two")).unwrap();
    assert!(target(&card).unwrap().same_apps([APP].into_iter()).is_ok());
}

/// btrfs, ISO 9660 and ZFS begin with zeros, and `apps=` may name their partition by mistake.
#[test]
fn a_partition_that_begins_with_zeros_is_not_taken_for_an_interrupted_update() {
    let stage = Stage::new("aarch64");
    let card = card(stage.folder.path(), Some(&stage.layer(APP, "// one")));
    write_at(&card, &[0; 4096], APPS_AT);
    let said = why(target(&card));
    assert!(said.contains("the partition that apps= names has no apps\n  next: nodeos inspect"), "{said}");
    let mut other = mark();
    other[4095] = 1;
    write_at(&card, &other, APPS_AT);
    assert!(why(target(&card)).contains("has no apps"));
}

#[test]
fn a_card_that_was_changed_meanwhile_is_not_written() {
    let stage = Stage::new("aarch64");
    let (one, two) = (stage.layer(APP, "// one"), stage.layer(APP, "// two"));
    let card = card(stage.folder.path(), Some(&one));
    let built = fs::read(&card).unwrap();
    let second = fs::read(&two).unwrap()[..4096].to_vec();
    // another build put something else there, or the partition elsewhere
    for (bytes, at) in [(second.as_slice(), APPS_AT), (&[0xff; 4], 446 + 2 * 16 + 8), (&[1; 4], 440)] {
        let found = target(&card).unwrap();
        // a new file takes the place of the old one, as after `build`
        fs::remove_file(&card).unwrap();
        fs::write(&card, &built).unwrap();
        write_at(&card, bytes, at);
        let before = fs::read(&card).unwrap();
        let said = why(found.replace(&stage.host, &two));
        assert!(
            said.contains("it was changed meanwhile, or is another one; nothing was written\n  next: run"),
            "{said}"
        );
        assert!(fs::read(&card).unwrap() == before, "{at}");
        fs::write(&card, &built).unwrap();
    }
    let folder = stage.direct();
    let found = target(&folder).unwrap();
    fs::copy(&two, folder.join("apps.erofs")).unwrap();
    assert!(why(found.replace(&stage.host, &one)).contains("it was changed meanwhile"));
}

#[test]
fn overlapping_partitions_are_refused() {
    let stage = Stage::new("aarch64");
    let card = card(stage.folder.path(), Some(&stage.layer(APP, "// one")));
    let entry = |number: u64| 446 + (number - 1) * 16;
    let table = fs::read(&card).unwrap()[..512].to_vec();
    let start = u32::try_from(APPS_AT / 512).unwrap();
    let sectors = u32::try_from(APPS / 512).unwrap();
    // the start of another partition in bytes 8 to 11, its length in bytes 12 to 15
    for (number, at, value) in [
        (4, 8, start),               // two with the same start
        (4, 8, start + sectors - 1), // the last sector
        (3, 12, sectors + 1),        // the apps reach into the homes
        (1, 12, start - 8192 + 1),   // what comes before reaches into the apps
    ] {
        write_at(&card, &value.to_le_bytes(), entry(number) + at);
        let said = why(target(&card));
        let other = if number == 3 { 4 } else { number };
        assert!(said.contains(&format!("the apps and partition {other} overlap\n  next: build another")), "{said}");
        write_at(&card, &table, 0);
    }
    // one with others in it, around all
    write_at(&card, &[0x0f], entry(4) + 4);
    write_at(&card, &1_u32.to_le_bytes(), entry(4) + 8);
    write_at(&card, &u32::MAX.to_le_bytes(), entry(4) + 12);
    assert!(why(target(&card)).contains("the apps and partition 4 overlap"));
    write_at(&card, &table, 0);
    assert!(target(&card).is_ok());
}

/// Changes a byte as soon as it can, as `nodeos users` would.
fn change_when_free(card: &Path, at: u64) {
    loop {
        if let Ok(_held) = lock(card) {
            return write_at(card, b"mine", at);
        }
    }
}

#[test]
fn homes_that_are_changed_during_an_update_never_look_as_built() {
    let stage = Stage::new("aarch64");
    let card = card(stage.folder.path(), Some(&stage.layer(APP, "// one")));
    let layer = stage.layer(APP, "// two");
    let built = || Found::at("update", &card).unwrap().unwrap().is_as_built(&stage.host.cache).unwrap();
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    for after_the_rename in [false, true] {
        stage.describe(&beside(&card), "sd", Some(digest::file(&stage.host.cache, &card).unwrap()), 128 << 20, vec![]);
        // so that the digest is computed once more
        File::options().write(true).open(&card).unwrap().set_modified(SystemTime::now()).unwrap();
        let (found, path, old) = (target(&card).unwrap(), card.clone(), inode(&card));
        let other = thread::spawn(move || {
            if after_the_rename {
                while inode(&path) == old {}
                // what the digest of the new card reads last
                return change_when_free(&path, 127 << 20);
            }
            thread::sleep(Duration::from_millis(20));
            // what the digest of the old card has read by now
            change_when_free(&path, 1 << 20);
        });
        // refused if the change came first
        let replaced = found.replace(&stage.host, &layer);
        assert!(replaced.is_ok() || !after_the_rename, "{replaced:?}");
        other.join().unwrap();
        assert!(!built(), "after the rename: {after_the_rename}");
    }
}

/// A block device with the bytes of a file.
struct Loop(PathBuf);

impl Loop {
    /// `None` where this process may not make one.
    fn of(file: &Path) -> Option<Self> {
        let made = Run::new("losetup").args(["--find", "--show", "--"]).arg(file).output().ok()?;
        Some(Self(PathBuf::from(made.trim())))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Run::new("losetup").arg("--detach").arg(&self.0).ok();
    }
}

#[test]
fn a_device_is_written_in_place_if_nothing_else_has_it_open() {
    let stage = Stage::new("aarch64");
    let (one, two) = (stage.layer(APP, &"// one\n".repeat(60_000)), stage.layer(APP, "// two"));
    let card = card(stage.folder.path(), Some(&one));
    let Some(device) = Loop::of(&card) else {
        eprintln!("not tested: this process cannot make a loop device");
        return;
    };
    let path = &device.0;
    let mut expected = fs::read(&card).unwrap();
    let mut layer = fs::read(&two).unwrap();
    layer.resize(APPS as usize, 0);
    expected.splice(APPS_AT as usize..(APPS_AT + APPS) as usize, layer);

    let found = target(path).unwrap();
    let mounted = File::options().read(true).custom_flags(OFlag::O_EXCL.bits()).open(path).unwrap();
    let said = why(found.replace(&stage.host, &two));
    assert!(said.contains("EBUSY") && said.contains("unmount its partitions first"), "{said}");
    drop(mounted);

    assert_eq!(found.replace(&stage.host, &two).unwrap(), Some(APPS));
    assert!(fs::read(path).unwrap() == expected);
    assert!(fs::read(&card).unwrap() == expected, "it is on the disk");

    // another card is in the reader now
    write_at(path, &fs::read(&one).unwrap()[..4096], APPS_AT);
    let before = fs::read(path).unwrap();
    let found = target(path).unwrap();
    write_at(path, &[1; 4], 440);
    assert!(why(found.replace(&stage.host, &two)).contains("it was changed meanwhile, or is another one"));
    write_at(path, &before[440..444], 440);
    assert!(fs::read(path).unwrap() == before);

    write_at(path, &mark(), APPS_AT);
    target(path).unwrap().replace(&stage.host, &two).unwrap();
    assert!(fs::read(path).unwrap() == expected);
}

#[test]
fn a_link_to_an_image_stays_a_link() {
    let stage = Stage::new("aarch64");
    let card = card(stage.folder.path(), Some(&stage.layer(APP, "// one")));
    let link = stage.at("link.img");
    std::os::unix::fs::symlink(&card, &link).unwrap();
    let two = stage.layer(APP, "// two");
    stage.update(&link, &two);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read(&card).unwrap()[APPS_AT as usize..].starts_with(&fs::read(&two).unwrap()));
}

#[test]
fn a_manifest_chooses_no_program_of_the_host_as_node() {
    let stage = Stage::new("x86_64");
    let folder = stage.direct();
    fs::remove_file(folder.join("carbon.erofs")).unwrap();
    let at = folder.join("manifest.json");
    for (says, node) in
        [("24.21.0", Some("24.21.0")), ("/bin/sh", None), ("./node", None), ("node", None), ("24", None)]
    {
        let mut manifest = Manifest::read(&at).unwrap();
        manifest.versions.insert("node".to_owned(), says.to_owned());
        fs::write(&at, manifest.json().unwrap()).unwrap();
        let found = target(&folder).unwrap();
        let unknown = |text: &str| {
            fs::write(stage.at("nodeos.toml"), text).unwrap();
            found.check(&Settings::load(stage.folder.path()).unwrap()).unwrap()
        };
        let not_compared = vec!["the medium's node could not be compared".to_owned()];
        let expected = if node.is_some() { vec![] } else { not_compared };
        assert_eq!(unknown(""), (node.map(str::to_owned), expected.clone()), "{says}");
        assert_eq!(unknown("node = '24.21.0'"), (Some("24.21.0".to_owned()), expected), "{says}");
    }
}
