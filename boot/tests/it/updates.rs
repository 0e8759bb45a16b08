//! Where another version of an app takes the place of the old one.

use std::fs;
use std::path::{Path, PathBuf};

use boot::host::Host;
use boot::host::cache::Cache;
use boot::host::progress::Progress;
use boot::image::erofs::Packing;
use boot::media::{Found, Manifest, Member};
use boot::update::Target;
use boot::users::app::{App, layer};
use boot::users::names::APP;
use shim::arches::Arch;
use tempfile::TempDir;

use crate::cards::carbon;

pub struct Stage {
    pub folder: TempDir,
    pub host: Host,
    pub arch: &'static Arch,
}

impl Stage {
    pub fn new(arch: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Host { cache: Cache::at(folder.path().join("cache")).unwrap(), progress: Progress::Silent };
        Self { folder, host, arch: Arch::named(arch).unwrap() }
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The layer of an app with this text, for a user of that name.
    pub fn layer(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at("app.js");
        fs::write(&path, text).unwrap();
        let app = App { name: name.to_owned(), ..App::from(path) };
        layer(&self.host, &[app], self.arch, "", Packing::Compressed).unwrap()
    }

    pub fn update(&self, path: &Path, layer: &Path) -> Option<u64> {
        target(path).unwrap().replace(&self.host, layer).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A folder as of `--target direct`.
    pub fn direct(&self) -> PathBuf {
        let folder = self.at("direct");
        fs::create_dir(&folder).unwrap();
        fs::copy(self.layer(APP, "// one"), folder.join("apps.erofs")).unwrap();
        fs::copy(carbon(self.folder.path()), folder.join("carbon.erofs")).unwrap();
        let words = "console=ttyS0 users=LABEL=nodeos-users apps=LABEL=nodeos-apps TZ=UTC\n";
        for (name, text) in [("kernel", "k"), ("initramfs", "i"), ("users.ext4", "homes"), ("cmdline", words)] {
            fs::write(folder.join(name), text).unwrap();
        }
        let members = ["apps.erofs", "carbon.erofs", "cmdline", "initramfs", "kernel", "users.ext4"];
        let member = |name: &str| Member::of(&self.host.cache, name.into(), &folder.join(name)).unwrap();
        let members: Vec<Member> = members.map(member).into();
        let bytes = members.iter().map(|member| member.bytes).sum();
        self.describe(&folder.join("manifest.json"), "direct", None, bytes, members);
        folder
    }

    pub fn describe(&self, at: &Path, target: &str, sha256: Option<String>, bytes: u64, members: Vec<Member>) {
        let (target, arch, cmdline) = (target.to_owned(), self.arch.name.to_owned(), String::new());
        let manifest = Manifest { target, arch, cmdline, bytes, sha256, versions: [].into(), members };
        fs::write(at, manifest.json().unwrap()).unwrap();
    }
}

pub fn target(path: &Path) -> boot::host::error::Result<Target> {
    Target::of(Found::at("update", path).unwrap().unwrap())
}

/// Why a medium or an app is refused.
pub fn why<T>(result: boot::host::error::Result<T>) -> String {
    result.map(drop).unwrap_err().to_string()
}
