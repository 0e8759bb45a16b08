//! A folder to serve by TFTP or HTTP: machines without a disk boot from it.
//!
//! iPXE reads `boot.ipxe`. Other ROMs first load `undionly.kpxe` (BIOS) or `ipxe.efi` (UEFI), which are iPXE, or
//! PXELINUX. See docs/pxe.md.

use std::fs;
use std::path::{Path, PathBuf};

use shim::layout::APPS_IMAGE;

use super::{
    ALWAYS, Asked, Code, Console, FIRMWARES_RAM, Hardware, Machine, Medium, Member, Parts, Refused, SERIAL, Shape,
    Start, Starts, Stock, UNATTENDED, initramfs, users,
};
use crate::host::cache::write_whole;
use crate::host::error::{Result, Tried};
use crate::host::tool::Sign;
use crate::image::archive;
use crate::image::carbon::Placement;
use crate::image::erofs::Packing;
use crate::image::tree::{Entry, Tree};
use crate::parts::debian::installed;

pub const MEDIUM: Medium = Medium {
    name: "pxe",
    about: "a folder to serve by TFTP or HTTP (x86_64): docs/pxe.md",
    shape: Shape::Folder,
    archs: &["x86_64"],
    placement: Some(Placement::Image),
    packing: Packing::Compressed,
    profile: "pc",
    menu: true,
    machines: true,
    padded: false,
    starts: Starts::Firmware,
    slots: &[],
    tools: || LOADERS.map(|(_, file, package)| (Sign::File(file, package), "boots from a network")).to_vec(),
    recognise: |_| None,
    list: |_| Ok(None),
    boot,
    code: Code::Within {
        why: "machines load the code of its apps with the initramfs",
        next: "homes on a machine's own partition with the label nodeos-users stay as they are",
    },
    cmdline,
    // our line for iPXE has `initrd=`, which names the initramfs; PXELINUX adds both words
    adds: "BOOT_IMAGE=kernel initrd=initramfs",
    homes: "initramfs",
    entries: &[],
    versions: |_| installed(&["ipxe", "pxelinux", "syslinux-common"]),
    make,
};

/// The script that iPXE fetches.
const SCRIPT: &str = "boot.ipxe";

/// Network boot loaders: the name, the path on the host, and the Debian package of each.
const LOADERS: [(&str, &str, &str); 4] = [
    ("ipxe.efi", "/usr/lib/ipxe/ipxe.efi", "ipxe"),
    ("undionly.kpxe", "/usr/lib/ipxe/undionly.kpxe", "ipxe"),
    ("pxelinux.0", "/usr/lib/PXELINUX/pxelinux.0", "pxelinux"),
    ("ldlinux.c32", "/usr/lib/syslinux/modules/bios/ldlinux.c32", "syslinux-common"),
];

fn cmdline(parts: &Parts<'_>) -> Result<String> {
    Ok(line(parts))
}

fn line(parts: &Parts<'_>) -> String {
    format!("{} {}", Console::Screen.words(parts.image.arch), rest(parts))
}

/// The same without the consoles.
fn rest(parts: &Parts<'_>) -> String {
    let apps = if parts.image.apps.is_some() { format!("apps=image {UNATTENDED} ") } else { String::new() };
    format!("{ALWAYS} {} {apps}{}", users(), parts.image.cmdline())
}

fn boot(stock: &Stock<'_>, asked: &Asked) -> std::result::Result<Hardware, Refused> {
    Ok(Hardware {
        start: Start::Network(stock.firmware(asked), SCRIPT),
        drives: Vec::new(),
        memory_mib: asked.memory_mib.unwrap_or(FIRMWARES_RAM),
    })
}

fn make(parts: &Parts<'_>, out: &Path) -> Result<Vec<Member>> {
    let configs = out.join("pxelinux.cfg");
    fs::create_dir_all(&configs).tried("make the folder", &configs)?;
    let kernel = out.join("kernel");
    fs::copy(&parts.image.kernel, &kernel).tried("copy to", &kernel)?;
    let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
    let apps = parts.image.apps.as_ref().map(|apps| with_apps(apps, &folder.path().join("apps"))).transpose()?;
    initramfs(parts, apps.as_deref(), &out.join("initramfs"))?;
    for (name, from, _package) in LOADERS {
        fs::copy(from, out.join(name)).tried("copy", Path::new(from))?;
    }
    write_whole(&out.join(SCRIPT), script(parts).as_bytes())?;
    let config = |name: &str, words: &str| write_whole(&configs.join(name), pxelinux(parts, words).as_bytes());
    config("default", "")?;
    for Machine { mac, words } in parts.machines {
        // 01 is Ethernet (syslinux, doc/pxelinux.txt)
        config(&format!("01-{}", mac.replace(':', "-")), words)?;
    }
    Ok(Vec::new())
}

