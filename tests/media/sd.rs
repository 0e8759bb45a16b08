//! SD cards in QEMU's Raspberry Pi 3. QEMU boots the kernel, initramfs and device tree that are
//! read from the card.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use boot::{
    assembly::Homes,
    media::card::{self, Card},
    users::{home::Home, policy::set_policy},
};
use qemu::{
    machine::{Bus, Drive, Machine, Network, Start},
    vm::Vm,
};
use shim::{arches::Arch, last_word::LastWord, policy::Policy};
use tempfile::TempDir;
use tests::{Disk, attacker, host, log_on, logs_on, runs};

use crate::{guest_logs_on, make_of, medium, said};

/// A copy of the image on a card with this many MiB.
fn written(mib: u64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card.img");
    tests::run("cp", &["--sparse=always", medium("sd", &[]).to_str().unwrap(), path.to_str().unwrap()]);
    File::options().write(true).open(&path).unwrap().set_len(mib << 20).unwrap();
    (folder, path)
}

fn machine(card: &Path, bus: Bus) -> Machine {
    let Card { kernel, initramfs, device_tree, cmdline } = card::read(&host().cache, card).unwrap();
    // the shim prints more than errors only at this log level
    let cmdline = format!("{cmdline} loglevel=7");
    let drives = vec![Drive { bus, ..Drive::writable(card) }];
    let network = Network::User { publish: vec![], boot: None };
    let start = Start::Pi { kernel, initramfs, device_tree, cmdline };
    Machine { drives, network, ..Machine::new(Arch::named("aarch64").unwrap(), start) }
}

/// The partitions as sfdisk lists them: first sector and number of sectors.
fn partitions(card: &Path) -> Vec<(u64, u64)> {
    let number = |line: &str, key: &str| {
        let (_, rest) = line.split_once(key)?;
        rest.split(',').next()?.trim().parse().ok()
    };
    let dump = said("sfdisk", &["--dump", card.to_str().unwrap()]);
    dump.lines().filter_map(|line| Some((number(line, "start=")?, number(line, "size=")?))).collect()
}

/// Copies a partition into a file.
fn partition(card: &Path, number: usize) -> (TempDir, PathBuf) {
    let (start, sectors) = partitions(card)[number - 1];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("partition");
    let words = [format!("if={}", card.display()), format!("of={}", path.display())];
    let place = ["bs=512".to_owned(), format!("skip={start}"), format!("count={sectors}"), "conv=sparse".to_owned()];
    let words: Vec<&str> = words.iter().chain(&place).map(String::as_str).collect();
    tests::run("dd", &words);
    (folder, path)
}

/// Checks that the partition with the homes ends with the card, and that e2fsck finds no error.
fn assert_grown(card: &Path) {
    let (start, sectors) = partitions(card)[2];
    assert_eq!((start + sectors) * 512, fs::metadata(card).unwrap().len(), "the partition ends with the card");
    let (_folder, homes) = partition(card, 3);
    said("e2fsck", &["-fn", homes.to_str().unwrap()]);
    let head = said("dumpe2fs", &["-h", homes.to_str().unwrap()]);
    let blocks = head.lines().find_map(|line| line.strip_prefix("Block count:")).unwrap().trim().parse::<u64>();
    assert_eq!(blocks.unwrap() * 4096, sectors * 512, "the filesystem ends with the partition");
}

#[test]
fn a_pi_boots_from_the_card_and_the_homes_grow_to_fill_it() {
    let (_folder, card) = written(1024);
    let (start, _) = partitions(&card)[2];
    let mut vm = Vm::start(machine(&card, Bus::Card)).unwrap();
    vm.expect("p3 to ").unwrap();
    vm.expect(&format!("users partition grown from 256 to {} MiB", 1024 - start / 2048)).unwrap();
    guest_logs_on(&mut vm);
    // the order of the consoles is not specified
    let said = vm.transcript();
    assert!(said.contains("logon on ttyS1") && said.contains("logon on tty1"), "{said}");
    vm.monitor("sendkey ctrl-alt-delete").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::Reboot));
    assert_grown(&card);
    // the next boot does not grow it again
    let mut vm = Vm::start(machine(&card, Bus::Card)).unwrap();
    vm.expect("logon on tty1").unwrap();
    let said = vm.transcript();
    assert!(!said.contains("growing") && !said.contains("grown"), "{said}");
}

/// The partition table has grown but the filesystem has not, as after a power cut between the two.
/// The power is cut again while the filesystem grows. Unlike a real card, QEMU loses nothing that
/// was written before.
#[test]
fn growing_the_homes_survives_a_power_cut() {
    let (_folder, card) = written(2048);
    tests::run("sh", &["-euc", &format!("echo ', +' | sfdisk --quiet -N 3 {}", card.display())]);
    let mut vm = Vm::start(machine(&card, Bus::Card)).unwrap();
    vm.expect("resizing filesystem").unwrap();
    drop(vm);
    let mut vm = Vm::start(machine(&card, Bus::Card)).unwrap();
    guest_logs_on(&mut vm);
    vm.monitor("sendkey ctrl-alt-delete").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::Reboot));
    assert_grown(&card);
}

#[test]
fn a_card_boots_from_usb_and_a_modified_partition_table_is_kept() {
    let (_folder, card) = written(1024);
    // there is another partition behind the homes
    tests::run("sh", &["-euc", &format!("echo 'start=1900000, type=83' | sfdisk --quiet --append {}", card.display())]);
    let before = partitions(&card);
    let mut vm = Vm::start(machine(&card, Bus::Usb)).unwrap();
    vm.expect("carbon copy mounted (erofs, /dev/sda2)").unwrap();
    let (_, sectors) = before[2];
    vm.expect(&format!("users partition grown from 256 to {} MiB", sectors / 2048)).unwrap();
    guest_logs_on(&mut vm);
    assert_eq!(partitions(&card), before);
}

