//! How many system calls it takes to start a user's program.

use qemu::vm::Vm;
use shim::arches::Arch;
use tests::{Boot, Disk, log_on, logs_on};

/// The number of system calls from the fork to the user's exec, or, for a sandbox, until its first
/// process waits once the root is made.
fn calls(vm: &mut Vm, what: &str) -> u64 {
    let start = format!("{}calls {what} ", meter::MARK);
    vm.expect(&start).unwrap();
    let line = start + &vm.rest_of_line().unwrap();
    println!("{line}");
    meter::parse(&line).unwrap().2.find(|(key, _)| *key == "Total").unwrap().1
}

/// All guards are in place while the calls are counted (`shim/src/sys/trace.rs`).
pub fn a_program_starts_in_at_most_forty_system_calls(arch: &'static Arch) {
    let mut ana = logs_on("ana", 1000, None, "console.log('ana is in')");
    ana.program("init", "#!/usr/bin/env node\nsetInterval(() => {}, 1000)\n");
    let disk = Disk::with(&[ana]);
    let mut vm = Boot::on(arch).homes(&disk).first(meter::CALLS, &disk).start();
    let root = calls(&mut vm, "sandbox");
    let init = calls(&mut vm, "program");
    vm.send("").unwrap();
    log_on(&mut vm, "ana", None);
    let session = calls(&mut vm, "program");
    vm.expect("ana is in").unwrap();
    // the root is made once for all programs of a user; the other numbers are for each program
    assert!((60..=109).contains(&root), "{root}");
    assert!((30..=40).contains(&init) && (30..=40).contains(&session), "{init}, {session}");
}
