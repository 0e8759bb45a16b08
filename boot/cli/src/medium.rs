//! `nodeos run` for a medium that a build wrote: runs the machine that its row describes in QEMU.

use boot::host::Host;
use boot::media::{Asked, Drive as Plugged, Firmware, Found, Hardware, Loaded, Refused, SERIAL, Slot, Start};
use qemu::machine::{self, Bus, Drive, Machine, Network, Publish, Served};
use qemu::passt::Passt;

use crate::common::Failed;

/// What is beside the medium.
pub struct Beside<'a> {
    /// A disk with homes.
    pub users: Option<Drive>,
    /// Ports of the host.
    pub publish: &'a [Publish],
    /// The network, if it can be had; told whether QEMU has to serve what the machine boots from.
    pub passt: &'a dyn Fn(bool) -> Option<Passt>,
}

/// The machine that boots it.
pub fn machine(medium: &Found, host: &Host, asked: &Asked, beside: Beside<'_>) -> Result<Machine, Failed> {
    let Hardware { start, drives, memory_mib } =
        medium.hardware(&host.cache, asked).map_err(|refused| match refused {
            Refused::Asked(why) => Failed::usage(why),
            Refused::Failed(error) => error.into(),
        })?;
    // an unchanged build is not written to; a copy, or a medium that was changed before, is
    let as_built = medium.is_as_built(&host.cache)?;
    let drive = |Plugged { path, slot, read_only }| Drive {
        bus: bus(slot),
        read_only,
        snapshot: as_built && !read_only,
        ..Drive::writable(path)
    };
    let served = match start {
        Start::Network(_, file) => Some(Served { folder: medium.path.clone(), file: file.to_owned() }),
        _ => None,
    };
    Ok(Machine {
        memory_mib,
        drives: drives.into_iter().map(drive).chain(beside.users).collect(),
        network: match ((beside.passt)(served.is_some()), served) {
            (Some(passt), None) => Network::Passt(passt),
            (_, boot) => Network::User { publish: beside.publish.to_vec(), boot },
        },
        ..Machine::new(medium.arch, started(start))
    })
}

fn started(start: Start) -> machine::Start {
    match start {
        Start::Loaded(Loaded { kernel, initramfs, cmdline }) => machine::Start::kernel(kernel, initramfs, cmdline),
        Start::Pi(Loaded { kernel, initramfs, cmdline }, device_tree) => {
            machine::Start::Pi { kernel, initramfs, device_tree, cmdline }
        }
        Start::Drive(firmware) | Start::Network(firmware, _) => {
            let firmware = match firmware {
                Firmware::Bios => machine::Firmware::Bios,
                Firmware::Uefi => machine::Firmware::Uefi,
            };
            machine::Start::Firmware { firmware, oem: Some(SERIAL.to_owned()) }
        }
    }
}

fn bus(slot: Slot) -> Bus {
    match slot {
        Slot::Cd => Bus::Cd,
        Slot::Usb => Bus::Usb,
        Slot::Disk => Bus::Virtio,
        Slot::Card => Bus::Card,
    }
}
