//! The power button, and power cuts: what users wrote a few seconds before is on the disk.

use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, logs_on, run, runs};

/// QEMU's `system_powerdown` presses the button: ACPI's on x86_64, a pin on aarch64. It is what
/// hypervisors do to shut a machine down. A keyboard layout changes the table of keys, but not this
/// one.
pub fn the_power_button_leaves_a_clean_filesystem(arch: &'static Arch) {
    let busy = "const fs = require('fs'); let n = 0; setInterval(() => { fs.writeFileSync('/file' + n++ % 50, 'x'.repeat(5000)); if (n == 20) console.log('busy') }, 5)";
    for words in ["", "keymap=de"] {
        let disk = Disk::with(&[runs("ana", 1000, busy), logs_on("bo", 1001, None, "")]);
        let mut vm = Boot::on(arch).homes(&disk).words(words).start();
        vm.expect("busy").unwrap();
        vm.monitor("system_powerdown").unwrap();
        assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
        disk.assert_clean();
        assert!(disk.listing().contains(&"1000 /ana/file0".to_owned()));
    }
}

/// Without our settings the kernel writes data back after 30 seconds, and the file is empty or
/// missing. But every five seconds it looks whether a disk had only few writes, and then it writes
/// everything back, whatever its age (mm/page-writeback.c, `wb_over_bg_thresh`). When it looks
/// depends on the first write at boot. Therefore the test tries several moments.
pub fn files_survive_a_power_cut_a_few_seconds_later(arch: &'static Arch) {
    let kept = |without: &str, after: u32| {
        let script = format!(
            "const fs = require('fs')
            const note = () => {{
                fs.writeFileSync('/note', 'remember\\n'.repeat(1000))
                setTimeout(() => console.log('three seconds later'), 3000)
            }}
            fs.writeFileSync('/first', 'x'); setTimeout(note, {after}); setTimeout(() => {{}}, 1e9)"
        );
        let disk = Disk::with(&[runs("ana", 1000, &script)]);
        let mut vm = Boot::on(arch).homes(&disk).without(without).start();
        vm.expect("three seconds later").unwrap();
        drop(vm);
        length(&disk, "/ana/note")
    };
    assert_eq!(kept("", 7000), 9000);
    assert!([6000, 7500, 9000, 10_500].into_iter().any(|after| kept("settings", after) == 0), "no file was lost");
}

/// ext4 uses the last of several `commit=` options, and the user's comes last.
pub fn a_commit_interval_in_usersflags_is_used(arch: &'static Arch) {
    let script = "require('fs').writeFileSync('/note', 'x')
        setTimeout(() => console.log('four seconds later'), 4000); setTimeout(() => {}, 1e9)";
    let disk = Disk::with(&[runs("ana", 1000, script)]);
    let mut vm = Boot::on(arch).homes(&disk).words("usersflags=commit=300").start();
    vm.expect("four seconds later").unwrap();
    drop(vm);
    assert!(!disk_after_replay(&disk).contains(&"1000 /ana/note".to_owned()), "it was committed all the same");
}

fn disk_after_replay(disk: &Disk) -> Vec<String> {
    // status 1: e2fsck repaired something, such as an orphaned inode after a power cut
    run("sh", &["-c", "e2fsck -fp \"$0\"; [ $? -le 1 ]", disk.path.to_str().unwrap()]);
    disk.listing()
}

/// The size of a file in bytes once the journal is replayed, or 0 if there is no such file.
fn length(disk: &Disk, path: &str) -> usize {
    if !disk_after_replay(disk).contains(&format!("1000 {path}")) {
        return 0;
    }
    let out = disk.beside("note");
    run("debugfs", &["-R", &format!("dump {path} {}", out.display()), disk.path.to_str().unwrap()]);
    std::fs::read(out).unwrap().len()
}
