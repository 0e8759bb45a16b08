//! Compares NodeOS with another system: a BusyBox script that makes the same mounts. NodeOS must execute fewer
//! instructions.

use lab::bench::{ALL, Arena, Wanted};
use shim::arches::Arch;
use tests::host;

pub fn nodeos_executes_fewer_than_half_the_instructions_of_a_busybox_script(arch: &'static Arch) {
    let named = |name| ALL.iter().find(|contender| contender.name == name).unwrap();
    let contenders = ["nodeos-medium", "busybox-medium"].map(named).into();
    let wanted = Wanted { arch, contenders, homes: vec![1], runs: 1, floor: false };
    let all = Arena::new(&host(), &wanted).and_then(|arena| arena.measure());
    let all = all.unwrap_or_else(|error| panic!("{error}"));
    let [ours, script] = &all.rows[..] else { panic!("{all:?}") };
    assert!(ours.between * 2 < script.between, "{} instructions, the script's are {}", ours.between, script.between);
    assert!(ours.init > 0 && ours.init < ours.between && ours.between < ours.node, "{ours:?}");
    let reached = [ours, script].map(|row| (row.uid, row.capabilities, row.setuid));
    assert_eq!(reached, [(1000, 0, 0); 2]);
    assert!(ours.first > 16 * 1024 && ours.rest > 16 * 1024 && ours.ms > 100 && ours.reachable < 20, "{ours:?}");
}
