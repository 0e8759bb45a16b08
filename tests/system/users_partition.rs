//! How the users partition is found, and what happens if it is missing, late, not ext4, read-only
//! or full.

use std::{
    fs::File,
    io::{Seek, SeekFrom},
    path::PathBuf,
    time::Duration,
};

use boot::users::{home::Home, read};
use qemu::{machine::Drive, vm::Vm};
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, log_on, logs_on, run, runs};

pub fn the_partition_is_found_by_device_uuid_or_partuuid(arch: &'static Arch) {
    let disk = Disk::with(&[runs("ana", 1000, "console.log('found')")]);
    let uuid = read::inspect(&disk.path).unwrap_or_else(|error| panic!("{error}")).uuid;
    for word in ["users=/dev/vdb".to_owned(), format!("users=UUID={uuid}")] {
        let mut vm = Boot::on(arch).homes(&disk).users_by(&word).start();
        vm.expect("found").unwrap();
    }

    // the same filesystem as the second partition of a disk
    for (table, uuid) in [
        ("label: dos\nlabel-id: 0x00deca5e\nsize=1MiB\nsize=64MiB\n", "00deca5e-02"),
        (
            "label: gpt\nsize=1MiB\nsize=64MiB, uuid=0B5E6B5F-67A4-4C3D-9D0E-1F2A3B4C5D6E\n",
            "0b5e6b5f-67a4-4c3d-9d0e-1f2a3b4c5d6e",
        ),
    ] {
        for sector in [512, 4096] {
            let drive = Drive { sector, ..Drive::writable(partitioned(&disk, table, sector)) };
            let mut vm = Boot::on(arch).drive(drive).users_by(&format!("users=PARTUUID={uuid} loglevel=7")).start();
            assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
            let said = vm.transcript();
            assert!(said.contains("found") && said.contains("users partition mounted (ext4, /dev/vdb2)"), "{said}");
        }
    }
}

pub fn a_partition_on_a_disk_with_large_sectors_grows(arch: &'static Arch) {
    let disk = Disk::with(&[runs("ana", 1000, "console.log('found')")]);
    let table = "label: dos\nlabel-id: 0x00deca5e\nsize=1MiB\nsize=64MiB\n";
    let whole = partitioned(&disk, table, 4096);
    File::options().write(true).open(&whole).unwrap().set_len(128 << 20).unwrap();
    let drive = Drive { sector: 4096, ..Drive::writable(&whole) };
    let mut vm = Boot::on(arch).drive(drive).users_by("users=PARTUUID=00deca5e-02 grow loglevel=7").start();
    vm.expect("growing /dev/vdb2 to 126 MiB").unwrap();
    vm.expect("users partition grown from 64 to 126 MiB").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
    // the second entry's count of sectors (UEFI 2.10, 5.2.1)
    let sectors = &std::fs::read(&whole).unwrap()[446 + 16 + 12..][..4];
    assert_eq!(u32::from_le_bytes(sectors.try_into().unwrap()), (126 << 20) / 4096);
}

/// A disk with sectors of this size and this partition table (for sfdisk(8); each partition begins
/// at the next MiB). Its second partition is the users partition.
fn partitioned(disk: &Disk, table: &str, sector: u16) -> PathBuf {
    let whole = disk.beside("disk");
    let mut file = File::create(&whole).unwrap();
    file.set_len(67 << 20).unwrap();
    let script = disk.beside("table");
    std::fs::write(&script, table).unwrap();
    // the command `I` of fdisk reads such a script: sfdisk itself uses only the sector size that
    // the disk reports
    let make = "printf 'I\n%s\nw\n' \"$1\" | fdisk -b \"$2\" \"$0\"";
    run("sh", &["-c", make, whole.to_str().unwrap(), script.to_str().unwrap(), &sector.to_string()]);
    file.seek(SeekFrom::Start(2 << 20)).unwrap();
    std::io::copy(&mut File::open(&disk.path).unwrap(), &mut file).unwrap();
    whole
}

pub fn a_partition_that_appears_late_is_awaited(arch: &'static Arch) {
    let disk = Disk::with(&[runs("ana", 1000, "console.log('found late')")]);
    // a card reader without a card; then the card is inserted, and the kernel sends a uevent for
    // the disk's new size
    let reader = disk.beside("reader");
    File::create(&reader).unwrap().set_len(1 << 20).unwrap();
    let mut vm = Boot::on(arch).drive(Drive::writable(&reader)).words("loglevel=7").start();
    vm.expect("waiting for LABEL=nodeos-users, at most 30 s").unwrap();
    let mut card = File::options().write(true).open(&reader).unwrap();
    let size = std::io::copy(&mut File::open(&disk.path).unwrap(), &mut card).unwrap();
    vm.monitor(&format!("block_resize disk1 {size}B")).unwrap();
    vm.expect("found late").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
}

pub fn without_a_partition_a_guest_gets_a_session_in_ram(arch: &'static Arch) {
    let mut vm = Boot::on(arch).start();
    vm.expect("nodeos: RAM session: no users partition, changes are lost at power off").unwrap();
    log_on(&mut vm, "root", Some(""));
    vm.expect("Wrong user name or password").unwrap();
    log_on(&mut vm, "guest", None);
    vm.expect("Welcome to Node.js v24").unwrap();
    vm.send(
        "require('fs').writeFileSync('/kept', 'x'); 'uid ' + process.getuid() + fs.readdirSync('/').includes('kept')",
    )
    .unwrap();
    vm.expect("uid 1000true").unwrap();
}

