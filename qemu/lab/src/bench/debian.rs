//! Debian's minimal system, made by its own tools without root: the system on which most people would run node.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use shim::arches::Arch;

use boot::host::Host;
use boot::host::digest::Key;
use boot::host::error::{Error, Result, Tried};
use boot::host::run::Run;
use boot::parts::debian::{release, sources_of};

/// Packages besides those of every Debian: init, devices, the message bus of its services, node.
const PACKAGES: &str = "systemd-sysv,udev,dbus,nodejs,initramfs-tools,zstd";
/// Makes its disk, a sparse file; its files have the owners of the archive.
const EXT4: &str = "mkdir root; tar -xf root.tar -C root; mke2fs -q -t ext4 -d root disk 1G; rm -r root root.tar";
const HOOK: &str = include_str!("debian.sh");

/// A system and the files to start it.
pub struct System {
    /// Its ext4 disk.
    pub disk: PathBuf,
    /// The initramfs of initramfs-tools.
    pub initrd: PathBuf,
    /// Versions of its packages.
    pub versions: Vec<(String, String)>,
}

impl System {
    /// The system, from the cache or made now.
    pub fn made(host: &Host, arch: &Arch) -> Result<Self> {
        let (sources, prefix) = (sources_of("main")?, format!("debian-{arch}-"));
        let key = Key::default().with("packages", PACKAGES).with("hook", HOOK).with("ext4", EXT4);
        let key = key.with("release", release()).with("sources", &sources).name();
        let folder = host.cache.entry("bench", &format!("{prefix}{key}"), |new| {
            let phase = host.progress.start("bench", "make Debian's minimal system");
            make(new, &sources)?;
            phase.done("Debian's minimal system");
            Ok(())
        })?;
        host.cache.prune("bench", &prefix);
        let list = folder.join("versions");
        let text = fs::read_to_string(&list).tried("read", &list)?;
        let version = |line: &str| line.split_once(' ').map(|(name, version)| (name.to_owned(), version.to_owned()));
        let versions = text.lines().filter_map(version).collect();
        Ok(Self { disk: folder.join("disk"), initrd: folder.join("initrd"), versions })
    }

    /// How many bytes of its disk are in use.
    pub fn used(&self) -> Result<u64> {
        Ok(fs::metadata(&self.disk).tried("look at", &self.disk)?.blocks() * 512)
    }
}

fn make(new: &Path, sources: &str) -> Result<()> {
    fs::create_dir(new).tried("make the folder", new)?;
    let mmdebstrap = Run::new("mmdebstrap")
        .args(["--quiet", "--variant=minbase"])
        .arg(format!("--include={PACKAGES}"))
        // an environment variable, so that an error does not repeat the whole text
        .env("HOOK", HOOK)
        .arg("--customize-hook=sh -c \"$HOOK\" sh \"$1\"")
        .arg("--customize-hook=download /boot/initrd initrd")
        .arg("--customize-hook=download /versions versions")
        .arg("--customize-hook=rm \"$1/boot/initrd\" \"$1/versions\"")
        .args([&release(), "root.tar"])
        .args(sources.lines());
    mmdebstrap.within(new).ok()?;
    Run::new("fakeroot").args(["sh", "-ec", EXT4]).within(new).ok()
}

/// Copies a disk, and adds a program at its top.
pub fn with_program(disk: &Path, name: &str, program: &Path, out: &Path) -> Result<()> {
    Run::new("cp").args(["--reflink=auto", "--sparse=always", "--"]).arg(disk).arg(out).ok()?;
    // a word of debugfs may be in double quotes; a failed command prints an error, but the exit status is 0
    let program = program.display().to_string().replace('"', "\"\"");
    for request in [format!("write \"{program}\" {name}"), format!("set_inode_field {name} mode 0100755")] {
        Run::new("debugfs").args(["-w", "-R", &request]).arg(out).ok()?;
    }
    let said = Run::new("debugfs").args(["-R", &format!("stat {name}")]).arg(out).output()?;
    match said.contains("Mode:  0755") {
        true => Ok(()),
        false => Err(Error::new(format!("put {name} into {}", out.display()), "debugfs has not written it")),
    }
}
