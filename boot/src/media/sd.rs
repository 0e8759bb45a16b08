//! A card for a Raspberry Pi, or a USB disk for a model that boots from USB.
//!
//! | who reads it | what it reads |
//! |---|---|
//! | the chip's ROM (3, Zero 2 W) | the first FAT partition, and in it `bootcode.bin` |
//! | `bootcode.bin`, or the ROM's own second stage (4) | `config.txt`; `start_cd.elf` and `fixup_cd.dat`, or `start4cd.elf` and `fixup4cd.dat` |
//! | those | `cmdline.txt`, `kernel8.img`, `initramfs`, the board's own `*.dtb` |
//! | the shim | the second partition, the carbon copy; the third, the apps if there are some; the last, the homes |
//!
//! raspberrypi.com/documentation/computers: `raspberry-pi.html`, boot flow and boot folder contents; `config_txt.html`.

use std::fs;
use std::path::{Path, PathBuf};

use shim::arches::Arch;

use super::card::{ALIGN, BOOT, BOOT_AT, BOOT_END, LABEL, MIB, SERIAL};
use super::{ALWAYS, Code, Medium, Member, Parts, SPEED, Shape, Slot, Starts, UNATTENDED, card, gzipped, manifest};
use crate::host::cache::write_whole;
use crate::host::digest::{self, Key};
use crate::host::error::{Error, Result, Tried};
use crate::host::run::Run;
use crate::host::tool::Sign;
use crate::image::carbon::Placement;
use crate::image::erofs::Packing;
use crate::image::{APPS_FILE, CARBON_FILE};
use crate::parts::Versions;
use crate::parts::debian;
use crate::parts::kernel::{Spec, device_trees};
use crate::users::ext4::not_in_use;

pub const MEDIUM: Medium = Medium {
    name: "sd",
    about: "a card for a Raspberry Pi (aarch64): docs/sd.md",
    shape: Shape::File,
    archs: &["aarch64"],
    placement: Some(Placement::Medium),
    packing: Packing::Compressed,
    profile: "rpi",
    menu: true,
    machines: false,
    padded: true,
    starts: Starts::TakenOut,
    slots: &[Slot::Card, Slot::Usb],
    tools: || {
        vec![
            (Sign::Program("mformat"), "makes the partition that a Raspberry Pi starts from"),
            (Sign::Program("sfdisk"), "makes a card's partition table"),
        ]
    },
    recognise: |disk| card::is(disk).then(|| Arch::named("aarch64")).flatten(),
    list: |disk| card::is(disk).then(|| card::list(disk)).transpose(),
    boot: card::boot,
    code: Code::Apart(card::layers),
    cmdline,
    adds: FIRMWARES_WORDS,
    homes: "",
    entries: &[],
    versions,
    make,
};

/// The serial line of a 5, on a socket between the HDMI ones.
const SERIAL_OF_5: &str = "ttyAMA10";

/// 64 KiB of RAM keep the text of a panic over a restart: the kernel puts them at the same place in each boot
/// (Documentation/admin-guide/kernel-parameters.txt, `reserve_mem`). A record is as large as `shim::last_panic` reads.
const PANICS: &str = "reserve_mem=64K:4K:panics ramoops.mem_name=panics ramoops.record_size=16384";

/// The words that the firmware of a 4 adds before ours, from the /proc/cmdline of a board; other boards differ in
/// digits.
const FIRMWARES_WORDS: &str = "coherent_pool=1M 8250.nr_uarts=1 snd_bcm2835.enable_headphones=0 \
    snd_bcm2835.enable_headphones=1 snd_bcm2835.enable_hdmi=1 snd_bcm2835.enable_hdmi=0 \
    video=HDMI-A-1:1920x1080M@60D video=HDMI-A-2:1920x1080M@60D smsc95xx.macaddr=DC:A6:32:01:23:45 \
    vc_mem.mem_base=0x3ec00000 vc_mem.mem_size=0x40000000";

const CONFIG: &str = include_str!("config.txt");
/// The Debian package of the firmware, and its component.
const PACKAGE: (&str, &str) = ("raspi-firmware", "non-free-firmware");
const FIRMWARE: [&str; 5] = ["bootcode.bin", "fixup_cd.dat", "start_cd.elf", "fixup4cd.dat", "start4cd.elf"];
/// The boards: 3B, 3B+, 3A+, CM3, Zero 2 W, 4B, 400, CM4, 5B.
const BOARDS: [&str; 9] = [
    "bcm2837-rpi-3-b",
    "bcm2837-rpi-3-b-plus",
    "bcm2837-rpi-3-a-plus",
    "bcm2837-rpi-cm3-io3",
    "bcm2837-rpi-zero-2-w",
    "bcm2711-rpi-4-b",
    "bcm2711-rpi-400",
    "bcm2711-rpi-cm4-io",
    "bcm2712-rpi-5-b",
];

