//! A folder that is served: by QEMU's own TFTP server, and by dnsmasq in a network namespace.

use boot::media::SERIAL;
use qemu::{
    machine::{Firmware, Machine, Network, Served, Start},
    vm::Vm,
};
use shim::arches::Arch;

use crate::{guest_logs_on, medium};

/// Two machines, each with words of its own.
const MACHINES: [&str; 2] = ["52:54:00:00:00:01=TZ=Asia/Tokyo", "52:54:00:00:00:02=TZ=Europe/Madrid"];

fn folder() -> std::path::PathBuf {
    medium("pxe", &MACHINES.map(|machine| machine.parse().unwrap()))
}

#[test]
fn a_bios_with_ipxe_starts_it_from_qemus_tftp() {
    let served = Served { folder: folder(), file: "boot.ipxe".to_owned() };
    let network = Network::User { publish: vec![], boot: Some(served) };
    let start = Start::Firmware { firmware: Firmware::Bios, oem: Some(SERIAL.to_owned()) };
    let machine = Machine { memory_mib: 512, network, ..Machine::new(Arch::named("x86_64").unwrap(), start) };
    let mut vm = Vm::start(machine).unwrap();
    vm.expect("RAM session, with the homes of the boot medium").unwrap();
    guest_logs_on(&mut vm);
}
