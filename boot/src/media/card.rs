//! Reads a card as the firmware of a Raspberry Pi does.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{Asked, Drive, Hardware, Layers, Listed, Listing, Loaded, Refused, Slot, Start, Stock};
use crate::host::cache::Cache;
use crate::host::digest::Key;
use crate::host::error::{Error, Result, Tried};
use crate::host::interrupt::Making;
use crate::host::window::Window;
use crate::image::words;
use crate::users::place;
use shim::cmdline::{Apps, Carbon, Options};
use shim::device::Device;
use shim::mbr;
use shim::probe::{Disk, TABLE, is_partition};

/// The file with the kernel's command line.
const CMDLINE: &str = "cmdline.txt";
/// The FAT filesystem's label.
pub const LABEL: &str = "NODEOS-BOOT";
/// The serial line on the pins, for all boards except a 5.
pub const SERIAL: &str = "ttyS1,115200";

pub(super) const MIB: u64 = 1 << 20;
/// The erase block of a card is at most this large.
pub(super) const ALIGN: u64 = 4 * MIB;
/// Where the FAT filesystem begins.
pub const BOOT_AT: u64 = ALIGN;
/// The smallest FAT32 filesystem has 33 MiB; the rest is room for a newer kernel.
pub(super) const BOOT: u64 = 64 * MIB;
/// Where it ends.
pub const BOOT_END: u64 = BOOT_AT + BOOT;

/// The files that a board, as QEMU emulates it, loads from the card.
pub struct Card {
    /// The kernel, compressed.
    pub kernel: PathBuf,
    pub initramfs: PathBuf,
    /// The device tree of a 3B.
    pub device_tree: PathBuf,
    /// The kernel's command line, with the serial line as its system console.
    pub cmdline: String,
}

/// Whether a disk is a NodeOS card.
#[must_use]
pub fn is(disk: &Window) -> bool {
    const LABEL_AT: u64 = 71; // BS_VolLab of FAT32 (Microsoft's FAT specification, 1.03)
    let mut label = [0; LABEL.len()];
    disk.read_exact_at(&mut label, BOOT_AT + LABEL_AT).is_ok() && label == *LABEL.as_bytes()
}

/// The partitions. Of the one that the firmware reads: the files whose bytes a build chooses.
pub(super) fn list(disk: &Window) -> Result<Listing> {
    let _making = Making::start();
    let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
    let copy = |name: &str| {
        let to = folder.path().join(name);
        copy_out(disk.path(), &[name], &to)?;
        // the open file survives the removal of its folder
        Window::open(&to)
    };
    let mut parts = Vec::new();
    for partition in place::partitions(disk)? {
        if partition.window.at() != BOOT_AT {
            parts.push(Listed::partition(partition));
            continue;
        }
        for name in ["kernel8.img", "initramfs"] {
            parts.push(Listed { path: format!("partition {}: {name}", partition.number), window: copy(name) });
        }
    }
    Ok(Listing { cmdline: cmdline(disk.path()).ok(), parts })
}

/// The kernel's command line.
fn cmdline(card: &Path) -> Result<String> {
    let _making = Making::start();
    let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
    let to = folder.path().join(CMDLINE);
    copy_out(card, &[CMDLINE], &to)?;
    let words = Window::open(&to)?.head(4096)?;
    Ok(String::from_utf8_lossy(&words).trim().to_owned())
}

/// The partitions that the command line names, as the shim finds them.
pub(super) fn layers(path: &Path) -> Result<Layers> {
    let disk = Window::open(path)?;
    let cmdline = cmdline(path)?;
    let mut table = Disk { mbr: [0; TABLE], gpt: [0; TABLE], sector: 512 };
    disk.read_exact_at(&mut table.mbr, 0).tried("read", path)?;
    let all = place::partitions(&disk)?;
    let named = |device: Device<'_>| {
        let Device::PartUuid(id) = device else { return None };
        all.iter().find(|partition| is_partition(&table, &[], partition.number.into(), id))
    };
    let options = Options::parse(&cmdline);
    let carbon = if let Carbon::Medium(device) = options.carbon { named(device) } else { None };
    let apps = if let Some(Apps::Device(device)) = options.apps { named(device) } else { None };
    if let Some(other) = apps.and_then(|apps| overlapping(&table.mbr, apps.number)) {
        let why = format!("its partition table is damaged: the apps and partition {other} overlap");
        return Err(Error::new(format!("find the apps in {}", path.display()), why).next("build another medium"));
    }
    let [carbon, apps] = [carbon, apps].map(|found| found.map(|partition| partition.window.clone()));
    let cmdline_in = format!("{CMDLINE} on the first partition of {}", path.display());
    Ok(Layers { cmdline, cmdline_in, carbon, apps })
}

