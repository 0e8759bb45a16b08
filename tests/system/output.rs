//! What inits print, on its way to the console.

use std::{collections::HashMap, time::Duration};

use boot::users::home::Home;
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, runs};

/// The longest time in which the app's timers stood still, while its console stands still for twelve seconds, and
/// the text of the console.
fn longest_wait(arch: &'static Arch, without: &str) -> (u32, String) {
    let app = "
        let [worst, last] = [0, performance.now()]
        console.log('the app begins')
        const timer = setInterval(() => {
            const now = performance.now()
            worst = Math.max(worst, now - last)
            last = now
            for (let line = 0; line < 50; line++) console.log('x'.repeat(99))
        }, 10)
        setTimeout(() => {
            clearInterval(timer)
            console.log('the longest wait was', Math.round(worst), 'ms')
            console.log('the last words')
        }, 18000)";
    let disk = Disk::with(&[runs("app", 1000, app)]);
    let mut vm = Boot::on(arch).homes(&disk).without(without).start();
    vm.expect("the app begins").unwrap();
    vm.type_in("\u{13}").unwrap(); // ctrl-s: the console takes nothing more (termios(3), IXON)
    std::thread::sleep(Duration::from_secs(12));
    vm.type_in("\u{11}").unwrap();
    vm.expect("the longest wait was ").unwrap();
    let wait = vm.expect(" ms").unwrap().parse().unwrap();
    vm.expect("the last words").unwrap();
    vm.ending().unwrap();
    (wait, vm.transcript())
}

pub fn a_slow_console_does_not_hold_an_app_up(arch: &'static Arch) {
    let missing = "bytes of its output are not shown: this console is too slow";
    let (wait, said) = longest_wait(arch, "");
    assert!(wait < 5000 && said.contains("nodeos: app: ") && said.contains(missing), "{wait} ms: {said}");
    let (wait, said) = longest_wait(arch, "console");
    assert!(wait > 8000 && !said.contains(missing), "the app waits for its console: {wait} ms: {said}");
}

/// The console is stopped when the app prints its last words and ends; `/log` starts it again.
pub fn what_an_app_says_last_is_printed_after_its_end(arch: &'static Arch) {
    let app = "
        console.log('the app begins')
        setTimeout(() => console.log('the last words'), 4000)
        setTimeout(() => process.exit(3), 10000)";
    let disk = Disk::with(&[runs("app", 1000, app)]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect("the app begins").unwrap();
    vm.type_in("\u{13}").unwrap(); // ctrl-s: the console takes nothing more (termios(3), IXON)
    std::thread::sleep(Duration::from_secs(7));
    assert!(!vm.transcript().contains("the last words"), "the console was not stopped: {}", vm.transcript());
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(3)), "{}", vm.transcript());
    assert!(vm.transcript().contains("the last words\n"), "{}", vm.transcript());
}

/// A busy host is a slow console, which leaves lines out: then it says how many bytes.
pub fn lines_of_two_inits_stay_whole(arch: &'static Arch) {
    let line = |letter: &str, number: usize| format!("[{letter}{number}{}]", letter.repeat(60));
    let prints = |letter: &str| {
        format!("for (let line = 0; line < 3000; line++) console.log('[{letter}' + line + '{}]')", letter.repeat(60))
    };
    let users = [("ana", "a"), ("bo", "b")];
    let disk = Disk::with(&[runs("ana", 1000, &prints("a")), runs("bo", 1001, &prints("b"))]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.ending().unwrap();
    let said = qemu::console::untorn(&vm.transcript());
    for (user, letter) in users {
        let mut bytes: HashMap<_, _> =
            (0..3000).map(|number| line(letter, number)).map(|line| (line.clone(), line.len() + 1)).collect();
        let all: usize = bytes.values().sum();
        let seen = said.lines().filter(|line| line.contains(&letter.repeat(3)));
        let shown: usize = seen
            .map(|line| bytes.remove(line).unwrap_or_else(|| panic!("{line} is torn, or there twice: {said}")))
            .sum();
        let missing = said.lines().filter_map(|line| {
            let rest = line.strip_prefix(&format!("nodeos: {user}: "))?;
            rest.split_once(" bytes of its output are not shown")?.0.parse::<usize>().ok()
        });
        assert_eq!(shown + missing.sum::<usize>(), all, "{user}: {said}");
        assert!(shown > all / 10, "{user}: {shown} of {all} bytes are shown: {said}");
    }
}

/// `/log` is killed by root, who sees it only without pid namespaces.
pub fn an_init_goes_on_when_the_log_program_is_killed(arch: &'static Arch) {
    let mut root = Home::new("root", 0);
    root.program(
        "init",
        "#!/usr/bin/env node
        const { readdirSync, readFileSync } = require('fs')
        const named = pid => { try { return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() } catch {} }
        let kills = 0
        const timer = setInterval(() => {
            const [pid] = readdirSync('/proc').filter(pid => named(pid) === 'log')
            if (!pid) return
            process.kill(pid, 'SIGKILL')
            console.log('killed', ++kills)
            if (kills === 3) clearInterval(timer)
        }, 4000)",
    );
    let counts = "let line = 0
        const timer = setInterval(() => {
            console.log('line', ++line)
            if (line === 300) { clearInterval(timer); console.log('ana ends') }
        }, 100)";
    let disk = Disk::with(&[root, runs("ana", 1000, counts)]);
    let mut vm = Boot::on(arch).homes(&disk).without("pid").start();
    vm.expect("killed 3").unwrap();
    vm.expect("ana ends").unwrap();
    let said = vm.transcript();
    // a line may be lost that /log has read and not yet printed
    let lines = (1..=300).filter(|line| said.contains(&format!("line {line}\n"))).count();
    assert!(lines >= 290 && said.contains("line 1\n") && said.contains("line 300\n"), "{lines} lines: {said}");
}
