//! ISOs on a CD, a USB stick and a disk, booted by BIOS and UEFI; on aarch64 by UEFI.

use std::{
    fs::File,
    io::Read,
    net::TcpStream,
    time::{Duration, Instant},
};

use boot::media::SERIAL;
use qemu::{
    machine::{Bus, Drive, Firmware, Machine, Network, Publish, Start},
    vm::{DEADLINE, Vm},
};
use shim::{
    arches::{ALL, Arch},
    last_word::LastWord,
};
use tests::{Disk, free_port, log_on, logs_on, run};

use crate::{guest_logs_on, medium, medium_for, said};

/// The architectures and firmware that boot an ISO.
const STARTS: [(&str, Firmware); 3] =
    [("x86_64", Firmware::Bios), ("x86_64", Firmware::Uefi), ("aarch64", Firmware::Uefi)];

fn machine(firmware: Firmware, bus: Bus) -> Machine {
    machine_of("x86_64", firmware, bus)
}

fn machine_of(arch: &str, firmware: Firmware, bus: Bus) -> Machine {
    let arch = Arch::named(arch).unwrap();
    let start = Start::Firmware { firmware, oem: Some(SERIAL.to_owned()) };
    let drives = vec![Drive { bus, ..Drive::read_only(medium_for(arch, "iso", &[])) }];
    Machine { memory_mib: 512, drives, ..Machine::new(arch, start) }
}

fn boots(arch: &str, firmware: Firmware) {
    for bus in [Bus::Cd, Bus::Usb, Bus::Virtio] {
        let mut vm = Vm::start(machine_of(arch, firmware, bus)).unwrap();
        println!("{firmware:?} {bus:?}");
        vm.expect("RAM session, with the homes of the boot medium").unwrap();
        guest_logs_on(&mut vm);
    }
}

#[test]
fn an_iso_boots_with_bios_from_cd_usb_and_disk() {
    boots("x86_64", Firmware::Bios);
}

#[test]
fn an_iso_boots_with_uefi_from_cd_usb_and_disk() {
    boots("x86_64", Firmware::Uefi);
}

#[test]
fn an_aarch64_iso_boots_with_uefi_from_cd_usb_and_disk() {
    boots("aarch64", Firmware::Uefi);
}

#[test]
fn a_users_partition_on_another_disk_is_used() {
    let disk =
        Disk::with(&[logs_on("ana", 1000, None, "require('fs').writeFileSync('/here', ''); console.log('written')")]);
    let mut machine = machine(Firmware::Bios, Bus::Usb);
    machine.drives.push(Drive::writable(&disk.path));
    let mut vm = Vm::start(machine).unwrap();
    log_on(&mut vm, "ana", None);
    vm.expect("written").unwrap();
    assert!(!vm.transcript().contains("RAM session"), "{}", vm.transcript());
    vm.monitor("sendkey ctrl-alt-delete").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::Reboot));
    disk.assert_clean();
    assert!(disk.listing().contains(&"1000 /ana/here".to_owned()));
}

/// UEFI of an ARM machine describes its button by ACPI, unlike a machine without firmware.
#[test]
fn the_power_button_of_a_machine_with_firmware_powers_it_off() {
    for (arch, firmware) in STARTS {
        let mut vm = Vm::start(machine_of(arch, firmware, Bus::Cd)).unwrap();
        vm.expect("Welcome to NodeOS!: username:").unwrap();
        vm.monitor("system_powerdown").unwrap();
        let word = vm.ending().unwrap().last_word;
        assert_eq!(word, Some(LastWord::PowerOff(0)), "{arch} {firmware:?}: {}", vm.transcript());
    }
}

