//! Media, each booted as hardware would boot it.
//!
//! ```text
//! nodeos build --target … → Machine with that firmware and that plug → the test expects a logon
//! ```

mod iso;
mod pxe;
mod sd;

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock, PoisonError},
};

use boot::{
    assembly::{self, Users, Wanted},
    manifest::Manifest,
    media::{self, Machine, Medium, Parts},
    progress::Progress,
};
use qemu::vm::Vm;
use shim::arches::Arch;
use tempfile::TempDir;
use tests::{cache, log_on};

/// A medium with the demo's homes, made once for all tests.
fn medium(target: &'static str, machines: &[Machine]) -> PathBuf {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    static MAKING: Mutex<()> = Mutex::new(());
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let out = MADE.get_or_init(|| tempfile::tempdir().unwrap()).path().join(target);
    if !out.exists() {
        make(target, machines, &out).unwrap_or_else(|error| panic!("{error}"));
    }
    out
}

fn make(target: &str, machines: &[Machine], out: &Path) -> boot::error::Result<media::Manifest> {
    make_of(&Users::Demo, target, machines, out)
}

fn make_of(users: &Users, target: &str, machines: &[Machine], out: &Path) -> boot::error::Result<media::Manifest> {
    let (cache, target) = (cache(), Medium::named(target).unwrap());
    let arch = Arch::named(target.archs[0]).unwrap();
    let wanted =
        Wanted { arch, placement: target.placement.unwrap(), profile: target.profile, manifest: Manifest::default() };
    let users = users.image(&cache, arch, None, Progress::Plain)?;
    let image = assembly::image(&cache, &wanted, Progress::Plain)?;
    let users = users.as_deref();
    media::make(target, &Parts { cache: &cache, image: &image, users, machines, progress: Progress::Plain }, out)
}

/// The demo's guest logs on, and node answers.
fn guest_logs_on(vm: &mut Vm) {
    log_on(vm, "guest", None);
    vm.expect("/ # ").unwrap();
    vm.send("ls").unwrap();
    vm.expect("'usr' ]").unwrap();
}

/// What a tool of the host prints.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text.into_owned()
}

#[test]
fn built_twice_the_bytes_are_equal() {
    let folder = tempfile::tempdir().unwrap();
    for target in ["iso", "pxe", "sd"] {
        let made = [0, 1].map(|number| {
            let out = folder.path().join(format!("{target}{number}"));
            // FAT counts times in steps of two seconds
            std::thread::sleep(std::time::Duration::from_secs(2));
            let manifest = make(target, &[], &out).unwrap_or_else(|error| panic!("{error}"));
            assert!(out.exists() && !manifest.members.is_empty());
            manifest
        });
        assert_eq!(made[0], made[1]);
    }
}

/// A disk with 8 MiB.
#[test]
fn where_there_is_no_room_nothing_is_left() {
    let nodeos = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("nodeos");
    let script = "mount -t tmpfs -o size=8M none \"$1\"
        \"$2\" -q build --target \"$3\" --arch \"$4\" --users none --out \"$1/out\" || echo \"status $?\"; ls -A \"$1\"";
    for medium in &media::ALL {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("unshare");
        let arguments = ["--user", "--map-root-user", "--mount", "sh", "-uc", script, "sh"];
        command.args(arguments).arg(folder.path()).arg(&nodeos).args([medium.name, medium.archs[0]]);
        let output = command.output().unwrap();
        let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(said, "status 71\n", "{medium}: {error}");
        assert!(error.contains("free some space there"), "{medium}: {error}");
    }
}

/// The numbers of SPECIFICATION.md: the medium, without homes, and for PXE what a machine fetches of it.
#[test]
fn they_are_no_larger_than_promised() {
    let folder = tempfile::tempdir().unwrap();
    let of = |target| {
        make_of(&Users::None, target, &[], &folder.path().join(target)).unwrap_or_else(|error| panic!("{error}"))
    };
    let pxe = of("pxe");
    let bytes = |name: &str| pxe.members.iter().find(|member| member.path == Path::new(name)).unwrap().bytes;
    assert!(bytes("kernel") <= 4 << 20, "the pc kernel has {} bytes", bytes("kernel"));
    assert!(bytes("kernel") + bytes("initramfs") <= 56 << 20, "{pxe:?}");
    assert!(of("iso").bytes <= 64 << 20);
    let sd = of("sd");
    let kernel = sd.members.iter().find(|member| member.path == Path::new("boot/kernel8.img")).unwrap();
    assert!(kernel.bytes <= 5 << 20, "the rpi kernel has {} bytes, compressed", kernel.bytes);
    let stored = std::fs::metadata(folder.path().join("sd")).unwrap().blocks() * 512;
    assert!(stored <= 96 << 20, "{stored} bytes of the card are stored");
}