/// The smallest partition for apps.
const LEAST_APPS: u64 = 16 * MIB;

/// Where things lie, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    carbon_at: u64,
    apps_at: u64,
    users_at: u64,
    users: u64,
    end: u64,
}

impl Layout {
    /// Refuses a layout that does not fit into the partition table, which counts sectors with 32 bits.
    fn check(&self) -> Result<()> {
        if self.end / 512 <= u64::from(u32::MAX) {
            return Ok(());
        }
        let why = format!("its partition table ends at 2 TiB, and all takes {} GiB", self.end.div_ceil(1 << 30));
        Err(Error::new("make a card", why).next("use smaller homes; they cannot grow beyond 2 TiB either"))
    }
}

/// A small image ends at a power of two, because emulated slots accept no other card. The homes get the rest, which is
/// sparse. A large one ends with the homes, because a card of 4 GB has less than 4 GiB.
fn layout(carbon: u64, apps: Option<u64>, users: Option<u64>) -> Layout {
    let carbon_at = BOOT_END;
    let apps_at = carbon_at + carbon.next_multiple_of(ALIGN);
    // room for a larger one that takes its place
    let users_at = apps_at + apps.map_or(0, |apps| (2 * apps).next_multiple_of(ALIGN).max(LEAST_APPS));
    let least = users_at + users.unwrap_or(0).next_multiple_of(ALIGN);
    let end = if least <= 1 << 30 { least.next_power_of_two() } else { least };
    Layout { carbon_at, apps_at, users_at, users: if users.is_some() { end - users_at } else { 0 }, end }
}

/// The disk's signature, which identifies its partitions. It is derived from their content.
fn signature(parts: &Parts<'_>) -> Result<String> {
    let mut key = Key::default().with("carbon", digest::file(&parts.host.cache, parts.carbon()?)?);
    if let Some(apps) = &parts.image.apps {
        key = key.with("apps", digest::file(&parts.host.cache, apps)?);
    }
    if let Some(users) = parts.users {
        key = key.with("users", digest::file(&parts.host.cache, users)?);
    }
    Ok(key.name().chars().take(8).collect())
}

fn cmdline(parts: &Parts<'_>) -> Result<String> {
    let signature = signature(parts)?;
    let (apps, number) = match &parts.image.apps {
        Some(_) => (format!("apps=PARTUUID={signature}-03 {UNATTENDED} "), 4),
        None => (String::new(), 3),
    };
    let users = match parts.users {
        Some(_) => format!("users=PARTUUID={signature}-{number:02} grow"),
        None => "users=none".to_owned(),
    };
    let consoles = format!("console={SERIAL_OF_5},{SPEED} console={SERIAL} console=tty0");
    let words =
        format!("{consoles} {ALWAYS} {PANICS} carbon=PARTUUID={signature}-02 {apps}{users} {}", parts.image.words);
    Ok(words.trim_end().to_owned())
}

fn firmware(parts: &Parts<'_>) -> Result<PathBuf> {
    debian::unpacked(parts.host, parts.image.arch, PACKAGE.0, PACKAGE.1)
}

fn versions(parts: &Parts<'_>) -> Result<Versions> {
    Ok(vec![(PACKAGE.0, debian::fetched(&firmware(parts)?)?)])
}

fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).tried("look at", path)?.len())
}

