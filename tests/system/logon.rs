//! Who gets in.

use shim::arches::Arch;
use tests::{Boot, Disk, log_on, logs_on};

const NO: &str = "That is not a user and password of this machine.";

pub fn three_wrong_passwords_and_then_the_right_one(arch: &'static Arch) {
    let disk = Disk::with(&[logs_on("ana", 1000, Some("right"), "console.log('ana is in, as', process.getuid())")]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    for (name, password) in [("ana", "wrong"), ("nobody", "right"), ("ana", "")] {
        log_on(&mut vm, name, Some(password));
        vm.expect(NO).unwrap();
    }
    log_on(&mut vm, "ana", Some("right"));
    vm.expect("ana is in, as 1000").unwrap();
    assert!(!vm.transcript().contains("right\n"), "the password was echoed: {}", vm.transcript());
    vm.expect("username:").unwrap(); // and the console is free again
}

pub fn a_second_session_joins_the_sandbox(arch: &'static Arch) {
    // /tmp lives as long as the sandbox does: what one session leaves there, the next finds, while a process remains
    let script = "
        const fs = require('fs'), cp = require('child_process')
        if (fs.existsSync('/tmp/first')) { console.log('the same sandbox'); process.kill(+fs.readFileSync('/tmp/first')) }
        else {
            const child = cp.spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' })
            fs.writeFileSync('/tmp/first', String(child.pid)); child.unref(); console.log('a new sandbox')
        }";
    let disk = Disk::with(&[logs_on("ana", 1000, None, script)]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    log_on(&mut vm, "ana", None);
    vm.expect("a new sandbox").unwrap();
    log_on(&mut vm, "ana", None);
    vm.expect("the same sandbox").unwrap();
    // its last process has ended, and with it the sandbox and its /tmp
    vm.expect("username:").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    vm.send("ana").unwrap();
    vm.expect("a new sandbox").unwrap();
}

pub fn single_lets_only_root_in(arch: &'static Arch) {
    let mut root = logs_on("root", 0, Some("rescue"), "console.log('root is in')");
    root.program("init", "#!/usr/bin/env node\nconsole.log('init ran')\n");
    let disk = Disk::with(&[root, logs_on("ana", 1000, None, "console.log('ana is in')")]);
    let mut vm = Boot::on(arch).homes(&disk).words("single").start();
    vm.expect("nodeos: single: nobody's init runs, and only root may log on").unwrap();
    log_on(&mut vm, "ana", Some("")); // even a guest is asked for a password, and it is not enough
    vm.expect(NO).unwrap();
    log_on(&mut vm, "root", Some("wrong"));
    vm.expect(NO).unwrap();
    log_on(&mut vm, "root", Some("rescue"));
    vm.expect("root is in").unwrap();
    let said = vm.transcript();
    assert!(!said.contains("ana is in") && !said.contains("init ran"), "{said}");
}
