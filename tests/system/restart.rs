//! Inits that start again when they end, and the time that they have to end.

use boot::users::{home::Home, policy::set_policy};
use shim::{
    arches::Arch,
    last_word::LastWord,
    policy::Policy,
    upkeep::{OnCrashLoop, Restart},
};
use tests::{Boot, Disk, runs};

/// Counts its starts in a file, and fails.
const FAILS: &str = "const fs = require('fs'); let n = 0; try { n = +fs.readFileSync('/starts') } catch {}
    fs.writeFileSync('/starts', String(++n)); console.log(`start ${n} ${process.stdin.isTTY === true}`); process.exit(3)";

pub fn an_app_of_a_medium_starts_again_and_a_crash_loop_is_reported(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.js"), FAILS).unwrap();
    let app = folder.path().to_owned();
    let mut vm = Boot::on(arch).app(app.clone()).words("unattended ntp=none").start();
    vm.expect("init of app starts without the right time: its wait is over").unwrap();
    for (start, pause) in [(1, 1), (2, 2), (3, 4), (4, 8)] {
        vm.expect(&format!("start {start} true")).unwrap();
        vm.expect(&format!("init of app ended with status 3; it starts again in {pause} s")).unwrap();
    }
    vm.expect("start 5 true").unwrap();
    vm.expect("it starts again in 16 s; a crash loop: 5 starts within 5 minutes").unwrap();
    vm.expect("nodeos: | start 5 true").unwrap();
    drop(vm);

    // `nodeos run APP` starts it once, and the machine has its status
    let mut vm = Boot::on(arch).app(app).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(3)), "{}", vm.transcript());
}

fn with_policy(home: Home, policy: &Policy) -> Disk {
    let name = home.name.clone();
    let disk = Disk::with(&[home]);
    set_policy(&disk.path, &name, Some(policy)).unwrap();
    disk
}

pub fn a_crash_loop_restarts_the_machine_if_the_policy_says_so(arch: &'static Arch) {
    let restart = Some(Restart::OnFailure);
    let policy = Policy { restart, on_crash_loop: Some(OnCrashLoop::Reboot), backoff: Some(1), ..Policy::default() };
    let disk = with_policy(runs("ana", 1000, FAILS), &policy);
    let mut vm = Boot::on(arch).homes(&disk).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::Reboot), "{}", vm.transcript());
    let said = vm.transcript();
    assert!(said.contains("start 5 ") && !said.contains("start 6 "), "{said}");
    disk.assert_clean();
}

pub fn an_init_that_ran_out_of_memory_is_reported(arch: &'static Arch) {
    let hog = "const all = []; setInterval(() => all.push(Buffer.alloc(8 << 20, 1)), 5)";
    let policy = Policy { restart: Some(Restart::Always), memory: Some(64 << 20), ..Policy::default() };
    let disk = with_policy(runs("ana", 1000, hog), &policy);
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect("init of ana was killed by signal 9, out of memory; it starts again in 1 s").unwrap();
}

/// A server that needs 25 seconds to finish what it has begun. Services may take some beyond the grace to end.
pub fn a_stop_gives_programs_the_time_that_the_policy_says(arch: &'static Arch) {
    let server = "const i = setInterval(() => {}, 1000); process.on('SIGTERM', () => setTimeout(() => {
        require('fs').writeFileSync('/finished', ''); clearInterval(i) }, 25000)); console.log('serves')";
    for (grace, finished) in [(None, false), (Some(50), true)] {
        let disk = with_policy(runs("ana", 1000, server), &Policy { grace, ..Policy::default() });
        let mut vm = Boot::on(arch).homes(&disk).start();
        vm.expect("serves").unwrap();
        vm.monitor("sendkey ctrl-alt-delete").unwrap();
        assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::Reboot), "{}", vm.transcript());
        assert_eq!(disk.listing().contains(&"1000 /ana/finished".to_owned()), finished, "grace {grace:?}");
    }
}