fn make(parts: &Parts<'_>, out: &Path) -> Result<Vec<Member>> {
    let (carbon, apps) = (parts.carbon()?, parts.image.apps.as_ref());
    if let Some(users) = parts.users {
        // if a machine wrote to it meanwhile, the copy would be inconsistent
        not_in_use(format!("copy {}", users.display()), users)?;
    }
    let layout = layout(size(carbon)?, apps.map(|apps| size(apps)).transpose()?, parts.users.map(size).transpose()?);
    layout.check()?;
    let work = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
    let (boot, fat) = (work.path().join("boot"), work.path().join("boot.fat"));
    boot_files(parts, &boot)?;
    boot_filesystem(&boot, &fat)?;
    fs::File::create(out).and_then(|file| file.set_len(layout.end)).tried("make", out)?;
    let table = work.path().join("table");
    write_whole(&table, table_of(layout, &signature(parts)?).as_bytes())?;
    let table = fs::File::open(&table).tried("read", &table)?;
    Run::new("sfdisk").args(["--quiet", "--no-reread", "--wipe", "never"]).arg(out).input(table).ok()?;
    put(&fat, out, BOOT_AT)?;
    put(carbon, out, layout.carbon_at)?;
    let mut members = manifest::members(&parts.host.cache, &boot)?;
    for member in &mut members {
        member.path = Path::new("boot").join(&member.path);
    }
    members.push(Member::of(&parts.host.cache, CARBON_FILE.into(), carbon)?);
    if let Some(apps) = apps {
        put(apps, out, layout.apps_at)?;
        members.push(Member::of(&parts.host.cache, APPS_FILE.into(), apps)?);
    }
    if let Some(users) = parts.users {
        put(users, out, layout.users_at)?;
        members.push(Member::of(&parts.host.cache, "users.ext4".into(), users)?);
    }
    Ok(members)
}

/// The table for sfdisk(8), in sectors.
fn table_of(layout: Layout, signature: &str) -> String {
    let line = |at: u64, bytes: u64, kind: &str| format!("start={}, size={}, type={kind}\n", at / 512, bytes / 512);
    let mut text = format!("label: dos\nlabel-id: 0x{signature}\nunit: sectors\n");
    text += &line(BOOT_AT, BOOT, "c");
    text += &line(layout.carbon_at, layout.apps_at - layout.carbon_at, "83");
    if layout.users_at > layout.apps_at {
        text += &line(layout.apps_at, layout.users_at - layout.apps_at, "83");
    }
    if layout.users > 0 {
        text += &line(layout.users_at, layout.users, "83");
    }
    text
}

/// Copies a file into another at an offset; holes stay holes.
fn put(from: &Path, to: &Path, at: u64) -> Result<()> {
    let word = |name: &str, path: &Path| {
        let mut word = std::ffi::OsString::from(name);
        word.push(path);
        word
    };
    let run = Run::new("dd").arg(word("if=", from)).arg(word("of=", to));
    let place = ["bs=1M", "conv=notrunc,sparse", "status=none", "oflag=seek_bytes"];
    run.args(place).arg(format!("seek={at}")).ok()
}

/// Makes the folder of files that the firmware reads.
fn boot_files(parts: &Parts<'_>, boot: &Path) -> Result<()> {
    let image = parts.image;
    fs::create_dir(boot).tried("make the folder", boot)?;
    let copy = |from: &Path, name: &str| fs::copy(from, boot.join(name)).map(drop).tried("copy", from);
    let firmware = firmware(parts)?;
    for name in FIRMWARE {
        copy(&firmware.join("usr/lib/raspi-firmware").join(name), name)?;
    }
    // the licence must accompany the firmware (its second paragraph)
    copy(&firmware.join("usr/share/doc/raspi-firmware/copyright"), "LICENCE.broadcom")?;
    let spec = Spec { arch: image.arch, profile: MEDIUM.profile.to_owned(), options: Vec::new() };
    let trees = device_trees(parts.host, &spec, &BOARDS)?;
    for board in BOARDS {
        let name = format!("{board}.dtb");
        copy(&trees.join(&name), &name)?;
    }
    copy(&image.initramfs, "initramfs")?;
    // the firmware unpacks it
    copy(&gzipped(&parts.host.cache, &image.kernel)?, "kernel8.img")?;
    write_whole(&boot.join("config.txt"), CONFIG.as_bytes())?;
    write_whole(&boot.join("cmdline.txt"), format!("{}\n", cmdline(parts)?).as_bytes())
}

/// Makes a FAT32 filesystem with the files of a folder.
fn boot_filesystem(folder: &Path, out: &Path) -> Result<()> {
    fs::File::create(out).and_then(|file| file.set_len(BOOT)).tried("make", out)?;
    let mtools = |program| super::mtools(program, out);
    let (sectors, before) = ((BOOT / 512).to_string(), (BOOT_AT / 512).to_string());
    let shape = ["-F", "-c", "1", "-h", "64", "-s", "32", "-T", &sectors, "-H", &before, "-N", "0", "-v", LABEL, "::"];
    mtools("mformat").args(shape).ok()?;
    let files = manifest::files(folder)?;
    let mut bytes = 0;
    for file in &files {
        bytes += size(&folder.join(file))?;
    }
    fits(bytes)?;
    mtools("mcopy").args(files.iter().map(|file| folder.join(file))).arg("::").ok()
}

