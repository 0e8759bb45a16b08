//! Node for the guest: from the npm registry by the npm client, or a file that the caller names.
//!
//! `node.lock.json` pins version and integrity per architecture. The integrity of the file from npm is checked before
//! anything in it is unpacked. For other exact versions, only npm checks it. The binary is stripped and cached.

use crate::host::Host;
use crate::host::digest::{Key, file as digest_of};
use crate::host::error::{Error, Result, Tried};
use crate::parts::closure::check_machine;
use crate::parts::elf;
use crate::parts::npm::{pack, unpack};
use crate::parts::strip::strip;
use serde::Deserialize;
use shim::arches::Arch;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The default release.
pub const DEFAULT: &str = "24";
const LOCK: &str = include_str!("../../node.lock.json");
/// Must change when the processing of the fetched binary changes.
const RECIPE: &str = "strip 1";

/// A pinned package.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pin {
    version: String,
    integrity: String,
}

/// Which node to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A release in the registry: an exact version, and its integrity if it is pinned.
    Release {
        /// `24.21.0`.
        version: String,
        /// `sha512-…`.
        integrity: Option<String>,
    },
    /// A binary of the host.
    Binary(PathBuf),
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Release { version, .. } => f.write_str(version),
            Self::Binary(path) => write!(f, "{}", path.file_name().unwrap_or_default().display()),
        }
    }
}

impl Choice {
    /// The version of its binary interface, which addons are made for; `None` where that is not known.
    #[must_use]
    pub fn interface(&self) -> Option<u32> {
        let Self::Release { version, .. } = self else { return None };
        let major: u32 = version.split('.').next()?.parse().ok()?;
        INTERFACES.iter().find(|(known, _)| *known == major).map(|(_, interface)| *interface)
    }

    /// Parses `24`, `24.21.0` or a path. A major version means the one in the lock file.
    pub fn parse(text: &str, arch: &Arch) -> Result<Self> {
        let lock: BTreeMap<String, BTreeMap<String, Pin>> =
            serde_json::from_str(LOCK).map_err(|error| Error::new("read node.lock.json", error))?;
        let number = text.strip_prefix('v').unwrap_or(text);
        let pin = |major: &str| lock.get(major).and_then(|pins| pins.get(arch.name));
        if let Some(pin) = pin(number) {
            return Ok(Self::Release { version: pin.version.clone(), integrity: Some(pin.integrity.clone()) });
        }
        if is_version(number) {
            let major = number.split('.').next().unwrap_or_default();
            let integrity = pin(major).filter(|pin| pin.version == number).map(|pin| pin.integrity.clone());
            return Ok(Self::Release { version: number.to_owned(), integrity });
        }
        if text.contains('/') || Path::new(text).is_file() {
            return Ok(Self::Binary(PathBuf::from(text)));
        }
        let known: Vec<_> = lock.keys().map(String::as_str).collect();
        Err(Error::new(format!("use node {text}"), "it is not a pinned release, an exact version or a file")
            .next(format!("write {}, an exact version such as 24.21.0, or the path of a binary", known.join(" or "))))
    }
}

/// node's major versions, and the versions of their binary interfaces (nodejs/node, doc/abi_version_registry.json).
pub const INTERFACES: [(u32, u32); 7] = [(18, 108), (20, 115), (22, 127), (23, 131), (24, 137), (25, 141), (26, 147)];

