//! A damaged users partition: e2fsck of the carbon copy repairs it at the next boot, before it is
//! mounted.

use std::{os::unix::fs::FileExt, process::Command, time::Duration};

use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, run, runs};

const BLOCK: u64 = 4096;

/// ana lists a folder of hers, and bo writes for ten seconds.
fn disk() -> Disk {
    let mut ana = runs(
        "ana",
        1000,
        "try { console.log('ana reads', require('fs').readdirSync('/docs').length) } catch (error) { console.log('ana cannot read', error.code) }",
    );
    (0..5).for_each(|number| {
        ana.file(&format!("docs/file{number}"), "hers");
    });
    let bo = runs(
        "bo",
        1001,
        "const fs = require('fs'); let n = 0
        const timer = setInterval(() => {
            try { fs.writeFileSync('/kept', String(n)); if (++n < 20) return; console.log('bo wrote') }
            catch (error) { console.log('bo cannot write', error.code) }
            clearInterval(timer)
        }, 500)",
    );
    Disk::with(&[ana, bo])
}

/// The block numbers of the file at this path, or of this inode (`<8>`).
fn blocks(disk: &Disk, path: &str) -> Vec<u64> {
    let asked = ["-R", &format!("blocks {path}"), disk.path.to_str().unwrap()];
    let output = Command::new("debugfs").args(asked).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().map(|block| block.parse().unwrap()).collect()
}

fn overwrite(disk: &Disk, at: u64, bytes: &[u8]) {
    std::fs::File::options().write(true).open(&disk.path).unwrap().write_all_at(bytes, at).unwrap();
}

fn ends(boot: Boot, says: &[&str]) -> String {
    let mut vm = boot.start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
    let said = vm.transcript();
    for line in says {
        assert!(said.contains(line), "{}", vm.failure(format!("not said: {line}")));
    }
    said
}

pub fn a_damaged_folder_is_repaired_at_the_next_boot(arch: &'static Arch) {
    const BROKEN: [&str; 2] = ["ana cannot read", "bo cannot write E"];
    let disk = disk();
    let folder = blocks(&disk, "/ana/docs");
    overwrite(&disk, folder[0] * BLOCK, &[0x5a; BLOCK as usize]);
    // the damage is not known yet: the kernel finds it, and makes the partition read-only for
    // everybody
    let said = ends(Boot::on(arch).homes(&disk), &BROKEN);
    assert!(!said.contains("checking the users partition"), "{said}");
    // without e2fsck that happens at each boot
    ends(Boot::on(arch).homes(&disk).without("e2fsck"), &BROKEN);
    let said = ends(
        Boot::on(arch).homes(&disk),
        &[
            "nodeos: checking the users partition: /dev/vdb is not clean",
            " problems of the users partition: Directory inode ",
            "ana reads 0",
            "bo wrote",
        ],
    );
    assert!(said.contains("nodeos: e2fsck repaired "), "{said}");
    // the files of the folder are in lost+found
    let found = disk.listing().iter().filter(|line| line.starts_with("1000 /lost+found/#")).count();
    assert_eq!(found, 5);
    disk.assert_clean();
    let said = ends(Boot::on(arch).homes(&disk), &["bo wrote"]);
    assert!(!said.contains("e2fsck") && !said.contains("checking"), "{said}");
}

pub fn an_e2fsck_that_stops_halfway_makes_the_partition_read_only(arch: &'static Arch) {
    let disk = disk();
    // state 0 asks for a short check, state 2 for a full repair (struct ext4_super_block,
    // `s_state`); e2fsck that does not begin leaves the partition writable
    for (state, says, writes) in [
        (
            "0",
            "nodeos: e2fsck could not start; the users partition is used as it is (status 8); next: `e2fsck -f DEVICE`",
            true,
        ),
        (
            "2",
            "nodeos: e2fsck was stopped half-way; the users partition is read-only (status 8); next: `e2fsck -f DEVICE`",
            false,
        ),
    ] {
        disk.debugfs(&format!("set_super_value state {state}\n"));
        let before = std::fs::read(&disk.path).unwrap();
        let said = ends(Boot::on(arch).homes(&disk).broken_e2fsck(&disk), &[says, "ana reads 5", "bo wrote"]);
        assert_eq!(said.matches("checking the users partition").count(), 1, "{said}");
        assert_eq!(said.contains("nodeos: the users partition is read-only: changes are lost"), !writes, "{said}");
        let unchanged = before == std::fs::read(&disk.path).unwrap();
        assert_eq!(unchanged, !writes, "{state}");
    }
}

