//! The demo: the session that the post of 2015 shows.

use std::time::Duration;

use boot::assembly::{Homes, Users};
use qemu::vm::Vm;
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, host, log_on};

/// The prompt of an ordinary user.
pub const PROMPT: &str = "/ $ ";

/// A copy of the demo's homes.
pub fn demo() -> Disk {
    let image = Users::from(Homes::Demo).homes(&host(), None).unwrap_or_else(|error| panic!("{error}"));
    Disk::copy(&image.unwrap())
}

fn shell(vm: &mut Vm, command: &str) -> String {
    shell_within(vm, Duration::from_secs(240), command)
}

/// Types a command at the shell's prompt, and returns its output.
pub fn shell_within(vm: &mut Vm, deadline: Duration, command: &str) -> String {
    vm.send(command).unwrap();
    vm.expect(command).unwrap();
    vm.expect_within(deadline, PROMPT).unwrap()
}

pub fn the_session_of_2015_replays(arch: &'static Arch) {
    let disk = demo();
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect("Hello! I'm a user init script :-)").unwrap();
    vm.send("").unwrap();
    log_on(&mut vm, "nodeos", Some("nodeos"));
    vm.expect(PROMPT).unwrap();

    let listed = shell(&mut vm, "ls");
    for name in ["bin", "dev", "etc", "init", "lib", "proc", "share", "tmp", "usr"] {
        assert!(listed.contains(&format!("'{name}'")), "{name} is missing: {listed}");
    }
    let programs = shell(&mut vm, "ls /bin");
    assert!(programs.contains("'blessed'") && programs.contains("'slap'"), "{programs}");
    assert!(shell(&mut vm, "cat init").contains("console.log(\"Hello! I'm a user init script :-)\")"));
    assert!(shell(&mut vm, "./init").contains("Hello! I'm a user init script :-)"));
    assert!(shell(&mut vm, "ls usr/bin/").contains("[ 'env' ]"));
    vm.send("cd usr/bin/").unwrap();
    vm.expect("/usr/bin $ ").unwrap();
    vm.send("cd").unwrap();
    vm.expect(PROMPT).unwrap();
    assert!(shell(&mut vm, "ls share/").contains("[ 'man' ]"));

    vm.send("node").unwrap();
    vm.expect("Welcome to Node.js v24").unwrap();
    vm.send("JSON.stringify([process.env.HOME, process.env.TERM, process.env.LANG, process.env.PATH])").unwrap();
    vm.expect(r#"["/","linux","C.UTF-8","/bin:/usr/bin"]"#).unwrap();
    vm.send(".exit").unwrap();
    vm.expect(PROMPT).unwrap();
    vm.send("exit").unwrap();

    log_on(&mut vm, "guest", None);
    vm.expect(PROMPT).unwrap();
    assert!(!shell(&mut vm, "ls").contains("'share'"), "the guest sees another's home");
    vm.send("exit").unwrap();
    vm.expect("username:").unwrap();
}

pub fn an_installed_package_survives_a_reboot(arch: &'static Arch) {
    let disk = demo();
    let script = r#"node -e "fs.mkdirSync('/pkg');fs.writeFileSync('/pkg/package.json','{\"name\":\"pkg\",\"version\":\"1.0.0\",\"bin\":\"hi.js\"}');fs.writeFileSync('/pkg/hi.js','#!/usr/bin/env node\nconsole.log(6*7+\" from the package\")')""#;
    let mut vm = Boot::on(arch).homes(&disk).memory(512).start();
    log_on(&mut vm, "nodeos", Some("nodeos"));
    vm.expect(PROMPT).unwrap();
    vm.send(script).unwrap();
    vm.expect(PROMPT).unwrap();
    vm.send("npm install -g ./pkg && pkg").unwrap();
    vm.expect_within(Duration::from_secs(400), "42 from the package").unwrap();
    vm.expect(PROMPT).unwrap();
    vm.monitor("sendkey ctrl-alt-delete").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::Reboot));
    disk.assert_clean();

    let mut vm = Boot::on(arch).homes(&disk).start();
    log_on(&mut vm, "nodeos", Some("nodeos"));
    vm.expect(PROMPT).unwrap();
    assert!(shell(&mut vm, "pkg").contains("42 from the package"));
}
