//! The placements of the carbon copy.

use boot::image::carbon::Placement;
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, runs};

pub fn node_runs_from_every_placement_of_the_carbon_copy(arch: &'static Arch) {
    // for each placement the smallest round amount of memory that is enough (SPECIFICATION.md)
    for (placement, memory, line) in [
        (Placement::Plain, 384, "carbon copy mounted (plain, /carbon)"),
        (Placement::Image, 192, "carbon copy mounted (erofs, /carbon.erofs)"),
        (Placement::Medium, 64, "carbon copy mounted (erofs, /dev/vda)"),
    ] {
        let script = "const fs = require('fs'); console.log('runs', process.version, fs.readdirSync('/').join()); try { fs.readdirSync('/carbon') } catch (e) { console.log('carbon', e.code) }";
        let disk = Disk::with(&[runs("ana", 1000, script)]);
        let mut vm = Boot::on(arch).homes(&disk).carbon(placement).memory(memory).words("loglevel=7").start();
        vm.expect(line).unwrap();
        vm.expect("runs v24.").unwrap();
        vm.expect("carbon ENOENT").unwrap();
        assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{placement}");
        disk.assert_clean();
    }
}
