//! `nodeos run` of a medium that a build wrote: the machine that boots it as hardware would.

use std::fs::{self, File};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use boot::host::cache::Cache;
use boot::host::digest;
use boot::host::error::{Error, Tried};
use boot::image::words;
use boot::media::card::{self, Card};
use boot::media::{MANIFEST, Manifest, SERIAL, beside, files, iso, read};
use boot::parts::kernel;
use boot::tools::For;
use qemu::machine::{Bus, Drive, Firmware, Machine, Network, Publish, Served, Start};
use qemu::passt::Passt;
use shim::arches::Arch;

use crate::Failed;

/// What else may be run.
const APPS: &str = "name an app (.js, .mjs, .cjs, .ts or a folder), or a medium that nodeos build wrote";

/// A medium.
pub struct Medium {
    path: PathBuf,
    kind: Kind,
    pub arch: &'static Arch,
}

enum Kind {
    Direct,
    Iso,
    Pxe,
    Sd,
}

/// How it is booted.
pub struct How<'a> {
    pub firmware: Option<Firmware>,
    pub plug: Option<Bus>,
    pub memory_mib: Option<u32>,
    pub users: Option<Drive>,
    pub publish: &'a [Publish],
    /// The network, unless QEMU has to serve one.
    pub passt: Option<Passt>,
}

impl Medium {
    /// The medium at that path: a folder with a manifest of ours, or a file with a label of ours. Anything else may be
    /// an app.
    pub fn found(path: &Path) -> Result<Option<Self>, Failed> {
        let tried = format!("run {}", path.display());
        let found = fs::metadata(path).map_err(|error| Error::io(&tried, &error).next(APPS))?;
        let path = std::path::absolute(path).tried("find", path)?;
        if found.is_dir() {
            return Self::folder(path);
        }
        // a stick that a medium was written to is one too
        if !found.is_file() && !found.file_type().is_block_device() {
            return Err(Error::new(tried, "it is neither a file nor a folder").next(APPS).into());
        }
        let file = File::open(&path).tried("read", &path)?;
        let kind = if card::is(&file) {
            Some((Kind::Sd, Arch::named("aarch64")))
        } else {
            iso::arch_of(&file).map(|arch| (Kind::Iso, Some(arch)))
        };
        Ok(kind.and_then(|(kind, arch)| Some(Self { path, kind, arch: arch? })))
    }

    fn folder(path: PathBuf) -> Result<Option<Self>, Failed> {
        let manifest = match Manifest::read(&path.join(MANIFEST)) {
            Ok(manifest) => manifest,
            // an app may have a manifest.json of another kind
            Err(_) if !["kernel", "initramfs"].iter().all(|name| path.join(name).is_file()) => return Ok(None),
            Err(error) => return Err(error.within(format!("run {}", path.display())).into()),
        };
        let kind = match manifest.target.as_str() {
            "direct" => Kind::Direct,
            "pxe" => Kind::Pxe,
            _ => return Ok(None),
        };
        files(&path)?;
        let unknown =
            || Error::new(format!("run {}", path.display()), format!("{MANIFEST} names no architecture of ours"));
        let arch = Arch::named(&manifest.arch).ok_or_else(unknown)?;
        Ok(Some(Self { path, kind, arch }))
    }

    /// Whether it comes from QEMU's own network.
    pub fn is_served(&self) -> bool {
        matches!(self.kind, Kind::Pxe)
    }

    /// What the host needs to boot it.
    pub fn purposes(&self) -> Vec<For> {
        let more = match self.kind {
            Kind::Direct => None,
            Kind::Iso | Kind::Pxe => Some(For::Firmware(self.arch)),
            Kind::Sd => Some(For::Medium("sd")),
        };
        std::iter::once(For::Machine(self.arch)).chain(more).collect()
    }