pub fn waiting_for_a_missing_partition_times_out(arch: &'static Arch) {
    let disk = Disk::with(&[runs("ana", 1000, "console.log('found')")]);
    let mut vm = Boot::on(arch).homes(&disk).users_by("users=LABEL=elsewhere").start();
    vm.expect(
        "LABEL=elsewhere /tmp: ETIMEDOUT (it did not appear); is it plugged in, and is users=, carbon= or apps= right?",
    )
    .unwrap();
    vm.expect("nodeos: RAM session").unwrap();
    vm.expect("username:").unwrap();
}

pub fn of_two_partitions_with_the_label_the_first_is_used_and_both_are_reported(arch: &'static Arch) {
    let [used, other] =
        ["used", "other"].map(|word| Disk::with(&[runs("ana", 1000, &format!("console.log('from the {word}')"))]));
    let mut machine = Boot::on(arch).homes(&used).machine();
    machine.drives.push(Drive::writable(&other.path));
    let mut vm = Vm::start(machine).unwrap();
    vm.expect("LABEL=nodeos-users is /dev/vdb and /dev/vdc too; the first is used").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
    let said = vm.transcript();
    assert!(said.lines().any(|line| line.ends_with("from the used")), "{said}");
    assert!(!said.lines().any(|line| line.ends_with("from the other")), "{said}");
}

pub fn a_partition_that_is_not_ext4_is_reported(arch: &'static Arch) {
    let disk = Disk::with(&[]);
    let mut btrfs = vec![0x5a; 1 << 20];
    btrfs[65600..65608].copy_from_slice(b"_BHRfS_M");
    for (bytes, says) in [
        (vec![0x5a; 1 << 20], "/dev/vdb: it is not an ext4 filesystem, nor another that is known here"),
        (btrfs, "/dev/vdb: it is btrfs, not ext4"),
        (vec![0; 1 << 20], "/dev/vdb: it is empty: make one with `nodeos users create`"),
    ] {
        std::fs::write(&disk.path, bytes).unwrap();
        let mut vm = Boot::on(arch).homes(&disk).users_by("users=/dev/vdb").start();
        vm.expect(says).unwrap();
        vm.expect("nodeos: RAM session").unwrap();
        vm.expect("username:").unwrap();
        assert_eq!(vm.transcript().contains("users create"), says.contains("empty"), "{}", vm.transcript());
    }
}

pub fn writes_to_a_read_only_partition_go_to_ram(arch: &'static Arch) {
    let script = "const fs = require('fs'); fs.writeFileSync('/new', 'x'); console.log('wrote', fs.readFileSync('/old'), fs.statSync('/').uid)";
    let mut home = runs("ana", 1000, script);
    home.file("old", "kept");
    let disk = Disk::with(&[home]);
    let asked = |flags: &str| Boot::on(arch).homes(&disk).words(flags);
    // ext4 refuses `commit=` if the journal is not loaded; `ro` still counts beside an unknown
    // option
    let flags = ["usersflags=ro", "usersflags=ro,noload", "usersflags=ro,foo=bar"].map(asked);
    for boot in [Boot::on(arch).drive(Drive::read_only(&disk.path))].into_iter().chain(flags) {
        let mut vm = boot.start();
        vm.expect("nodeos: the users partition is read-only").unwrap();
        vm.expect(": changes are lost at power off").unwrap();
        vm.expect("wrote <Buffer 6b 65 70 74> 1000").unwrap();
        assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
        assert!(!disk.listing().iter().any(|line| line.ends_with("/new")));
    }
}

pub fn unknown_mount_options_are_ignored(arch: &'static Arch) {
    let script = "require('fs').writeFileSync('/new', 'x'); console.log('wrote')";
    let disk = Disk::with(&[runs("ana", 1000, script)]);
    let mut vm = Boot::on(arch).homes(&disk).words("usersflags=noatime,foo=bar").start();
    vm.expect("; does ext4 know all of usersflags=?").unwrap();
    vm.expect("nodeos: usersflags=noatime,foo=bar was refused: the users partition is mounted without").unwrap();
    vm.expect("wrote").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
    assert!(disk.listing().contains(&"1000 /ana/new".to_owned()));
}

pub fn users_of_a_full_partition_can_free_space(arch: &'static Arch) {
    let fill = "const fs = require('fs'); const f = fs.openSync('/fill', 'w'); let e; try { for (;;) fs.writeSync(f, Buffer.alloc(1 << 20)) } catch (x) { e = x.code } console.log('filled', e)";
    let disk = Disk::with(&[runs("ana", 1000, fill), Home::new("bo", 1001)]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect("filled ENOSPC").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
    disk.assert_clean();
    // at the next boot her init runs and frees space
    let free =
        "const fs = require('fs'); fs.unlinkSync('/fill'); fs.writeFileSync('/after', 'x'); console.log('freed')\n";
    let init = disk.beside("init");
    std::fs::write(&init, format!("#!/usr/bin/env node\n{free}")).unwrap();
    run("debugfs", &["-w", "-R", "rm /ana/init", disk.path.to_str().unwrap()]);
    disk.debugfs(&format!("cd /ana\nwrite {} init\nsif init uid 1000\nsif init mode 0100755\n", init.display()));
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect_within(Duration::from_secs(120), "freed").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
    assert!(disk.listing().contains(&"1000 /ana/after".to_owned()));
}

pub fn a_partition_without_a_home_for_root_boots(arch: &'static Arch) {
    let disk = Disk::with(&[logs_on("ana", 1000, Some("pw"), "console.log('ana is in')")]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    log_on(&mut vm, "ana", Some("pw"));
    vm.expect("ana is in").unwrap();
}
