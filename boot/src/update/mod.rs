//! Another version of an app on a medium that a build wrote: replaces the layer with the code, and nothing else.
//!
//! ```text
//! path → Found → Target (what the medium has) → check (what the app needs) → layer → replace
//! ```
//!
//! 1. The homes are not touched: those of a folder are another file, those of a card another partition.
//! 2. All checks come before the first write.
//! 3. A file is replaced by a finished copy. A device cannot be: see `write`.
//! 4. Minutes may pass until then, so `replace` looks again: at what it has locked, or opened for itself alone.

mod needs;
mod version;
mod write;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use shim::cmdline::Options;
use shim::device::Device;
use shim::layout::{APP_INIT, APPS_LABEL};
use shim::probe::{self, TABLE};

use crate::host::Host;
use crate::host::cache::write_whole;
use crate::host::digest;
use crate::host::error::{Error, Result, Tried};
use crate::host::run::Run;
use crate::host::window::Window;
use crate::image::APPS_FILE;
use crate::inspect::files::Files;
use crate::media::{Code, Found, Layers, MANIFEST, Manifest, Member, Shape, beside};
use crate::parts::node::is_version;
use crate::users::ext4::{lock, not_in_use};
use crate::users::place::Place;

/// A medium whose apps can be replaced.
pub struct Target {
    found: Found,
    layers: Layers,
    apps: Window,
    seen: Seen,
    /// The names of its apps; `None` after an interrupted write to a device.
    names: Option<BTreeSet<String>>,
}

impl Target {
    /// Refuses a medium that has no apps, or whose apps cannot be replaced.
    pub fn of(found: Found) -> Result<Self> {
        let (path, target) = (found.path.display(), found.medium.name);
        let failed = |why: String| Error::new(format!("update {path}"), why);
        let of = match found.medium.code {
            Code::Apart(of) => of,
            Code::Within { why, next } => {
                let next = format!("build another: nodeos build APP --target {target} --out NEW; {next}");
                return Err(failed(why.to_owned()).next(next));
            }
        };
        let layers = of(&found.path).map_err(|error| error.within(format!("update {path}")))?;
        let Some(apps) = layers.apps.clone().filter(|_| Options::parse(&layers.cmdline).apps.is_some()) else {
            let next = format!("build one with an app: nodeos build APP --target {target} --out NEW");
            return Err(failed("it has no app: it was built without one".to_owned()).next(next));
        };
        let seen = Seen::of(&apps.whole()?, &apps)?;
        let names = names(&apps)?;
        let target = Self { found, layers, apps, seen, names };
        target.free()?;
        Ok(target)
    }

    /// The version of its node, if that can be found out.
    pub fn node(&self) -> Result<Option<String>> {
        let version = match &self.layers.carbon {
            Some(carbon) => match Files::open(carbon)?.file("/bin/node")? {
                Some(node) => version::of(node).tried("read node in", carbon.path())?,
                None => None,
            },
            None => self.manifest().and_then(|manifest| manifest.versions.get("node").cloned()),
        };
        // anybody may have written it, and what is no version may be the path of a program
        Ok(version.filter(|version| is_version(version)))
    }

    /// Whether data outlives a power off: its kernel's command line names a users partition.
    #[must_use]
    pub fn has_homes(&self) -> bool {
        Options::parse(&self.layers.cmdline).users.is_some()
    }

    /// Refuses an option of `build` for something that stays as it is.
    #[must_use]
    pub fn keeps(&self, option: &str, kept: &str) -> Error {
        let why = format!("{option} is an option of build: update-app replaces the app alone, and the {kept} stay");
        let next = format!("leave {option} out; or {}", self.anew());
        Error::new(self.tried(), why).next(next)
    }

