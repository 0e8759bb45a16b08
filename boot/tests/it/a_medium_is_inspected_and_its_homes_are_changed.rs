//! Cards, ISOs and folders: their content is listed, and the homes of a card are changed in place.
//! If homes cannot be changed, the error says why and what to do.

use crate::cards::{APPS_AT, MIB, carbon, card, initramfs};
use crate::users::{homes, small};
use boot::host::run::{Run, find};
use boot::host::window::Window;
use boot::inspect::{Contents, Medium, Part, inspect};
use boot::users::image::{NewUser, add, create, del, passwd};
use boot::users::logon::Logon;
use boot::users::machine::{set_settings, settings};
use boot::users::policy::set_policy;
use boot::users::read::{How, list};
use shim::machine_file::MachineFile;
use shim::policy::Policy;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

const USERS_AT: u64 = APPS_AT;

fn medium(path: &Path) -> Medium {
    match inspect(path).unwrap() {
        Contents::Medium(medium) => medium,
        other => panic!("{other}"),
    }
}

/// The path and the kind of each part.
fn kinds<'a>(medium: &'a Medium) -> Vec<(&'a str, &'a str)> {
    let kind = |contents: &Contents| match contents {
        Contents::Initramfs(_) => "initramfs",
        Contents::Carbon(_) => "carbon",
        Contents::Apps(_) => "apps",
        Contents::Users(_) => "users",
        Contents::Kernel { .. } => "kernel",
        Contents::Gzip => "gzip",
        Contents::Medium(_) => "medium",
    };
    let part = |part: &'a Part| {
        let Part { path, contents, broken, .. } = part;
        (
            path.as_str(),
            contents.as_ref().map_or(if broken.is_some() { "broken" } else { "other" }, |found| kind(found)),
        )
    };
    medium.parts.iter().map(part).collect()
}

fn fsck(card: &Path) -> i32 {
    let target = format!("{}?offset={USERS_AT}", card.display());
    Command::new(find("e2fsck").unwrap()).args(["-fn", &target]).output().unwrap().status.code().unwrap()
}

#[test]
fn a_card_is_listed_by_partition() {
    let folder = tempfile::tempdir().unwrap();
    let card = card(folder.path(), None);
    let medium = medium(&card);
    assert_eq!(
        kinds(&medium),
        [
            ("partition 1: kernel8.img", "gzip"),
            ("partition 1: initramfs", "initramfs"),
            ("partition 2", "carbon"),
            ("partition 3", "users")
        ]
    );
    let text = medium.to_string();
    for line in ["the kernel is told: quiet grow\n", " /initramfs\n", " /node\n", "1001   1001 guest "] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn changing_the_homes_of_a_card_changes_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let card = card(folder.path(), None);
    let around = || {
        let window = Window::open(&card).unwrap();
        let end = USERS_AT + small().size;
        let mut bytes = window.head(USERS_AT).unwrap();
        bytes.extend(window.part(end, u64::MAX).head(u64::MAX).unwrap());
        bytes
    };
    let before = around();
    let names = || list(&card).unwrap().into_iter().map(|user| user.name).collect::<Vec<_>>();
    assert_eq!(names().len(), 3);
    add(&card, &NewUser { name: "bo".to_owned(), uid: None, from: None, logon: None, shell: None, nsh: None }).unwrap();
    passwd(&card, "bo", &Logon::Guest).unwrap();
    set_policy(&card, "bo", Some(&Policy { pids: Some(99), ..Policy::default() })).unwrap();
    let bo = list(&card).unwrap().into_iter().find(|user| user.name == "bo").unwrap();
    assert_eq!((bo.logon, bo.refused, bo.broken_policy), (How::Guest, None, None));
    assert_eq!(boot::users::policy::policy(&card, "bo").unwrap().pids, Some(99));
    let own = MachineFile { hostname: Some("garden"), ..MachineFile::default() };
    set_settings(&card, Some(&own)).unwrap();
    assert_eq!(settings(&card).unwrap(), own.to_string());
    del(&card, "guest").unwrap();
    assert_eq!((names().len(), names().contains(&"guest".to_owned())), (3, false));
    assert_eq!(fsck(&card), 0);
    assert!(around() == before, "something beside the homes changed");
}