/// The screen of a machine: its pixels (QEMU's monitor writes a PPM).
fn screen(vm: &mut Vm) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("screen.ppm");
    vm.monitor(&format!("screendump {}", path.display())).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn the_logon_prompt_is_on_the_screen_and_the_keyboard_types_there() {
    for (arch, firmware) in STARTS {
        let mut machine = machine_of(arch, firmware, Bus::Cd);
        machine.start = Start::Firmware { firmware, oem: None };
        let mut vm = Vm::start(machine).unwrap();
        // the serial port has a prompt too, which shows that the one on the screen comes about now
        vm.expect("Welcome to NodeOS!: username:").unwrap();
        // a letter has some thirty pixels of three bytes each
        let lit = lit(&mut vm, 3 * 30 * "Welcome to NodeOS!: username:".len());
        for key in ["g", "u", "e", "s", "t", "ret"] {
            vm.monitor(&format!("sendkey {key}")).unwrap();
        }
        self::lit(&mut vm, lit + 3 * 30 * "guest".len());
    }
}

/// Waits until more bytes of the screen than this are lit, and returns how many are.
fn lit(vm: &mut Vm, more: usize) -> usize {
    let start = Instant::now();
    loop {
        let lit = screen(vm).iter().filter(|byte| **byte > 100).count();
        if lit > more {
            return lit;
        }
        assert!(
            start.elapsed() < DEADLINE,
            "{lit} bytes of the screen are lit, no more than {more}: {}",
            vm.transcript()
        );
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Many machines have no serial port. Input is seen only on the screen, so the test learns of the
/// logon over the network.
#[test]
fn a_machine_without_a_serial_port_uses_screen_and_keyboard() {
    let script = "require('net').createServer(peer => peer.end('ana is in')).listen(8080)";
    let disk = Disk::with(&[logs_on("ana", 1000, None, script)]);
    for firmware in [Firmware::Bios, Firmware::Uefi] {
        let publish = Publish { host: free_port(), guest: 8080 };
        let mut machine = machine(firmware, Bus::Cd);
        machine.drives.push(Drive { snapshot: true, ..Drive::writable(&disk.path) });
        machine.start = Start::Firmware { firmware, oem: None };
        machine.network = Network::User { publish: vec![publish], boot: None };
        machine.serial = false;
        let mut vm = Vm::start(machine).unwrap();
        let answers = || {
            let mut said = String::new();
            let peer = TcpStream::connect(("127.0.0.1", publish.host));
            let _ = peer.and_then(|mut peer| peer.read_to_string(&mut said));
            said == "ana is in"
        };
        // the keys are typed again and again: the menu and the kernel ignore them until there is a
        // logon prompt
        let tries = (0..30).position(|_| {
            for key in ["a", "n", "a", "ret"] {
                vm.monitor(&format!("sendkey {key}")).unwrap();
            }
            std::thread::sleep(Duration::from_secs(8));
            answers()
        });
        assert!(tries.is_some(), "{firmware:?}: nobody is in");
    }
}

/// The machine behaves in the same way if a monitor is plugged in later, because nothing depends on
/// it.
#[test]
fn a_machine_without_screen_and_keyboard_uses_the_serial_port() {
    for (arch, firmware) in STARTS {
        let mut machine = machine_of(arch, firmware, Bus::Usb);
        machine.start = Start::Firmware { firmware, oem: None };
        (machine.screen, machine.keyboard) = (false, false);
        let mut vm = Vm::start(machine).unwrap();
        println!("{arch} {firmware:?}");
        guest_logs_on(&mut vm);
    }
}

/// The steps of docs/iso.md, "Install to a disk": the ISO is copied to a disk, and a users
/// partition is added behind it.
#[test]
fn a_users_partition_can_follow_the_iso_on_a_disk() {
    for (arch, firmware) in STARTS {
        let script = "require('fs').writeFileSync('/here', ''); console.log('written')";
        let homes = Disk::with(&[logs_on("ana", 1000, None, script)]);
        let disk = homes.beside("disk");
        let mut machine = machine_of(arch, firmware, Bus::Virtio);
        let (iso, at, users) = (machine.drives[0].path.display(), disk.display(), homes.path.display());
        let commands = format!(
            "truncate -s 512M {at}; dd if={iso} of={at} conv=notrunc bs=4M; sfdisk --relocate gpt-bak-std {at}
             echo 'type=linux' | sfdisk --append {at}
             start=$(sfdisk -d {at} | sed -n 's/.*disk4 : start= *\\([0-9]*\\),.*/\\1/p')
             dd if={users} of={at} bs=512 seek=$start conv=notrunc"
        );
        run("sh", &["-euc", &commands]);
        machine.drives = vec![Drive::writable(&disk)];
        let mut vm = Vm::start(machine).unwrap();
        log_on(&mut vm, "ana", None);
        vm.expect("written").unwrap();
        assert!(!vm.transcript().contains("lost at power off"), "{arch}: {}", vm.transcript());
    }
}

/// People see the menu, so GRUB must not print an error, even if the firmware reports no OEM
/// string.
#[test]
fn the_boot_menu_shows_no_error() {
    for (arch, firmware) in STARTS {
        let mut machine = machine_of(arch, firmware, Bus::Cd);
        // no OEM string; most other tests set one
        machine.start = Start::Firmware { firmware, oem: None };
        let mut vm = Vm::start(machine).unwrap();
        vm.expect("NodeOS, rescue").unwrap();
        let said = vm.transcript();
        assert!(!said.contains("error"), "{arch} {firmware:?}: {said}");
    }
}

#[test]
fn the_boot_menu_offers_a_ram_session_and_rescue() {
    let disk = Disk::with(&[logs_on("ana", 1000, None, "")]);
    // the entries of the menu: the default, a session in RAM, the serial console, rescue
    for (down, word) in [(1, "RAM session"), (3, "single: no init runs, and only root may log on")] {
        let mut machine = machine(Firmware::Bios, Bus::Cd);
        machine.drives.push(Drive::writable(&disk.path));
        machine.start = Start::Firmware { firmware: Firmware::Bios, oem: None };
        let mut vm = Vm::start(machine).unwrap();
        vm.expect("NodeOS, rescue").unwrap();
        for _ in 0..down {
            vm.type_in("\x1b[B").unwrap();
            std::thread::sleep(Duration::from_millis(300));
        }
        vm.type_in("\r").unwrap();
        vm.expect(word).unwrap();
    }
}

#[test]
fn a_truncated_copy_is_reported_as_incomplete() {
    let half = tempfile::tempdir().unwrap();
    let half = half.path().join("half.iso");
    std::fs::copy(medium("iso", &[]), &half).unwrap();
    let file = File::options().write(true).open(&half).unwrap();
    let length = file.metadata().unwrap().len();
    // only the last 4 MiB are cut off, because kernel and initramfs may be near the end too
    file.set_len(length - (4 << 20)).unwrap();
    let mut machine = machine(Firmware::Bios, Bus::Usb);
    machine.drives = vec![Drive { bus: Bus::Usb, ..Drive::read_only(&half) }];
    let mut vm = Vm::start(machine).unwrap();
    vm.expect(" is incomplete: it has ").unwrap();
    vm.expect("this machine restarts in 10 seconds").unwrap();
    assert_eq!(vm.ending().unwrap().last_word, Some(LastWord::Reboot));
}

/// Reads the ISO with xorriso, isoinfo and sfdisk.
#[test]
fn standard_tools_read_the_iso() {
    for arch in ALL {
        let iso = medium_for(arch, "iso", &[]);
        let iso = iso.to_str().unwrap();
        let boots = said("xorriso", &["-indev", iso, "-report_el_torito", "plain", "-report_system_area", "plain"]);
        let bios = arch.name == "x86_64";
        for line in ["El Torito cat path : /boot.cat", "UEFI  y   none", "GPT"] {
            assert!(boots.contains(line), "{arch}: {line}: {boots}");
        }
        assert_eq!(boots.contains("BIOS  y   none"), bios, "{arch}: {boots}");
        let files = said("isoinfo", &["-R", "-f", "-i", iso]);
        for path in ["/carbon.erofs", "/initramfs", "/kernel", "/boot/grub/grub.cfg"] {
            assert!(files.lines().any(|line| line == path), "{arch}: {path}: {files}");
        }
        assert_eq!(files.contains("/boot/grub/core.img"), bios, "{arch}: {files}");
        let table = said("sfdisk", &["--dump", iso]);
        assert!(table.contains("type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B"), "{arch}: {table}");
    }
}
