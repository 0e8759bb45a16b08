//! QEMU's arguments for the network cards of a machine.

use std::ffi::OsString;

use super::{Args, Firmware, Machine, Network, Publish, Served, Start, Wire, escape, join};
use crate::inherited::Inherited;
use crate::passt;

impl Machine {
    pub(super) fn network(&self, args: &mut Args, passt: Option<&Inherited>) {
        // an option ROM is only needed to boot from the network
        let rom = if self.boots_from_network() { ",bootindex=0" } else { ",romfile=" };
        let card = if self.is_pi() { "usb-net,netdev=net" } else { &format!("virtio-net-pci,netdev=net{rom}") };
        match &self.network {
            Network::None => {}
            Network::Passt(_) => {
                args.option("-netdev", passt::netdev(passt)).option("-device", card);
            }
            Network::User { publish, boot } => {
                let mut net = OsString::from("user,id=net");
                for Publish { host, guest } in publish {
                    net.push(format!(",hostfwd=tcp:127.0.0.1:{host}-:{guest}"));
                }
                if let Some(Served { folder, file }) = boot {
                    net =
                        join([&net, ",tftp=".as_ref(), &escape(folder), ",bootfile=".as_ref(), &escape(file.as_ref())]);
                }
                args.option("-netdev", net).option("-device", card);
            }
            Network::Wires(wires) => {
                if wires.iter().any(|wire| !wire.plugged) {
                    args.option("-device", "qemu-xhci,id=usb");
                }
                for (number, Wire { machine, other, mac, plugged }) in wires.iter().enumerate() {
                    let (start, remote) =
                        (format!("dgram,id=net{number},local.type=unix,local.path="), ",remote.type=unix,remote.path=");
                    let (machine, other) = (escape(machine), escape(other));
                    args.option("-netdev", join([start.as_ref(), &machine, remote.as_ref(), &other]));
                    if *plugged {
                        args.option(
                            "-device",
                            format!("virtio-net-pci,netdev=net{number},id=card{number},mac={mac},romfile="),
                        );
                    }
                }
            }
            Network::Tap(name, mac) => {
                args.option("-netdev", format!("tap,id=net,ifname={name},script=no,downscript=no"));
                // UEFI has its own network boot loader, which the card's ROM would hide
                let uefi = matches!(self.start, Start::Firmware { firmware: Firmware::Uefi, .. });
                let own = if uefi { ",romfile=" } else { "" };
                args.option("-device", format!("virtio-net-pci,netdev=net,mac={mac}{own}{rom}"));
            }
        }
    }
}
