//! Media: what machines boot from. All are made from the same image. Each has a row in `ALL` and a file.
//!
//! A medium is made under a temporary name, described by its manifest, and then renamed: it is there completely or not.

pub mod card;
mod direct;
mod found;
mod free;
mod hardware;
mod iso;
mod layers;
mod lines;
mod listing;
mod manifest;
mod pxe;
mod sd;

use std::fmt;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use shim::arches::Arch;
use shim::layout::USERS_LABEL;

use crate::host::Host;
use crate::host::cache::{Cache, write_whole};
use crate::host::digest;
use crate::host::error::{Error, Result, Tried};
use crate::host::interrupt::{self, Making};
use crate::host::run::Run;
use crate::host::tool::Sign;
use crate::host::window::Window;
use crate::image::carbon::Placement;
use crate::image::erofs::Packing;
use crate::image::{Image, archive};
use crate::parts::Versions;
use crate::users::carried;

pub use self::found::Found;
pub use self::free::free;
use self::hardware::Stock;
pub use self::hardware::{Asked, Drive, Firmware, Hardware, Loaded, Refused, Slot, Start, Starts};
pub use self::layers::{Code, Layers};
pub use self::lines::{Machine, check_words};
pub use self::listing::{Listed, Listing, list};
pub use self::manifest::{Manifest, Member, NAME as MANIFEST, files, open, read};

/// A row: one kind of medium.
pub struct Medium {
    /// Its name for `--target`.
    pub name: &'static str,
    /// A description for a line of help.
    pub about: &'static str,
    /// Whether it is a file or a folder.
    pub shape: Shape,
    /// The architectures that it is made for.
    pub archs: &'static [&'static str],
    /// Where the carbon copy is stored on it; `None` if the user may choose.
    pub placement: Option<Placement>,
    /// Whether the filesystems on it are compressed.
    pub packing: Packing,
    /// The kernel profile, which selects drivers.
    pub profile: &'static str,
    /// Whether a boot menu contains the kernel's words: then only plain characters are allowed.
    pub menu: bool,
    /// Whether single machines can have words of their own.
    pub machines: bool,
    /// Whether its file is as large as the device to which it is written.
    pub padded: bool,
    /// How a machine starts from it.
    pub starts: Starts,
    /// The slots in which it can be; none for a medium that is not a drive.
    pub slots: &'static [Slot],
    /// The tools of the host that make it, and what for.
    pub tools: fn() -> Vec<(Sign, &'static str)>,
    /// Recognizes a file or a device as this medium, and returns its architecture.
    recognise: fn(&Window) -> Option<&'static Arch>,
    /// The parts of a file of this medium; `None` for any other file.
    list: fn(&Window) -> Result<Option<Listing>>,
    /// The machine that boots it.
    boot: fn(&Stock<'_>, &Asked) -> std::result::Result<Hardware, Refused>,
    /// Where a finished one has the code of its apps.
    pub code: Code,
    /// The default command line of the kernel.
    cmdline: fn(&Parts<'_>) -> Result<String>,
    /// The words that a boot loader or firmware adds.
    adds: &'static str,
    /// The name of the file with the homes in a folder; empty for a medium that is one file.
    homes: &'static str,
    /// The words that each entry of its boot menu adds.
    entries: &'static [&'static str],
    /// The versions of its parts besides the image.
    versions: fn(&Parts<'_>) -> Result<Versions>,
    /// Makes the medium at a path that does not exist yet. Returns the members of a file, which nothing else lists.
    make: fn(&Parts<'_>, &Path) -> Result<Vec<Member>>,
}

/// The form of a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One file.
    File,
    /// A folder of files.
    Folder,
}

/// Every kind.
pub static ALL: &[Medium] = &[direct::MEDIUM, iso::MEDIUM, pxe::MEDIUM, sd::MEDIUM];

impl Medium {
    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|medium| medium.name == name)
    }

    /// Refuses an architecture that it is not made for.
    pub fn check(&self, arch: &Arch) -> Result<()> {
        if self.archs.contains(&arch.name) {
            return Ok(());
        }
        let tried = format!("make {} for {arch}", self.name);
        let why = format!("that target is made for {}", self.archs.join(", "));
        Err(Error::new(tried, why).next(format!("--arch {}", self.archs.first().unwrap_or(&"x86_64"))))
    }
}

/// The parts of a medium.
pub struct Parts<'a> {
    /// The cache of digests, and the output of progress.
    pub host: &'a Host,
    /// The assembled image.
    pub image: &'a Image,
    /// The image of the homes.
    pub users: Option<&'a Path>,
    /// Words for single machines.
    pub machines: &'a [Machine],
}

impl<'a> Parts<'a> {
    /// The carbon copy as a filesystem of its own, for a medium that contains it.
    fn carbon(&self) -> Result<&'a Path> {
        let missing = || Error::new("make a medium with the carbon copy on it", "the image has none");
        self.image.carbon.as_deref().ok_or_else(missing)
    }
}

