//! Systems side by side: that others come up at all, and that this one still takes less than a script of the same mounts.

use boot::{
    bench::{ALL, Wanted, bench},
    progress::Progress,
};
use shim::arches::Arch;
use tests::cache;

pub fn this_system_takes_less_than_a_script_of_the_same_mounts(arch: &'static Arch) {
    let named = |name| ALL.iter().find(|contender| contender.name == name).unwrap();
    let contenders = ["nodeos-medium", "busybox-medium", "tini-plain"].map(named).into();
    let wanted = Wanted { arch, contenders, homes: vec![1], runs: 1, floor: false };
    let all = bench(&cache(), &wanted, Progress::Plain).unwrap_or_else(|error| panic!("{error}"));
    let [ours, script, tini] = &all.rows[..] else { panic!("{all:?}") };
    assert!(ours.between * 2 < script.between, "{} instructions, the script's are {}", ours.between, script.between);
    assert!(ours.init > 0 && ours.init < ours.between && ours.between < ours.node, "{ours:?}");
    // who unpacks node into memory pays for it
    assert!(tini.kernel > 10 * ours.kernel && tini.rest > ours.rest, "{tini:?}");
    let reached = [ours, script, tini].map(|row| (row.uid, row.capabilities, row.setuid));
    assert!(matches!(reached, [(1000, 0, 0), (1000, 0, 0), (0, 41, 0)]), "{reached:?}");
}
