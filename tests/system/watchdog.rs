//! A machine that hangs restarts, and says at the next boot why.

use qemu::{machine::Machine, vm::Vm};
use shim::{arches::Arch, last_word::LastWord, watchdog::TIMEOUT};
use tests::{Boot, Disk, arch, runs};

/// With a clock that counts instructions, time in which the machine does nothing passes at once.
fn waits(arch: &'static Arch, without: &str, script: &str) -> (Vm, Disk) {
    let disk = Disk::with(&[runs("ana", 1000, script)]);
    let machine = Boot::on(arch).homes(&disk).counted().without(without).machine();
    (Vm::start(Machine { watchdog: true, ..machine }).unwrap(), disk)
}

/// A shim for tests starts the watchdog and does not feed it, as a PID 1 that hangs.
pub fn a_machine_without_pid_1_is_reset(arch: &'static Arch) {
    let script = format!("setTimeout(() => console.log('three timeouts later'), {})", 3 * TIMEOUT * 1000);
    for (without, word) in [("", Some(LastWord::PowerOff(0))), ("watchdog", None)] {
        let (mut vm, _disk) = waits(arch, without, &script);
        assert_eq!(vm.ending().unwrap().last_word, word, "without {without:?}: {}", vm.transcript());
        assert_eq!(vm.transcript().contains("three timeouts later"), word.is_some(), "{}", vm.transcript());
    }
}

/// The kernel writes its log into the machine's error log, which an ARM machine of QEMU does not
/// have. The file of it is all that the boots have in common.
#[test]
fn the_text_of_a_panic_is_logged_at_the_next_boot() {
    let disk = Disk::with(&[runs("ana", 1000, "console.log('ana runs')")]);
    let boot = || Boot::on(arch("x86_64")).profile("pc").homes(&disk);
    let start = |machine| Vm::start(Machine { error_log: Some(disk.beside("errors")), ..machine }).unwrap();
    let mut vm = start(boot().first("panic", &disk).machine());
    assert_eq!(vm.ending().unwrap().last_word, None, "{}", vm.transcript());
    for panicked in [true, false] {
        let mut vm = start(boot().machine());
        vm.expect("ana runs").unwrap();
        let said = vm.transcript();
        for words in ["the kernel panicked before this boot", "Kernel panic - not syncing: Attempted to kill init!"] {
            assert_eq!(said.contains(words), panicked, "{words}: {said}");
        }
        assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::PowerOff(0)));
    }
}
