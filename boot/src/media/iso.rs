//! One file for a CD and for a USB stick, started by UEFI or by a PC's BIOS: an ISO 9660 filesystem with GRUB 2.
//!
//! | who reads it | what it reads |
//! |---|---|
//! | BIOS, from a CD | El Torito's first entry, `/boot/grub/core.img`: GRUB's core after `cdboot.img` |
//! | BIOS, from a stick | the first sector, `boot_hybrid.img`, which continues with the same core |
//! | UEFI, from either | `EFI/BOOT/BOOTX64.EFI` or `BOOTAA64.EFI` in a FAT image after the ISO (El Torito, partition) |
//! | GRUB | `/boot/grub/grub.cfg`, `/kernel`, `/initramfs` |
//! | the shim | `/carbon.erofs`, on any device with the label |
//!
//! El Torito 1.0; UEFI 2.10, 13.3.2; xorriso's `-as mkisofs` as grub-mkrescue uses it.

use std::fs;
use std::path::{Path, PathBuf};

use shim::arches::Arch;
use shim::probe;

use super::{
    ALWAYS, Asked, Code, Console, Drive, EPOCH, FIRMWARES_RAM, Hardware, Listed, Listing, Medium, Member, Parts,
    Refused, SERIAL, SPEED, Shape, Slot, Start, Starts, Stock, UNATTENDED, gzipped, initramfs, manifest, users,
};
use crate::host::cache::write_whole;
use crate::host::digest::{self, Key};
use crate::host::error::{Result, Tried};
use crate::host::run::Run;
use crate::host::tool::Sign;
use crate::host::window::Window;
use crate::image::carbon::Placement;
use crate::image::erofs::Packing;
use crate::image::{APPS_FILE, CARBON_FILE};
use crate::parts::Versions;
use crate::parts::debian::{fetched, installed, unpacked};

pub const MEDIUM: Medium = Medium {
    name: "iso",
    about: "a file for a CD or a USB stick, for BIOS and UEFI: docs/iso.md",
    shape: Shape::File,
    archs: &["x86_64", "aarch64"],
    placement: Some(Placement::Medium),
    packing: Packing::Compressed,
    profile: "pc",
    menu: true,
    machines: false,
    padded: false,
    starts: Starts::Firmware,
    slots: &[Slot::Cd, Slot::Usb, Slot::Disk],
    tools,
    recognise,
    list,
    boot,
    code: Code::Within {
        why: "an ISO is read-only: the code of its apps is a file in it",
        next: "homes on a partition with the label nodeos-users stay as they are, and the new ISO uses them",
    },
    cmdline,
    // GRUB's loader/linux.c
    adds: "BOOT_IMAGE=/kernel",
    homes: "",
    entries: &[IN_RAM, RESCUE],
    versions,
    make,
};

/// Kernel parameters of the menu's entries.
const IN_RAM: &str = "users=none";
const RESCUE: &str = "single";

/// The folder of GRUB's packages.
const GRUB: &str = "/usr/lib/grub";
/// GRUB's boot sector for a stick.
const HYBRID: &str = "/usr/lib/grub/i386-pc/boot_hybrid.img";
/// The GRUB modules that every core needs.
const MODULES: [&str; 14] = [
    "iso9660",
    "part_gpt",
    "part_msdos",
    "search",
    "search_label",
    "normal",
    "configfile",
    "linux",
    "gzio",
    "serial",
    "terminal",
    "smbios",
    "test",
    "reboot",
];
/// The additional ones for BIOS, and those for UEFI.
const BIOS: [&str; 1] = ["biosdisk"];
const UEFI: [&str; 2] = ["efi_gop", "all_video"];
/// The first commands of the menu.
const OEM: &str = include_str!("oem.cfg");
/// The first commands of a core: find the medium that it came from, or any with the label.
const FIRST: &str = "search --no-floppy --set=root --hint=$root --label LABEL\nset prefix=($root)/boot/grub\n\
                     normal ($root)/boot/grub/grub.cfg\n";

fn cmdline(parts: &Parts<'_>) -> Result<String> {
    Ok(format!("{} {}", Console::Screen.words(parts.image.arch), rest(parts, &label(parts)?)))
}

