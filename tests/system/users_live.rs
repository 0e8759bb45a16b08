//! Commands with which root administers users while the machine runs.

use std::time::Duration;

use boot::users::{machine::settings, policy::set_policy};
use qemu::vm::Vm;
use shim::{arches::Arch, last_word::LastWord, policy::Policy};
use tests::{Boot, log_on};

use crate::demo::{PROMPT, demo};

/// The prompt of root.
const ROOTS_PROMPT: &str = "/ # ";
/// What is typed fits into a line: the shell would draw one that is longer in pieces.
const WIDE: &str = "winsize=200x50";
/// A command that starts node, in an emulator.
const LONG: Duration = Duration::from_secs(240);

/// Types a command, and returns what root reads until the next prompt.
fn root(vm: &mut Vm, command: &str) -> String {
    vm.send(command).unwrap();
    vm.expect(command).unwrap();
    vm.expect_within(LONG, ROOTS_PROMPT).unwrap()
}

/// Types a command, and what it asks for.
fn asked(vm: &mut Vm, command: &str, answers: &[(&str, &str)]) -> String {
    vm.send(command).unwrap();
    vm.expect(command).unwrap();
    for (question, answer) in answers {
        vm.expect_within(LONG, question).unwrap();
        vm.send(answer).unwrap();
    }
    vm.expect_within(LONG, ROOTS_PROMPT).unwrap()
}

/// Logs on as root with the shell of the demo.
fn as_root(vm: &mut Vm) {
    log_on(vm, "root", Some("root"));
    vm.expect(ROOTS_PROMPT).unwrap();
}

fn set_password(vm: &mut Vm, user: &str, password: &str) -> String {
    let command = format!("passwd {user}");
    vm.send(&command).unwrap();
    vm.expect(&command).unwrap();
    let (_, at) = vm.expect_any_within(LONG, &["new password: ", ROOTS_PROMPT]).unwrap();
    assert_eq!(at, 0, "{}", vm.transcript());
    vm.send(password).unwrap();
    vm.expect("the same again: ").unwrap();
    vm.send(password).unwrap();
    vm.expect_within(LONG, ROOTS_PROMPT).unwrap()
}

/// A user's own links do not lead root elsewhere, in the user's live root and in the raw home.
pub fn root_sets_passwords_and_the_machines_settings(arch: &'static Arch) {
    let disk = demo();
    let mut vm = Boot::on(arch).homes(&disk).words(WIDE).start();
    log_on(&mut vm, "nodeos", Some("nodeos"));
    vm.expect(PROMPT).unwrap();
    // it lives on when the session has ended
    vm.send(
        "node -e 'setInterval(() => {}, 1000)' & mv etc/logon.json etc/mine; ln -s /home/root/etc/logon.json etc; exit",
    )
    .unwrap();

    as_root(&mut vm);
    let listed = root(&mut vm, "users");
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    for wanted in [
        &["guest", "1001", "guest", "-", "-"][..],
        &["nodeos", "1000", "none", "init", "running"],
        &["root", "0", "password", "-", "running"],
    ] {
        assert!(lines.iter().any(|line| line == wanted), "{wanted:?}: {listed}");
    }
    let refused = set_password(&mut vm, "nodeos", "geheim");
    assert!(refused.contains("/home/nodeos/etc/logon.json: it is a link"), "{refused}");
    let mended = root(&mut vm, "rm /home/nodeos/etc/logon.json; mv /home/nodeos/etc/mine /home/nodeos/etc/logon.json");
    assert!(!mended.contains("mv: ") && !mended.contains("rm: "), "{mended}");
    assert!(set_password(&mut vm, "nodeos", "geheim").contains("the password of nodeos is changed"));
    // nothing of the guest runs: this is the raw home
    assert!(set_password(&mut vm, "guest", "secret").contains("the password of guest is changed"));
    assert!(root(&mut vm, "ls -l /home/guest/etc/logon.json").contains("-rw------- 1 1001 1001"));

    assert!(root(&mut vm, "ip").contains("10.0.2.15/24"));
    assert!(root(&mut vm, "machine").contains("{}"));
    let changed = root(&mut vm, "machine hostname garden timezone Europe/Madrid");
    assert!(changed.contains("from the next boot on"), "{changed}");
    assert!(root(&mut vm, "machine hostname 10.0.0.1").contains("hostname is at most 64 letters"));
    vm.send("exit").unwrap();

    log_on(&mut vm, "guest", Some("secret"));
    vm.expect(PROMPT).unwrap();
    vm.send("users; exit").unwrap();
    vm.expect_within(LONG, "only root may do this").unwrap();
    log_on(&mut vm, "nodeos", Some("geheim"));
    vm.expect(PROMPT).unwrap();
    vm.monitor("sendkey ctrl-alt-delete").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::Reboot));
    disk.assert_clean();
    assert_eq!(settings(&disk.path).unwrap(), r#"{"hostname": "garden", "timezone": "Europe/Madrid"}"#);
    assert!(!vm.transcript().contains("geheim"), "{}", vm.transcript());
}

