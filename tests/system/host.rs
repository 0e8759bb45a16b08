//! The machine that a guest runs on: what it lacks is told.

use qemu::machine::Drive;
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, in_namespaces, run, runs};

pub fn a_full_disk_of_the_host_is_told_and_the_machine_goes_on(arch: &'static Arch) {
    let test = format!("{arch}::a_full_disk_of_the_host_is_told_and_the_machine_goes_on");
    // the image has holes: 64 MiB, and a filesystem with room for half of that
    let script = r"
        const fs = require('fs'), file = fs.openSync('/fill', 'w')
        let error
        try { for (let i = 0; i < 48; i++) { fs.writeSync(file, Buffer.alloc(1 << 20, 1)); fs.fsyncSync(file) } } catch (e) { error = e.code }
        console.log('wrote until', error)
        setTimeout(() => console.log('goes on'), 2000)";
    if !in_namespaces(&test, &["--mount"]) {
        return;
    }
    let disk = Disk::with(&[runs("ana", 1000, script)]);
    let small = disk.beside("small");
    let (at, path) = (small.to_str().unwrap(), small.join("users.ext4"));
    std::fs::create_dir(&small).unwrap();
    run("mount", &["-t", "tmpfs", "-o", "size=32m", "none", at]);
    run("cp", &["--sparse=always", disk.path.to_str().unwrap(), path.to_str().unwrap()]);
    let mut vm = Boot::on(arch).drive(Drive::writable(&path)).start();
    vm.expect("wrote until E").unwrap();
    let why = vm.told().unwrap();
    let wanted = format!("the disk of this host is full: it cannot write {}", path.display());
    assert!(why.starts_with(&wanted), "{why}");
    vm.expect("goes on").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
    println!("{}\n{why}", vm.transcript());
    run("umount", &["--lazy", at]);
}
