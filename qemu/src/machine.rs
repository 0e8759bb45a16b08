//! A machine as a value, and QEMU's arguments for it.

mod cards;
mod drives;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use shim::arches::Arch;

pub use crate::devices::{Bus, Drive, Firmware, Start};
use crate::inherited::Inherited;
pub use crate::network::{Network, Served, Wire};
pub use crate::publish::Publish;

/// The machine that QEMU emulates.
#[derive(Clone, Debug)]
pub struct Machine {
    pub arch: &'static Arch,
    /// RAM in MiB.
    pub memory_mib: u32,
    /// Processors.
    pub cpus: u8,
    /// The processor model in QEMU's names; a Pi has a fixed one.
    pub cpu: &'static str,
    /// What it boots.
    pub start: Start,
    /// Disks: the first virtio disk is `/dev/vda`, the second `/dev/vdb`.
    pub drives: Vec<Drive>,
    /// The network card.
    pub network: Network,
    /// Whether it has a keyboard, for ctrl-alt-del.
    pub keyboard: bool,
    /// Whether it has a serial line, which is QEMU's stdin and stdout.
    pub serial: bool,
    /// Whether it has a screen, if its firmware uses one.
    pub screen: bool,
    /// Whether it has a bus for serial ports that are plugged in and out, `ports.0`.
    pub ports: bool,
    /// Whether it has a watchdog, which resets the machine once nobody feeds it. A reset ends QEMU.
    pub watchdog: bool,
    /// The file of an error log that survives the machine (ACPI's ERST, only on x86_64). QEMU makes it.
    pub error_log: Option<PathBuf>,
    /// Whether its clock counts instructions instead of the host's time. Then the same work takes the same time on a
    /// busy host.
    pub counted: bool,
    /// What its real-time clock says at the start, in UTC, as in `2040-01-01T00:00:00`. Without it, the host's time.
    pub rtc: Option<&'static str>,
    /// The path of a socket for QEMU's monitor (QMP).
    pub monitor: Option<PathBuf>,
}

impl Machine {
    /// A machine with 256 MiB and two processors, or a Pi with its real 1 GiB and four. It has a keyboard, a serial
    /// line and a screen, but neither disks nor a network.
    pub fn new(arch: &'static Arch, start: Start) -> Self {
        let (memory_mib, cpus) = if matches!(start, Start::Pi { .. }) { (1024, 4) } else { (256, 2) };
        Self {
            arch,
            memory_mib,
            cpus,
            cpu: arch.qemu_cpu,
            start,
            drives: Vec::new(),
            network: Network::None,
            keyboard: true,
            serial: true,
            screen: true,
            ports: false,
            watchdog: false,
            error_log: None,
            counted: false,
            rtc: None,
            monitor: None,
        }
    }

    /// QEMU's arguments, without the program.
    #[must_use]
    pub fn args(&self) -> Vec<OsString> {
        self.args_with(None)
    }