/// What bo's init does. It does not end when it is told to.
const STAYS: &str =
    r#"#!/usr/bin/env node\nconsole.log("bo runs"); process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)\n"#;
/// What eva's init does. It ends when it is told to.
const INIT: &str = r#"#!/usr/bin/env node\nconsole.log("eva runs"); process.on("SIGTERM", () => { console.log("eva ends"); process.exit() }); setInterval(() => {}, 1000)\n"#;

pub fn root_adds_and_removes_a_user_while_it_runs(arch: &'static Arch) {
    let disk = demo();
    // for a user who is not there yet
    let policy = Policy { pids: Some(64), ..Policy::default() };
    set_policy(&disk.path, "guest", Some(&policy)).unwrap_or_else(|error| panic!("{error}"));
    let mut vm = Boot::on(arch).homes(&disk).words(WIDE).memory(384).start();
    as_root(&mut vm);
    root(&mut vm, &format!("mkdir /tmp/eva; printf '{INIT}' > /tmp/eva/init; chmod +x /tmp/eva/init"));
    let password = [("password of eva: ", "geheim"), ("the same again: ", "geheim")];
    let added = asked(&mut vm, "useradd --from /tmp/eva eva", &password);
    assert!(added.contains("added eva, uid 1002, logon password"), "{added}");
    // while root types nothing
    if !added.contains("eva runs") {
        vm.expect_within(LONG, "eva runs").unwrap();
    }
    let listed = root(&mut vm, "sleep 2; users");
    let eva = listed.lines().find(|line| line.starts_with("eva ")).expect(&listed);
    assert_eq!(eva.split_whitespace().collect::<Vec<_>>(), ["eva", "1002", "password", "init", "running"], "{listed}");
    vm.send("exit").unwrap();

    log_on(&mut vm, "eva", Some("geheim"));
    vm.expect(PROMPT).unwrap();
    vm.send("id; echo mine > /file; exit").unwrap();
    vm.expect("uid=1002(eva)").unwrap();

    as_root(&mut vm);
    assert!(root(&mut vm, "cat /home/eva/file").contains("mine"));
    vm.send("restart eva").unwrap();
    vm.expect("eva ends").unwrap();
    vm.expect_within(LONG, "eva runs").unwrap();
    root(&mut vm, "echo '{\"pids\": 64}' > /home/.policy/eva.json");
    assert!(root(&mut vm, "userdel root").contains("root stays"));
    assert!(
        asked(&mut vm, "userdel eva", &[("delete eva and all its files? [y/N] ", "n")]).contains("nothing was changed")
    );
    let removed = asked(&mut vm, "userdel eva", &[("delete eva and all its files? [y/N] ", "y")]);
    assert!(removed.contains("removed eva"), "{removed}");
    if !removed.contains("eva ends") {
        vm.expect_within(LONG, "eva ends").unwrap();
    }
    // a user who cannot log on runs too, and is killed after the grace
    root(&mut vm, &format!("mkdir /tmp/bo; printf '{STAYS}' > /tmp/bo/init; chmod +x /tmp/bo/init"));
    vm.send("useradd --no-logon --from /tmp/bo bo").unwrap();
    vm.expect("added bo, uid 1002, logon none").unwrap();
    vm.expect_within(LONG, "bo runs").unwrap();
    let removed = root(&mut vm, "userdel -y bo");
    assert!(removed.contains("waiting until bo has stopped") && removed.contains("removed bo"), "{removed}");
    // the name of a user who is gone may be given again, without what belonged to it
    assert!(root(&mut vm, "userdel -y guest").contains("removed guest"));
    assert!(root(&mut vm, "useradd --guest guest").contains("added guest, uid 1001, logon guest"));
    vm.send("exit").unwrap();
    log_on(&mut vm, "eva", Some("geheim"));
    vm.expect("Wrong user name or password.").unwrap();
    log_on(&mut vm, "guest", None);
    vm.expect(PROMPT).unwrap();
    vm.monitor("sendkey ctrl-alt-delete").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::Reboot));
    disk.assert_clean();
    let listing = disk.listing();
    let of = |path: &str| -> Vec<&String> {
        listing.iter().filter(|line| line.split_once(' ').is_some_and(|(_, at)| at.starts_with(path))).collect()
    };
    for gone in ["/eva", "/bo", "/.policy/eva", "/.policy/guest", "/.gone", "/.new", "/.overlay/eva/work/"] {
        assert_eq!(of(gone), Vec::<&String>::new(), "{gone}");
    }
    assert_eq!(of("/guest/lib/node_modules/nodeos-shell/nsh.js").len(), 1);
}
