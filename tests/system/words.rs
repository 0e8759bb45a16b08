//! How many parameters a kernel accepts. `boot::image::words` refuses command lines that it would
//! truncate or that would make it panic.

use boot::image::words::{MOST_BYTES, MOST_NAMES, check};
use qemu::machine::Start;
use shim::{arches::Arch, last_word::LastWord};
use tests::{Boot, Disk, runs};

fn names(count: usize) -> String {
    (1..=count).map(|number| format!("A{number}=1 ")).collect()
}

fn line(boot: Boot) -> String {
    match boot.machine().start {
        Start::Kernel { cmdline, .. } => cmdline,
        other => panic!("{other:?}"),
    }
}

pub fn a_command_line_at_the_limits_boots(arch: &'static Arch) {
    let disk = Disk::with(&[runs("ana", 1000, "console.log('ana runs')")]);
    let boot = |words: &str| Boot::on(arch).words(words).users_by("users=LABEL=nodeos-users").homes(&disk);
    // four names are NodeOS's own: console, panic, users and carbon
    let most = names(MOST_NAMES - 4).trim_end().to_owned();
    let length = MOST_BYTES - line(boot(&most)).trim().len() - " x".len();
    let most = format!("{most} x{}", "y".repeat(length));
    let line = line(boot(&most));
    assert_eq!(line.trim().len(), MOST_BYTES);
    check(line.trim(), "").unwrap();
    let mut vm = boot(&most).start();
    vm.expect("ana runs").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
}

pub fn too_many_parameters_panic_the_kernel_and_long_lines_are_truncated(arch: &'static Arch) {
    let many = Boot::on(arch).words(&names(40));
    assert!(check(&line(Boot::on(arch).words(&names(40))), "").is_err());
    let mut vm = many.start();
    if arch.bios {
        // on aarch64 the serial port is not a console yet
        vm.expect("Too many boot env vars").unwrap();
    }
    assert_eq!(vm.ending().unwrap().last_word, None);

    let disk = Disk::with(&[runs("ana", 1000, "console.log('ana runs')")]);
    let long = "x".repeat(2200);
    let boot = || Boot::on(arch).homes(&disk).users_by(&format!("users=none {long} users=LABEL=nodeos-users"));
    assert!(check(&line(boot()), "").is_err());
    if arch.bios {
        // the x86_64 kernel copies the line without its terminator (arch/x86/kernel/head64.c);
        // FORTIFY_SOURCE then stops it before it has a console, so it prints nothing
        return;
    }
    let mut vm = boot().start();
    vm.expect("Welcome to NodeOS!: username:").unwrap();
    assert!(!vm.transcript().contains("ana runs"), "{}", vm.transcript());
}
