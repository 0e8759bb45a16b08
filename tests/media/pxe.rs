//! A PXE folder that is served by QEMU's own TFTP server, and by dnsmasq in a network namespace
//! with the configuration of docs/pxe.md.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use boot::{host::run::find, media::SERIAL};
use qemu::{
    machine::{Drive, Firmware, Machine, Network, Served, Start},
    vm::Vm,
};
use shim::arches::Arch;
use tests::{Disk, in_namespaces, log_on, logs_on, run};

use crate::{guest_logs_on, medium};

/// Two machines, each with its own kernel parameters.
const MACHINES: [&str; 2] = ["52:54:00:00:00:01=TZ=Asia/Tokyo", "52:54:00:00:00:02=TZ=Europe/Madrid"];

fn folder() -> PathBuf {
    let folder = medium("pxe", &MACHINES.map(|machine| machine.parse().unwrap()));
    // as docs/pxe.md says in "The folder": the file is private because it contains homes
    run("chmod", &["o+r", folder.join("initramfs").to_str().unwrap()]);
    folder
}

fn machine(firmware: Firmware, network: Network) -> Machine {
    let start = Start::Firmware { firmware, oem: Some(SERIAL.to_owned()) };
    Machine { memory_mib: 512, network, ..Machine::new(Arch::named("x86_64").unwrap(), start) }
}

#[test]
fn an_ipxe_option_rom_boots_from_qemus_tftp_server() {
    for firmware in [Firmware::Bios, Firmware::Uefi] {
        let served = Served { folder: folder(), file: "boot.ipxe".to_owned() };
        let mut vm = Vm::start(machine(firmware, Network::User { publish: vec![], boot: Some(served) })).unwrap();
        vm.expect("RAM session, with the homes of the boot medium").unwrap();
        guest_logs_on(&mut vm);
    }
}

/// A child process that is killed at the end of the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The variable that names the folder to a test in its own namespace.
const FOLDER: &str = "NODEOS_TEST_FOLDER";

/// The folder that is served, both inside and outside of the namespace.
fn served() -> PathBuf {
    std::env::var_os(FOLDER).map_or_else(folder, PathBuf::from)
}

/// Runs this test again in a network namespace of its own. Returns true there.
fn in_a_network(test: &str) -> bool {
    in_namespaces(test, &["--net"], &[(FOLDER, &served())])
}

/// Starts a bridge with ports for two machines, a server for DHCP and TFTP, and a server for HTTP.
fn network(change: impl Fn(&str) -> String) -> [Server; 2] {
    let ip = |words: &str| run("ip", &words.split(' ').collect::<Vec<_>>());
    ["link set lo up", "link add br0 type bridge", "addr add 192.168.77.1/24 dev br0", "link set br0 up"]
        .into_iter()
        .for_each(ip);
    for tap in ["tap0", "tap1"] {
        ip(&format!("tuntap add {tap} mode tap"));
        ip(&format!("link set {tap} master br0"));
        ip(&format!("link set {tap} up"));
    }
    let config = served().with_extension("dnsmasq.conf");
    let text = change(&documented()).replace("/srv/tftp/nodeos", served().to_str().unwrap());
    // the test does not use the host's lease file
    let own = format!("\nport=0\nleasefile-ro\npid-file={}.pid\n", config.display());
    std::fs::write(&config, text + &own).unwrap();
    let start = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(find(program).unwrap_or_else(|| panic!("no {program}")));
        Server(command.args(arguments).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap())
    };
    let config = format!("--conf-file={}", config.display());
    let folder = served();
    let http = ["-m", "http.server", "8000", "--bind", "192.168.77.1", "--directory", folder.to_str().unwrap()];
    [start("dnsmasq", &["--no-daemon", "--log-dhcp", &config]), start("python3", &http)]
}

/// The first configuration of docs/pxe.md.
fn documented() -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pxe.md")).unwrap();
    let (_, rest) = text.split_once("```ini\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

fn tap(number: u8) -> Network {
    Network::Tap(format!("tap{}", number - 1), format!("52:54:00:00:00:0{number}"))
}

/// Logs on as the guest, and checks that the machine has this time zone.
fn is_in(vm: &mut Vm, zone: &str) {
    guest_logs_on(vm);
    vm.send("node").unwrap();
    vm.expect("> ").unwrap();
    vm.send("process.env.TZ").unwrap();
    vm.expect(&format!("'{zone}'")).unwrap();
}

#[test]
fn dnsmasq_boots_bios_and_uefi_over_tftp() {
    if in_a_network("pxe::dnsmasq_boots_bios_and_uefi_over_tftp") {
        let _servers = network(str::to_owned);
        let mut one = Vm::start(machine(Firmware::Bios, tap(1))).unwrap();
        // at the same time, and with a disk that has other users
        let disk = Disk::with(&[logs_on("ana", 1000, None, "console.log(process.env.TZ)")]);
        let drives = vec![Drive::writable(&disk.path)];
        let mut two = Vm::start(Machine { drives, ..machine(Firmware::Uefi, tap(2)) }).unwrap();
        is_in(&mut one, "Asia/Tokyo");
        log_on(&mut two, "ana", None);
        two.expect("Europe/Madrid").unwrap();
    }
}

#[test]
fn dnsmasq_boots_bios_and_uefi_over_http() {
    if in_a_network("pxe::dnsmasq_boots_bios_and_uefi_over_http") {
        let by_http =
            |config: &str| config.replace("tag:ipxe,boot.ipxe", "tag:ipxe,http://192.168.77.1:8000/boot.ipxe");
        // UEFI supports TFTP and HTTP: without the line for TFTP only HTTP is left
        let alone = |config: &str| by_http(config).replace("dhcp-boot=tag:uefi,tag:!ipxe,ipxe.efi\n", "");
        let _servers = network(alone);
        let mut one = Vm::start(machine(Firmware::Bios, tap(1))).unwrap();
        let mut two = Vm::start(machine(Firmware::Uefi, tap(2))).unwrap();
        is_in(&mut one, "Asia/Tokyo");
        is_in(&mut two, "Europe/Madrid");
    }
}

#[test]
fn dnsmasq_boots_an_old_rom_with_pxelinux() {
    if in_a_network("pxe::dnsmasq_boots_an_old_rom_with_pxelinux") {
        // QEMU's ROM is iPXE, which loads PXELINUX as an old ROM would
        let _servers = network(|config| config.replace("tag:ipxe,boot.ipxe", "tag:ipxe,pxelinux.0"));
        let mut vm = Vm::start(machine(Firmware::Bios, tap(1))).unwrap();
        is_in(&mut vm, "Asia/Tokyo");
    }
}