/// Makes a medium. An existing one is replaced only if a build wrote it and nothing changed it since.
pub fn make(medium: &Medium, parts: &Parts<'_>, out: &Path) -> Result<Manifest> {
    medium.check(parts.image.arch)?;
    free(&parts.host.cache, medium, out)?;
    if medium.menu {
        lines::plain(&parts.image.words).map_err(|why| Error::new(format!("make {medium}"), why))?;
    }
    lines::whole(medium, parts)?;
    let out = std::path::absolute(out).tried("find", out)?;
    let above = out.parent().ok_or_else(|| Error::new(format!("make {}", out.display()), "no folder is above it"))?;
    fs::create_dir_all(above).tried("make the folder", above)?;
    let _making = Making::start();
    let new = tempfile::Builder::new().prefix(".nodeos-build-").tempdir_in(above).tried("make a folder in", above)?;
    // only its owner can access a folder of tempfile
    let made = new.path().join("out");
    let phase = parts.host.progress.start(medium.name, &format!("write {}", out.display()));
    let members = (medium.make)(parts, &made)?;
    // an app's files may be as secret as homes and password hashes
    let private = parts.users.is_some() || parts.image.apps.is_some();
    let secret = |out: &Path| if medium.homes.is_empty() { out.to_owned() } else { out.join(medium.homes) };
    if private && secret(&made).exists() {
        let what = secret(&made);
        fs::set_permissions(&what, fs::Permissions::from_mode(0o600)).tried("set the mode of", &what)?;
    }
    let manifest = Manifest::of(medium, parts, &made, members)?;
    let text = manifest.json()?;
    interrupt::check(|| format!("make {}", out.display()))?;
    if medium.shape == Shape::Folder {
        write_whole(&made.join(MANIFEST), text.as_bytes())?;
        if out.exists() {
            // into the temporary folder, which is removed at the end of this function
            fs::rename(&out, new.path().join("old")).tried("move away", &out)?;
        }
    }
    fs::rename(&made, &out).tried("rename to", &out)?;
    if medium.shape == Shape::File {
        write_whole(&beside(&out), text.as_bytes())?;
    }
    phase.done(&format!("{}, {} MiB", out.display(), manifest.bytes.div_ceil(1 << 20)));
    if private {
        let text = format!("only you can read the homes and apps in {}", out.display());
        parts.host.progress.say(medium.name, &text);
    }
    Ok(manifest)
}

/// Where the manifest of a file lies.
#[must_use]
pub fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(MANIFEST);
    name.into()
}

/// The system console of a kernel, which shows the output of an app: the last one on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Console {
    Screen,
    Serial,
}

impl Console {
    fn words(self, arch: &Arch) -> String {
        // without the speed it would be 9600 (Documentation/admin-guide/serial-console.rst)
        let serial = format!("{},{SPEED}", arch.console);
        match self {
            Self::Screen => format!("console={serial} console=tty0"),
            Self::Serial => format!("console=tty0 console={serial}"),
        }
    }
}

/// The RAM, in MiB, of a machine that firmware starts.
const FIRMWARES_RAM: u32 = 512;

/// The speed of the serial line, in bits per second.
const SPEED: u32 = 115_200;

/// The first OEM string of a machine (SMBIOS, type 11) that tells a boot menu to use the serial console, as in QEMU.
pub const SERIAL: &str = "nodeos:serial";

/// For every machine: restart after a panic, with the watchdog (Documentation/watchdog/watchdog-parameters.rst).
const ALWAYS: &str = "quiet panic=10 watchdog.stop_on_reboot=0";

/// Apps of a medium start again when they end, and wait for the network and the time.
pub const UNATTENDED: &str = "unattended";

/// The homes are on a partition if there is one, else in RAM.
fn users() -> String {
    format!("users=LABEL={USERS_LABEL}")
}

/// Writes the initramfs, with the homes for a session in RAM.
fn initramfs(parts: &Parts<'_>, more: Option<&Path>, out: &Path) -> Result<()> {
    let cache = &parts.host.cache;
    let homes = parts.users.map(|users| carried::archive(cache, users)).transpose()?;
    let archives = [Some(parts.image.initramfs.as_path()), homes.as_deref(), more];
    archive::join(&archives.into_iter().flatten().collect::<Vec<_>>(), out)
}

/// Compresses a file for firmware or a boot loader: the slowest step if only the app has changed.
fn gzipped(cache: &Cache, file: &Path) -> Result<PathBuf> {
    // with flate2: gzip writes other bytes
    cache.entry("gzip", &format!("2-{}", digest::file(cache, file)?), |new| {
        let bytes = fs::read(file).tried("read", file)?;
        // without a name and a time
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&bytes)
            .and_then(|()| gzip.finish())
            .and_then(|packed| fs::write(new, packed))
            .tried("compress to", new)
    })
}

/// The time of all files on a medium: the first that FAT supports, 1980-01-01.
const EPOCH: &str = "315532800";

/// A program of mtools, for that image.
pub(crate) fn mtools(program: &str, image: &Path) -> Run {
    Run::new(program).env("SOURCE_DATE_EPOCH", EPOCH).env("TZ", "UTC").arg("-i").arg(image)
}

/// clap needs this to print a value.
impl fmt::Debug for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Medium};
    use shim::arches::Arch;

    #[test]
    fn every_medium_has_its_name_and_existing_kernel_profiles() {
        for medium in ALL {
            assert_eq!(Medium::named(medium.name).unwrap().name, medium.name);
            for name in medium.archs {
                let profiles = Arch::named(name).unwrap().kernel_profiles;
                assert!(profiles.iter().any(|(profile, _)| *profile == medium.profile), "{name}: {}", medium.profile);
            }
        }
        let error = Medium::named("pxe").unwrap().check(Arch::named("aarch64").unwrap()).unwrap_err().to_string();
        assert!(error.contains("make pxe for aarch64: that target is made for x86_64"), "{error}");
    }
}