#[test]
fn a_truncated_copy_is_reported_as_incomplete() {
    let (_folder, card) = written(512);
    // as if dd was interrupted: the rest of the card is as it was before
    let (start, sectors) = partitions(&card)[1];
    let file = File::options().write(true).open(&card).unwrap();
    file.set_len((start + sectors / 2) * 512).unwrap();
    file.set_len(512 << 20).unwrap();
    let mut vm = Vm::start(machine(&card, Bus::Card)).unwrap();
    vm.expect("p2 is incomplete: the end of the image is not there").unwrap();
    vm.expect("this medium is incomplete: write it again").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::Reboot));
}

/// The card is smaller than its partition table says.
#[test]
fn a_card_that_is_too_small_is_reported() {
    let (_folder, card) = written(256);
    let mut vm = Vm::start(machine(&card, Bus::Card)).unwrap();
    vm.expect("p3 is incomplete: it has ").unwrap();
    vm.expect("RAM session: no users partition").unwrap();
    vm.expect_within(Duration::from_secs(240), "Welcome to NodeOS!: username:").unwrap();
}

/// A user can open the pins if a policy grants them. The homes come from an existing image.
#[test]
fn a_policy_grants_gpio_and_i2c_devices() {
    let script = "const fs = require('fs'); const open = path => { try { return fs.openSync(path, 'r+') > 2 } catch (error) { return error.code } }
        console.log('pins', open('/dev/gpiochip0'), open('/dev/i2c-1'), open('/dev/mmcblk0'))";
    let homes = Disk::with(&[runs("ana", 1000, script)]);
    let policy = Policy::parse(br#"{"devices": ["gpiochip*", "i2c-1"]}"#).unwrap();
    set_policy(&homes.path, "ana", Some(&policy)).unwrap();
    let card = homes.beside("card.img");
    make_of(&Homes::File(homes.path.clone()).into(), crate::first("sd"), "sd", &[], &card).unwrap();
    let mut vm = Vm::start(machine(&card, Bus::Card)).unwrap();
    vm.expect("pins true true ENOENT").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
}

/// Kernel memory is charged to the user who causes it on this kernel too, and another user can work
/// meanwhile. The session of that user cannot change settings of the serial port.
#[test]
fn a_bomb_on_a_pi_does_not_block_other_users() {
    let program = attacker(crate::first("sd"));
    let script = "require('child_process').spawnSync('/bin/attack', ['/attacks'], { stdio: 'inherit' });
        console.log('bo counts to', 6 * 7, 'beside', require('os').freemem() >> 20, 'MiB')";
    let (mut ana, mut bo) = (Home::new("ana", 1000), logs_on("bo", 1001, None, script));
    bo.program("bin/attack", program.clone());
    bo.file("attacks", "\nset_serial\n");
    ana.program("bin/attack", program);
    ana.program("init", "#!/bin/attack\ncork_fill\n");
    let homes = Disk::with(&[ana, bo]);
    set_policy(&homes.path, "ana", Some(&Policy { memory: Some(64 << 20), ..Policy::default() })).unwrap();
    let card = homes.beside("card.img");
    make_of(&Homes::File(homes.path.clone()).into(), crate::first("sd"), "sd", &[], &card).unwrap();
    let mut vm = Vm::start(machine(&card, Bus::Card)).unwrap();
    vm.expect_within(Duration::from_secs(300), "the bomb is set").unwrap();
    vm.send("").unwrap();
    log_on(&mut vm, "bo", None);
    vm.expect_within(Duration::from_secs(120), "attack set_serial: failed (EPERM").unwrap();
    vm.expect_within(Duration::from_secs(120), "bo counts to 42 beside ").unwrap();
    let free = vm.rest_of_line().unwrap();
    // of about 900 MiB ana may use 64; the bomb takes 480 MiB where kernel memory is not charged
    assert!(free.split(' ').next().unwrap().parse::<u64>().unwrap() > 500, "{free}");
}

/// Checks the card with standard tools, and that every file exists that the firmware asks for
/// (boot/src/media/sd.rs has the sources).
#[test]
fn standard_tools_read_the_card() {
    let card = medium("sd", &[]);
    assert_eq!(card.metadata().unwrap().permissions().mode() & 0o777, 0o600, "homes are on it");
    said("sfdisk", &["--verify", card.to_str().unwrap()]);
    let (_boot, boot) = partition(&card, 1);
    let boot = boot.to_str().unwrap();
    said("fsck.fat", &["-n", boot]);
    let (_homes, homes) = partition(&card, 3);
    said("e2fsck", &["-fn", homes.to_str().unwrap()]);
    let listing = said("mdir", &["-b", "-i", boot, "::"]);
    let files: BTreeSet<&str> = listing.lines().filter_map(|line| line.strip_prefix("::/")).collect();
    let config = said("mtype", &["-i", boot, "::config.txt"]);
    let named = |key: &str| config.lines().find_map(|line| line.strip_prefix(key)).unwrap().split(' ').next().unwrap();
    assert_eq!(named("gpu_mem="), "16", "which asks for the firmware that ends in cd");
    let firmware = ["bootcode.bin", "start_cd.elf", "fixup_cd.dat", "start4cd.elf", "fixup4cd.dat", "cmdline.txt"];
    for file in firmware.into_iter().chain([named("kernel="), named("initramfs ")]) {
        assert!(files.contains(file), "{file}: {listing}");
    }
    assert_eq!(files.iter().filter(|file| file.ends_with(".dtb")).count(), 9);
}