    /// The machine.
    pub fn machine(&self, how: How<'_>) -> Result<Machine, Failed> {
        let file = |name: &str| self.path.join(name);
        let bios = self.arch.bios;
        let started = matches!(self.kind, Kind::Iso | Kind::Pxe);
        if started && !bios && how.firmware == Some(Firmware::Bios) {
            return Err(Failed::usage(format!("--firmware bios: a machine of {} has UEFI", self.arch)));
        }
        let firmware = how.firmware.unwrap_or(if bios { Firmware::Bios } else { Firmware::Uefi });
        let by_firmware = || Start::Firmware { firmware, oem: Some(SERIAL.to_owned()) };
        let publish = how.publish.to_vec();
        match (&self.kind, how.plug) {
            (_, None) | (Kind::Iso, _) | (Kind::Sd, Some(Bus::Usb)) => {}
            (Kind::Sd, Some(_)) => return Err(Failed::usage("--plug: a card lies in its slot, or is a usb disk")),
            _ => return Err(Failed::usage("--plug: only an ISO or a card is plugged in")),
        }
        // what is as it was built stays so; a copy, or one that was written to, is written to
        let snapshot = self.is_as_built()?;
        let (start, drives, boot, least) = match self.kind {
            Kind::Direct if how.firmware.is_some() => {
                return Err(Failed::usage("--firmware: QEMU itself loads what is in that folder"));
            }
            Kind::Direct => {
                kernel::check(&file("kernel"), self.arch)?;
                let initramfs = file("initramfs");
                initramfs.metadata().tried("read", &initramfs)?;
                let carbon = Some(Drive::read_only(file("carbon.erofs"))).filter(|drive| drive.path.is_file());
                let homes = Some(Drive::writable(file("users.ext4"))).filter(|drive| drive.path.is_file());
                let start = Start::kernel(file("kernel"), initramfs, self.words()?);
                let least = if carbon.is_some() { 256 } else { 512 };
                (start, carbon.into_iter().chain(homes).collect(), None, least)
            }
            Kind::Iso => {
                let bus = how.plug.unwrap_or(Bus::Cd);
                let (read_only, snapshot) = (bus == Bus::Cd, bus != Bus::Cd && snapshot);
                (by_firmware(), vec![Drive { bus, read_only, snapshot, ..Drive::writable(&self.path) }], None, 512)
            }
            Kind::Pxe => {
                let served = Served { folder: self.path.clone(), file: "boot.ipxe".to_owned() };
                (by_firmware(), Vec::new(), Some(served), 512)
            }
            Kind::Sd => {
                if how.firmware.is_some() || how.users.is_some() || how.memory_mib.is_some_and(|mib| mib != 1024) {
                    return Err(Failed::usage(
                        "--firmware, --users, --memory: QEMU's Raspberry Pi 3 has 1 GiB, and homes are on the card",
                    ));
                }
                let length = self.path.metadata().tried("look at", &self.path)?.len();
                if how.plug.is_none() && !length.is_power_of_two() {
                    let mib = length.next_power_of_two() >> 20;
                    return Err(Failed::usage(format!(
                        "{}: QEMU's slot takes cards of powers of two\n  next: truncate -s {mib}M on a copy, or --plug usb",
                        self.path.display()
                    )));
                }
                let Card { kernel, initramfs, device_tree, cmdline } = card::read(&Cache::open()?, &self.path)?;
                words::check(&cmdline, "")?;
                let bus = how.plug.unwrap_or(Bus::Card);
                let drive = Drive { bus, snapshot, ..Drive::writable(&self.path) };
                (Start::Pi { kernel, initramfs, device_tree, cmdline }, vec![drive], None, 1024)
            }
        };
        Ok(Machine {
            memory_mib: how.memory_mib.unwrap_or(least),
            drives: drives.into_iter().chain(how.users).collect(),
            network: match (boot, how.passt) {
                (None, Some(passt)) => Network::Passt(passt),
                (boot, _) => Network::User { publish, boot },
            },
            ..Machine::new(self.arch, start)
        })
    }

    fn is_as_built(&self) -> Result<bool, Failed> {
        let known = Manifest::read(&beside(&self.path)).ok().and_then(|manifest| manifest.sha256);
        Ok(known.is_some() && known == Some(digest::file(&Cache::open()?, &self.path)?))
    }

    fn words(&self) -> Result<String, Failed> {
        let text = read(&self.path.join("cmdline"))?;
        let text = String::from_utf8_lossy(&text).trim().to_owned();
        // a person may have changed it
        words::check(&text, "")?;
        Ok(text)
    }
}
