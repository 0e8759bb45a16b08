//! The power goes: what users wrote a moment ago is on the disk.

use shim::arches::Arch;
use tests::{Boot, Disk, run, runs};

/// Without our settings the kernel writes back after 30 seconds: the file is there and empty. A user who is short of memory
/// has it written back at once, so the machine has plenty.
pub fn what_was_written_survives_a_cut_seconds_later(arch: &'static Arch) {
    let script = "require('fs').writeFileSync('/note', 'remember\\n'.repeat(1000))
        setTimeout(() => console.log('four seconds later'), 4000); setTimeout(() => {}, 1e9)";
    let sides = [("", 9000), ("settings", 0)];
    for (without, kept) in sides {
        let disk = Disk::with(&[runs("ana", 1000, script)]);
        let mut vm = Boot::on(arch).memory(1024).homes(&disk).without(without).start();
        vm.expect("four seconds later").unwrap();
        drop(vm);
        assert_eq!(length(&disk, "/ana/note"), kept, "without {without:?}");
    }
}

/// What the user wants counts: ext4 takes the last word.
pub fn a_commit_of_the_users_own_is_taken(arch: &'static Arch) {
    let script = "require('fs').writeFileSync('/note', 'x')
        setTimeout(() => console.log('four seconds later'), 4000); setTimeout(() => {}, 1e9)";
    let disk = Disk::with(&[runs("ana", 1000, script)]);
    let mut vm = Boot::on(arch).homes(&disk).words("usersflags=commit=300").start();
    vm.expect("four seconds later").unwrap();
    drop(vm);
    assert!(!disk_after_replay(&disk).contains(&"1000 /ana/note".to_owned()), "it was committed all the same");
}

fn disk_after_replay(disk: &Disk) -> Vec<String> {
    // 1: something was mended, as an orphan is after a cut
    run("sh", &["-c", "e2fsck -fp \"$0\"; [ $? -le 1 ]", disk.path.to_str().unwrap()]);
    disk.listing()
}

/// Bytes of a file once the journal is replayed.
fn length(disk: &Disk, path: &str) -> usize {
    assert!(disk_after_replay(disk).contains(&format!("1000 {path}")), "it is not even there");
    let out = disk.beside("note");
    run("debugfs", &["-R", &format!("dump {path} {}", out.display()), disk.path.to_str().unwrap()]);
    std::fs::read(out).unwrap().len()
}