    /// The same, for a machine that inherits its connection to passt.
    pub(crate) fn args_with(&self, passt: Option<&Inherited>) -> Vec<OsString> {
        let mut args = Args(Vec::new());
        // only the devices listed below; a reboot ends QEMU, so that the caller decides what to do
        args.flag("-nodefaults").flag("-no-user-config").flag("-no-reboot");
        let machine = if self.keyboard { self.arch.qemu_machine } else { self.arch.qemu_without_keyboard };
        args.option("-machine", if self.is_pi() { "raspi3b" } else { machine });
        // always emulated, so that a machine behaves the same on every host
        args.option("-accel", self.arch.qemu_accel);
        if !self.is_pi() {
            args.option("-cpu", self.cpu);
        }
        if self.counted {
            args.option("-icount", "shift=0,sleep=off");
        }
        if let Some(time) = self.rtc {
            args.option("-rtc", format!("base={time}"));
        }
        args.option("-m", format!("{}M", self.memory_mib)).option("-smp", self.cpus.to_string());
        args.option("-display", "none");
        if self.is_pi() {
            // the first serial line of a Pi is connected to Bluetooth
            args.option("-serial", "null");
        }
        // also in the printed command: ctrl-a is QEMU's prefix there, and ctrl-c goes to the machine
        args.option("-serial", if self.serial { "mon:stdio" } else { "none" });
        if let Some(socket) = &self.monitor {
            args.option("-qmp", join(["unix:".as_ref(), &escape(socket), ",server=on,wait=off".as_ref()]));
        }
        if !self.is_pi() {
            args.option("-device", "virtio-rng-pci");
        }
        if self.keyboard {
            args.option("-device", if self.is_pi() { "usb-kbd" } else { "virtio-keyboard-pci" });
        }
        if self.ports {
            args.option("-device", "virtio-serial-pci,id=ports");
        }
        if self.watchdog {
            args.option("-device", "i6300esb").option("-action", "watchdog=reset");
        }
        if let Some(file) = &self.error_log {
            let memory = "memory-backend-file,id=errors,size=64K,share=on,mem-path=".as_ref();
            args.option("-object", join([memory, &escape(file)])).option("-device", "acpi-erst,memdev=errors");
        }
        self.drives(&mut args);
        self.network(&mut args, passt);
        match &self.start {
            Start::Kernel { kernel, initramfs, cmdline } => {
                args.option("-kernel", kernel).option("-initrd", initramfs).option("-append", cmdline);
            }
            Start::Pi { kernel, initramfs, device_tree, cmdline } => {
                args.option("-kernel", kernel).option("-initrd", initramfs).option("-dtb", device_tree);
                args.option("-append", format!("{cmdline} {}", shim::watchdog::OFF));
            }
            Start::Firmware { firmware, oem } => {
                if *firmware == Firmware::Uefi {
                    let flash = |how: &str, file| format!("if=pflash,format=raw,{how}=on,file={file}");
                    args.option("-drive", flash("readonly", self.arch.uefi_code));
                    args.option("-drive", flash("snapshot", self.arch.uefi_variables));
                }
                if self.screen {
                    // nobody sees it; QEMU's monitor can take screenshots of it
                    args.option("-device", self.arch.qemu_screen);
                }
                if let Some(oem) = oem {
                    args.option("-smbios", join(["type=11,value=".as_ref(), &escape(oem.as_ref())]));
                }
            }
        }
        args.0
    }

    fn is_pi(&self) -> bool {
        matches!(self.start, Start::Pi { .. })
    }

    fn boots_from_network(&self) -> bool {
        let offers = matches!(self.network, Network::User { boot: Some(_), .. } | Network::Tap(..));
        offers && matches!(self.start, Start::Firmware { .. })
    }
}

/// The command in a form for a shell.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Network::Passt(passt) = &self.network {
            write!(f, "{} && ", passt.by_hand())?;
        }
        f.write_str(self.arch.qemu)?;
        for arg in self.args() {
            let arg = arg.to_string_lossy();
            write!(f, " {}", shlex::try_quote(&arg).unwrap_or(arg.as_ref().into()))?;
        }
        Ok(())
    }
}

struct Args(Vec<OsString>);

impl Args {
    fn flag(&mut self, flag: &str) -> &mut Self {
        self.0.push(flag.into());
        self
    }

    fn option(&mut self, flag: &str, value: impl AsRef<OsStr>) -> &mut Self {
        self.flag(flag).0.push(value.as_ref().to_owned());
        self
    }
}

/// Doubles commas in a file name, because QEMU splits options at single ones.
fn escape(path: &Path) -> OsString {
    let bytes = path.as_os_str().as_bytes();
    OsString::from_vec(bytes.iter().flat_map(|&byte| vec![byte; if byte == b',' { 2 } else { 1 }]).collect())
}