/// An archive with the apps' filesystem, which is compressed already.
fn with_apps(apps: &Path, out: &Path) -> Result<PathBuf> {
    let mut tree = Tree::default();
    tree.put(APPS_IMAGE, Entry::File { source: apps.to_owned(), mode: 0o400 })?;
    archive::write(&tree, false, None, out)?;
    Ok(out.to_owned())
}

/// <https://ipxe.org/scripting>
fn script(parts: &Parts<'_>) -> String {
    let (screen, serial) = (Console::Screen.words(parts.image.arch), Console::Serial.words(parts.image.arch));
    let mut text = format!(
        "#!ipxe\n\
         # NodeOS: kernel and initramfs lie beside this script.\n\
         set consoles {screen}\n\
         # a machine of nodeos run: its first OEM string says that its console is the serial line\n\
         iseq ${{smbios/11.4.0}} {SERIAL} && set consoles {serial} ||\n\
         set words\n"
    );
    for Machine { mac, words } in parts.machines {
        text += &format!("iseq ${{netX/mac}} {mac} && set words {words} ||\n");
    }
    text + &format!(
        "kernel kernel initrd=initramfs ${{consoles}} {} ${{words}} || goto failed\n\
         initrd initramfs || goto failed\n\
         boot || goto failed\n\
         :failed\n\
         echo NodeOS: cannot start from the network. Are kernel and initramfs served beside boot.ipxe?\n\
         sleep 10\n\
         reboot\n",
        rest(parts)
    )
}

/// <https://wiki.syslinux.org/wiki/index.php?title=PXELINUX>
fn pxelinux(parts: &Parts<'_>, words: &str) -> String {
    let line = format!("{} {words}", line(parts));
    format!("DEFAULT nodeos\nLABEL nodeos\n  KERNEL kernel\n  INITRD initramfs\n  APPEND {}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::super::Machine;
    use super::{Parts, pxelinux, script};
    use crate::host::Host;
    use crate::host::cache::Cache;
    use crate::host::progress::Progress;
    use crate::image::Image;
    use crate::image::carbon::Placement;
    use shim::arches::ALL;
    use std::path::Path;

    #[test]
    fn each_machine_gets_its_parameters_in_every_loader_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host { cache: Cache::at(folder.path()).unwrap(), progress: Progress::Silent };
        let image = Image {
            arch: &ALL[0],
            kernel: "k".into(),
            initramfs: "i".into(),
            carbon: None,
            apps: None,
            placement: Placement::Image,
            words: "TZ=UTC".to_owned(),
            versions: vec![],
        };
        let machines = ["52:54:00:12:34:56=users=none".parse::<Machine>().unwrap()];
        let users = Some(Path::new("u"));
        let parts = Parts { host: &host, image: &image, users, machines: &machines };
        assert_eq!(
            script(&parts),
            "#!ipxe\n\
             # NodeOS: kernel and initramfs lie beside this script.\n\
             set consoles console=ttyS0,115200 console=tty0\n\
             # a machine of nodeos run: its first OEM string says that its console is the serial line\n\
             iseq ${smbios/11.4.0} nodeos:serial && set consoles console=tty0 console=ttyS0,115200 ||\n\
             set words\n\
             iseq ${netX/mac} 52:54:00:12:34:56 && set words users=none ||\n\
             kernel kernel initrd=initramfs ${consoles} quiet panic=10 watchdog.stop_on_reboot=0 \
             users=LABEL=nodeos-users carbon=image TZ=UTC ${words} || goto failed\n\
             initrd initramfs || goto failed\n\
             boot || goto failed\n\
             :failed\n\
             echo NodeOS: cannot start from the network. Are kernel and initramfs served beside boot.ipxe?\n\
             sleep 10\n\
             reboot\n"
        );
        assert_eq!(
            pxelinux(&parts, "users=none"),
            "DEFAULT nodeos\nLABEL nodeos\n  KERNEL kernel\n  INITRD initramfs\n  APPEND console=ttyS0,115200 console=tty0 \
             quiet panic=10 watchdog.stop_on_reboot=0 users=LABEL=nodeos-users carbon=image TZ=UTC users=none\n"
        );
    }
}
