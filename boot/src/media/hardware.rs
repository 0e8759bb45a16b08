//! The machine that boots a medium, independent of the emulator: the row of the medium describes it, the command starts
//! it.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use shim::arches::Arch;

use super::{ALL, Medium};
use crate::host::cache::Cache;
use crate::host::error::Error;

/// Firmware that starts a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// A PC's BIOS.
    Bios,
    /// UEFI.
    Uefi,
}

/// The slot of a drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A CD drive.
    Cd,
    /// A USB port.
    Usb,
    /// A disk controller.
    Disk,
    /// An SD card slot.
    Card,
}

const FIRMWARES: &[(&str, Firmware)] = &[("bios", Firmware::Bios), ("uefi", Firmware::Uefi)];
const SLOTS: &[(&str, Slot)] = &[("cd", Slot::Cd), ("usb", Slot::Usb), ("disk", Slot::Disk), ("card", Slot::Card)];

/// Finds a word of the command line in a table.
fn named<T: Copy>(table: &[(&str, T)], word: &str) -> Result<T, String> {
    let names = || table.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let found = table.iter().find(|(name, _)| *name == word);
    found.map(|(_, value)| *value).ok_or_else(|| format!("expected one of: {}", names()))
}

impl FromStr for Firmware {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        named(FIRMWARES, text)
    }
}

impl FromStr for Slot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        named(SLOTS, text)
    }
}

/// The user's choices for the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// Which firmware starts it.
    pub firmware: Option<Firmware>,
    /// The slot of the medium.
    pub slot: Option<Slot>,
    /// RAM in MiB.
    pub memory_mib: Option<u32>,
    /// Whether a disk with homes is added.
    pub homes: bool,
}

/// A kernel that the emulator loads by itself.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub kernel: PathBuf,
    pub initramfs: PathBuf,
    /// The kernel's command line.
    pub cmdline: String,
}

/// How a machine is started.
#[derive(Clone, Debug)]
pub enum Start {
    /// With a kernel that the emulator loads.
    Loaded(Loaded),
    /// A Raspberry Pi 3 with the files that its firmware would load, and its device tree.
    Pi(Loaded, PathBuf),
    /// By firmware, from the first drive.
    Drive(Firmware),
    /// By firmware, from this file in the medium's folder, which the network serves.
    Network(Firmware, &'static str),
}

/// A drive of the machine.
#[derive(Clone, Debug)]
pub struct Drive {
    /// The image.
    pub path: PathBuf,
    /// Where it is plugged in.
    pub slot: Slot,
    /// The machine cannot write to it.
    pub read_only: bool,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// What starts it.
    pub start: Start,
    /// Its drives, in order.
    pub drives: Vec<Drive>,
    /// RAM in MiB.
    pub memory_mib: u32,
}

/// Why no such machine can be made.
#[derive(Debug)]
pub enum Refused {
    /// The user's choices do not fit together.
    Asked(String),
    /// Anything else.
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// How a medium is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starts {
    /// The program that starts the machine loads kernel and initramfs from the folder.
    Loaded,
    /// By the machine's firmware.
    Firmware,
    /// By a firmware that cannot be emulated: the files are extracted, with the tools that make the medium.
    TakenOut,
}

/// A medium that was found: the argument of its row's `boot`.
pub struct Stock<'a> {
    /// Its path.
    pub path: &'a Path,
    pub arch: &'static Arch,
    /// Where extracted files are kept.
    pub cache: &'a Cache,
}

impl Stock<'_> {
    /// The firmware: the chosen one, or the default of the machine.
    pub fn firmware(&self, asked: &Asked) -> Firmware {
        asked.firmware.unwrap_or(if self.arch.bios { Firmware::Bios } else { Firmware::Uefi })
    }
}

/// Refuses choices that are not possible for such a machine.
pub fn check(medium: &Medium, arch: &Arch, asked: &Asked) -> Result<(), Refused> {
    let refused = |why: String| Err(Refused::Asked(why));
    if asked.firmware.is_some() && medium.starts != Starts::Firmware {
        return refused(format!("--firmware: nodeos run loads the kernel of {medium} itself"));
    }
    if asked.firmware == Some(Firmware::Bios) && !arch.bios {
        return refused(format!("--firmware bios: a machine of {arch} has UEFI"));
    }
    match asked.slot {
        Some(_) if medium.slots.is_empty() => {
            let plugged = ALL.iter().filter(|medium| !medium.slots.is_empty()).map(|medium| medium.name);
            let plugged = plugged.collect::<Vec<_>>().join(", ");
            refused(format!("--plug: {medium} is not plugged in; these are: {plugged}"))
        }
        Some(slot) if !medium.slots.contains(&slot) => {
            let names = SLOTS.iter().filter(|(_, slot)| medium.slots.contains(slot)).map(|(name, _)| *name);
            refused(format!("--plug: {medium} is plugged in as one of: {}", names.collect::<Vec<_>>().join(", ")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, Firmware, Refused, Slot, check};
    use crate::media::Medium;
    use shim::arches::Arch;

    #[test]
    fn slots_and_firmware_are_checked_for_each_medium() {
        let why = |medium: &str, arch: &str, slot, firmware| {
            let asked = Asked { slot, firmware, ..Asked::default() };
            match check(Medium::named(medium).unwrap(), Arch::named(arch).unwrap(), &asked) {
                Ok(()) => String::new(),
                Err(Refused::Asked(why)) => why,
                Err(Refused::Failed(error)) => panic!("{error}"),
            }
        };
        assert_eq!(why("iso", "x86_64", Some(Slot::Usb), Some(Firmware::Bios)), "");
        assert_eq!(why("sd", "aarch64", Some(Slot::Usb), None), "");
        assert!(why("sd", "aarch64", Some(Slot::Cd), None).ends_with("as one of: usb, card"));
        assert!(why("pxe", "x86_64", Some(Slot::Usb), None).contains("is not plugged in"));
        assert!(why("iso", "aarch64", None, Some(Firmware::Bios)).contains("has UEFI"));
        assert!(why("direct", "x86_64", None, Some(Firmware::Uefi)).contains("loads the kernel of direct itself"));
    }
}
