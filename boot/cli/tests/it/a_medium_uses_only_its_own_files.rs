//! `nodeos run FOLDER` gives a guest only files of this folder, never a file of the host that a
//! link leads to. `nodeos run FILE` reports whether the file is missing or not a medium.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::command::{Stage, stderr};

/// A folder like those of `build --target`, with as much content as `run` reads.
fn medium(stage: &Stage, target: &str, arch: &str) -> PathBuf {
    let folder = stage.sign(target);
    fs::create_dir(&folder).unwrap();
    let mut kernel = vec![0; 64];
    kernel[56..60].copy_from_slice(b"ARM\x64");
    let manifest = format!(
        r#"{{"target": "{target}", "arch": "{arch}", "cmdline": "", "bytes": 0, "versions": {{}}, "members": []}}"#
    );
    for (name, content) in [
        ("kernel", kernel),
        ("initramfs", vec![0]),
        ("carbon.erofs", vec![0]),
        ("users.ext4", vec![0]),
        ("cmdline", b"console=ttyAMA0 quiet\n".to_vec()),
        ("boot.ipxe", b"#!ipxe\n".to_vec()),
        ("manifest.json", manifest.into_bytes()),
    ] {
        fs::write(folder.join(name), content).unwrap();
    }
    folder
}

/// Returns the exit status and the output. Opening a FIFO would block, so the command is killed
/// after a minute.
fn run(stage: &Stage, words: &[&Path]) -> (Option<i32>, String) {
    let mut command = stage.run("timeout");
    command.args(["60", env!("CARGO_BIN_EXE_nodeos"), "run", "--dry-run"]).args(words);
    let done = command.output().unwrap();
    (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned() + &stderr(&done))
}

#[test]
fn symlinks_in_a_medium_are_refused() {
    let stage = Stage::new();
    let secret = stage.sign("secret");
    for (target, arch) in [("direct", "aarch64"), ("pxe", "x86_64")] {
        let folder = medium(&stage, target, arch);
        let (status, said) = run(&stage, &[&folder]);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains(folder.to_str().unwrap()), "{said}");
        for name in ["carbon.erofs", "users.ext4", "kernel", "initramfs", "cmdline", "manifest.json", "boot.ipxe"] {
            let at = folder.join(name);
            // a link to the same bytes outside of the folder: opening it would succeed
            fs::rename(&at, &secret).unwrap();
            symlink(&secret, &at).unwrap();
            assert_eq!(fs::read(&at).unwrap(), fs::read(&secret).unwrap());
            let (status, said) = run(&stage, &[&folder]);
            assert_eq!(status, Some(71), "{target}, {name}: {said}");
            assert!(said.contains(&format!("{}: it is a link", at.display())), "{target}, {name}: {said}");
            fs::remove_file(&at).unwrap();
            fs::rename(&secret, &at).unwrap();
        }
        // a link further down, to a folder
        fs::create_dir(folder.join("pxelinux.cfg")).unwrap();
        symlink("/", folder.join("pxelinux.cfg/root")).unwrap();
        let (status, said) = run(&stage, &[&folder]);
        assert_eq!(status, Some(71), "{said}");
        assert!(said.contains("pxelinux.cfg/root: it is a link"), "{said}");
    }
}

#[test]
fn fifos_and_sockets_in_a_medium_are_refused() {
    let stage = Stage::new();
    let folder = medium(&stage, "direct", "aarch64");
    for name in ["users.ext4", "cmdline", "manifest.json"] {
        let at = folder.join(name);
        fs::rename(&at, stage.sign("kept")).unwrap();
        let fifo = || assert!(stage.run("mkfifo").arg(&at).status().unwrap().success());
        let socket = || drop(UnixListener::bind(&at).unwrap());
        for make in [&fifo as &dyn Fn(), &socket] {
            make();
            let (status, said) = run(&stage, &[&folder]);
            assert_eq!(status, Some(71), "{name}: {said}");
            assert!(said.contains(&format!("{}: it is not a regular file", at.display())), "{name}: {said}");
            fs::remove_file(&at).unwrap();
        }
        fs::rename(stage.sign("kept"), &at).unwrap();
    }
    let fifo = stage.sign("fifo.iso");
    assert!(stage.run("mkfifo").arg(&fifo).status().unwrap().success());
    let (status, said) = run(&stage, &[&fifo]);
    assert_eq!(status, Some(71), "{said}");
    assert!(said.contains("fifo.iso: it is neither a file nor a folder"), "{said}");
}