fn join<const N: usize>(parts: [&OsStr; N]) -> OsString {
    parts.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{Bus, Drive, Firmware, Machine, Network, Publish, Served, Start, Wire};
    use crate::passt::Passt;
    use shim::arches::{ALL, Arch};

    fn kernel(words: &str) -> Start {
        Start::kernel("/k/kernel", "/k/initramfs", words)
    }

    /// The options, one per line.
    fn listing(machine: &Machine) -> String {
        let mut text = machine.arch.qemu.to_owned();
        for arg in machine.args() {
            let arg = arg.to_string_lossy().into_owned();
            text.push_str(if arg.starts_with('-') { "\n" } else { " " });
            text.push_str(&arg);
        }
        text
    }

    fn full(arch: &'static Arch) -> Machine {
        Machine {
            memory_mib: 64,
            drives: vec![Drive::read_only("/c/carbon.erofs"), Drive::writable("/s/a,b users.ext4")],
            network: Network::User {
                publish: vec!["8080:80".parse().unwrap(), "2222:22".parse().unwrap()],
                boot: None,
            },
            monitor: Some("/run/m,1".into()),
            ports: true,
            watchdog: true,
            error_log: (arch.name == "x86_64").then(|| "/e/errors".into()),
            counted: true,
            rtc: Some("2040-01-01T00:00:00"),
            ..Machine::new(arch, kernel(&format!("console={} quiet users=LABEL=nodeos-users", arch.console)))
        }
    }

    #[test]
    fn every_option_on_x86_64() {
        insta::assert_snapshot!(listing(&full(&ALL[0])));
    }

    #[test]
    fn every_option_on_aarch64() {
        insta::assert_snapshot!(listing(&full(&ALL[1])));
    }

    #[test]
    fn the_smallest_machine() {
        let machine = Machine { keyboard: false, ..Machine::new(&ALL[0], kernel("console=ttyS0")) };
        insta::assert_snapshot!(listing(&machine));
    }

    #[test]
    fn firmware_boots_the_first_drive() {
        let start = Start::Firmware { firmware: Firmware::Uefi, oem: Some("nodeos,serial".to_owned()) };
        let drive = |bus, path: &str| Drive { bus, ..Drive::read_only(path) };
        let drives = vec![drive(Bus::Usb, "stick"), drive(Bus::Cd, "cd"), Drive::writable("disk")];
        let network = Network::User { publish: vec![], boot: None };
        insta::assert_snapshot!(listing(&Machine { drives, network, ..Machine::new(&ALL[0], start) }));
    }

    #[test]
    fn uefi_on_aarch64_uses_other_drive_devices() {
        let start = Start::Firmware { firmware: Firmware::Uefi, oem: None };
        let drives = vec![Drive { bus: Bus::Cd, ..Drive::read_only("cd") }];
        insta::assert_snapshot!(listing(&Machine { drives, ..Machine::new(&ALL[1], start) }));
    }

    #[test]
    fn a_pi_has_a_card() {
        let [kernel, initramfs, device_tree] = ["kernel8.img", "initramfs", "a.dtb"].map(Into::into);
        let start = Start::Pi { kernel, initramfs, device_tree, cmdline: "console=ttyS1".to_owned() };
        let drives = vec![Drive { bus: Bus::Card, ..Drive::writable("card.img") }];
        let network = Network::User { publish: vec![], boot: None };
        insta::assert_snapshot!(listing(&Machine { drives, network, ..Machine::new(&ALL[1], start) }));
    }

    #[test]
    fn network_boot_comes_before_any_drive() {
        let served = Served { folder: "/srv/a,b".into(), file: "boot.ipxe".to_owned() };
        let network = Network::User { publish: vec![], boot: Some(served) };
        let start = || Start::Firmware { firmware: Firmware::Bios, oem: None };
        insta::assert_snapshot!(listing(&Machine { network, ..Machine::new(&ALL[0], start()) }));
        let network = Network::Tap("tap0".to_owned(), "52:54:00:00:00:01".to_owned());
        let machine = Machine { network, drives: vec![Drive::writable("u")], ..Machine::new(&ALL[0], start()) };
        assert!(listing(&machine).contains("-device virtio-blk-pci,drive=disk0\n"));
        assert!(listing(&machine).contains("-device virtio-net-pci,netdev=net,mac=52:54:00:00:00:01,bootindex=0"));
    }

    #[test]
    fn each_card_of_a_test_has_its_own_cable() {
        let wire = |name: &str, plugged| {
            let (machine, other) = (format!("/w/{name},m").into(), "/w/o".into());
            Wire { machine, other, mac: name.into(), plugged }
        };
        let listing = |wires| listing(&Machine { network: Network::Wires(wires), ..Machine::new(&ALL[0], kernel("")) });
        let text = listing(vec![wire("a", true), wire("b", true)]);
        for line in [
            "-netdev dgram,id=net0,local.type=unix,local.path=/w/a,,m,remote.type=unix,remote.path=/w/o\n",
            "-device virtio-net-pci,netdev=net1,id=card1,mac=b,romfile=\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(!text.contains("usb"), "{text}");
        let text = listing(vec![wire("a", true), wire("b", false)]);
        assert!(text.contains("-device qemu-xhci,id=usb\n") && text.contains("-netdev dgram,id=net1,"), "{text}");
        assert!(text.contains(",id=card0,") && !text.contains(",id=card1,"), "{text}");
    }

    #[test]
    fn passt_is_started_before_qemu() {
        let network = Network::Passt(Passt { publish: vec!["8080:80".parse().unwrap()], ..Passt::default() });
        let printed = Machine { network, ..full(&ALL[0]) }.to_string();
        let (passt, qemu) = printed.split_once(" && ").unwrap();
        assert!(
            passt.starts_with("passt --quiet ") && passt.ends_with(" --socket /tmp/nodeos-passt.socket"),
            "{passt}"
        );
        let socket = "-netdev 'stream,id=net,server=off,addr.type=unix,addr.path=/tmp/nodeos-passt.socket'";
        assert!(qemu.contains(&format!(" {socket} -device 'virtio-net-pci,netdev=net,romfile=' ")), "{qemu}");
    }

    #[test]
    fn a_snapshot_drive_discards_writes() {
        let mut machine = full(&ALL[0]);
        machine.drives = vec![Drive { snapshot: true, ..Drive::writable("u") }];
        assert!(listing(&machine).contains("\n-drive if=none,id=disk0,format=raw,snapshot=on,werror=report,file=u\n"));
    }

    #[test]
    fn a_disk_may_have_large_sectors() {
        let mut machine = full(&ALL[0]);
        machine.drives = vec![Drive { sector: 4096, ..Drive::writable("u") }];
        let device = "-device virtio-blk-pci,drive=disk0,logical_block_size=4096,physical_block_size=4096\n";
        assert!(listing(&machine).contains(device), "{}", listing(&machine));
    }

    #[test]
    fn a_shell_parses_the_printed_command_back() {
        let machine = full(&ALL[1]);
        let words = shlex::split(&machine.to_string()).unwrap();
        let args = machine.args().into_iter().map(|arg| arg.into_string().unwrap());
        assert_eq!(words, std::iter::once(machine.arch.qemu.to_owned()).chain(args).collect::<Vec<_>>());
    }

    #[test]
    fn ports_are_parsed_or_refused() {
        assert_eq!("8080:80".parse(), Ok(Publish { host: 8080, guest: 80 }));
        for text in ["", "80", "80:", ":80", "0:80", "80:0", "70000:80", "a:b", "1:2:3", "-1:80"] {
            assert!(text.parse::<Publish>().is_err(), "{text}");
        }
    }
}