fn rest(parts: &Parts<'_>, label: &str) -> String {
    let apps = if parts.image.apps.is_some() { format!("apps=medium {UNATTENDED} ") } else { String::new() };
    format!("{ALWAYS} {} carbon=iso:LABEL={label} {apps}{}", users(), parts.image.words).trim_end().to_owned()
}

/// The prefix of all labels.
const LABELS: &str = "nodeos-";

/// The folder of the GRUB modules for UEFI: x86_64's are installed on the host (`tools`), others are fetched.
fn modules(parts: &Parts<'_>) -> Result<PathBuf> {
    let arch = parts.image.arch;
    let grub = if arch.bios { PathBuf::from(GRUB) } else { package(parts)?.join("usr/lib/grub") };
    Ok(grub.join(arch.grub_format))
}

fn package(parts: &Parts<'_>) -> Result<PathBuf> {
    unpacked(parts.host, parts.image.arch, parts.image.arch.grub_package, "main")
}

fn versions(parts: &Parts<'_>) -> Result<Versions> {
    let package = parts.image.arch.grub_package;
    if parts.image.arch.bios {
        return installed(&[package, "grub-pc-bin", "xorriso"]);
    }
    let mut versions = installed(&["xorriso"])?;
    versions.push((package, fetched(&self::package(parts)?)?));
    Ok(versions)
}

/// The filesystem's label, derived from its content, so that a newer stick does not use the carbon copy of an older
/// disk.
fn label(parts: &Parts<'_>) -> Result<String> {
    let mut digest = digest::file(&parts.host.cache, parts.carbon()?)?;
    if let Some(apps) = &parts.image.apps {
        digest = Key::default().with("carbon", digest).with_file(&parts.host.cache, "apps", apps)?.name();
    }
    Ok(format!("{LABELS}{}", digest.get(..12).unwrap_or_default()))
}

fn tools() -> Vec<(Sign, &'static str)> {
    vec![
        (Sign::Program("xorriso"), "writes the filesystem of an ISO"),
        (Sign::Program("grub-mkimage"), "makes a boot loader"),
        (Sign::File(HYBRID, "grub-pc-bin"), "the boot loader for a BIOS"),
        (Sign::File("/usr/lib/grub/x86_64-efi/normal.mod", "grub-efi-amd64-bin"), "the boot loader for UEFI"),
        (Sign::Program("mformat"), "makes the partition that UEFI reads"),
    ]
}

/// Recognizes our ISOs: the primary volume descriptor contains the system's name and our label (ECMA-119, 8.4).
fn recognise(iso: &Window) -> Option<&'static Arch> {
    let mut head = [0; 72];
    iso.read_exact_at(&mut head, probe::BLOCKS[1]).ok()?;
    let [kind, system, label] = [&head[..6], &head[8..40], &head[40..]];
    let ours = kind == probe::ISO && label.starts_with(LABELS.as_bytes());
    let system = std::str::from_utf8(system).ok().filter(|_| ours)?;
    Arch::named(&system.trim_end().to_ascii_lowercase())
}

/// The files of any ISO, in the order of their paths.
fn list(iso: &Window) -> Result<Option<Listing>> {
    if !iso.is_iso() {
        return Ok(None);
    }
    let mut device = std::ffi::OsString::from("stdio:");
    device.push(iso.path());
    let run = Run::new("xorriso").args(["-no_rc", "-report_about", "SORRY", "-indev"]).arg(device);
    let text = run.args(["-find", "/", "-type", "f", "-exec", "report_lba", "--"]).output()?;
    let mut files: Vec<_> = text.lines().filter_map(|line| extent(line, iso)).collect();
    files.sort_by(|one, other| one.0.cmp(&other.0));
    let menu =
        files.iter().find(|(path, _)| path == "/boot/grub/grub.cfg").map(|(_, file)| file.head(1 << 16)).transpose()?;
    let menu = String::from_utf8_lossy(&menu.unwrap_or_default()).into_owned();
    let cmdline = menu.lines().find_map(|line| line.trim().strip_prefix("linux /kernel ").map(str::to_owned));
    let parts = files.into_iter().map(|(path, file)| Listed { path, window: Ok(file) }).collect();
    Ok(Some(Listing { cmdline, parts }))
}

