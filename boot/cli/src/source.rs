//! The input of `run` and `build`: the command line, and `nodeos.toml` for all other settings.

use std::path::{Path, PathBuf};

use boot::assembly::Wanted;
use boot::host::folder::above;
use boot::host::size::memory_mib;
use boot::host::window::Window;
use boot::image::carbon::Placement;
use boot::image::erofs::Packing;
use boot::image::manifest::Manifest;
use boot::image::outside::{self, Outside};
use boot::image::words;
use boot::media::Medium;
use boot::tools::For;
use boot::users::dependencies;
use boot::users::environment::{self, Variable};
use boot::users::superblock;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use lab::measure::Subject;
use shim::arches::{ALL, Arch};

use crate::common::{Failed, answer};

/// The machine that is made.
#[derive(Clone, Default, clap::Args)]
pub struct Source {
    /// The app: a .js, .mjs, .cjs or .ts file, or a folder with a package.json [default: the demo]
    pub app: Option<PathBuf>,
    /// The machine's architecture [default: the only one that a target has, or this machine's]
    #[arg(long, value_name = "ARCH", value_parser = archs())]
    pub arch: Option<&'static Arch>,
    /// Where node and its libraries are: plain (files in the initramfs), image (an EROFS file in the initramfs), medium (an EROFS disk; takes the least RAM)
    /// [default: medium]
    #[arg(long, value_name = "PLACE")]
    pub carbon: Option<Placement>,
    /// The version of node: 24, 26, an exact version, or the path of a binary
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,
    /// The users partition: an image; none for a session in RAM; or, for build, the size of a new one [default: that of the demo or the app]
    #[arg(long, value_name = "FILE|SIZE|none")]
    pub users: Option<PathBuf>,
    /// Add words to the kernel's command line, as in "single TZ=Europe/Madrid"
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub append: Option<String>,
    #[command(flatten)]
    pub for_app: ForApp,
}

/// What the command line says of the app itself. It goes into the app's layer.
#[derive(Clone, Default, clap::Args)]
pub struct ForApp {
    /// Include what nodeos.toml and package.json name outside their own folder: files, node, users, packages, and install scripts. Without it, nodeos asks on a terminal
    #[arg(long)]
    pub allow_include: bool,
    /// Set an environment variable of the app; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = environment::variable)]
    pub env: Vec<Variable>,
    /// Set the environment variables of the app that this file has, one NAME=VALUE a line
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Arguments for the app, after those of its own "start"
    #[arg(last = true, value_name = "WORDS")]
    pub words: Vec<String>,
}

impl Source {
    /// The architecture: what was asked for, or this machine's.
    pub fn arch(&self) -> &'static Arch {
        self.arch.unwrap_or(Arch::host())
    }

    /// The same for a target, which may be made for one alone.
    pub fn for_target(mut self, target: &Medium) -> Self {
        let only = <[&str; 1]>::try_from(target.archs).ok().and_then(|[name]| Arch::named(name));
        self.arch = self.arch.or(only);
        self
    }

    /// What the host needs for it, beside QEMU.
    pub fn purposes(&self) -> Vec<For> {
        vec![For::Images, For::Users, For::Kernel(self.arch())]
    }

    /// The folder whose `nodeos.toml` counts: the app's, else the current one.
    pub fn folder(&self) -> &Path {
        let beside = match &self.app {
            Some(app) if app.is_dir() => app.as_path(),
            Some(app) => above(app),
            None => Path::new("."),
        };
        if beside.join(boot::image::manifest::FILE).exists() { beside } else { Path::new(".") }
    }

    /// What `nodeos.toml` and the app's package.json take from outside of their folder, if the command line does not say
    /// otherwise.
    pub fn outside(&self) -> Result<Vec<Outside>, Failed> {
        let folder = self.folder();
        let mut manifest = Manifest::load(folder)?;
        manifest.node = manifest.node.filter(|_| self.node.is_none());
        manifest.users = manifest.users.filter(|_| self.users.is_none());
        let mut found = outside::of(&manifest, folder)?;
        let one = self.app.as_deref().filter(|_| manifest.app.is_empty());
        for app in manifest.app.iter().map(|app| app.path.as_path()).chain(one).filter(|app| app.is_dir()) {
            let beside = dependencies::outside(app)?.into_iter().map(|path| path.display().to_string());
            found.extend(beside.map(|what| Outside { key: "package.json", what }));
        }
        Ok(found)
    }

    /// Refuses what is outside, unless somebody says that it is meant.
    fn allowed(&self) -> Result<(), Failed> {
        let outside = self.outside()?;
        if self.for_app.allow_include || outside.is_empty() {
            return Ok(());
        }
        let file = match outside.iter().all(|outside| outside.key == "package.json") {
            true => self.app.clone().unwrap_or_default().join("package.json"),
            false => self.folder().join(boot::image::manifest::FILE),
        };
        let list: String = outside.iter().map(|outside| format!("\n  {outside}")).collect();
        let question = format!("{} takes from outside of its folder:{list}", file.display());
        match answer(&format!("{question}\nput that into the machine?")) {
            Some(true) => Ok(()),
            Some(false) => Err(Failed::new("nothing was built")),
            None => Err(Failed::usage(format!("{question}\n  next: --allow-include, if you want that in the machine"))),
        }
    }

    /// What the machine is made of: `nodeos.toml`, overridden by the command line.
    pub fn wanted(&self) -> Result<Wanted, Failed> {
        let folder = self.folder();
        let mut manifest = Manifest::load(folder)?;
        self.allowed()?;
        memory(&manifest).map_err(|why| {
            let file = folder.join(boot::image::manifest::FILE);
            Failed::new(format!("cannot read {}, memory: {why}", file.display()))
        })?;
        manifest.node = self.node.clone().or(manifest.node);
        let appended = self.append.as_deref().unwrap_or_default();
        manifest.cmdline = words::join(&[&manifest.cmdline, appended])
            .and_then(|line| words::check(&line, "").map(|()| line))
            .map_err(|error| Failed::usage(format!("cannot {error}")))?;
        let placement = self.carbon.unwrap_or(Placement::Medium);
        Ok(Wanted { arch: self.arch(), placement, packing: Packing::Stored, profile: "virt", manifest })
    }

    /// What is measured of it, on that medium.
    pub fn subject(&self, target: &'static Medium) -> Result<Subject, Failed> {
        target.check(self.arch())?;
        if self.carbon.is_some() || self.size().is_some() {
            return Err(Failed::usage(
                "--carbon, --users SIZE: a target is measured as it is built; `--only floor` compares the places",
            ));
        }
        let manifest = self.wanted()?.manifest;
        Ok(Subject { arch: self.arch(), target, users: self.users(&manifest)?, manifest })
    }

    /// How large a users partition is made, if that was said; a file of that name is one.
    pub fn size(&self) -> Option<u64> {
        let word = self.users.as_deref().filter(|word| !word.exists())?;
        boot::host::size::bytes(word.to_str()?).ok()
    }
}

