//! Images that are not ext4, read-only, full, in use or damaged: there is a clear error, and no
//! byte of the file changes.

use crate::users::{Scratch, homes, small};
use boot::users::debugfs;
use boot::users::home::Home;
use boot::users::image::{Create, NewUser, add, create, del, passwd};
use boot::users::logon::Logon;
use boot::users::read::{How, list};
use shim::logon_file::LogonFile;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

fn new(name: &str) -> NewUser {
    NewUser { name: name.to_owned(), uid: None, from: None, logon: None, shell: None, nsh: None }
}

/// Adds a user, checks that this is refused without a change, and returns the error.
fn refused(scratch: &Scratch, new: &NewUser) -> String {
    let (before, names) = (fs::read(scratch.image()).unwrap(), scratch.names());
    let error = add(&scratch.image(), new).unwrap_err().to_string();
    assert!(fs::read(scratch.image()).unwrap() == before, "the file changed: {error}");
    assert_eq!(scratch.names(), names, "something is left beside it: {error}");
    error
}

fn large(folder: &Path, bytes: usize, files: usize) -> NewUser {
    let tree = folder.join("tree");
    fs::create_dir(&tree).unwrap();
    (0..files).for_each(|index| fs::write(tree.join(index.to_string()), vec![1; bytes]).unwrap());
    NewUser { from: Some(tree), ..new("bo") }
}

#[test]
fn a_full_image_is_refused_and_left_unchanged() {
    let scratch = Scratch::with(&homes());
    let error = refused(&scratch, &large(scratch.folder(), 20 << 20, 1));
    assert!(error.contains("it is full: 51") && error.contains("blocks of 4 KiB are needed"), "{error}");
    fs::remove_dir_all(scratch.folder().join("tree")).unwrap();
    let error = refused(&scratch, &large(scratch.folder(), 0, 2200));
    assert!(error.contains("inodes are needed"), "{error}");
}

#[test]
fn homes_that_do_not_fit_leave_no_file_behind() {
    let scratch = Scratch::new();
    let mut home = Home::new("ana", 1000);
    home.file("large", vec![1; 20 << 20]);
    let error = create(&scratch.image(), small(), &[home]).unwrap_err().to_string();
    assert!(error.contains("it is full"), "{error}");
    assert!(scratch.names().is_empty());
}

#[test]
fn a_file_that_is_not_ext4_is_refused() {
    let scratch = Scratch::new();
    for bytes in [vec![], vec![0; 4096], vec![0xff; 1 << 20]] {
        fs::write(scratch.image(), bytes).unwrap();
        let error = refused(&scratch, &new("bo"));
        assert!(error.contains("it is not an ext4 filesystem"), "{error}");
        // the error must not advise to create a new image over data
        let holds = fs::read(scratch.image()).unwrap().iter().any(|byte| *byte != 0);
        assert!(!(holds && error.contains("users create")), "{error}");
        assert!(list(&scratch.image()).is_err());
    }
}

#[test]
fn a_read_only_file_is_refused() {
    let scratch = Scratch::with(&homes());
    fs::set_permissions(scratch.image(), Permissions::from_mode(0o444)).unwrap();
    let error = refused(&scratch, &new("bo"));
    assert!(error.contains("it is read-only") && error.contains("chmod u+w"), "{error}");
}

#[test]
fn a_missing_file_a_folder_and_a_device_are_refused() {
    let scratch = Scratch::new();
    let error = |path: &Path| add(path, &new("bo")).unwrap_err().to_string();
    assert!(error(&scratch.image()).contains("ENOENT"));
    assert!(error(scratch.folder()).contains("it is a folder\n  next: name an image"));
    let direct = scratch.folder().join("direct");
    fs::create_dir(&direct).unwrap();
    fs::write(direct.join("users.ext4"), "").unwrap();
    assert!(error(&direct).ends_with(&format!("next: take {}", direct.join("users.ext4").display())));
    assert!(error(Path::new("/dev/null")).contains("it is not a file"));
}

#[test]
fn a_damaged_filesystem_is_refused() {
    let scratch = Scratch::with(&homes());
    // two files share a block, which `e2fsck -p` does not repair
    let lines =
        "set_inode_field /guest/etc/logon.json block[0] 0xffff\nset_inode_field /guest size 77777\nclri /guest/etc\n";
    debugfs::write(scratch.image(), lines.as_bytes()).unwrap();
    let before = fs::read(scratch.image()).unwrap();
    let error = add(&scratch.image(), &new("bo")).unwrap_err().to_string();
    assert!(error.contains("e2fsck -f"), "{error}");
    assert!(fs::read(scratch.image()).unwrap() == before);
}

