//! A machine as a value, and QEMU's arguments for it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use shim::arches::Arch;

/// What QEMU emulates.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its architecture.
    pub arch: &'static Arch,
    /// RAM in MiB.
    pub memory_mib: u32,
    /// Processors.
    pub cpus: u8,
    /// The kernel that QEMU loads itself.
    pub kernel: PathBuf,
    /// The initramfs that QEMU loads itself.
    pub initramfs: PathBuf,
    /// Disks: the first is `/dev/vda`, the second `/dev/vdb`.
    pub drives: Vec<Drive>,
    /// The kernel's command line.
    pub cmdline: String,
    /// The network card.
    pub network: Network,
    /// A keyboard, for ctrl-alt-del.
    pub keyboard: bool,
    /// A bus for serial ports that come and go, `ports.0`.
    pub ports: bool,
    /// Its clock counts instructions instead of the host's time: the same work takes the same time on a busy host.
    pub counted: bool,
    /// A socket on which QEMU takes commands (QMP).
    pub monitor: Option<PathBuf>,
}

/// A raw image as a virtio disk.
#[derive(Clone, Debug)]
pub struct Drive {
    /// The image.
    pub path: PathBuf,
    /// The machine cannot write to it.
    pub read_only: bool,
    /// What the machine writes is thrown away at its end.
    pub snapshot: bool,
}

impl Drive {
    /// A disk that the machine only reads.
    pub fn read_only(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), read_only: true, snapshot: false }
    }

    /// A disk that keeps what the machine writes.
    pub fn writable(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), read_only: false, snapshot: false }
    }
}

/// The network card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// None.
    None,
    /// QEMU's own network behind the host's: DHCP, DNS, a way out, and these ports in.
    User {
        /// Ports of the host that lead into the machine.
        publish: Vec<Publish>,
    },
}

/// A TCP port of the host's loopback that leads to one of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The host's port.
    pub host: u16,
    /// The machine's port.
    pub guest: u16,
}

impl FromStr for Publish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = |text: &str| text.parse::<u16>().ok().filter(|&port| port != 0);
        text.split_once(':')
            .and_then(|(host, guest)| Some(Self { host: port(host)?, guest: port(guest)? }))
            .ok_or_else(|| "expected HOST:GUEST, two ports between 1 and 65535, as in 8080:80".to_owned())
    }
}

/// RAM as people write it: `256`, `256M` and `256MiB` are MiB, `1G` and `1GiB` are GiB.
pub fn memory_mib(text: &str) -> Result<u32, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "M" | "MB" | "MiB" => 1,
        "G" | "GB" | "GiB" => 1024,
        _ => 0,
    };
    digits
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        // less does not hold the kernel, more is nobody's test machine
        .filter(|mib| (16..=1024 * 1024).contains(mib))
        .ok_or_else(|| "expected an amount of RAM between 16M and 1024G, as in 256M or 1G".to_owned())
}

impl Machine {
    /// A machine with 256 MiB, two processors, a keyboard, and neither disks nor network.
    pub fn new(arch: &'static Arch, kernel: impl Into<PathBuf>, initramfs: impl Into<PathBuf>) -> Self {
        Self {
            arch,
            memory_mib: 256,
            cpus: 2,
            kernel: kernel.into(),
            initramfs: initramfs.into(),
            drives: Vec::new(),
            cmdline: format!("console={}", arch.console),
            network: Network::None,
            keyboard: true,
            ports: false,
            counted: false,
            monitor: None,
        }
    }