pub fn a_running_check_is_stopped_before_the_machine_restarts(arch: &'static Arch) {
    let disk = disk();
    disk.debugfs("set_super_value state 2\n");
    let mut vm = Boot::on(arch).homes(&disk).broken_e2fsck(&disk).start();
    vm.expect("checking the users partition").unwrap();
    vm.monitor("sendkey ctrl-alt-delete").unwrap();
    vm.expect("stopping before the boot is complete").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::Reboot), "{}", vm.transcript());
    let said = vm.transcript();
    // the check ended early, and the boot did not go on
    assert!(!said.contains("status 8") && !said.contains("ana reads"), "{said}");
}

pub fn a_partition_without_a_journal_is_checked_after_a_power_cut(arch: &'static Arch) {
    for (journal, checked) in [("^has_journal", true), ("has_journal", false)] {
        let disk = disk();
        run("tune2fs", &["-O", journal, disk.path.to_str().unwrap()]);
        let mut vm = Boot::on(arch).homes(&disk).start();
        vm.expect("ana reads 5").unwrap();
        drop(vm);
        let said = ends(Boot::on(arch).homes(&disk), &["ana reads 5", "bo wrote"]);
        assert_eq!(said.contains("checking the users partition"), checked, "{said}");
        disk.assert_clean();
    }
}

/// The journal waits to be replayed, but its content is corrupt. The machine boots whatever the
/// journal contains, and only changes that were in the journal are lost.
pub fn a_corrupt_journal_does_not_prevent_booting(arch: &'static Arch) {
    // struct journal_superblock_s, journal_header_s (include/linux/jbd2.h), all big-endian
    let superblock =
        |at: u64, value: u32| move |blocks: &[u64]| vec![(blocks[0] * BLOCK + at, value.to_be_bytes().to_vec())];
    let each_block = |blocks: &[u64]| {
        // the first tag of a descriptor names the block to write: one far behind the end of the
        // disk
        let place = |block: &u64| (block * BLOCK + 12, vec![0xff; 4]);
        blocks.iter().skip(1).take(64).map(place).collect::<Vec<_>>()
    };
    let noise = |blocks: &[u64]| {
        let random = |block: &u64| {
            (block * BLOCK, (0..BLOCK).map(|at| (at.wrapping_mul(2_654_435_761) >> 7).to_le_bytes()[0]).collect())
        };
        blocks.iter().map(random).collect::<Vec<_>>()
    };
    type Forge<'a> = &'a dyn Fn(&[u64]) -> Vec<(u64, Vec<u8>)>;
    let forged: [(&str, Forge<'_>); 6] = [
        ("no magic", &superblock(0, 0)),
        ("a length beyond the file", &superblock(0x10, u32::MAX)),
        ("a first block behind the last", &superblock(0x14, u32::MAX)),
        ("a start that is not in it", &superblock(0x1c, u32::MAX)),
        ("blocks that go nowhere", &each_block),
        ("noise", &noise),
    ];
    for (what, forge) in forged {
        let disk = disk();
        // without checksums a forged block cannot be recognised
        run("tune2fs", &["-O", "^metadata_csum", disk.path.to_str().unwrap()]);
        let mut vm = Boot::on(arch).homes(&disk).start();
        vm.expect("ana reads 5").unwrap();
        drop(vm);
        for (at, bytes) in forge(&blocks(&disk, "<8>")) {
            overwrite(&disk, at, &bytes);
        }
        let mut vm = Boot::on(arch).homes(&disk).start();
        vm.expect_within(Duration::from_secs(240), "ana reads 5").unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{what}: {}", vm.transcript());
        let said = vm.transcript();
        assert!(said.contains("bo wrote") && !said.contains("Kernel panic"), "{what}: {said}");
        // e2fsck accepts a first block that the kernel refuses: then the homes are mounted
        // read-only, and writes go to RAM
        let read_only = said.contains("its journal was not replayed");
        assert_eq!(read_only, what.starts_with("a first block"), "{what}: {said}");
        if !read_only {
            disk.assert_clean();
        }
    }
}