/// Parses a line of xorriso's `report_lba`: `File data lba: 0 , 35 , 1 , 2 , '/kernel'`; the path is quoted for a
/// shell.
fn extent(line: &str, iso: &Window) -> Option<(String, Window)> {
    let mut words = line.strip_prefix("File data lba:")?.splitn(5, ',').map(str::trim);
    let (_, block, _, bytes, path) = (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    let path = path.strip_prefix('\'')?.strip_suffix('\'')?.replace(r#"'"'"'"#, "'");
    let at = block.parse::<u64>().ok()?.checked_mul(2048)?;
    Some((path, iso.part(at, bytes.parse().ok()?)))
}

fn boot(stock: &Stock<'_>, asked: &Asked) -> std::result::Result<Hardware, Refused> {
    let slot = asked.slot.unwrap_or(Slot::Cd);
    Ok(Hardware {
        start: Start::Drive(stock.firmware(asked)),
        drives: vec![Drive { path: stock.path.to_owned(), slot, read_only: slot == Slot::Cd }],
        memory_mib: asked.memory_mib.unwrap_or(FIRMWARES_RAM),
    })
}

fn make(parts: &Parts<'_>, out: &Path) -> Result<Vec<Member>> {
    let image = parts.image;
    let (carbon, label) = (parts.carbon()?, label(parts)?);
    let work = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
    let (tree, esp) = (work.path().join("tree"), work.path().join("esp.img"));
    let grub = tree.join("boot/grub");
    fs::create_dir_all(&grub).tried("make the folder", &grub)?;
    let copy = |from: &Path, name: &str| fs::copy(from, tree.join(name)).map(drop).tried("copy", from);
    copy(carbon, CARBON_FILE)?;
    if let Some(apps) = &image.apps {
        copy(apps, APPS_FILE)?;
    }
    if image.arch.bios {
        copy(&image.kernel, "kernel")?;
    } else {
        // a bzImage unpacks itself; GRUB unpacks this one
        copy(&gzipped(&parts.host.cache, &image.kernel)?, "kernel")?;
    }
    initramfs(parts, None, &tree.join("initramfs"))?;
    write_whole(&grub.join("grub.cfg"), menu(parts, &label).as_bytes())?;
    let first = work.path().join("first.cfg");
    write_whole(&first, FIRST.replace("LABEL", &label).as_bytes())?;
    if image.arch.bios {
        core("i386-pc-eltorito", &Path::new(GRUB).join("i386-pc"), &BIOS, &first, &grub.join("core.img"))?;
    }
    let efi = work.path().join(image.arch.efi_file);
    core(image.arch.grub_format, &modules(parts)?, &UEFI, &first, &efi)?;
    system_partition(&efi, image.arch.efi_file, &esp)?;
    let members = manifest::members(&parts.host.cache, &tree)?;
    pack(image.arch, &tree, &esp, &label, out)?;
    Ok(members)
}

/// Makes a GRUB core with those modules, which are in `folder`.
fn core(format: &str, folder: &Path, modules: &[&str], first: &Path, out: &Path) -> Result<()> {
    let run = Run::new("grub-mkimage").args(["--format", format, "--prefix", "/boot/grub", "--directory"]).arg(folder);
    let run = run.arg("--config").arg(first);
    run.arg("--output").arg(out).args(MODULES).args(modules).ok()
}

/// A FAT filesystem that contains only that program.
fn system_partition(program: &Path, name: &str, out: &Path) -> Result<()> {
    let bytes = fs::metadata(program).tried("look at", program)?.len();
    // plus the size of the filesystem's own data
    let kib = bytes.div_ceil(1024) + 128;
    let mtools = |program| super::mtools(program, out);
    fs::File::create(out).and_then(|file| file.set_len(kib * 1024)).tried("make", out)?;
    let sectors = (kib * 2).to_string();
    mtools("mformat").args(["-T", &sectors, "-h", "1", "-s", "1", "-N", "0", "-v", "NODEOS", "::"]).ok()?;
    mtools("mmd").args(["::/EFI", "::/EFI/BOOT"]).ok()?;
    mtools("mcopy").arg(program).arg(format!("::/EFI/BOOT/{name}")).ok()
}

fn pack(arch: &Arch, tree: &Path, esp: &Path, label: &str, out: &Path) -> Result<()> {
    const SYSTEM_PARTITION: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"; // UEFI 2.10, table 5-7
    let run = Run::new("xorriso").env("SOURCE_DATE_EPOCH", EPOCH).env("TZ", "UTC");
    let system = arch.name.to_ascii_uppercase();
    let run = run.args(["-as", "mkisofs", "-quiet", "-r", "-V", label, "-sysid", &system]);
    let mut run = run.arg("-o").arg(out).arg("--set_all_file_dates").arg(format!("={EPOCH}"));
    // last: what a copy that ends too early lacks is what the shim looks at
    for (weight, file) in [("-1", CARBON_FILE), ("-2", APPS_FILE)] {
        if tree.join(file).exists() {
            run = run.args(["--sort-weight", weight]).arg(format!("/{file}"));
        }
    }
    if arch.bios {
        run = run.args(["-b", "boot/grub/core.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]);
        run = run.args(["--grub2-boot-info", "--grub2-mbr", HYBRID, "--mbr-force-bootable"]);
    }
    let run = run.args(["-append_partition", "2", SYSTEM_PARTITION]).arg(esp).arg("-appended_part_as_gpt");
    // the first partition gets its own filesystem too: a mounted whole disk keeps its partitions from being mounted
    let mut run = run.args(["-partition_offset", "16"]);
    if arch.bios {
        run = run.arg("-eltorito-alt-boot");
    }
    run.args(["-e", "--interval:appended_partition_2:all::", "-no-emul-boot"]).arg(tree).ok()
}

/// Chooses the default entry.
fn oem() -> String {
    let numbers: Vec<String> = (1..=u8::MAX).map(|number| number.to_string()).collect();
    OEM.replace("NUMBERS", &numbers.join(" ")).replace("SERIAL", SERIAL)
}

/// The boot menu (GNU GRUB manual, 2.06).
fn menu(parts: &Parts<'_>, label: &str) -> String {
    let (screen, serial) = (Console::Screen.words(parts.image.arch), Console::Serial.words(parts.image.arch));
    let usual = rest(parts, label);
    let ram = format!("{usual} {IN_RAM}");
    let entry = |id: &str, title: &str, words: &str| {
        format!("menuentry '{title}' --id {id} {{\n    linux /kernel {words}\n    initrd /initramfs\n}}\n")
    };
    let entries = [
        entry("normal", "NodeOS", &format!("{screen} {usual}")),
        entry("ram", "NodeOS, homes in RAM only", &format!("{screen} {ram}")),
        entry("serial", "NodeOS, serial console", &format!("{serial} {usual}")),
        entry(
            "rescue",
            "NodeOS, rescue: only root may log on, and nothing else runs",
            &format!("{screen} {usual} {RESCUE}"),
        ),
    ];
    // the UEFI firmware of other machines has its console on the serial line already
    let line = format!(
        "if serial --unit=0 --speed={SPEED}; then\n    terminal_input --append serial\n    \
         terminal_output --append serial\nfi\n"
    );
    let line = if parts.image.arch.bios { line.as_str() } else { "" };
    let first = format!("{line}set gfxpayload=keep\nset timeout=3\nset default=normal\n");
    [first, oem(), String::new(), entries.join("\n")].join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Window, extent};

    #[test]
    fn an_extent_is_parsed_from_xorriso_output() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 20).unwrap();
        let window = Window::open(file.path()).unwrap();
        let read = |line| extent(line, &window).map(|(path, part)| (path, part.at(), part.length()));
        let line = r#"File data lba:  0 ,       33 ,        1 ,        2 , '/a '"'"'b,c'"#;
        assert_eq!(read(line), Some(("/a 'b,c".to_owned(), 33 * 2048, 2)));
        assert_eq!(read("Report layout: xt , Startlba ,   Blocks , Filesize , ISO image path"), None);
        assert_eq!(read("File data lba:  0 , 99999999999999999999 , 1 , 2 , '/a'"), None);
    }
}
