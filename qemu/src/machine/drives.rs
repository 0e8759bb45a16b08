//! QEMU's arguments for the drives of a machine.

use super::{Args, Bus, Machine, Start, escape, join};

impl Machine {
    pub(super) fn drives(&self, args: &mut Args) {
        if self.drives.iter().any(|drive| drive.bus == Bus::Usb) && !self.is_pi() {
            args.option("-device", "qemu-xhci");
        }
        let (cd, controller) = self.arch.qemu_cd;
        if let Some(controller) = controller.filter(|_| self.drives.iter().any(|drive| drive.bus == Bus::Cd)) {
            args.option("-device", controller);
        }
        for (number, drive) in self.drives.iter().enumerate() {
            let readonly = if drive.read_only { ",readonly=on" } else { "" };
            let snapshot = if drive.snapshot { ",snapshot=on" } else { "" };
            let device = match drive.bus {
                Bus::Virtio => Some("virtio-blk-pci"),
                Bus::Cd => Some(cd),
                Bus::Usb => Some("usb-storage,removable=on"),
                Bus::Card => None,
            };
            let place = if device.is_some() { format!("none,id=disk{number}") } else { "sd".to_owned() };
            // the machine gets an error and continues (`disk_full` reports why); otherwise QEMU would stop it without a
            // message. A card slot has no such option
            let full = if device.is_some() && !drive.read_only { ",werror=report" } else { "" };
            let options = format!("if={place},format=raw{readonly}{snapshot}{full},file=");
            args.option("-drive", join([options.as_ref(), &escape(&drive.path)]));
            let Some(device) = device else { continue };
            let first = number == 0 && matches!(self.start, Start::Firmware { .. }) && !self.boots_from_network();
            let boot = if first { ",bootindex=0" } else { "" };
            let sector = match drive.sector {
                512 => String::new(),
                size => format!(",logical_block_size={size},physical_block_size={size}"),
            };
            args.option("-device", format!("{device},drive=disk{number}{boot}{sector}"));
        }
    }
}
