//! The devices of a machine, and what starts it.

use std::path::PathBuf;
use std::str::FromStr;

/// A machine's firmware, in QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS, for PCs.
    Bios,
    /// EDK II; its variables are not kept.
    Uefi,
}

impl FromStr for Firmware {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "bios" => Ok(Self::Bios),
            "uefi" => Ok(Self::Uefi),
            _ => Err("expected bios or uefi".to_owned()),
        }
    }
}

/// What a machine boots.
#[derive(Clone, Debug)]
pub enum Start {
    /// A kernel that QEMU loads itself.
    Kernel {
        kernel: PathBuf,
        initramfs: PathBuf,
        /// The kernel's command line.
        cmdline: String,
    },
    /// A Raspberry Pi 3, with the files that its firmware would load from the card: QEMU does not run that firmware.
    Pi {
        kernel: PathBuf,
        initramfs: PathBuf,
        device_tree: PathBuf,
        /// The kernel's command line.
        cmdline: String,
    },
    /// Firmware boots from the network if it offers something, else from the first drive.
    Firmware {
        /// Which firmware.
        firmware: Firmware,
        /// An OEM string of the machine (SMBIOS 3.7, 7.12), which tells a boot menu that it runs in this machine.
        oem: Option<String>,
    },
}

impl Start {
    /// A kernel that QEMU loads itself.
    pub fn kernel(kernel: impl Into<PathBuf>, initramfs: impl Into<PathBuf>, cmdline: impl Into<String>) -> Self {
        Self::Kernel { kernel: kernel.into(), initramfs: initramfs.into(), cmdline: cmdline.into() }
    }
}

/// How a drive is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// A virtio disk.
    Virtio,
    /// A CD.
    Cd,
    /// A USB stick.
    Usb,
    /// An SD card, in a machine with a slot for one.
    Card,
}

impl FromStr for Bus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "disk" => Ok(Self::Virtio),
            "cd" => Ok(Self::Cd),
            "usb" => Ok(Self::Usb),
            _ => Err("expected cd, usb or disk".to_owned()),
        }
    }
}

/// A raw image as a drive.
#[derive(Clone, Debug)]
pub struct Drive {
    /// The image.
    pub path: PathBuf,
    /// The bus to which it is attached.
    pub bus: Bus,
    /// The machine cannot write to it.
    pub read_only: bool,
    /// The machine's changes are discarded at its end.
    pub snapshot: bool,
    /// The logical sector size in bytes, for a virtio disk.
    pub sector: u16,
}

impl Drive {
    /// A disk that the machine only reads.
    pub fn read_only(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), bus: Bus::Virtio, read_only: true, snapshot: false, sector: 512 }
    }

    /// A disk that keeps what the machine writes.
    pub fn writable(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), bus: Bus::Virtio, read_only: false, snapshot: false, sector: 512 }
    }
}