#[test]
fn options_that_do_not_apply_to_a_medium_are_refused() {
    let stage = Stage::new();
    for (target, option, value, why) in [
        ("direct", "--plug", "cd", "--plug: direct is not plugged in"),
        ("direct", "--firmware", "uefi", "--firmware: nodeos run loads the kernel of direct itself"),
        ("pxe", "--plug", "usb", "--plug: pxe is not plugged in; these are: iso, sd"),
        ("direct", "--arch", "x86_64", "--arch x86_64: that medium is made for aarch64"),
        ("direct", "--env", "A=b", "cannot reach an app on a medium that is already built"),
        ("direct", "--users", "none", "--users none: this medium has its own homes"),
    ] {
        let folder = medium(&stage, target, if target == "pxe" { "x86_64" } else { "aarch64" });
        let (status, said) = run(&stage, &[&folder, Path::new(option), Path::new(value)]);
        assert_eq!(status, Some(64), "{said}");
        assert!(said.contains(why), "{said}");
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn a_missing_part_of_a_medium_is_named() {
    let stage = Stage::new();
    let folder = medium(&stage, "direct", "aarch64");
    let without = |name: &str, why: &str| {
        let at = folder.join(name);
        fs::rename(&at, stage.sign("kept")).unwrap();
        let (status, said) = run(&stage, &[&folder]);
        assert_eq!(status, Some(71), "{name}: {said}");
        assert!(said.contains(&format!("read {}: {why}", at.display())), "{name}: {said}");
        fs::rename(stage.sign("kept"), &at).unwrap();
    };
    ["kernel", "initramfs", "cmdline"].iter().for_each(|name| without(name, "ENOENT"));
    fs::write(folder.join("kernel"), "no kernel").unwrap();
    let (_, said) = run(&stage, &[&folder]);
    assert!(said.contains("kernel: it is not a kernel for x86_64 (bzImage) or aarch64 (Image)"), "{said}");
    fs::remove_file(folder.join("manifest.json")).unwrap();
    let (_, said) = run(&stage, &[&folder]);
    assert!(said.contains("manifest.json: ENOENT"), "{said}");
}

#[test]
fn a_mistyped_path_is_reported_rather_than_its_options() {
    let stage = Stage::new();
    let [typo, other] = ["typo.iso", "other.img"].map(|name| stage.sign(name));
    fs::write(&other, "no medium").unwrap();
    let [plug, usb, firmware, uefi] = ["--plug", "usb", "--firmware", "uefi"].map(Path::new);
    for more in [&[] as &[&Path], &[plug, usb], &[firmware, uefi]] {
        let (status, said) = run(&stage, &[&[typo.as_path()], more].concat());
        assert_eq!(status, Some(71), "{said}");
        assert!(
            said.contains(&format!("run {}: ENOENT (no such file)\n  next: name an app", typo.display())),
            "{said}"
        );
    }
    for (option, value) in [(plug, usb), (firmware, uefi)] {
        let (status, said) = run(&stage, &[&other, option, value]);
        assert_eq!(status, Some(64), "{said}");
        let why = format!("{} is for a medium: {} is none that nodeos build wrote", option.display(), other.display());
        assert!(said.contains(&why), "{said}");
        assert!(run(&stage, &[option, value]).1.contains("is for a medium: the demo is none"));
    }
    let (status, said) = run(&stage, &[&other]);
    assert_eq!(status, Some(71), "{said}");
    assert!(said.contains("other.img: it is neither a folder nor a file that ends with .js"), "{said}");
}
