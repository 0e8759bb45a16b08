//! The screen and the keyboard of a PC, with the kernel that has them.

use std::time::Duration;

use boot::{
    assembly::{self, Wanted},
    image::{carbon::Placement, erofs::Packing, manifest::Manifest},
    parts::shim::weak,
    users::{
        home::Home,
        logon::{Shell, set_shell},
    },
};
use qemu::{
    machine::{Drive, Machine, Start},
    vm::Vm,
};
use shim::{
    arches::Arch,
    logon_file::{LogonFile, Password},
};
use tests::{Disk, attacker, host, logs_on};

/// A PC with these homes. Messages about the boot and about sessions go to the serial port. The
/// logon is on the screen too.
fn pc(disk: &Disk, words: &str) -> Vm {
    with_screen(disk, "tty0", words)
}

/// The same, whose screen has that name on the command line.
fn with_screen(disk: &Disk, screen: &str, words: &str) -> Vm {
    let arch = Arch::named("x86_64").unwrap();
    let wanted = Wanted {
        arch,
        placement: Placement::Medium,
        packing: Packing::Stored,
        profile: "pc",
        manifest: Manifest::default(),
    };
    let host = host();
    let image = assembly::image_with(&host, &wanted, || weak(arch)).unwrap_or_else(|e| panic!("{e}"));
    let line = assembly::cmdline(&image, true).unwrap_or_else(|error| panic!("{error}")).replace(" quiet ", " ");
    let line = format!("console={screen} {line} {words}");
    let drives = image.filesystems().map(Drive::read_only).chain([Drive::writable(&disk.path)]).collect();
    let start = Start::kernel(&image.kernel, &image.initramfs, line);
    Vm::start(Machine { memory_mib: 512, drives, ..Machine::new(arch, start) }).unwrap()
}

/// Presses keys at the next prompt on the screen. The test cannot see that prompt, only the message
/// before it.
fn press(vm: &mut Vm, keys: &[&str]) {
    vm.expect("nodeos: logon on tty1").unwrap();
    std::thread::sleep(Duration::from_secs(8));
    for key in keys {
        vm.monitor(&format!("sendkey {key}")).unwrap();
    }
}

#[test]
fn keys_follow_the_chosen_layout() {
    let disk = Disk::with(&[logs_on("zy-ß", 1000, None, ""), logs_on("yz", 1001, None, "")]);
    let mut vm = pc(&disk, "keymap=de");
    vm.expect("nodeos: keyboard layout de").unwrap();
    // the keys are named as on a US keyboard: y, z, / and -
    press(&mut vm, &["y", "z", "slash", "minus", "ret"]);
    vm.expect("nodeos: session of zy-ß on tty1").unwrap();
    drop(vm);
    let mut vm = with_screen(&disk, "tty1", "keymap=klingon");
    vm.expect("nodeos: keymap=klingon: there is no such layout; there are us be ").unwrap();
    press(&mut vm, &["y", "z", "ret"]);
    vm.expect("nodeos: session of yz on tty1").unwrap();
}

#[test]
fn keyboard_and_screen_are_restored_after_a_session() {
    let session = |name, uid, attack: &str| {
        let mut home = Home::new(name, uid);
        home.program("bin/attack", attacker(Arch::named("x86_64").unwrap()));
        home.file("attacks", format!("\n{attack}"));
        let mut file = LogonFile { password: Some(Password::new()), ..LogonFile::default() };
        set_shell(&mut file, &Shell { path: "/bin/attack".to_owned(), args: vec!["/attacks".to_owned()] }).unwrap();
        home.logon(&file).unwrap();
        home
    };
    let disk = Disk::with(&[session("ana", 1000, "spoil_screen"), session("bo", 1001, "show_screen")]);
    let mut vm = pc(&disk, "without=seccomp");
    press(&mut vm, &["a", "n", "a", "ret"]);
    vm.expect("nodeos: session of ana on tty1").unwrap();
    press(&mut vm, &["b", "o", "ret"]);
    vm.expect("nodeos: session of bo on tty1").unwrap();
    vm.expect("nodeos: logon on tty1").unwrap();
    vm.monitor("sendkey ctrl-alt-delete").unwrap();
    vm.ending().unwrap();
    assert!(disk.listing().contains(&"1000 /ana/spoiled".to_owned()), "nothing was spoiled, so nothing is known");
    assert!(disk.listing().contains(&"1001 /bo/usual".to_owned()), "bo's screen has modes of ana's");
}
