//! The systems that this one is compared with: one row each.

use std::fs;
use std::path::{Path, PathBuf};

use shim::arches::Arch;

use super::debian::System;
use super::{Booted, Meter};
use crate::measure::size;
use boot::assembly::{self, Wanted};
use boot::host::Host;
use boot::host::error::{Result, Tried};
use boot::image::Image;
use boot::image::archive;
use boot::image::carbon::Placement;
use boot::image::erofs::Packing;
use boot::image::manifest::Manifest;
use boot::image::tree::{Entry, Tree};
use boot::parts::debian;
use boot::parts::npm::{pack, unpack};

/// A system that is compared.
pub struct Contender {
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// The functions of this system that it lacks.
    pub lacks: &'static str,
    /// Whether its installation runs its programs; then the host must have the machine's architecture.
    pub installed: bool,
    /// Makes the files that it boots, in that folder.
    pub build: fn(&Host, &'static Arch, &Path) -> Result<Booted>,
}

/// The functions that a script or a program of a few lines lacks.
const GUARDS: &str = "a system call filter, limits, a cgroup namespace, landlock, hidepid, devices by policy, logons, restarts, saying what goes wrong";

/// All systems.
pub const ALL: [Contender; 8] = [
    Contender {
        name: "nodeos-medium",
        what: "this system, node on an EROFS disk",
        lacks: "nothing",
        installed: false,
        build: |host, arch, _| ours(host, arch, Placement::Medium),
    },
    Contender {
        name: "nodeos-image",
        what: "this system, node as an EROFS image in the initramfs",
        lacks: "nothing",
        installed: false,
        build: |host, arch, _| ours(host, arch, Placement::Image),
    },
    Contender {
        name: "nodeos-plain",
        what: "this system, node as files in the initramfs",
        lacks: "nothing",
        installed: false,
        build: |host, arch, _| ours(host, arch, Placement::Plain),
    },
    Contender {
        name: "busybox-medium",
        what: "such mounts and namespaces as a script of busybox's, node on an EROFS disk",
        lacks: GUARDS,
        installed: false,
        build: busybox,
    },
    Contender {
        name: "node-plain",
        what: "the way of 2015: node as PID 1, mounts from JavaScript, a chroot for each user; node as files in the initramfs",
        lacks: "the same, and namespaces",
        installed: false,
        build: node,
    },
    Contender {
        name: "tini-plain",
        what: "tini as PID 1, which starts node as root; node as files in the initramfs",
        lacks: "the same, and users, homes and their roots",
        installed: false,
        build: tini,
    },
    Contender {
        name: "systemd-medium",
        what: "Debian's minimal system with systemd and Debian's node, its disk, ext4 and not compressed, mounted by the kernel",
        lacks: DEBIAN,
        installed: true,
        build: |host, arch, folder| debian(host, arch, folder, false),
    },
    Contender {
        name: "debian-medium",
        what: "the same behind the initramfs that its initramfs-tools makes",
        lacks: DEBIAN,
        installed: true,
        build: |host, arch, folder| debian(host, arch, folder, true),
    },
];

/// The functions that a default service on it lacks.
const DEBIAN: &str = "a root and namespaces for each user, a system call filter, landlock, limits but systemd's own";

fn image(host: &Host, arch: &'static Arch, placement: Placement) -> Result<Image> {
    assembly::image(
        host,
        &Wanted { arch, placement, packing: Packing::Stored, profile: "virt", manifest: Manifest::default() },
    )
}

fn booted(image: &Image, initramfs: PathBuf, disks: Vec<PathBuf>, words: &str) -> Result<Booted> {
    let parts = [&image.kernel, &initramfs].into_iter().chain(&disks);
    let bytes = parts.map(|path| size(path)).sum::<Result<u64>>()?;
    let kernel = image.kernel.clone();
    let versions = image.versions.iter().map(|(name, version)| ((*name).to_owned(), version.clone())).collect();
    Ok(Booted { kernel, initramfs, disks, words: words.to_owned(), bytes, versions, meter: Meter::Initramfs })
}

fn ours(host: &Host, arch: &'static Arch, placement: Placement) -> Result<Booted> {
    let image = image(host, arch, placement)?;
    let words = format!("users=LABEL=nodeos-users {}", image.cmdline());
    booted(&image, image.initramfs.clone(), image.carbon.iter().cloned().collect(), &words)
}

/// A static program from a Debian package for that architecture.
fn program(host: &Host, arch: &Arch, package: &str, path: &str) -> Result<Entry> {
    let folder = debian::unpacked(host, arch, package, "main")?;
    Ok(Entry::File { source: folder.join(path), mode: 0o755 })
}

fn text(content: &str) -> Entry {
    Entry::Text { content: content.to_owned(), mode: 0o755 }
}

/// The folders and the console that every PID 1 needs.
fn folders(tree: &mut Tree, names: &[&str]) -> Result<()> {
    for name in names {
        tree.put(name, Entry::Dir { mode: 0o755 })?;
    }
    tree.put("/dev/console", Entry::Device { mode: 0o600, major: 5, minor: 1 })
}

fn busybox(host: &Host, arch: &'static Arch, folder: &Path) -> Result<Booted> {
    let image = image(host, arch, Placement::Medium)?;
    let mut tree = Tree::default();
    folders(&mut tree, &["/carbon", "/dev", "/devices", "/proc", "/root", "/runtime", "/tmp"])?;
    tree.put("/busybox", program(host, arch, "busybox-static", "bin/busybox")?)?;
    tree.put("/init", text(include_str!("busybox.sh")))?;
    tree.put("/user.sh", text(include_str!("user.sh")))?;
    let initramfs = packed(&tree, folder)?;
    booted(&image, initramfs, image.carbon.iter().cloned().collect(), "")
}

/// The tree as an initramfs, compressed like this system's own.
fn packed(tree: &Tree, folder: &Path) -> Result<PathBuf> {
    let initramfs = folder.join("initramfs");
    archive::write(tree, false, Some(19), &initramfs)?;
    Ok(initramfs)
}

/// The carbon copy's files, at the top of an initramfs.
fn carbon(host: &Host, arch: &'static Arch) -> Result<Tree> {
    let wanted = Wanted {
        arch,
        placement: Placement::Plain,
        packing: Packing::Stored,
        profile: "virt",
        manifest: Manifest::default(),
    };
    let mut tree = assembly::carbon(host, &wanted)?;
    folders(&mut tree, &["/root"])?;
    Ok(tree)
}

fn node(host: &Host, arch: &'static Arch, folder: &Path) -> Result<Booted> {
    let image = image(host, arch, Placement::Plain)?;
    let mut tree = carbon(host, arch)?;
    let koffi = koffi(host, arch)?;
    add(&mut tree, &koffi, "/koffi")?;
    tree.put("/init", text(include_str!("node.js")))?;
    tree.put("/jail.js", text(include_str!("jail.js")))?;
    let initramfs = packed(&tree, folder)?;
    booted(&image, initramfs, vec![], "")
}

fn tini(host: &Host, arch: &'static Arch, folder: &Path) -> Result<Booted> {
    let image = image(host, arch, Placement::Plain)?;
    let mut tree = carbon(host, arch)?;
    tree.put("/init", program(host, arch, "tini", "usr/bin/tini-static")?)?;
    tree.put("/app.js", text(include_str!("app.js")))?;
    // app.js reads /proc
    tree.put("/busybox", program(host, arch, "busybox-static", "bin/busybox")?)?;
    let start = "/busybox mount -t proc proc /proc\nexec /bin/node /app.js\n";
    tree.put("/start.sh", text(start))?;
    let initramfs = packed(&tree, folder)?;
    booted(&image, initramfs, vec![], "-- /busybox sh /start.sh")
}

fn debian(host: &Host, arch: &'static Arch, folder: &Path, stock: bool) -> Result<Booted> {
    let kernel = image(host, arch, Placement::Plain)?.kernel;
    let system = System::made(host, arch)?;
    // without an init, the kernel continues with the disk
    let (initramfs, meter) = match stock {
        true => (system.initrd.clone(), Meter::Initramfs),
        false => (packed(&Tree::default(), folder)?, Meter::Disk),
    };
    let bytes = size(&kernel)? + size(&initramfs)? + system.used()?;
    let versions = system.versions.into_iter().map(|(name, version)| (format!("Debian's {name}"), version)).collect();
    let words = "root=/dev/vda rw".to_owned();
    Ok(Booted { kernel, initramfs, disks: vec![system.disk], words, bytes, versions, meter })
}

/// koffi, which calls the C library from JavaScript: pinned npm packages.
fn koffi(host: &Host, arch: &Arch) -> Result<PathBuf> {
    const VERSION: &str = "3.3.4";
    const ALL: [(&str, &str, &str); 3] = [
        (
            "",
            "koffi",
            "sha512-31Vr+LM+w1dEsNcOJtJWvYyUTjVc/SWOxNDZJxfhsBC6qZ5YVn98n5x1oBbDq5skxCbWD4SByJpNmq63fvg9Aw==",
        ),
        (
            "x86_64",
            "@koromix/koffi-linux-x64",
            "sha512-xi47MKuoQ9fA2SsrH6wljl9t9120hO66qEmb1le6q636q55J974cZfcwDrK5nW1GalJ+0NLXoH2T3/NGQBzPNw==",
        ),
        (
            "aarch64",
            "@koromix/koffi-linux-arm64",
            "sha512-k6FPjEYDioyVihUqvRFX4QZK0RL/Rrn4xPEzrKxODxgLAUXlhBTut391zPzgsMcArXgN4YTuS11M/kxmA5s+Fg==",
        ),
    ];
    host.cache.entry("bench", &format!("koffi-{VERSION}-{arch}-pinned"), |new| {
        let phase = host.progress.start("bench", &format!("fetch koffi {VERSION}"));
        let work = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
        for (_, name, integrity) in ALL.iter().filter(|(only, ..)| only.is_empty() || *only == arch.name) {
            let archive = pack(name, VERSION, Some(integrity), work.path())?;
            unpack(&archive, "package", &new.join("node_modules").join(name))?;
        }
        phase.done(&format!("koffi {VERSION}"));
        Ok(())
    })
}

/// Adds a folder of the host with its content.
fn add(tree: &mut Tree, folder: &Path, at: &str) -> Result<()> {
    for entry in fs::read_dir(folder).tried("list", folder)? {
        let entry = entry.tried("list", folder)?;
        let (path, to) = (entry.path(), format!("{at}/{}", entry.file_name().to_string_lossy()));
        let found = entry.metadata().tried("look at", &path)?;
        if found.is_dir() {
            add(tree, &path, &to)?;
        } else if found.is_file() {
            tree.put(&to, Entry::File { source: path, mode: 0o644 })?;
        }
    }
    Ok(())
}
