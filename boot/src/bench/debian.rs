//! Debian's minimal system, as its own tools make it without root: what most people would run node on.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use shim::arches::Arch;

use crate::cache::Cache;
use crate::debian::{release, sources_of};
use crate::digest::Key;
use crate::error::{Result, Tried};
use crate::progress::Progress;
use crate::run::Run;

/// What goes in beside the packages that every Debian has: init, devices, the bus that its services talk over, node.
const PACKAGES: &str = "systemd-sysv,udev,dbus,nodejs,initramfs-tools,zstd";
/// Room on its disk: a sparse file.
const SIZE: &str = "1G";
const HOOK: &str = include_str!("debian.sh");

/// A system and how it is started.
pub struct System {
    /// Its disk, ext4.
    pub disk: PathBuf,
    /// The initramfs of initramfs-tools.
    pub initrd: PathBuf,
}

impl System {
    /// From the cache, or made now.
    pub fn made(cache: &Cache, arch: &Arch, progress: Progress) -> Result<Self> {
        let key = Key::default().with("packages", PACKAGES).with("size", SIZE).with("hook", HOOK).name();
        let folder = cache.entry("bench", &format!("debian-{arch}-{key}"), |new| {
            let phase = progress.start("bench", "make Debian's minimal system");
            make(new)?;
            phase.done("Debian's minimal system");
            Ok(())
        })?;
        Ok(Self { disk: folder.join("disk"), initrd: folder.join("initrd") })
    }

    /// Bytes that its disk has something in.
    pub fn used(&self) -> Result<u64> {
        Ok(fs::metadata(&self.disk).tried("look at", &self.disk)?.blocks() * 512)
    }
}

fn make(new: &Path) -> Result<()> {
    fs::create_dir(new).tried("make the folder", new)?;
    let sources = sources_of("main")?;
    let mmdebstrap = Run::new("mmdebstrap")
        .args(["--quiet", "--variant=minbase"])
        .arg(format!("--include={PACKAGES}"))
        .arg(format!("--customize-hook={HOOK}"))
        .arg("--customize-hook=download /boot/initrd initrd")
        .arg("--customize-hook=rm \"$1/boot/initrd\"")
        .args([&release(), "root.tar"])
        .args(sources.lines());
    mmdebstrap.within(new).ok()?;
    // owners are the archive's, whoever unpacks it
    let ext4 =
        format!("mkdir root; tar -xf root.tar -C root; mke2fs -q -t ext4 -d root disk {SIZE}; rm -r root root.tar");
    Run::new("fakeroot").args(["sh", "-ec", &ext4]).within(new).ok()
}

/// Puts a program at the top of a disk.
pub fn add_program(disk: &Path, name: &str, program: &Path) -> Result<()> {
    for request in [format!("write {} {name}", program.display()), format!("set_inode_field {name} mode 0100755")] {
        Run::new("debugfs").args(["-w", "-R", &request]).arg(disk).ok()?;
    }
    Ok(())
}