/// Whether the text is an exact version: three numbers.
#[must_use]
pub fn is_version(text: &str) -> bool {
    let parts: Vec<_> = text.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The stripped binary, from the cache or made now.
pub fn node(host: &Host, arch: &Arch, choice: &Choice) -> Result<PathBuf> {
    match choice {
        Choice::Release { version, integrity } => {
            let key = Key::default().with("recipe", RECIPE).with("integrity", integrity.as_deref().unwrap_or("npm's"));
            let key = format!("{version}-{arch}-{}", key.name());
            host.cache.entry("node", &key, |new| {
                let phase = host.progress.start("node", &format!("fetch node {version} for {arch}"));
                let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
                let binary = fetch(arch, version, integrity.as_deref(), folder.path())
                    .map_err(|error| error.within(format!("fetch node {version} for {arch}")))?;
                phase.done(&format!("node {version} for {arch}{}", stripped(arch, &binary, new)?));
                Ok(())
            })
        }
        Choice::Binary(path) => {
            let key = Key::default().with("recipe", RECIPE).with("digest", digest_of(&host.cache, path)?).name();
            host.cache.entry("node", &format!("file-{arch}-{key}"), |new| {
                let phase = host.progress.start("node", &format!("strip {}", path.display()));
                phase.done(&format!("{} for {arch}{}", path.display(), stripped(arch, path, new)?));
                Ok(())
            })
        }
    }
}

/// Fetches the package into `folder`, checks it, and unpacks its binary.
fn fetch(arch: &Arch, version: &str, integrity: Option<&str>, folder: &Path) -> Result<PathBuf> {
    let archive = pack(arch.node_package, version, integrity, folder)?;
    let binary = folder.join("node");
    unpack(&archive, "package/bin/node", &binary)?;
    Ok(binary)
}

/// Writes the stripped binary. Returns a text about how much that saved.
fn stripped(arch: &Arch, binary: &Path, new: &Path) -> Result<String> {
    let whole = fs::read(binary).tried("read", binary)?;
    let name = binary.to_string_lossy();
    let facts = elf::parse(&whole).map_err(|why| Error::new(format!("use {name}"), why))?;
    let facts = facts.ok_or_else(|| Error::new(format!("use {name} as node"), "it is not an ELF file"))?;
    check_machine(arch, &name, &facts)?;
    let small = strip(&whole).map_err(|why| Error::new(format!("strip {name}"), why))?;
    fs::write(new, &small).tried("write", new)?;
    fs::set_permissions(new, fs::Permissions::from_mode(0o755)).tried("make executable", new)?;
    let (before, after) = (whole.len(), small.len());
    Ok(format!(", {:.1} MB, stripped of {:.1} MB", megabytes(after), megabytes(before.saturating_sub(after))))
}

#[allow(clippy::cast_precision_loss)]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::{Choice, DEFAULT, node};
    use crate::host::Host;
    use crate::host::cache::Cache;
    use crate::host::progress::Progress;
    use shim::arches::{ALL, Arch};
    use std::path::PathBuf;

    #[test]
    fn the_lock_file_has_both_releases_for_every_architecture() {
        for arch in ALL {
            for major in [DEFAULT, "26"] {
                match Choice::parse(major, arch).unwrap() {
                    Choice::Release { version, integrity: Some(integrity) } => {
                        assert!(version.starts_with(major) && integrity.starts_with("sha512-"), "{version}");
                        assert!(integrity.len() == 95, "{integrity}");
                        let known = Choice::parse(major, arch).unwrap().interface();
                        assert!(known.is_some(), "what is the interface of node {major}? See INTERFACES");
                        let exact = Choice::parse(&version, arch).unwrap();
                        assert_eq!(exact, Choice::Release { version, integrity: Some(integrity) });
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn versions_and_paths_are_distinguished() {
        let arch = &ALL[0];
        let release = Choice::Release { version: "22.1.0".to_owned(), integrity: None };
        assert_eq!(Choice::parse("v22.1.0", arch).unwrap(), release.clone());
        assert_eq!(release.interface(), Some(127));
        let binary = Choice::Binary(PathBuf::from("./node"));
        assert_eq!((Choice::parse("./node", arch).unwrap(), binary.interface()), (binary, None));
        let text = Choice::parse("25", arch).unwrap_err().to_string();
        assert!(text.contains("write 24 or 26, an exact version"), "{text}");
    }

    #[test]
    fn a_binary_of_another_architecture_is_refused_and_not_cached() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host { cache: Cache::at(folder.path()).unwrap(), progress: Progress::Silent };
        let other = ALL.iter().find(|arch| !arch.is_host()).unwrap();
        let choice = Choice::Binary(std::env::current_exe().unwrap());
        let text = node(&host, other, &choice).unwrap_err().to_string();
        assert!(text.ends_with(&format!("it is for {}, the image is for {other}", Arch::host())), "{text}");
        let text = node(&host, other, &Choice::Binary("/etc/passwd".into())).unwrap_err();
        assert!(text.to_string().ends_with("it is not an ELF file"), "{text}");
    }
}