/// Refuses files that are too large for the boot partition; the filesystem itself takes a MiB and a half.
fn fits(bytes: u64) -> Result<()> {
    const ROOM: u64 = BOOT - 3 * MIB / 2;
    if bytes <= ROOM {
        return Ok(());
    }
    let why = format!("its files take {} MiB, and it has room for {}", bytes.div_ceil(MIB), ROOM / MIB);
    Err(Error::new("fill the boot partition of a card", why)
        .next("a smaller kernel: see [kernel] options in nodeos.toml"))
}

#[cfg(test)]
mod tests {
    use super::{ALIGN, BOOT, BOOT_AT, CONFIG, FIRMWARE, Layout, MIB, boot_filesystem, layout, table_of};

    #[test]
    fn a_card_is_rounded_to_a_power_of_two_and_the_homes_come_last() {
        let card = layout(50 * MIB + 1, None, Some(256 * MIB));
        let carbon_at = BOOT_AT + BOOT;
        let users_at = carbon_at + 52 * MIB;
        assert_eq!(
            card,
            Layout { carbon_at, apps_at: users_at, users_at, users: 512 * MIB - users_at, end: 512 * MIB }
        );
        assert_eq!(layout(50 * MIB, None, None).end, 128 * MIB);
        for users in [1, 63, 64, 800] {
            let card = layout(60 * MIB, None, Some(users * MIB));
            assert!(card.end.is_power_of_two() && card.users >= users * MIB && card.users_at.is_multiple_of(ALIGN));
        }
        let large = layout(52 * MIB, None, Some(3 << 30));
        assert_eq!((large.users, large.end), (3 << 30, carbon_at + 52 * MIB + (3 << 30)));
    }

    #[test]
    fn contents_too_large_for_a_card_are_refused() {
        let most = layout(50 * MIB, None, Some((2 << 40) - 200 * MIB));
        assert!(most.check().is_ok() && most.end > (2 << 40) - 100 * MIB);
        let error = layout(50 * MIB, None, Some(2 << 40)).check().unwrap_err().to_string();
        assert!(error.contains("ends at 2 TiB, and all takes 2049 GiB") && error.contains("smaller homes"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let (files, out) = (folder.path().join("files"), folder.path().join("fat"));
        std::fs::create_dir(&files).unwrap();
        let file = std::fs::File::create(files.join("kernel8.img")).unwrap();
        file.set_len(BOOT - 3 * MIB / 2).unwrap();
        boot_filesystem(&files, &out).unwrap();
        file.set_len(BOOT).unwrap();
        let error = boot_filesystem(&files, &out).unwrap_err().to_string();
        assert!(error.contains("its files take 64 MiB, and it has room for 62"), "{error}");
    }

    #[test]
    fn the_partition_table_has_a_homes_partition_only_with_homes() {
        let table = table_of(layout(50 * MIB, None, Some(256 * MIB)), "1b2c3d4e");
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[1], "label-id: 0x1b2c3d4e");
        assert_eq!(
            lines[3..],
            [
                "start=8192, size=131072, type=c",
                "start=139264, size=106496, type=83",
                "start=245760, size=802816, type=83"
            ]
        );
        assert_eq!(table_of(layout(50 * MIB, None, None), "1b2c3d4e").lines().count(), 5);
        let with_apps = table_of(layout(50 * MIB, Some(3 * MIB), Some(256 * MIB)), "1b2c3d4e");
        let apps_at = (BOOT_AT + BOOT + 52 * MIB) / 512;
        let expected = format!("start={apps_at}, size={}, type=83", 16 * MIB / 512);
        assert_eq!(with_apps.lines().nth(5), Some(&*expected), "{with_apps}");
        assert_eq!(with_apps.lines().count(), 7);
    }

    #[test]
    fn a_gpu_memory_of_16_mb_comes_with_the_cut_down_firmware() {
        assert!(CONFIG.lines().any(|line| line == "gpu_mem=16"));
        assert!(FIRMWARE.contains(&"start_cd.elf") && FIRMWARE.contains(&"start4cd.elf"));
    }
}
