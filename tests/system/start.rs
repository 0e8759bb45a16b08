//! What it takes to start a program of a user's, in system calls.

use qemu::vm::Vm;
use shim::arches::Arch;
use tests::{Boot, Disk, log_on, logs_on};

/// From the fork to the user's exec, or to the wait of a sandbox's first process once its root is made.
fn calls(vm: &mut Vm, what: &str) -> usize {
    let words = format!("the start of {what} took ");
    vm.expect(&words).unwrap();
    vm.expect("calls:").unwrap();
    vm.expect("\n").unwrap();
    let said = vm.transcript();
    let (_, last) = said.rsplit_once(&words).unwrap();
    println!("{what}: {}", last.lines().next().unwrap());
    last.split_once(' ').unwrap().0.parse().unwrap()
}

/// Every guard holds while they are counted (`tests/guest/src/trace.rs`).
pub fn a_program_starts_in_forty_system_calls(arch: &'static Arch) {
    let mut ana = logs_on("ana", 1000, None, "console.log('ana is in')");
    ana.program("init", "#!/usr/bin/env node\nsetInterval(() => {}, 1000)\n");
    let disk = Disk::with(&[ana]);
    let mut vm = Boot::on(arch).homes(&disk).first("trace", &disk).start();
    vm.expect("tracing").unwrap();
    let root = calls(&mut vm, "a sandbox");
    let init = calls(&mut vm, "a program");
    vm.send("").unwrap();
    log_on(&mut vm, "ana", None);
    let session = calls(&mut vm, "a program");
    vm.expect("ana is in").unwrap();
    // what is made once for all programs of a user, and what each of them takes
    assert!((150..=240).contains(&root), "{root}");
    assert!((30..=40).contains(&init) && (30..=40).contains(&session), "{init}, {session}");
}