#[test]
fn an_image_that_another_program_has_locked_is_refused() {
    let scratch = Scratch::with(&homes());
    // the same kind of lock as QEMU's; flock of util-linux takes another kind, so Python takes it
    let hold = "import fcntl, sys, time\nf = open(sys.argv[1], 'r+b')\nfcntl.lockf(f, fcntl.LOCK_EX, 1, 100)\n\
                print('held', flush=True)\ntime.sleep(60)";
    let mut holder = std::process::Command::new("python3")
        .args(["-c", hold])
        .arg(scratch.image())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut word = [0; 5];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut word).unwrap();
    let error = refused(&scratch, &new("bo"));
    let replaced = create(&scratch.image(), Create { force: true, ..small() }, &[]).unwrap_err().to_string();
    holder.kill().unwrap();
    holder.wait().unwrap();
    for error in [error, replaced] {
        assert!(error.contains("another program has it open"), "{error}");
    }
    assert_eq!(list(&scratch.image()).unwrap().len(), homes().len());
    add(&scratch.image(), &new("bo")).unwrap();
}

#[test]
fn concurrent_changes_are_not_lost() {
    let scratch = Scratch::with(&homes());
    let image = scratch.image();
    let start = Barrier::new(4);
    let names = ["a", "b", "c", "d"];
    let add_one = |name| {
        start.wait();
        add(&image, &new(name)).map_err(|error| error.to_string())
    };
    let done = thread::scope(|scope| {
        let threads = names.map(|name| scope.spawn(move || (name, add_one(name))));
        threads.map(|thread| thread.join().unwrap())
    });
    let users: Vec<_> = list(&image).unwrap().into_iter().map(|user| user.name).collect();
    for (name, done) in &done {
        match done {
            Ok(_) => assert!(users.iter().any(|user| user == name), "{name} was added, and there are {users:?}"),
            Err(error) => assert!(error.contains("another program has it open"), "{error}"),
        }
    }
    assert!(done.iter().any(|(_, done)| done.is_ok()), "{done:?}");
    assert_eq!(scratch.names(), ["users.img"]);
}

#[test]
fn a_user_that_the_shim_would_refuse_is_refused() {
    let scratch = Scratch::with(&homes());
    for name in ["", ".bo", "lost+found", "a/b", "a\nb", "a:b"] {
        assert!(refused(&scratch, &new(name)).contains("as a user name"));
    }
    assert!(refused(&scratch, &new("guest")).contains("there is a home of that name"));
    assert!(refused(&scratch, &NewUser { uid: Some(1001), ..new("bo") }).contains("1001 is guest's"));
    assert!(refused(&scratch, &NewUser { uid: Some(0), ..new("bo") }).contains("uid 0 is reserved for root"));
    let twins = [Home::new("a", 1000), Home::new("b", 1000)];
    assert!(create(&scratch.folder().join("new"), small(), &twins).is_err());
}

#[test]
fn root_cannot_be_a_guest_and_is_listed_without_a_logon() {
    let mut root = Home::new("root", 0);
    let password = Logon::Guest.stored().unwrap();
    root.logon(&LogonFile { password, ..LogonFile::default() }).unwrap();
    let scratch = Scratch::with(&[root, Home::new("ana", 1000)]);
    let logon = || list(&scratch.image()).unwrap().pop().unwrap();
    assert_eq!((logon().name.as_str(), logon().logon), ("root", How::None), "the machine opens no such prompt");
    let error = passwd(&scratch.image(), "root", &Logon::Guest).unwrap_err().to_string();
    assert!(
        error.starts_with("make root a guest: ") && error.ends_with("--password-file FILE, or --no-logon"),
        "{error}"
    );
    del(&scratch.image(), "root").unwrap();
    let error = refused(&scratch, &NewUser { logon: Some(Logon::Guest), ..new("root") });
    assert!(error.starts_with("make root a guest: "), "{error}");
    passwd(&scratch.image(), "ana", &Logon::Guest).unwrap();
    assert_eq!(list(&scratch.image()).unwrap()[0].logon, How::Guest);
}

#[test]
fn an_error_about_a_missing_user_lists_the_existing_ones() {
    let scratch = Scratch::with(&[Home::new("ana", 1000), Home::new("bo", 1001)]);
    for name in ["eve", "", ".overlay", "ana/x", "lost+found"] {
        for error in [del(&scratch.image(), name), passwd(&scratch.image(), name, &Logon::Guest)] {
            assert!(error.unwrap_err().to_string().contains("the homes are: ana, bo"));
        }
    }
}

#[test]
fn an_existing_file_is_kept_unless_forced() {
    let scratch = Scratch::with(&homes());
    let before = fs::read(scratch.image()).unwrap();
    let error = create(&scratch.image(), small(), &[]).unwrap_err().to_string();
    assert!(error.ends_with("it exists\n  next: --force replaces it"), "{error}");
    assert!(fs::read(scratch.image()).unwrap() == before);
    create(&scratch.image(), Create { force: true, ..small() }, &[]).unwrap();
    assert_eq!(list(&scratch.image()).unwrap(), []);
}

#[test]
fn an_invalid_filesystem_size_is_refused() {
    let scratch = Scratch::new();
    for size in [0, 1 << 20, (16 << 20) + 1] {
        let error = create(&scratch.image(), Create { size, force: false }, &[]).unwrap_err().to_string();
        assert!(error.contains("at least 8388608 and a multiple of 4096"), "{error}");
    }
}
