//! From the user's wishes to an image that boots: makes all parts in order, for `run`, `build` and the tests.

use std::path::PathBuf;

use shim::arches::Arch;
use shim::layout::{APPS_LABEL, USERS_LABEL};

use crate::host::Host;
use crate::host::error::Result;
use crate::image::carbon::Placement;
use crate::image::erofs::Packing;
use crate::image::manifest::Manifest;
use crate::image::tree::Tree;
use crate::image::words;
use crate::image::{Image, Spec, assemble, carbon_of};
use crate::parts::debian;
use crate::parts::kernel::{self, kernel};
use crate::parts::node::{self, Choice};
use crate::parts::shim::{Shim, build as shim};
use crate::users::app::{self, App};
use crate::users::demo;
use crate::users::image::DEFAULT_SIZE;

/// Debian's package of e2fsck without libraries.
const E2FSCK: &str = "e2fsck-static";

/// The user's wishes.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The machine.
    pub arch: &'static Arch,
    /// Where the carbon copy is stored.
    pub placement: Placement,
    /// Whether it is compressed, with the placement `medium`.
    pub packing: Packing,
    /// The kernel profile, which selects drivers: one of the architecture's `kernel_profiles`.
    pub profile: &'static str,
    /// The manifest, with the options of the command line merged in.
    pub manifest: Manifest,
}

/// Who uses the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users {
    pub homes: Homes,
    /// Users beside those of the homes: programs whose code is on the medium.
    pub apps: Vec<App>,
}

/// Where the homes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Homes {
    /// A session in RAM.
    None,
    /// A users partition with the empty homes of the apps.
    App,
    /// The demo's three homes.
    Demo,
    /// A users image that somebody made.
    File(PathBuf),
}

/// The image. This makes all parts that are not in the cache.
pub fn image(host: &Host, wanted: &Wanted) -> Result<Image> {
    image_with(host, wanted, || shim(wanted.arch, host.progress))
}

/// The same, with a shim other than the default one of this source tree.
pub fn image_with(host: &Host, wanted: &Wanted, shim: impl FnOnce() -> Result<Shim>) -> Result<Image> {
    assemble(host, &spec(host, wanted, shim)?)
}

/// The carbon copy's files.
pub fn carbon(host: &Host, wanted: &Wanted) -> Result<Tree> {
    carbon_of(host, &spec(host, wanted, || shim(wanted.arch, host.progress))?)
}

fn spec(host: &Host, wanted: &Wanted, shim: impl FnOnce() -> Result<Shim>) -> Result<Spec> {
    let Wanted { arch, placement, packing, profile, manifest } = wanted;
    // first what the user may have got wrong, last what takes minutes
    words::check(&manifest.cmdline, &own_words(arch, *placement, true, false))?;
    let node = Choice::parse(manifest.node.as_deref().unwrap_or(node::DEFAULT), arch)?;
    let options = manifest.kernel.options.iter().map(|option| option.0.clone()).collect();
    let shim = shim()?;
    let kernel = kernel(host, &kernel::Spec { arch, profile: (*profile).to_owned(), options })?;
    let e2fsck = debian::unpacked(host, arch, E2FSCK, "main")?;
    Ok(Spec {
        arch,
        placement: *placement,
        packing: *packing,
        node,
        includes: manifest.include.clone(),
        cmdline: manifest.cmdline.clone(),
        kernel,
        kernel_version: kernel::source_version()?,
        e2fsck_version: debian::fetched(&e2fsck)?,
        e2fsck: e2fsck.join("sbin/e2fsck.static"),
        shim,
    })
}

impl From<Homes> for Users {
    fn from(homes: Homes) -> Self {
        Self { homes, apps: Vec::new() }
    }
}

impl From<App> for Users {
    fn from(app: App) -> Self {
        Self { homes: Homes::App, apps: vec![app] }
    }
}

impl Users {
    /// The image of the homes. `size` is used if it is made here. An image in the cache must not be written to.
    pub fn homes(&self, host: &Host, size: Option<u64>) -> Result<Option<PathBuf>> {
        let size = size.unwrap_or(DEFAULT_SIZE);
        match &self.homes {
            Homes::None => Ok(None),
            Homes::App => app::homes(host, &self.apps, size).map(Some),
            Homes::Demo => demo::image(host, size).map(Some),
            Homes::File(file) => Ok(Some(file.clone())),
        }
    }

    /// The image with the apps' code, for that machine.
    pub fn code(&self, host: &Host, arch: &Arch, packing: Packing) -> Result<Option<PathBuf>> {
        (!self.apps.is_empty()).then(|| app::layer(host, &self.apps, arch, "", packing)).transpose()
    }

    /// The app, if it is the only one.
    #[must_use]
    pub fn app(&self) -> Option<&App> {
        <&[App; 1]>::try_from(self.apps.as_slice()).ok().map(|[app]| app)
    }
}

/// The whole command line of a machine in QEMU. If two words contradict each other, the last one applies, so the
/// image's and the user's own words come last. Refuses a line that a kernel would not read to its end.
pub fn cmdline(image: &Image, users: bool) -> Result<String> {
    let own = own_words(image.arch, image.placement, users, image.apps.is_some());
    words::check(&image.words, &own)?;
    Ok(format!("{own} {}", image.words).trim_end().to_owned())
}

/// NodeOS's own words for a machine in QEMU, with a users partition or without, with apps or without.
#[must_use]
pub fn own_words(arch: &Arch, placement: Placement, users: bool, apps: bool) -> String {
    let users = if users { format!("users=LABEL={USERS_LABEL}") } else { "users=none".to_owned() };
    // panic=-1: if the kernel panics, the machine ends at once, without a last word
    let own = format!("console={} quiet panic=-1 {users} {}", arch.console, placement.words());
    if apps { format!("{own} apps=LABEL={APPS_LABEL}") } else { own }
}

#[cfg(test)]
mod tests {
    use super::cmdline;
    use crate::image::Image;
    use crate::image::carbon::Placement;
    use crate::image::words::MOST_NAMES;
    use shim::arches::ALL;
    use shim::{cmdline::Options, device::Device};

    fn with(words: &str) -> Image {
        Image {
            arch: &ALL[0],
            kernel: "k".into(),
            initramfs: "i".into(),
            carbon: None,
            apps: None,
            placement: Placement::Plain,
            words: words.to_owned(),
            versions: vec![],
        }
    }

    #[test]
    fn kernel_parameters_of_the_user_take_precedence() {
        let line = cmdline(&with(""), true).unwrap();
        assert_eq!(line, "console=ttyS0 quiet panic=-1 users=LABEL=nodeos-users carbon=plain");
        assert_eq!(Options::parse(&line).users, Some(Device::Label("nodeos-users")));
        assert_eq!(Options::parse(&cmdline(&with(""), false).unwrap()).users, None);
        let line = cmdline(&with("users=/dev/vdb"), true).unwrap();
        assert_eq!(Options::parse(&line).users, Some(Device::Path("/dev/vdb")));
    }

    #[test]
    fn the_word_for_an_app_counts_too() {
        let most = MOST_NAMES - 4; // console, panic, users and carbon
        let words: String = (0..most).map(|number| format!("A{number}=1 ")).collect();
        let image = |apps: Option<&str>| Image { apps: apps.map(Into::into), ..with(&words) };
        assert!(cmdline(&image(None), true).is_ok());
        let error = cmdline(&image(Some("a")), true).unwrap_err().to_string();
        assert!(error.contains("it has 31 names (NAME=value), 5 of them NodeOS's own"), "{error}");
    }
}
