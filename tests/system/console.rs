//! The state of a console before, between and after sessions.

use boot::users::{
    home::Home,
    logon::{Shell, set_shell},
};
use shim::{
    arches::Arch,
    logon_file::{LogonFile, Password},
};
use tests::{Boot, Disk, attacker, log_on, logs_on, runs};

pub fn backspace_erases_a_whole_multibyte_character(arch: &'static Arch) {
    // the session's terminal edits lines too: the program reads the edited line
    let script =
        "process.stdin.once('data', line => { console.log('it read', JSON.stringify(String(line))); process.exit() })
        console.log('ana is in')";
    let disk = Disk::with(&[logs_on("ana", 1000, Some("right"), script)]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect("Welcome to NodeOS!: username:").unwrap();
    vm.type_in("ñ\u{7f}ana\r").unwrap();
    vm.expect("Welcome to NodeOS!: password:").unwrap();
    vm.type_in("ñ€\u{7f}\u{7f}right\r").unwrap();
    vm.expect("ana is in").unwrap();
    vm.type_in("€\u{7f}x\r").unwrap();
    vm.expect(r#"it read "x\n""#).unwrap();
}

/// An app has the console to itself. No logon has set the size before it starts.
pub fn an_app_sees_the_size_of_its_console(arch: &'static Arch) {
    let app = "const { columns, rows } = process.stdout
        console.log('-'.repeat(columns - 1))
        console.log('it is', columns, 'x', rows, 'and knows', Object.keys(process.env).sort().join())";
    let disk = Disk::with(&[runs("app", 1000, app)]);
    for (word, size) in [("", "80 x 24"), ("winsize=120x40", "120 x 40")] {
        let mut vm = Boot::on(arch).homes(&disk).words(word).start();
        vm.expect(&format!("it is {size} and knows HOME,LANG,NODE_OPTIONS,PATH,SHELL,TERM,USER\n")).unwrap();
        vm.ending().unwrap();
    }
}

pub fn an_invalid_console_size_is_reported(arch: &'static Arch) {
    let disk = Disk::with(&[runs("app", 1000, "console.log('it is', process.stdout.columns)")]);
    let mut vm = Boot::on(arch).homes(&disk).words("winsize=0x40").start();
    vm.expect("winsize=0x40: not understood; a size is COLUMNSxROWS, each from 1 to 65535").unwrap();
    vm.expect("it is 80").unwrap();
}

pub fn the_logon_prompt_is_repeated_after_output_unless_someone_is_typing(arch: &'static Arch) {
    const PROMPT: &str = "Welcome to NodeOS!: username:";
    // the init prints once at an empty prompt, and once after somebody began to type at it
    let init = "setTimeout(() => console.log('Hello from an init'), 5000)
        setTimeout(() => console.log('Hello again'), 25000)";
    let disk = Disk::with(&[runs("ana", 1000, init), logs_on("guest", 1001, None, "console.log('guest is in')")]);
    let mut vm = Boot::on(arch).homes(&disk).start();
    vm.expect(PROMPT).unwrap();
    vm.expect("Hello from an init").unwrap();
    vm.expect(PROMPT).unwrap();
    // keys that arrive before the whole prompt is sent count as typed before it
    std::thread::sleep(std::time::Duration::from_secs(2));
    vm.type_in("gue").unwrap();
    let before = vm.expect("Hello again").unwrap();
    assert!(before.contains("gue"), "the name was not begun in time, so nothing is known: {}", vm.transcript());
    // no prompt is printed over a name that is half typed, and the typed letters stay
    std::thread::sleep(std::time::Duration::from_secs(8));
    vm.type_in("st\r").unwrap();
    let after = vm.expect("guest is in").unwrap();
    assert!(!after.contains(PROMPT), "{}", vm.transcript());
    let prompts = vm.transcript().matches(PROMPT).count();
    assert_eq!(prompts, 2, "{}", vm.transcript());
}

pub fn serial_line_settings_are_restored_after_a_session(arch: &'static Arch) {
    let session = |name, uid, attacks: &str| {
        let mut home = Home::new(name, uid);
        home.program("bin/attack", attacker(arch));
        home.file("attacks", format!("\n{attacks}"));
        let mut file = LogonFile { password: Some(Password::new()), ..LogonFile::default() };
        let shell = Shell { path: "/bin/attack".to_owned(), args: vec!["/attacks".to_owned()] };
        set_shell(&mut file, &shell).unwrap();
        home.logon(&file).unwrap();
        home
    };
    let disk = Disk::with(&[
        session("ana", 1000, "show_line\nspoil_line\nshow_line\nloop_line"),
        session("bo", 1001, "show_line"),
    ]);
    let mut vm = Boot::on(arch).homes(&disk).without("seccomp").start();
    let line = |vm: &mut qemu::vm::Vm| {
        vm.expect("the line has ").unwrap();
        vm.rest_of_line().unwrap()
    };
    log_on(&mut vm, "ana", None);
    let first = line(&mut vm);
    assert!(first.contains("flags 0, divisor 0, modem 0") && first.contains("80x24"), "{first}");
    vm.expect("attack spoil_line: worked").unwrap();
    let spoiled = line(&mut vm);
    assert!(spoiled.contains("1200 bit/s, flags 48, divisor 7, modem 8192") && spoiled.contains("2x1"), "{spoiled}");
    // on an 8250 in loopback, the last output of ana's session is lost; the prompt is not
    log_on(&mut vm, "bo", None);
    assert_eq!(line(&mut vm), first);
}
