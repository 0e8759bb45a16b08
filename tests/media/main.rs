//! Tests of media. Each is booted as hardware would boot it.
//!
//! ```text
//! nodeos build --target … → Machine with this firmware and drive → the test expects a logon
//! ```

mod iso;
mod keyboard;
mod pxe;
mod sd;
mod update;

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock, PoisonError},
};

use boot::{
    assembly::{self, Homes, Users, Wanted},
    image::Image,
    image::manifest::Manifest,
    media::{self, Machine, Medium, Parts},
};
use qemu::vm::Vm;
use shim::arches::{ALL, Arch};
use tempfile::TempDir;
use tests::{host, log_on};

/// A medium with the demo's homes, for the first architecture that it is made for.
fn medium(target: &'static str, machines: &[Machine]) -> PathBuf {
    medium_for(first(target), target, machines)
}

fn first(target: &str) -> &'static Arch {
    Arch::named(Medium::named(target).unwrap().archs[0]).unwrap()
}

/// A medium for this architecture. It is built once for all tests.
fn medium_for(arch: &'static Arch, target: &'static str, machines: &[Machine]) -> PathBuf {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    static MAKING: Mutex<()> = Mutex::new(());
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let out = MADE.get_or_init(|| tempfile::tempdir().unwrap()).path().join(format!("{target}-{arch}"));
    if !out.exists() {
        make(arch, target, machines, &out).unwrap_or_else(|error| panic!("{error}"));
    }
    out
}

type Made = boot::host::error::Result<media::Manifest>;

fn make(arch: &'static Arch, target: &str, machines: &[Machine], out: &Path) -> Made {
    make_of(&Homes::Demo.into(), arch, target, machines, out)
}

fn make_of(users: &Users, arch: &'static Arch, target: &str, machines: &[Machine], out: &Path) -> Made {
    let (host, target) = (host(), Medium::named(target).unwrap());
    let wanted = Wanted {
        arch,
        placement: target.placement.unwrap(),
        packing: target.packing,
        profile: target.profile,
        manifest: Manifest::default(),
    };
    let apps = users.code(&host, arch, target.packing)?;
    let users = users.homes(&host, None)?;
    let image = Image { apps, ..assembly::image(&host, &wanted)? };
    let users = users.as_deref();
    media::make(target, &Parts { host: &host, image: &image, users, machines }, out)
}

/// Logs on as the demo's guest, and checks that its shell answers.
fn guest_logs_on(vm: &mut Vm) {
    log_on(vm, "guest", None);
    vm.expect("/ $ ").unwrap();
    vm.send("ls").unwrap();
    vm.expect("'usr' ]").unwrap();
}

/// The output of a tool of the host.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text.into_owned()
}

/// Every medium that fixes its placement, for every architecture that it is made for.
fn every() -> impl Iterator<Item = (&'static str, &'static Arch)> {
    let media = media::ALL.iter().filter(|medium| medium.placement.is_some());
    media.flat_map(|medium| medium.archs.iter().map(|arch| (medium.name, Arch::named(arch).unwrap())))
}

#[test]
fn media_are_identical_when_built_twice() {
    let folder = tempfile::tempdir().unwrap();
    for (target, arch) in every() {
        let made = [0, 1].map(|number| {
            let out = folder.path().join(format!("{target}-{arch}-{number}"));
            // FAT stores times in steps of two seconds
            std::thread::sleep(std::time::Duration::from_secs(2));
            let manifest = make(arch, target, &[], &out).unwrap_or_else(|error| panic!("{error}"));
            assert!(out.exists() && !manifest.members.is_empty());
            manifest
        });
        assert_eq!(made[0], made[1]);
    }
}

/// Builds each medium on a filesystem of 8 MiB.
#[test]
fn a_build_without_disk_space_leaves_nothing_behind() {
    let nodeos = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("nodeos");
    let script = "mount -t tmpfs -o size=8M none \"$1\"
        \"$2\" -q build --target \"$3\" --arch \"$4\" --users none --out \"$1/out\" || echo \"status $?\"; ls -A \"$1\"";
    for (medium, arch) in media::ALL.iter().flat_map(|medium| medium.archs.iter().map(move |arch| (medium, arch))) {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("unshare");
        let arguments = ["--user", "--map-root-user", "--mount", "sh", "-uc", script, "sh"];
        command.args(arguments).arg(folder.path()).arg(&nodeos).args([medium.name, arch]);
        let output = command.output().unwrap();
        let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(said, "status 71\n", "{medium}, {arch}: {error}");
        assert!(error.contains("free some space there"), "{medium}, {arch}: {error}");
    }
}

/// The nodeos.toml of an app that ends its machine, also on a medium.
const ENDS: &str = "restart = 'no'\nwait = []\n";

/// As a person does: `nodeos build`, then `nodeos run` of what it wrote.
#[test]
fn an_app_runs_from_every_medium() {
    let nodeos = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("nodeos");
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app.js");
    let script = "const fs = require('fs')
        fs.writeFileSync('/kept.txt', 'mine')
        const own = fs.statSync('/kept.txt').uid === process.getuid(), code = fs.statSync('app.js').uid
        console.log(`uid ${process.getuid()}, own ${own}, code of ${code}, ${process.argv[2]}`)
        process.exitCode = 9";
    std::fs::write(&app, script).unwrap();
    std::fs::write(folder.path().join("nodeos.toml"), ENDS).unwrap();
    for (target, arch) in every().chain([("direct", &ALL[0])]) {
        let out = folder.path().join(format!("{target}-{arch}"));
        let nodeos = |words: &[&str]| Command::new(&nodeos).arg("-q").args(words).output().unwrap();
        let (app, at) = (app.to_str().unwrap(), out.to_str().unwrap());
        let built = nodeos(&["build", app, "--target", target, "--arch", arch.name, "--out", at, "--", "a word"]);
        assert!(built.status.success(), "{target}, {arch}: {}", String::from_utf8_lossy(&built.stderr));
        let ran = nodeos(&["run", at]);
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(said.contains("uid 1000, own true, code of 0, a word"), "{target}, {arch}: {said}");
        assert_eq!(ran.status.code(), Some(9), "{target}, {arch}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

/// Checks the sizes in SPECIFICATION.md: of media without homes, and for PXE of what a machine
/// downloads.
#[test]
fn media_are_no_larger_than_specified() {
    let folder = tempfile::tempdir().unwrap();
    let of = |target: &'static str, arch: &'static Arch| {
        let out = folder.path().join(target);
        make_of(&Homes::None.into(), arch, target, &[], &out).unwrap_or_else(|error| panic!("{error}"))
    };
    let bytes = |made: &media::Manifest, name: &str| {
        made.members.iter().find(|member| member.path == Path::new(name)).unwrap().bytes
    };
    let pxe = of("pxe", first("pxe"));
    assert!(bytes(&pxe, "kernel") + bytes(&pxe, "initramfs") <= 56 << 20, "{pxe:?}");
    for arch in ALL {
        let iso = of("iso", arch);
        assert!(bytes(&iso, "kernel") <= 17 << 18, "{arch}: the pc kernel has {} bytes", bytes(&iso, "kernel"));
        assert!(iso.bytes <= 64 << 20, "{iso:?}");
    }
    let kernel = bytes(&of("sd", first("sd")), "boot/kernel8.img");
    assert!(kernel <= 5 << 20, "the rpi kernel has {kernel} bytes, compressed");
    let stored = std::fs::metadata(folder.path().join("sd")).unwrap().blocks() * 512;
    assert!(stored <= 96 << 20, "{stored} bytes of the card are stored");
}
