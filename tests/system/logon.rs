//! Logons: who is admitted, and what a refusal costs.

use std::time::Duration;

use boot::users::{
    home::Home,
    logon::{Shell, set_shell},
    policy::set_policy,
};
use qemu::vm::{DEADLINE, Vm};
use shim::{
    arches::Arch,
    logon_file::{LogonFile, Password},
    policy::Policy,
};
use tests::{Boot, Disk, attacker, log_on, logs_on, runs};

const NO: &str = "Wrong user name or password.";

/// How much processor time QEMU uses from the last key to the answer. A busy host does not stretch
/// it as it stretches wall clock time. The shortest of three runs counts.
fn answer_work(arch: &'static Arch, disk: &Disk, user: &str) -> Duration {
    let mut vm = Boot::on(arch).homes(disk).start();
    let once = |vm: &mut Vm| {
        // after a successful logon the console has no delay from earlier mistakes
        log_on(vm, "guest", None);
        vm.expect("guest is in").unwrap();
        vm.expect("Welcome to NodeOS!: username:").unwrap();
        vm.send(user).unwrap();
        vm.expect("Welcome to NodeOS!: password:").unwrap();
        let before = processor_time(vm);
        vm.send("wrong").unwrap();
        vm.expect(NO).unwrap();
        processor_time(vm).saturating_sub(before)
    };
    (0..3).map(|_| once(&mut vm)).min().unwrap()
}

/// The sum of fields 14 and 15 of proc_pid_stat(5), in hundredths of a second. Field 2 is the
/// program's name in parentheses.
fn processor_time(vm: &Vm) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", vm.id())).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let ticks: u64 = rest.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

