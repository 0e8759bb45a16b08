//! Users partitions that this kernel cannot mount, or only read-only. The console says why, and
//! what to do without losing the homes.

use qemu::{machine::Drive, vm::Vm};
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, run, runs};

/// A disk with a home whose `/init` writes a file and prints the content of an old one.
fn disk() -> Disk {
    let script = "const fs = require('fs'); fs.writeFileSync('/new', 'x'); console.log('wrote beside', String(fs.readFileSync('/old')))";
    let mut home = runs("ana", 1000, script);
    home.file("old", "what she had");
    Disk::with(&[home])
}

/// Changes the features of an unmounted filesystem.
fn features(disk: &Disk, words: &str) {
    run("tune2fs", &["-O", words, disk.path.to_str().unwrap()]);
}

fn ends_well(vm: &mut Vm) {
    vm.expect("wrote beside what she had").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
}

fn has_written(disk: &Disk) -> bool {
    disk.listing().contains(&"1000 /ana/new".to_owned())
}

pub fn quotas_and_the_read_only_feature_cause_a_read_only_mount_with_advice(arch: &'static Arch) {
    for (made, mended, flags, says) in [
        (
            "quota",
            "^quota,^project",
            "",
            "this kernel does not write quotas; `tune2fs -O ^quota,^project DEVICE` on another",
        ),
        (
            "quota,project",
            "^quota,^project",
            "",
            "this kernel does not write quotas; `tune2fs -O ^quota,^project DEVICE`",
        ),
        (
            "read-only",
            "^read-only",
            "",
            "it is marked read-only; `tune2fs -O ^read-only DEVICE` on another computer ends that",
        ),
        // options of usersflags= that make nothing read-only are not blamed
        (
            "read-only",
            "^read-only",
            "usersflags=noatime",
            "it is marked read-only; `tune2fs -O ^read-only DEVICE` on another",
        ),
    ] {
        let disk = disk();
        features(&disk, made);
        let mut vm = Boot::on(arch).homes(&disk).words(flags).start();
        vm.expect(says).unwrap();
        vm.expect("nodeos: the users partition is read-only: changes are lost at power off").unwrap();
        ends_well(&mut vm);
        assert!(!has_written(&disk) && !vm.transcript().contains("users create"), "{}", vm.transcript());
        // follows the advice of the console
        features(&disk, mended);
        ends_well(&mut Boot::on(arch).homes(&disk).start());
        assert!(has_written(&disk), "{made}");
    }
}

pub fn an_unmountable_partition_is_reported_with_the_reason_and_keeps_its_homes(arch: &'static Arch) {
    let large = disk();
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-b", "65536", "-L", "nodeos-users", large.path.to_str().unwrap()]);
    let folded = disk();
    features(&folded, "casefold");
    for (disk, says) in [
        (&large, "its blocks are larger than the kernel's pages of 4 KiB; copy the homes to a new one"),
        (
            &folded,
            "this kernel lacks casefold; if no folder uses it: `tune2fs -O ^casefold DEVICE` on another computer",
        ),
    ] {
        let mut vm = Boot::on(arch).homes(disk).start();
        vm.expect(says).unwrap();
        vm.expect("nodeos: RAM session").unwrap();
        vm.expect("username:").unwrap();
        assert!(!vm.transcript().contains("users create"), "{}", vm.transcript());
    }
    features(&folded, "^casefold");
    ends_well(&mut Boot::on(arch).homes(&folded).start());
    assert!(has_written(&folded));
}

pub fn unused_ext4_features_do_not_prevent_mounting(arch: &'static Arch) {
    let disk = disk();
    features(&disk, "encrypt,verity");
    ends_well(&mut Boot::on(arch).homes(&disk).start());
    assert!(has_written(&disk));
}

pub fn a_dirty_journal_on_a_read_only_medium_is_not_replayed(arch: &'static Arch) {
    let disk = disk();
    let mut home = runs("bo", 1001, "setTimeout(() => {}, 1e9); console.log('bo runs')");
    home.file("old", "what he had");
    let cut = Disk::with(&[home]);
    let mut vm = Boot::on(arch).homes(&cut).start();
    vm.expect("bo runs").unwrap();
    drop(vm); // a power cut
    let mut vm = Boot::on(arch).drive(Drive::read_only(&cut.path)).start();
    vm.expect("its journal was not replayed: the last writes may be missing").unwrap();
    vm.expect("nodeos: the users partition is read-only").unwrap();
    vm.expect("bo runs").unwrap();
    drop(vm);
    // a partition that was unmounted has nothing to replay
    let mut vm = Boot::on(arch).drive(Drive::read_only(&disk.path)).start();
    ends_well(&mut vm);
    assert!(!vm.transcript().contains("journal"), "{}", vm.transcript());
}
