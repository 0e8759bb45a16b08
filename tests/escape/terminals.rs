//! Attacks that need a user at the terminal.

use std::time::Duration;

use shim::arches::Arch;
use tests::{Boot, Disk, attacker, attacks, log_on, logs_on};

/// root logs on again and again. Meanwhile root's init tries to open /logon for writing while it
/// starts a session.
fn overwrite(arch: &'static Arch, without: &str, wanted: &str) {
    let mut root = logs_on("root", 0, Some("root"), "console.log('root is in')");
    root.program("bin/attack", attacker(arch));
    root.program("init", "#!/bin/attack\nshim_overwrite\n");
    let disk = Disk::with(&[root]);
    let mut vm = Boot::on(arch).homes(&disk).without(without).start();
    vm.expect("watching").unwrap();
    vm.send("").unwrap();
    for _ in 0..6 {
        log_on(&mut vm, "root", Some("root"));
        let (_, which) =
            vm.expect_any_within(Duration::from_secs(60), &["root is in", "attack shim_overwrite:"]).unwrap();
        if which == 1 {
            vm.expect("\n").unwrap();
            break;
        }
    }
    let said = vm.transcript();
    assert!(said.contains(&format!("attack shim_overwrite: {wanted}")), "{said}");
}

fn root_cannot_write_to_the_shim(arch: &'static Arch) {
    // Landlock alone would keep root from looking into a process that is not its child, and so does a process that is
    // not dumpable; the seal must hold without them
    overwrite(arch, "landlock,dumpable", "failed (EROFS");
    overwrite(arch, "landlock,dumpable,sealed", "worked");
}

/// ana leaves a process behind that reads from the terminal while bo types a password. Returns
/// whether it read anything.
fn reads_along(arch: &'static Arch, disk: &Disk, without: &str) -> bool {
    let mut vm = Boot::on(arch).homes(disk).without(without).start();
    log_on(&mut vm, "ana", None);
    vm.expect("ana leaves").unwrap();
    for _ in 0..8 {
        std::thread::sleep(Duration::from_secs(1));
        vm.send("bo").unwrap();
        vm.send("secret-of-bo").unwrap();
    }
    std::thread::sleep(Duration::from_secs(2));
    vm.monitor("sendkey ctrl-alt-delete").unwrap();
    vm.ending().unwrap();
    disk.listing().iter().any(|line| line == "1000 /ana/read")
}

/// ana leaves a process behind that watches the terminal's device node. Without the guard it gets
/// an event whenever bo types and whenever something is printed.
fn a_leftover_process_cannot_watch_the_next_session(arch: &'static Arch) {
    let watch = r"
        const cp = require('child_process'), fs = require('fs')
        if (process.argv[2] === 'stay') {
            // what the logon does to the node after ana's session tells nothing about bo
            const mine = process.ppid
            let since
            setInterval(() => { if (process.ppid !== mine) since ??= Date.now() }, 100)
            fs.watch('/dev/CONSOLE', () => { if (Date.now() - since > 3000) fs.appendFileSync('/read', 'x') })
        } else {
            cp.spawn(process.execPath, ['/shell.js', 'stay'], { detached: true, stdio: 'ignore' }).unref()
            setTimeout(() => { console.log('ana leaves'); process.exit() }, 4000)
        }";
    let watch = &watch.replace("CONSOLE", arch.console);
    let disk = || {
        Disk::with(&[
            logs_on("ana", 1000, None, watch),
            logs_on("bo", 1001, Some("secret-of-bo"), "console.log('bo is in')"),
        ])
    };
    assert!(!reads_along(arch, &disk(), ""), "ana sees when bo types");
    assert!(reads_along(arch, &disk(), "terminal"), "nothing is seen without the guard, so nothing is known");
}

fn a_leftover_process_cannot_read_the_next_users_password(arch: &'static Arch) {
    let leave = "
        const cp = require('child_process'), fs = require('fs')
        if (process.argv[2] === 'stay') {
            // the terminal is hung up when the session ends; a process that opens it again at once
            // may keep it
            const end = Date.now() + 60000, line = Buffer.alloc(256), { O_RDONLY, O_NOCTTY } = fs.constants
            while (Date.now() < end) {
                try {
                    const terminal = fs.openSync('/dev/CONSOLE', O_RDONLY | O_NOCTTY)
                    for (let got; got !== 0 && Date.now() < end;) {
                        got = fs.readSync(terminal, line)
                        if (got > 0) fs.appendFileSync('/read', line.subarray(0, got))
                    }
                    fs.closeSync(terminal)
                } catch {}
            }
        } else {
            cp.spawn(process.execPath, ['/shell.js', 'stay'], { detached: true, stdio: 'ignore' }).unref()
            setTimeout(() => { console.log('ana leaves'); process.exit() }, 4000)
        }";
    let leave = &leave.replace("CONSOLE", arch.console);
    let disk = Disk::with(&[
        logs_on("ana", 1000, None, leave),
        logs_on("bo", 1001, Some("secret-of-bo"), "console.log('bo is in')"),
    ]);
    assert!(!reads_along(arch, &disk, ""), "ana read what bo typed");
    assert!(reads_along(arch, &disk, "terminal"), "nobody reads along without the guard, so nothing is known");
}

/// The test makes a node of a virtual terminal as root. A session on a machine with a screen gets
/// such a node anyway.
fn a_session_cannot_change_keyboard_or_screen_modes(arch: &'static Arch) {
    const REQUESTS: [&str; 5] =
        ["keyboard_off", "graphics_mode", "switch_terminal", "take_power_button", "remap_power_button"];
    for (without, wanted) in [("capabilities,nodev", "failed (EPERM"), ("capabilities,nodev,seccomp", "worked")] {
        let disk = Disk::with(&[attacks(arch, "root", 0, &REQUESTS.join("\n"))]);
        let mut vm = Boot::on(arch).homes(&disk).without(without).start();
        for request in REQUESTS {
            vm.expect(&format!("attack {request}: {wanted}")).unwrap();
        }
    }
}

fn a_session_cannot_change_serial_port_settings(arch: &'static Arch) {
    for (without, wanted) in [("", "failed (EPERM"), ("seccomp", "worked")] {
        let script = "require('child_process').spawnSync('/bin/attack', ['/attacks'], { stdio: 'inherit' }); console.log('ana leaves')";
        let mut ana = logs_on("ana", 1000, None, script);
        ana.program("bin/attack", attacker(arch));
        ana.file("attacks", "\nset_serial\n");
        let disk = Disk::with(&[ana]);
        let mut vm = Boot::on(arch).homes(&disk).without(without).start();
        log_on(&mut vm, "ana", None);
        vm.expect("ana leaves").unwrap();
        let said = vm.transcript();
        assert!(said.contains(&format!("attack set_serial: {wanted}")), "without {without}: {said}");
    }
}

tests::on_each! {
    a_session_cannot_change_keyboard_or_screen_modes => super::a_session_cannot_change_keyboard_or_screen_modes;
    a_session_cannot_change_serial_port_settings => super::a_session_cannot_change_serial_port_settings;
    root_cannot_write_to_the_shim => super::root_cannot_write_to_the_shim;
    @again
    a_leftover_process_cannot_watch_the_next_session => crate::terminals::a_leftover_process_cannot_watch_the_next_session;
    a_leftover_process_cannot_read_the_next_users_password => crate::terminals::a_leftover_process_cannot_read_the_next_users_password;
}