/// A partition with bytes of that one, by its number. Those that contain others count too.
fn overlapping(table: &[u8; TABLE], number: u8) -> Option<u8> {
    let sectors = |number: u8| {
        let entry = mbr::entry(table, usize::from(number).checked_sub(1)?).filter(|entry| entry.kind != 0)?;
        Some(entry.start..entry.start + entry.sectors)
    };
    let own = sectors(number)?;
    let overlaps = |other: &Range<u64>| other.start.max(own.start) < other.end.min(own.end);
    (1..=4).filter(|other| *other != number).find(|other| sectors(*other).as_ref().is_some_and(overlaps))
}

/// Copies files from the partition that the firmware reads.
fn copy_out(card: &Path, names: &[&str], to: &Path) -> Result<()> {
    let mut image = card.as_os_str().to_owned();
    image.push(format!("@@{BOOT_AT}"));
    let names = names.iter().map(|name| format!("::{name}"));
    super::mtools("mcopy", Path::new(&image)).args(names).arg(to).ok()
}

/// Extracts the files that QEMU loads itself, because QEMU does not run that firmware.
pub fn read(cache: &Cache, path: &Path) -> Result<Card> {
    const FILES: [&str; 4] = ["kernel8.img", "initramfs", "bcm2837-rpi-3-b.dtb", CMDLINE];
    let file = File::open(path).tried("read", path)?;
    let mut boot = vec![0; usize::try_from(BOOT_END - BOOT_AT).unwrap_or(0)];
    file.read_exact_at(&mut boot, BOOT_AT).tried("read the first partition of", path)?;
    let key = format!("boot-{}", Key::default().with("boot", &boot).name());
    let folder = cache.entry("card", &key, |new| {
        fs::create_dir(new).tried("make the folder", new)?;
        copy_out(path, &FILES, new)
    })?;
    cache.prune("card", "boot-");
    let text = fs::read_to_string(folder.join(CMDLINE)).tried("read", &folder)?;
    let [kernel, initramfs, device_tree] = [FILES[0], FILES[1], FILES[2]].map(|name| folder.join(name));
    // of several consoles, the last one is the system console
    Ok(Card { kernel, initramfs, device_tree, cmdline: format!("{} console={SERIAL}", text.trim()) })
}

/// The RAM of the only board that QEMU emulates: a Raspberry Pi 3.
const PI_3_MIB: u32 = 1024;

/// That board, with the card in its slot or on a USB port.
pub(super) fn boot(stock: &Stock<'_>, asked: &Asked) -> std::result::Result<Hardware, Refused> {
    let refused = |why: String| Err(Refused::Asked(why));
    if asked.homes {
        let next = "nodeos users changes the homes of a card's image";
        return refused(format!("--users: the homes are on the card\n  next: {next}"));
    }
    if let Some(mib) = asked.memory_mib.filter(|mib| *mib != PI_3_MIB) {
        return refused(format!("--memory {mib}M: QEMU's Raspberry Pi 3 has {PI_3_MIB}M"));
    }
    let slot = asked.slot.unwrap_or(Slot::Card);
    let length = stock.path.metadata().tried("look at", stock.path)?.len();
    if slot == Slot::Card && !length.is_power_of_two() {
        let (path, mib) = (stock.path.display(), length.next_power_of_two() >> 20);
        let next = format!("truncate -s {mib}M on a copy, or --plug usb");
        return refused(format!("{path}: QEMU's slot takes cards of powers of two\n  next: {next}"));
    }
    let Card { kernel, initramfs, device_tree, cmdline } = read(stock.cache, stock.path)?;
    words::check(&cmdline, "")?;
    Ok(Hardware {
        start: Start::Pi(Loaded { kernel, initramfs, cmdline }, device_tree),
        drives: vec![Drive { path: stock.path.to_owned(), slot, read_only: false }],
        memory_mib: PI_3_MIB,
    })
}

#[cfg(test)]
mod tests {
    use super::{BOOT_AT, LABEL, Window, is};
    use std::os::unix::fs::FileExt;

    #[test]
    fn a_card_is_recognised_by_its_label() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let is = || is(&Window::open(file.path()).unwrap());
        let write = |label: &str| file.as_file().write_all_at(label.as_bytes(), BOOT_AT + 71).unwrap();
        assert!(!is(), "an empty file");
        write(LABEL);
        assert!(is());
        write("OTHER");
        assert!(!is());
    }
}