pub fn an_unknown_user_takes_as_long_as_a_wrong_password(arch: &'static Arch) {
    // shows that a refusal without the work of hashing can be measured: this user's hash costs
    // almost nothing
    let mut cheap = Home::new("cheap", 1002);
    cheap
        .file("etc/logon.json", r#"{"password": "$argon2id$v=19$m=8,t=1,p=1$bm9kZW9zIHNhbHQ$AAECAwQFBgcICQoLDA0ODw"}"#);
    let disk = Disk::with(&[
        logs_on("ana", 1000, Some("right"), "console.log('ana is in')"),
        logs_on("guest", 1001, None, "console.log('guest is in')"),
        cheap,
    ]);
    let [known, unknown, cheap] = ["ana", "nobody", "cheap"].map(|user| answer_work(arch, &disk, user));
    let work = known.saturating_sub(cheap);
    assert!(work > Duration::from_millis(100), "a check costs nothing here: {known:?}, without its work {cheap:?}");
    println!("wrong {known:?}, unknown {unknown:?}, without the work {cheap:?}");
    assert!(unknown.abs_diff(known) < work / 2, "unknown {unknown:?}, wrong {known:?}, without the work {cheap:?}");
}

pub fn the_right_password_works_after_three_wrong_ones(arch: &'static Arch) {
    let disk = Disk::with(&[logs_on("ana", 1000, Some("right"), "console.log('ana is in, as', process.getuid())")]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    for (name, password) in [("ana", "wrong"), ("nobody", "right"), ("ana", "")] {
        log_on(&mut vm, name, Some(password));
        vm.expect(NO).unwrap();
    }
    log_on(&mut vm, "ana", Some("right"));
    vm.expect("ana is in, as 1000").unwrap();
    assert!(!vm.transcript().contains("right\n"), "the password was echoed: {}", vm.transcript());
    vm.expect("username:").unwrap(); // the console is free again
}

pub fn a_second_session_joins_the_sandbox(arch: &'static Arch) {
    // /tmp exists as long as its sandbox: a session finds the files of an earlier one there if a
    // process is still running
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
    // the last process has ended, and with it the sandbox and its /tmp
    vm.expect("username:").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    vm.send("ana").unwrap();
    vm.expect("a new sandbox").unwrap();
}

/// When a session ends, its sandbox has no process left and ends too. A quick user logs on
/// meanwhile.
pub fn a_logon_while_the_sandbox_ends_starts_a_new_sandbox(arch: &'static Arch) {
    let mut quick = Home::new("quick", 1000);
    // the program ends at once, so that the sandbox is as new as possible
    quick.program("bin/attack", attacker(arch));
    quick.file("nothing", "\n");
    let shell = Shell { path: "/bin/attack".to_owned(), args: vec!["/nothing".to_owned()] };
    let mut file = LogonFile { password: Some(Password::new()), ..LogonFile::default() };
    set_shell(&mut file, &shell).unwrap();
    quick.logon(&file).unwrap();
    let disk = Disk::with(&[quick]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    for _ in 0..25 {
        log_on(&mut vm, "quick", None);
        let (_, which) = vm.expect_any_within(DEADLINE, &["attacks are over", "Welcome to NodeOS!"]).unwrap();
        assert_eq!(which, 0, "{}", vm.failure("no session".to_owned()));
    }
    let said = vm.transcript();
    assert!(!said.contains("ESRCH"), "{said}");
}

pub fn a_guest_logon_does_not_reset_the_delay_after_wrong_passwords(arch: &'static Arch) {
    let disk = Disk::with(&[
        logs_on("ana", 1000, Some("right"), "console.log('ana is in')"),
        logs_on("guest", 1001, None, "console.log('guest at', require('os').uptime(), 's')"),
    ]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    let guest_at = |vm: &mut Vm| {
        log_on(vm, "guest", None);
        vm.expect("guest at ").unwrap();
        vm.expect(" s").unwrap().parse::<f64>().unwrap()
    };
    let mut before = guest_at(&mut vm);
    for least in [1.0, 2.0, 4.0, 8.0] {
        log_on(&mut vm, "ana", Some("wrong"));
        vm.expect(NO).unwrap();
        let now = guest_at(&mut vm);
        assert!(now - before >= least, "{least} s: {}", now - before);
        before = now;
    }
    // a user who knows the password does not wait because of wrong passwords
    log_on(&mut vm, "ana", Some("right"));
    vm.expect("ana is in").unwrap();
}

/// The console output of a logon as ana, whose hash takes 64 MiB, while bo uses all memory but the
/// reserve.
fn checked(arch: &'static Arch, without: &str) -> String {
    let mut ana = Home::new("ana", 1000);
    ana.file(
        "etc/logon.json",
        r#"{"password": "$argon2id$v=19$m=65536,t=1,p=1$bm9kZW9zIHNhbHQ$AAECAwQFBgcICQoLDA0ODw"}"#,
    );
    let bo = runs(
        "bo",
        1001,
        // node's freemem() counts file pages that the kernel can take back only in part, so bo leaves much less than
        // the check needs, and takes again what becomes free later
        "const all = []
        const take = () => { while (require('os').freemem() > 28 << 20) all.push(Buffer.alloc(2 << 20, 1)) }
        take()
        console.log('bo holds', all.length)
        setInterval(() => { take(); console.log('bo lives') }, 2000)",
    );
    let guest = logs_on("guest", 1002, None, "console.log('guest is in')");
    let disk = Disk::with(&[ana, bo, guest]);
    // bo may use almost all memory
    let policy = Policy { memory: Some(240 << 20), ..Policy::default() };
    set_policy(&disk.path, "bo", Some(&policy)).unwrap();
    let mut vm = Boot::on(arch).homes(&disk).without(without).start();
    vm.expect("bo holds").unwrap();
    vm.expect("bo lives").unwrap();
    vm.send("").unwrap();
    log_on(&mut vm, "ana", Some("any"));
    vm.expect(NO).unwrap();
    let _ = vm.expect_within(Duration::from_secs(20), "bo lives");
    vm.transcript()
}

pub fn a_password_check_takes_no_memory_from_others(arch: &'static Arch) {
    let said = checked(arch, "");
    let refused = "home ana: etc/logon.json: its password takes 65536 KiB to check, and this machine has ";
    assert!(said.contains(refused) && !said.contains("Out of memory"), "{said}");
    let said = checked(arch, "check_memory");
    assert!(said.contains("Out of memory"), "a check of 64 MiB takes nothing from anybody: {said}");
}

pub fn single_user_mode_lets_only_root_in(arch: &'static Arch) {
    let mut root = logs_on("root", 0, Some("rescue"), "console.log('root is in')");
    root.program("init", "#!/usr/bin/env node\nconsole.log('init ran')\n");
    let disk = Disk::with(&[root, logs_on("ana", 1000, None, "console.log('ana is in')")]);
    let mut vm = Boot::on(arch).homes(&disk).words("single").start();
    vm.expect("nodeos: single: no init runs, and only root may log on").unwrap();
    log_on(&mut vm, "ana", Some("")); // even a guest is asked for a password, and an empty one is refused
    vm.expect(NO).unwrap();
    log_on(&mut vm, "root", Some("wrong"));
    vm.expect(NO).unwrap();
    log_on(&mut vm, "root", Some("rescue"));
    vm.expect("root is in").unwrap();
    let said = vm.transcript();
    assert!(!said.contains("ana is in") && !said.contains("init ran"), "{said}");
}

pub fn a_logon_to_a_refused_home_says_why(arch: &'static Arch) {
    let twin = logs_on("twin1", 1003, None, "console.log('a twin is in')");
    let disk = Disk::with(&[logs_on("root", 0, Some("root"), ""), twin]);
    disk.debugfs("mkdir twin2\nsif twin2 uid 1003\nsif twin2 gid 1003\nsif twin2 mode 040700\n");
    let mut vm = Boot::on(arch).homes(&disk).start();
    log_on(&mut vm, "twin1", None);
    vm.expect("nodeos: twin1 cannot log on: its home is refused: uid 1003 owns another home too").unwrap();
    assert!(!vm.transcript().contains("a twin is in"));
}
