//! The shell: `/bin/sh` for an app, and what a person does with it in the demo.

use std::{path::Path, time::Duration};

use boot::users::app::App;
use qemu::vm::Vm;
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, log_on};

use crate::demo::{PROMPT, demo, shell_within};

/// The prompt of root.
const ROOTS_PROMPT: &str = "/ # ";
/// A program that starts npm, in an emulator.
const LONG: Duration = Duration::from_secs(400);

const RUNS_COMMANDS: &str = r#"
    const { exec, execSync, spawn } = require('node:child_process')
    exec('ls', (error, out) => console.log('ls', error?.code, JSON.stringify(out)))
    exec('node -p 6*7 | cat > /answer && cat /answer; exit 3', (error, out) => {
        console.log('pipe', error?.code, out.trim())
        spawn('node -p process.stdout.isTTY', { shell: true, stdio: 'inherit' }).on('exit', status => {
            console.log('spawned', status)
            try { execSync('[[ a ]]', { stdio: 'pipe' }) } catch (error) { console.log('refused', error.status, `${error.stderr}`) }
        })
    })"#;

fn app(folder: &Path, script: &str, shell: bool) -> App {
    std::fs::write(folder.join("index.js"), script).unwrap();
    App { shell, ..App::from(folder.to_owned()) }
}

pub fn an_app_with_a_shell_runs_commands(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::with(&[]);
    let mut vm = Boot::on(arch).app(app(folder.path(), RUNS_COMMANDS, true)).homes(&disk).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)), "{}", vm.transcript());
    let said = vm.transcript();
    for line in [
        "ls undefined \"index.js\\n\"",
        "pipe 3 42",
        "true\nspawned 0",
        "refused 2 sh: this small shell has no [[ ]], use [ ]",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains("there is no /bin/sh"), "{said}");
}

pub fn an_app_without_a_shell_is_told_how_to_get_one(arch: &'static Arch) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::with(&[]);
    let hint = "nodeos: there is no /bin/sh: set shell = true in nodeos.toml";
    let script = "require('node:child_process').exec('ls', error => {
        console.log('told', error.message)
        require('node:child_process').exec('ls', error => process.exit(error.code === 'ENOENT' ? 5 : 6))
    })";
    let mut vm = Boot::on(arch).app(app(folder.path(), script, false)).homes(&disk).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(5)), "{}", vm.transcript());
    let said = vm.transcript();
    assert!(said.contains("told spawn /bin/sh ENOENT"), "{said}");
    assert_eq!(said.matches(hint).count(), 1, "{said}");

    // one that dies of it is told too, and dies as it would
    let script = "require('node:child_process').execSync('ls')";
    let mut vm = Boot::on(arch).app(app(folder.path(), script, false)).homes(&disk).start();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(1)), "{}", vm.transcript());
    assert!(vm.transcript().contains(hint), "{}", vm.transcript());
}

fn shell(vm: &mut Vm, command: &str) -> String {
    shell_within(vm, LONG, command)
}

pub fn a_person_uses_the_commands_and_changes_the_password(arch: &'static Arch) {
    let disk = demo();
    let mut vm = Boot::on(arch).homes(&disk).start();
    log_on(&mut vm, "root", Some("root"));
    vm.expect(ROOTS_PROMPT).unwrap();
    vm.send("id; exit").unwrap();
    vm.expect("uid=0(root)").unwrap();

    log_on(&mut vm, "nodeos", Some("nodeos"));
    vm.expect(PROMPT).unwrap();
    assert!(shell(&mut vm, "whoami; id -u").contains("nodeos\n1000\n"));
    assert!(shell(&mut vm, "ls -la bin | grep sh").contains("sh -> ../lib/node_modules/nodeos-shell/nsh.js"));
    assert!(shell(&mut vm, "mkdir -p a/b; echo 'x y' > a/b/c; cat a/b/c | wc -w; rm -r a; ls a").contains("2\n"));
    assert!(shell(&mut vm, "ps | grep nsh; df -h /; free").contains("nodeos"));
    assert!(shell(&mut vm, "node -p process.stdin.isTTY").contains("true"));
    let help = shell(&mut vm, "help | head -n 3");
    assert!(help.contains("Built in:") && help.contains("cat [FILE"), "{help}");

    vm.send("passwd").unwrap();
    for (prompt, line) in
        [("current password: ", "nodeos"), ("new password: ", "geheim"), ("the same again: ", "geheim")]
    {
        vm.expect(prompt).unwrap();
        vm.send(line).unwrap();
    }
    vm.expect("the password is changed").unwrap();
    vm.expect(PROMPT).unwrap();
    vm.send("exit").unwrap();
    log_on(&mut vm, "nodeos", Some("nodeos"));
    vm.expect("Wrong user name or password.").unwrap();
    log_on(&mut vm, "nodeos", Some("geheim"));
    vm.expect(PROMPT).unwrap();
    assert!(!vm.transcript().contains("geheim"), "{}", vm.transcript());
}

pub fn npm_installs_into_the_folder_where_a_person_starts(arch: &'static Arch) {
    let disk = demo();
    let mut vm = Boot::on(arch).homes(&disk).memory(512).start();
    log_on(&mut vm, "nodeos", Some("nodeos"));
    vm.expect(PROMPT).unwrap();
    let package = r#"mkdir pkg; echo '{"name":"pkg","version":"1.0.0","scripts":{"install":"echo $npm_package_name > /tmp/by && exit $CODE || :"}}' > pkg/package.json"#;
    shell(&mut vm, package);
    shell(&mut vm, "echo 'module.exports = 42' > pkg/index.js");
    let installed = shell(&mut vm, "CODE=0 npm install ./pkg; cat /tmp/by");
    assert!(installed.contains("pkg\n") && !installed.contains("npm error"), "{installed}");
    assert!(shell(&mut vm, "npm ls").contains("pkg@1.0.0"));
    assert!(shell(&mut vm, "node -p 'require(\"pkg\")'").contains("42"));
}

/// In a machine that is too small for npm, the kernel reads node's code from the disk again and again.
pub fn npm_in_too_little_memory_says_what_it_needs(arch: &'static Arch) {
    let disk = demo();
    for (memory, enough) in [(128, false), (256, true)] {
        let mut vm = Boot::on(arch).homes(&disk).memory(memory).start();
        log_on(&mut vm, "nodeos", Some("nodeos"));
        vm.expect(PROMPT).unwrap();
        vm.send("npm --version").unwrap();
        if enough {
            let said = vm.expect_within(LONG, PROMPT).unwrap();
            assert!(!said.contains("MiB of memory"), "{said}");
        } else {
            vm.expect_within(LONG, " MiB of memory, and npm needs 256: it may run for minutes. ").unwrap();
            vm.expect("nodeos run --memory 256M").unwrap();
        }
    }
}
