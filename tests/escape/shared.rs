//! Whether a user can observe another one through files that all sandboxes share.

use shim::arches::Arch;
use tests::{Boot, Disk, attacks, runs};

/// bo opens and locks all files that every sandbox has. ana notices none of it, but everything that
/// a second process of her own does.
fn a_user_cannot_observe_what_another_opens_or_locks(arch: &'static Arch) {
    let disk = Disk::with(&[attacks(arch, "ana", 1000, "hear_all"), attacks(arch, "bo", 1001, "share_all")]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect("attack hear_all: worked").unwrap();
    let said = vm.transcript();
    let at = |line| said.find(line).unwrap_or_else(|| panic!("not said: {line}\n{said}"));
    assert!(at("all is shared") < at("another user: heard 0, locked 0\n"), "{said}");
    at("the own process: heard 17, locked 17\n");
}

/// Two users bind the same abstract socket name, and each reaches their own socket. If both are in
/// one namespace, the second bind fails.
fn abstract_socket_names_are_private_to_a_sandbox(arch: &'static Arch) {
    let said = |without: &str| {
        let script = r"
            const net = require('net'), who = process.env.USER
            const server = net.createServer(socket => socket.end(who))
            server.on('error', error => { console.log(`${who} ${error.code}`); process.exit() })
            server.listen('\0same', () => {
                console.log(`${who} listens`)
                // until the other one has tried
                setTimeout(() => net.connect('\0same').on('data', text => console.log(`${who} reached ${text}`)), 8000)
                setTimeout(process.exit, 12000)
            })";
        let disk = Disk::with(&[runs("ana", 1000, script), runs("bo", 1001, script)]);
        let mut vm = Boot::on(arch).homes(&disk).without(without).start();
        let _ = vm.ending();
        vm.transcript()
    };
    let apart = said("");
    for line in ["ana reached ana", "bo reached bo"] {
        assert!(apart.contains(line), "not said: {line}\n{apart}");
    }
    let together = said("ipc");
    assert!(together.contains(" EADDRINUSE"), "the name is no one's alone, so nothing is known:\n{together}");
}

/// A descriptor that ana sends to the door would keep it from everybody while it is closed. root's does: root is the
/// user of the door's own listener.
fn nobody_keeps_the_door_busy_with_a_descriptor(arch: &'static Arch) {
    // what it says is printed until somebody has read it
    const INIT: &str = r"#!/usr/bin/env node
        const { stdout } = require('child_process').spawnSync('/bin/attack', ['/names'], { encoding: 'utf8' })
        setInterval(() => console.log(stdout), 1000)";
    for (name, uid, wanted) in [("ana", 1000, "failed (EPERM)"), ("root", 0, "worked")] {
        let mut home = attacks(arch, name, uid, "");
        home.file("names", "\nhold_door\n");
        home.program("init", INIT);
        let disk = Disk::with(&[home]);
        let mut vm = Boot::on(arch).homes(&disk).start();
        vm.expect(&format!("attack hold_door: {wanted}")).unwrap();
    }
}

tests::on_each! {
    nobody_keeps_the_door_busy_with_a_descriptor => super::nobody_keeps_the_door_busy_with_a_descriptor;
    a_user_cannot_observe_what_another_opens_or_locks => super::a_user_cannot_observe_what_another_opens_or_locks;
    @again
    abstract_socket_names_are_private_to_a_sandbox => crate::shared::abstract_socket_names_are_private_to_a_sandbox;
}