/// The manifest's RAM, in the forms and the range of `--memory`.
pub fn memory(manifest: &Manifest) -> Result<Option<u32>, String> {
    manifest.memory.as_deref().map(memory_mib).transpose()
}

pub fn is_file(file: &Path) -> Result<PathBuf, Failed> {
    let next = "\n  next: nodeos users create FILE makes one";
    match file.metadata() {
        Ok(found) if found.is_file() => {
            let window = Window::open(file)?;
            superblock::of(&window)?.whole(&window)?;
            Ok(file.to_owned())
        }
        Ok(_) => {
            Err(Failed::new(format!("{}: expected the image of a users partition, which is a file", file.display())))
        }
        Err(error) => Err(Failed::new(format!("{}: {error}{next}", file.display()))),
    }
}

/// The architectures, for clap.
pub fn archs() -> impl TypedValueParser<Value = &'static Arch> {
    PossibleValuesParser::new(ALL.iter().map(|arch| arch.name))
        .try_map(|name| Arch::named(&name).ok_or("a row of architectures is gone"))
}

#[cfg(test)]
pub mod tests {
    use super::{Manifest, Source, memory};
    use boot::assembly::Homes;
    use clap::{Args, FromArgMatches};
    use std::fs;
    use std::path::Path;

    pub fn source(words: &[&Path]) -> Source {
        let words = [Path::new("run")].into_iter().chain(words.iter().copied());
        let matches = Source::augment_args(clap::Command::new("run")).get_matches_from(words);
        Source::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn memory_in_nodeos_toml_is_parsed_like_the_option() {
        let with = |text: &str| memory(&Manifest { memory: Some(text.to_owned()), ..Manifest::default() });
        assert_eq!(memory(&Manifest::default()), Ok(None));
        for (text, mib) in [("64", 64), ("256M", 256), ("512MiB", 512), ("1G", 1024), ("2GB", 2048)] {
            assert_eq!(with(text), Ok(Some(mib)), "{text}");
        }
        for text in ["lots", "15M", "2048G", "4294967295G", ""] {
            assert!(with(text).unwrap_err().contains("between 16M and 1024G"), "{text}");
        }
    }

    #[test]
    fn memory_out_of_range_in_a_manifest_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let app = source(&[folder.path()]);
        let manifest = |text| fs::write(folder.path().join("nodeos.toml"), text).unwrap();
        manifest("memory = \"15M\"");
        let error = app.wanted().unwrap_err();
        assert!(error.to_string().contains("nodeos.toml, memory: expected an amount of RAM"), "{error}");
        manifest("memory = \"1G\"");
        assert!(app.users(&app.wanted().unwrap().manifest).is_ok());
    }

    #[test]
    fn the_users_option_is_a_file_a_size_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let with = |word: &str| {
            let source = Source::from_arg_matches(
                &Source::augment_args(clap::Command::new("run")).get_matches_from(["run", "--users", word]),
            );
            let source = source.unwrap();
            let manifest = Manifest { users: Some("/no/such/file".into()), ..Manifest::default() };
            (source.size(), source.users(&manifest).ok())
        };
        assert_eq!(with("1G"), (Some(1 << 30), Some(Homes::Demo.into())));
        assert_eq!(with("none"), (None, Some(Homes::None.into())));
        assert_eq!(with(folder.path().join("1G").to_str().unwrap()), (None, None));
    }
}