    /// QEMU's arguments, without the program.
    #[must_use]
    pub fn args(&self) -> Vec<OsString> {
        let mut args = Args(Vec::new());
        // nothing but what is named below; a reboot ends QEMU, so that the caller decides
        args.flag("-nodefaults").flag("-no-user-config").flag("-no-reboot");
        args.option("-machine", self.arch.qemu_machine);
        // emulated everywhere, so that a machine is the same everywhere
        args.option("-accel", self.arch.qemu_accel).option("-cpu", self.arch.qemu_cpu);
        if self.counted {
            args.option("-icount", "shift=0,sleep=off");
        }
        args.option("-m", format!("{}M", self.memory_mib)).option("-smp", self.cpus.to_string());
        // ctrl-a x ends QEMU, ctrl-c goes to the machine
        args.option("-display", "none").option("-serial", "mon:stdio");
        if let Some(socket) = &self.monitor {
            args.option("-qmp", join(["unix:".as_ref(), &escape(socket), ",server=on,wait=off".as_ref()]));
        }
        args.option("-device", "virtio-rng-pci");
        if self.keyboard {
            args.option("-device", "virtio-keyboard-pci");
        }
        if self.ports {
            args.option("-device", "virtio-serial-pci,id=ports");
        }
        for (number, drive) in self.drives.iter().enumerate() {
            let readonly = if drive.read_only { ",readonly=on" } else { "" };
            let snapshot = if drive.snapshot { ",snapshot=on" } else { "" };
            let options = format!("if=none,id=disk{number},format=raw{readonly}{snapshot},file=");
            args.option("-drive", join([options.as_ref(), &escape(&drive.path)]));
            args.option("-device", format!("virtio-blk-pci,drive=disk{number}"));
        }
        if let Network::User { publish } = &self.network {
            let forward =
                publish.iter().map(|p| format!(",hostfwd=tcp:127.0.0.1:{}-:{}", p.host, p.guest)).collect::<String>();
            args.option("-netdev", format!("user,id=net{forward}"));
            // no option ROM: it only serves to boot from the network
            args.option("-device", "virtio-net-pci,netdev=net,romfile=");
        }
        args.option("-kernel", &self.kernel).option("-initrd", &self.initramfs).option("-append", &self.cmdline);
        args.0
    }
}

/// The command, as a shell reads it.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// A comma in a file name is written twice: QEMU splits options at single ones.
fn escape(path: &Path) -> OsString {
    let bytes = path.as_os_str().as_bytes();
    OsString::from_vec(bytes.iter().flat_map(|&byte| vec![byte; if byte == b',' { 2 } else { 1 }]).collect())
}

fn join<const N: usize>(parts: [&OsStr; N]) -> OsString {
    parts.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{Drive, Machine, Network, Publish, memory_mib};
    use shim::arches::{ALL, Arch};

    /// One option a line.
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
            cmdline: format!("console={} quiet users=LABEL=nodeos-users", arch.console),
            network: Network::User { publish: vec!["8080:80".parse().unwrap(), "2222:22".parse().unwrap()] },
            monitor: Some("/run/m,1".into()),
            ports: true,
            counted: true,
            ..Machine::new(arch, "/k/kernel", "/k/initramfs")
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
        let machine = Machine { keyboard: false, ..Machine::new(&ALL[0], "k", "i") };
        insta::assert_snapshot!(listing(&machine));
    }

    #[test]
    fn a_snapshot_keeps_nothing() {
        let mut machine = full(&ALL[0]);
        machine.drives = vec![Drive { snapshot: true, ..Drive::writable("u") }];
        assert!(listing(&machine).contains("\n-drive if=none,id=disk0,format=raw,snapshot=on,file=u\n"));
    }

    #[test]
    fn the_printed_command_is_what_a_shell_reads_back() {
        let machine = full(&ALL[1]);
        let words = shlex::split(&machine.to_string()).unwrap();
        let args = machine.args().into_iter().map(|arg| arg.into_string().unwrap());
        assert_eq!(words, std::iter::once(machine.arch.qemu.to_owned()).chain(args).collect::<Vec<_>>());
    }

    #[test]
    fn ports_are_read_or_refused() {
        assert_eq!("8080:80".parse(), Ok(Publish { host: 8080, guest: 80 }));
        for text in ["", "80", "80:", ":80", "0:80", "80:0", "70000:80", "a:b", "1:2:3", "-1:80"] {
            assert!(text.parse::<Publish>().is_err(), "{text}");
        }
    }

    #[test]
    fn ram_is_read_or_refused() {
        for (text, mib) in [("64", 64), ("64M", 64), ("256MiB", 256), ("1G", 1024), ("2GiB", 2048)] {
            assert_eq!(memory_mib(text), Ok(mib), "{text}");
        }
        for text in ["", "M", "0", "15M", "1.5G", "64K", "-64", "9999999999G", "4194304G", "64 M"] {
            assert!(memory_mib(text).is_err(), "{text}");
        }
    }
}
