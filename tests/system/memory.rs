//! Too little memory for an initramfs with node in it, and limits on a user's memory.

use std::time::Duration;

use boot::{image::carbon::Placement, users::policy::set_policy};
use shim::{arches::Arch, last_word::LastWord, policy::Policy};
use tests::{Boot, Disk, runs};

pub fn too_little_memory_is_reported_with_an_amount_that_suffices(arch: &'static Arch) {
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

/// At a policy's `high` limit the kernel reclaims the user's file pages, long before `memory` is
/// reached.
pub fn file_pages_are_reclaimed_at_the_high_limit_of_a_policy(arch: &'static Arch) {
    // prints by how many MiB the page cache has grown after 40 MiB are written and read
    let program = "const fs = require('fs')\n\
        const cached = () => /^Cached:\\s*(\\d+)/m.exec(fs.readFileSync('/proc/meminfo', 'utf8'))[1] >> 10\n\
        const before = cached(), file = fs.openSync('/file', 'w+'), piece = Buffer.alloc(1 << 20)\n\
        for (let at = 0; at < 40; at++) fs.writeSync(file, piece)\n\
        fs.fsyncSync(file)\n\
        for (let at = 0; at < 40; at++) fs.readSync(file, piece, 0, piece.length, at << 20)\n\
        console.log('cached: ' + (cached() - before) + ' MiB')";
    let cached = |policy: &str| -> i32 {
        let disk = Disk::with(&[runs("ana", 1000, program)]);
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        set_policy(&disk.path, "ana", Some(&policy)).unwrap();
        let mut vm = Boot::on(arch).homes(&disk).memory(512).start();
        vm.expect("cached: ").unwrap();
        vm.expect(" MiB").unwrap().trim().parse().unwrap()
    };
    let (without, with) = (cached(r#"{"memory": "256M"}"#), cached(r#"{"memory": "256M", "high": "64M"}"#));
    assert!(without > 35 && with < 25, "{without} MiB without, {with} with it");
}

/// Without the limit, V8's own smallest one is larger than the machine, and the kernel kills node.
pub fn a_leak_ends_with_an_error_of_node(arch: &'static Arch) {
    let leaks = "const all = []; for (let n = 0; ; n++) all.push({ n, text: 'x' + n })";
    let unlimited =
        "process.kill(process.pid, require('child_process').spawnSync('/bin/node', ['/leak.js'], { env: {} }).signal)";
    for (memory, program, status) in [(64, leaks, 134), (128, leaks, 134), (128, unlimited, 137)] {
        let mut home = runs("app", 1000, program);
        home.file("leak.js", leaks);
        let disk = Disk::with(&[home]);
        let mut vm = Boot::on(arch).homes(&disk).memory(memory).start();
        // without a limit the machine reads node's code from the disk again and again until the kernel gives up: 100 to
        // 200 s here
        let ending = if status == 137 { vm.ending_within(Duration::from_secs(600)) } else { vm.ending() }.unwrap();
        // as a shell counts it: 128, and SIGABRT or SIGKILL
        assert_eq!(ending.last_word, Some(LastWord::PowerOff(status)), "{}", vm.transcript());
        let said = vm.transcript();
        assert_eq!(said.contains("JavaScript heap out of memory"), status == 134, "{memory} MiB: {said}");
        assert_eq!(said.contains("Killed process"), status == 137, "{memory} MiB: {said}");
    }
}
