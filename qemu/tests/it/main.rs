//! Tests the runner with the real QEMU, and a guest of fifteen instructions in place of Linux.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use qemu::machine::{Machine, Start};
use qemu::vm::Vm;
use shim::arches::Arch;
use shim::last_word::LastWord;
use tempfile::TempDir;

/// Prints the text that follows it on the PL011 at 0x0900_0000 (QEMU, hw/arm/virt.c: `VIRT_UART`). At a `?` it waits
/// for a typed byte and prints that. Then it powers off by PSCI (Arm DEN 0022, 5.1.8: `SYSTEM_OFF`).
const GUEST: [u32; 15] = [
    0x1000_01e1, // start: adr x1, text
    0xd2a1_2002, // movz x2, #0x0900, lsl #16
    0x3840_1420, // print: ldrb w0, [x1], #1
    0x3400_0100, // cbz w0, off
    0x7100_fc1f, // cmp w0, #'?'
    0x5400_0081, // b.ne put
    0xb940_1843, // wait: ldr w3, [x2, #0x18]
    0x3727_ffe3, // tbnz w3, #4, wait
    0xb940_0040, // ldr w0, [x2]
    0xb900_0040, // put: str w0, [x2]
    0x17ff_fff8, // b print
    0x5280_0100, // off: movz w0, #0x0008
    0x72b0_8000, // movk w0, #0x8400, lsl #16
    0xd400_0002, // hvc #0
    0x1400_0000, // hang: b hang
];

fn machine(folder: &TempDir, text: &str) -> Machine {
    let (kernel, initramfs) = (folder.path().join("kernel"), folder.path().join("initramfs"));
    let code = GUEST.iter().flat_map(|word| word.to_le_bytes());
    fs::write(&kernel, code.chain(text.bytes()).chain([0]).collect::<Vec<u8>>()).unwrap();
    fs::write(&initramfs, "").unwrap();
    let start = Start::kernel(kernel, initramfs, "");
    Machine { memory_mib: 64, cpus: 1, ..Machine::new(Arch::named("aarch64").unwrap(), start) }
}

#[test]
fn a_machine_can_be_typed_to_and_its_last_word_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let text = "\x1b[1mname:\x1b[0m ??\r\nhello\r\nnodeos: power off, status 3\r\nbye\r\n";
    let mut vm = Vm::start(machine(&folder, text)).unwrap();
    assert_eq!(vm.expect("name:").unwrap(), "");
    assert!(vm.monitor("info status").unwrap().contains("running"));
    vm.type_in("me").unwrap();
    assert_eq!(vm.expect_any_within(Duration::from_secs(60), &["nodeos", "hello"]).unwrap(), (" me\n".to_owned(), 1));
    let ending = vm.ending().unwrap();
    assert_eq!(ending.last_word, Some(LastWord::PowerOff(3)));
    assert!(vm.transcript().ends_with("status 3\nbye\n"));
    let failure = vm.expect("more").unwrap_err().to_string();
    assert!(failure.starts_with("the machine ended before \"more\"") && failure.contains("  | bye\n"), "{failure}");
}

#[test]
fn a_silent_machine_times_out_and_dies_with_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let mut vm = Vm::start(machine(&folder, "waiting?")).unwrap();
    vm.expect("waiting").unwrap();
    let start = Instant::now();
    let failure = vm.expect_within(Duration::from_secs(1), "never").unwrap_err().to_string();
    assert!(start.elapsed() < Duration::from_secs(30));
    assert!(failure.starts_with("waited 1 s for \"never\"") && failure.contains("  | waiting\n"), "{failure}");
    assert!(failure.contains("to repeat it:\n  qemu-system-aarch64 ") && !failure.contains("-qmp"), "{failure}");

    let pid = vm.id();
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    drop(vm);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_machine_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine { start: Start::kernel("/no/such/kernel", "/dev/null", ""), ..machine(&folder, "") };
    let failure = Vm::start(machine).unwrap().ending().unwrap_err().to_string();
    assert!(failure.starts_with("QEMU failed, exit status: 1") && failure.contains("/no/such/kernel"), "{failure}");
}
