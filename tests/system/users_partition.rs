//! The users partition: found, not found, damaged, read-only, full.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    time::Duration,
};

use boot::users::{home::Home, read};
use qemu::machine::Drive;
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, log_on, logs_on, run, runs};

pub fn it_is_found_by_device_and_uuids(arch: &'static Arch) {
    let disk = Disk::with(&[runs("ana", 1000, "console.log('found')")]);
    let uuid = read::inspect(&disk.path).unwrap_or_else(|error| panic!("{error}")).uuid;
    for word in ["users=/dev/vdb".to_owned(), format!("users=UUID={uuid}")] {
        let mut vm = Boot::on(arch).homes(&disk).users_by(&word).start();
        vm.expect("found").unwrap();
    }

    // the same filesystem as the second partition of a disk with an MBR (offsets: 446 + 16 a partition; 440 the signature)
    const START: u32 = 2048;
    let sectors = u32::try_from(std::fs::metadata(&disk.path).unwrap().len() / 512).unwrap();
    let whole = disk.beside("disk");
    let mut table = [0; 512];
    table[440..444].copy_from_slice(&0x00de_ca5e_u32.to_le_bytes());
    table[446 + 16 + 4] = 0x83;
    table[446 + 16 + 8..446 + 16 + 12].copy_from_slice(&START.to_le_bytes());
    table[446 + 16 + 12..446 + 16 + 16].copy_from_slice(&sectors.to_le_bytes());
    table[510..].copy_from_slice(&[0x55, 0xaa]);
    let mut file = File::create(&whole).unwrap();
    file.write_all(&table).unwrap();
    file.seek(SeekFrom::Start(u64::from(START) * 512)).unwrap();
    std::io::copy(&mut File::open(&disk.path).unwrap(), &mut file).unwrap();
    let mut vm = Boot::on(arch).drive(Drive::writable(&whole)).users_by("users=PARTUUID=00deca5e-02").start();
    vm.expect("found").unwrap();
}

pub fn without_one_a_guest_has_a_session_in_ram(arch: &'static Arch) {
    let mut vm = Boot::on(arch).start();
    vm.expect("nodeos: RAM session: no users partition, what you write is gone at power off").unwrap();
    log_on(&mut vm, "root", Some(""));
    vm.expect("That is not a user").unwrap();
    log_on(&mut vm, "guest", None);
    vm.expect("Welcome to Node.js v24").unwrap();
    vm.send("require('fs').writeFileSync('/kept', 'x'); 'uid ' + process.getuid() + fs.readdirSync('/').includes('kept')").unwrap();
    vm.expect("uid 1000true").unwrap();
}

pub fn one_that_never_comes_is_not_awaited_for_ever(arch: &'static Arch) {
    let disk = Disk::with(&[runs("ana", 1000, "console.log('found')")]);
    let mut vm = Boot::on(arch).homes(&disk).users_by("users=LABEL=elsewhere").start();
    vm.expect("LABEL=elsewhere /tmp: ETIMEDOUT (it did not come); is it plugged in, and is users= or carbon= right?").unwrap();
    vm.expect("nodeos: RAM session").unwrap();
    vm.expect("username:").unwrap();
}

pub fn what_is_no_ext4_is_said(arch: &'static Arch) {
    let disk = Disk::with(&[]);
    std::fs::write(&disk.path, vec![0x5a; 1 << 20]).unwrap();
    let mut vm = Boot::on(arch).homes(&disk).users_by("users=/dev/vdb").start();
    vm.expect("it is no ext4 filesystem: make one with `nodeos users create`").unwrap();
    vm.expect("nodeos: RAM session").unwrap();
    vm.expect("username:").unwrap();
}

pub fn a_read_only_one_is_written_in_ram(arch: &'static Arch) {
    let script = "const fs = require('fs'); fs.writeFileSync('/new', 'x'); console.log('wrote', fs.readFileSync('/old'), fs.statSync('/').uid)";
    let mut home = runs("ana", 1000, script);
    home.file("old", "kept");
    let disk = Disk::with(&[home]);
    let mut vm = Boot::on(arch).drive(Drive::read_only(&disk.path)).start();
    vm.expect("nodeos: the users partition is read-only: what you write is gone at power off").unwrap();
    vm.expect("wrote <Buffer 6b 65 70 74> 1000").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
    assert!(!disk.listing().iter().any(|line| line.ends_with("/new")));
}

pub fn a_full_one_lets_its_users_in(arch: &'static Arch) {
    let fill = "const fs = require('fs'); const f = fs.openSync('/fill', 'w'); let e; try { for (;;) fs.writeSync(f, Buffer.alloc(1 << 20)) } catch (x) { e = x.code } console.log('filled', e)";
    let disk = Disk::with(&[runs("ana", 1000, fill), Home::new("bo", 1001)]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect("filled ENOSPC").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
    disk.assert_clean();
    // the next boot: she is let in, and can make room
    let free = "const fs = require('fs'); fs.unlinkSync('/fill'); fs.writeFileSync('/after', 'x'); console.log('freed')\n";
    let init = disk.beside("init");
    std::fs::write(&init, format!("#!/usr/bin/env node\n{free}")).unwrap();
    run("debugfs", &["-w", "-R", "rm /ana/init", disk.path.to_str().unwrap()]);
    disk.debugfs(&format!("cd /ana\nwrite {} init\nsif init uid 1000\nsif init mode 0100755\n", init.display()));
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect_within(Duration::from_secs(120), "freed").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
    assert!(disk.listing().contains(&"1000 /ana/after".to_owned()));
}

pub fn it_boots_without_root(arch: &'static Arch) {
    let disk = Disk::with(&[logs_on("ana", 1000, Some("pw"), "console.log('ana is in')")]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    log_on(&mut vm, "ana", Some("pw"));
    vm.expect("ana is in").unwrap();
}
