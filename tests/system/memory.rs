//! Too little RAM for an initramfs with node in it.

use boot::carbon::Placement;
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, runs};

pub fn too_little_memory_is_said_and_the_amount_named_suffices(arch: &'static Arch) {
    let disk = Disk::with(&[runs("ana", 1000, "console.log('it suffices')")]);
    let boot = |memory| Boot::on(arch).homes(&disk).carbon(Placement::Image).memory(memory);
    let mut vm = boot(104).start();
    vm.expect("nodeos: the initramfs is truncated: /carbon.erofs has ").unwrap();
    vm.expect("nodeos: it needs ").unwrap();
    let needed: u32 = vm.expect(" MiB of memory").unwrap().parse().unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::Reboot), "no prompt, no panic: {}", vm.transcript());
    assert!((105..=256).contains(&needed), "{needed} MiB");
    let mut vm = boot(needed).start();
    vm.expect("it suffices").unwrap();
}