    /// Refuses a layer with other apps: each app of a medium has a home there.
    pub fn same_apps<'a>(&self, apps: impl Iterator<Item = &'a str>) -> Result<()> {
        let new: BTreeSet<String> = apps.map(str::to_owned).collect();
        let list = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        match &self.names {
            Some(old) if *old != new => {
                let what = |names| if list(names).contains(", ") { "apps" } else { "app" };
                let why = format!(
                    "it has the {} {}, and the new version has the {} {}: each app's data is in the home of its name",
                    what(old),
                    list(old),
                    what(&new),
                    list(&new)
                );
                let next = format!("give its apps their names; or for other apps, {}", self.anew());
                Err(Error::new(self.tried(), why).next(next))
            }
            _ => Ok(()),
        }
    }

    /// Puts the new layer in the place of the old one. Returns how many bytes fit there; `None` for a file.
    pub fn replace(&self, host: &Host, layer: &Path) -> Result<Option<u64>> {
        let path = &self.found.path;
        if self.found.medium.shape == Shape::Folder {
            let to = path.join(APPS_FILE);
            let _lock = lock(&to)?;
            self.unchanged(&Window::open(&to)?)?;
            let new = write::file(layer, &to)?;
            let _new_lock = lock(new.path())?;
            new.keep()?;
            self.describe(host, layer, false)?;
            return Ok(None);
        }
        let (bytes, room) = (fs::metadata(layer).tried("look at", layer)?.len(), self.apps.length());
        if bytes > room {
            let why = format!("the new code has {bytes} bytes, and its partition has {room}");
            return Err(Error::new(self.tried(), why).next(self.anew()));
        }
        let place =
            write::Place { at: self.apps.at(), room, old: self.seen.old_bytes().map_or(room, |old| old.min(room)) };
        if is_device(path) {
            let device = write::open(path)?;
            self.unchanged(&Window::of(device.try_clone().tried("open", path)?, path)?)?;
            write::device(layer, &device, path, place)?;
        } else {
            let _lock = lock(path)?;
            self.unchanged(&Window::open(path)?)?;
            let as_built = self.found.is_as_built(&host.cache)?;
            let new = write::copy(layer, path, place)?;
            // nobody may change its homes before its digest is known
            let _new_lock = lock(new.path())?;
            new.keep()?;
            self.describe(host, layer, as_built)?;
        }
        Ok(Some(room))
    }

    /// Refuses a medium that is another one since it was found.
    fn unchanged(&self, disk: &Window) -> Result<()> {
        if Seen::of(disk, &self.apps)? == self.seen {
            return Ok(());
        }
        let why = "it was changed meanwhile, or is another one; nothing was written";
        Err(Error::new(self.tried(), why).next("run the same command again"))
    }

    fn tried(&self) -> String {
        format!("update {}", self.found.path.display())
    }

    /// Refuses a medium that a machine is using.
    fn free(&self) -> Result<()> {
        let path = &self.found.path;
        match self.found.medium.shape {
            Shape::Folder => not_in_use(self.tried(), &path.join(APPS_FILE)),
            Shape::File => not_in_use(self.tried(), path),
        }
    }

    /// How to build a medium with the same homes.
    fn anew(&self) -> String {
        let Found { medium, path, arch } = &self.found;
        let build = |users: Option<&Path>, to: &str| {
            let run = Run::new("nodeos").args(["build", "APP", "--target", medium.name, "--arch", arch.name]);
            let run = users.into_iter().fold(run, |run, users| run.arg("--users").arg(users));
            run.args(["--out", to]).to_string()
        };
        if !self.has_homes() {
            let to = if medium.shape == Shape::Folder { "NEW" } else { "NEW.img" };
            return format!("build another medium, also without homes: {}", build(Some(Path::new("none")), to));
        }
        if medium.shape == Shape::Folder {
            let homes = Some(path.join("users.ext4")).filter(|homes| homes.is_file());
            return format!("build another medium with the same homes: {}", build(homes.as_deref(), "NEW"));
        }
        let Ok(Place { window, .. }) = Place::of(path) else {
            return format!("build another medium: {}", build(None, "NEW.img"));
        };
        let mut from = OsString::from("if=");
        from.push(path);
        let dd = Run::new("dd").arg(from).args(["of=homes.ext4", "bs=4M", "conv=sparse"]);
        let dd = dd.arg("iflag=skip_bytes,count_bytes").arg(format!("skip={}", window.at()));
        let dd = dd.arg(format!("count={}", window.length()));
        // password hashes are in it
        format!(
            "build another medium with the same homes: (umask 077; {dd}) && {}",
            build(Some(Path::new("homes.ext4")), "NEW.img")
        )
    }

    fn manifest_path(&self) -> PathBuf {
        let Found { medium, path, .. } = &self.found;
        if medium.shape == Shape::Folder { path.join(MANIFEST) } else { beside(path) }
    }

    fn manifest(&self) -> Option<Manifest> {
        Manifest::read(&self.manifest_path()).ok()
    }

    /// Changes the manifest to what is there now. If homes were changed since the build, it must go on saying so.
    fn describe(&self, host: &Host, layer: &Path, as_built: bool) -> Result<()> {
        let path = &self.found.path;
        let Some(mut manifest) = self.manifest() else { return Ok(()) };
        let new = Member::of(&host.cache, APPS_FILE.into(), layer)?;
        let sha256 = if as_built { Some(digest::file(&host.cache, path)?) } else { manifest.sha256.take() };
        manifest.replace(new, self.found.medium.shape == Shape::Folder);
        manifest.sha256 = sha256;
        write_whole(&self.manifest_path(), manifest.json()?.as_bytes())
    }
}

/// What shows that a medium is still the same one.
#[derive(PartialEq, Eq)]
struct Seen {
    /// The first sector: where partitions are, and the number that `build` gave the disk.
    table: Vec<u8>,
    /// The first block of the old layer.
    first: Vec<u8>,
}

impl Seen {
    fn of(disk: &Window, apps: &Window) -> Result<Self> {
        let first = disk.part(apps.at(), write::BLOCK);
        Ok(Self { table: disk.head(TABLE as u64)?, first: first.head(write::BLOCK)? })
    }

    /// The bytes that the old layer has, if it is whole. `BLOCK` is for the mark behind the image.
    fn old_bytes(&self) -> Option<u64> {
        probe::size(&self.first, 0).map(|size| size.saturating_add(write::BLOCK))
    }
}

fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.file_type().is_block_device())
}

/// The names of the apps in a layer; `None` after an interrupted write to a device.
fn names(apps: &Window) -> Result<Option<BTreeSet<String>>> {
    let path = apps.path().display();
    let head = apps.head(write::BLOCK)?;
    if write::is_mark(&head) {
        return Ok(None);
    }
    let failed = |why: &str| Error::new(format!("find the apps in {path}"), why);
    if !probe::matches(&head, 0, Device::Label(APPS_LABEL)) {
        let what = if apps.at() > 0 { "the partition that apps= names" } else { "the file" };
        return Err(
            failed(&format!("{what} has no apps")).next("nodeos inspect shows what is on it; nothing was changed")
        );
    }
    let files = Files::open(apps)?;
    let names: BTreeSet<String> = files.apps()?.into_iter().map(|app| app.name).collect();
    for name in &names {
        if files.file(&format!("/{name}{APP_INIT}"))?.is_none() {
            let why = format!("the app {name} has no {APP_INIT}: another version of nodeos built it");
            return Err(failed(&why).next("build another medium"));
        }
    }
    Ok(Some(names))
}