#[test]
fn an_iso_is_listed_by_file_and_its_homes_cannot_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, iso) = (folder.path().join("tree"), folder.path().join("x.iso"));
    fs::create_dir_all(tree.join("boot/grub")).unwrap();
    fs::copy(carbon(folder.path()), tree.join("carbon.erofs")).unwrap();
    let parts = [initramfs(folder.path(), "first"), initramfs(folder.path(), "homes")];
    boot::image::archive::join(&[&parts[0], &parts[1]], &tree.join("initramfs")).unwrap();
    fs::write(tree.join("boot/grub/grub.cfg"), "menuentry 'NodeOS' {\n    linux /kernel quiet carbon=iso\n}\n")
        .unwrap();
    let run = Run::new("xorriso").args(["-as", "mkisofs", "-quiet", "-r", "-V", "nodeos-0", "-sysid", "X86_64", "-o"]);
    run.arg(&iso).arg(&tree).ok().unwrap();
    let medium = medium(&iso);
    assert_eq!(
        kinds(&medium),
        [("/boot/grub/grub.cfg", "other"), ("/carbon.erofs", "carbon"), ("/initramfs", "initramfs")]
    );
    let text = medium.to_string();
    assert!(text.contains("the kernel is told: quiet carbon=iso\n") && text.contains(" /first\n"), "{text}");
    assert!(text.contains(" /homes\n"), "the archive of the homes is behind the first: {text}");
    for error in [list(&iso).unwrap_err(), del(&iso, "ana").unwrap_err()] {
        let text = error.to_string();
        assert!(
            text.contains("it is an ISO, whose homes travel in its initramfs\n  next: ")
                && text.contains("--target iso"),
            "{text}"
        );
    }
}

#[test]
fn a_build_folder_is_listed_and_errors_say_where_its_homes_are() {
    let folder = tempfile::tempdir().unwrap();
    let direct = folder.path().join("direct");
    fs::create_dir(&direct).unwrap();
    create(&direct.join("users.ext4"), small(), &homes()).unwrap();
    initramfs(&direct, "initramfs");
    let member = |path: &str| format!(r#"{{"path": "{path}", "bytes": 1, "sha256": ""}}"#);
    let members = ["initramfs", "kernel", "users.ext4", "../users.ext4"].map(member).join(", ");
    let manifest = format!(
        r#"{{"target": "direct", "arch": "x86_64", "cmdline": "quiet", "bytes": 9, "versions": {{}}, "members": [{members}]}}"#
    );
    fs::write(direct.join("manifest.json"), manifest).unwrap();
    fs::write(folder.path().join("users.ext4"), "another's").unwrap();
    assert_eq!(
        kinds(&medium(&direct)),
        [("initramfs", "initramfs"), ("kernel", "broken"), ("users.ext4", "users"), ("../users.ext4", "broken")]
    );
    let error = list(&direct).unwrap_err().to_string();
    assert!(error.ends_with(&format!("next: take {}", direct.join("users.ext4").display())), "{error}");
    let error = inspect(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("no build wrote it") && error.contains("next: give a folder that `nodeos build` wrote"),
        "{error}"
    );
    fs::write(folder.path().join("boot.ipxe"), "").unwrap();
    fs::remove_file(folder.path().join("users.ext4")).unwrap();
    let error = list(folder.path()).unwrap_err().to_string();
    assert!(error.contains("travel in its initramfs\n  next: ") && error.contains("--target pxe"), "{error}");
}

#[test]
fn a_disk_without_homes_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let card = card(folder.path(), None);
    let file = fs::File::options().write(true).open(&card).unwrap();
    // the label of the users partition
    file.write_all_at(b"other\0", USERS_AT + 1024 + 0x78).unwrap();
    let error = list(&card).unwrap_err().to_string();
    assert!(error.contains("none of its 3 partitions is an ext4 filesystem with the label nodeos-users"), "{error}");
    file.set_len(USERS_AT + MIB).unwrap();
    file.write_all_at(b"nodeos-users", USERS_AT + 1024 + 0x78).unwrap();
    assert!(list(&card).unwrap_err().to_string().contains("its partition is cut short"));
}
