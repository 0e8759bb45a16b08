//! `nodeos run` of a medium that a build wrote: the machine that boots it as hardware would.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use boot::error::Tried;
use boot::media::{LABELS, MANIFEST, Manifest, SERIAL, beside};
use qemu::machine::{Bus, Drive, Firmware, Machine, Network, Publish, Served, Start};
use shim::arches::Arch;

use super::Failed;

/// A medium.
pub struct Medium {
    path: PathBuf,
    kind: Kind,
    arch: &'static Arch,
}

enum Kind {
    Direct,
    Iso,
    Pxe,
}

/// How it is booted.
pub struct How<'a> {
    pub firmware: Option<Firmware>,
    pub plug: Option<Bus>,
    pub memory_mib: Option<u32>,
    pub users: Option<Drive>,
    pub publish: &'a [Publish],
}

impl Medium {
    /// What lies there, if it is a medium and no app: a folder with a manifest of ours, or an ISO with a label of ours.
    pub fn found(path: &Path) -> Option<Self> {
        let path = std::path::absolute(path).ok()?;
        if path.is_dir() {
            let manifest = Manifest::read(&path.join(MANIFEST)).ok()?;
            let kind = match manifest.target.as_str() {
                "direct" => Kind::Direct,
                "pxe" => Kind::Pxe,
                _ => return None,
            };
            return Some(Self { path, kind, arch: Arch::named(&manifest.arch)? });
        }
        let mut head = [0; 72];
        // ECMA-119, 8.4: the primary volume descriptor, with the volume's label
        File::open(&path).ok()?.read_exact_at(&mut head, 32768).ok()?;
        let ours = head.starts_with(b"\x01CD001") && head[40..].starts_with(LABELS.as_bytes());
        ours.then_some(Self { path, kind: Kind::Iso, arch: Arch::named("x86_64")? })
    }

    /// Whether a firmware starts it, and not QEMU itself.
    pub fn by_firmware(&self) -> bool {
        !matches!(self.kind, Kind::Direct)
    }

    /// Whose machine it is for.
    pub fn arch(&self) -> &'static Arch {
        self.arch
    }

    /// The machine.
    pub fn machine(&self, how: How<'_>) -> Result<Machine, Failed> {
        let file = |name: &str| self.path.join(name);
        let firmware = how.firmware.unwrap_or(Firmware::Bios);
        let by_firmware = || Start::Firmware { firmware, oem: Some(SERIAL.to_owned()) };
        let publish = how.publish.to_vec();
        if how.plug.is_some() && !matches!(self.kind, Kind::Iso) {
            return Err(Failed::usage("--plug: only an ISO is plugged in"));
        }
        let (start, drives, boot, least) = match self.kind {
            Kind::Direct if how.firmware.is_some() => {
                return Err(Failed::usage("--firmware: QEMU itself loads what is in that folder"));
            }
            Kind::Direct => {
                let carbon = Some(Drive::read_only(file("carbon.erofs"))).filter(|drive| drive.path.exists());
                let homes = Some(Drive::writable(file("users.ext4"))).filter(|drive| drive.path.exists());
                let start = Start::kernel(file("kernel"), file("initramfs"), self.words()?);
                let least = if carbon.is_some() { 256 } else { 512 };
                (start, carbon.into_iter().chain(homes).collect(), None, least)
            }
            Kind::Iso => {
                let bus = how.plug.unwrap_or(Bus::Cd);
                // what is as it was built stays so; a stick or a disk may have homes behind the ISO
                let (read_only, snapshot) = (bus == Bus::Cd, bus != Bus::Cd && beside(&self.path).exists());
                (by_firmware(), vec![Drive { path: self.path.clone(), bus, read_only, snapshot }], None, 512)
            }
            Kind::Pxe => {
                let served = Served { folder: self.path.clone(), file: "boot.ipxe".to_owned() };
                (by_firmware(), Vec::new(), Some(served), 512)
            }
        };
        Ok(Machine {
            memory_mib: how.memory_mib.unwrap_or(least),
            drives: drives.into_iter().chain(how.users).collect(),
            network: Network::User { publish, boot },
            ..Machine::new(self.arch, start)
        })
    }

    fn words(&self) -> Result<String, Failed> {
        let (path, mut text) = (self.path.join("cmdline"), String::new());
        File::open(&path).and_then(|mut file| file.read_to_string(&mut text)).tried("read", &path)?;
        Ok(text.trim().to_owned())
    }
}
