//! Maps the files of a carbon copy to files of the host.
//!
//! A path of the guest is looked up in this order: a file that was placed there (node, an include), a library of the
//! sysroot, and then the file at the same place *relative to an included file* on the host. So `/usr/bin/sqlite3`,
//! included as `/bin/sqlite3`, finds `../lib/…/libsqlite3.so.0`, and `$ORIGIN/../lib` keeps its meaning.

use crate::host::error::{Error, Result, Tried};
use crate::host::foreign;
use crate::image::manifest::Include;
use crate::parts::closure::{Lookup, closure, normal};
use crate::parts::elf::{self, Elf};
use shim::arches::Arch;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The libraries in every carbon copy, out of Debian's packages (`debian::PACKAGES`): those of node and the small ones
/// that native addons use. Left out are libmvec, which has 1 MB, and those that only debuggers and old name services
/// load.
pub const LIBRARIES: [&str; 13] = [
    "libanl.so.1",
    "libatomic.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libnss_dns.so.2",
    "libnss_files.so.2",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libstdc++.so.6",
    "libutil.so.1",
];

/// The host's files by their place in the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    sysroot: PathBuf,
    placed: BTreeMap<String, PathBuf>,
}

impl Origins {
    /// The libraries of a sysroot, without placed files.
    #[must_use]
    pub fn new(sysroot: &Path) -> Self {
        Self { sysroot: sysroot.to_owned(), placed: BTreeMap::new() }
    }

    /// Puts a file of the host at a place in the guest.
    #[must_use]
    pub fn with(mut self, to: &str, from: &Path) -> Self {
        self.placed.insert(normal(to), from.to_owned());
        self
    }

    /// Places every file of the includes.
    pub fn with_includes(mut self, includes: &[Include]) -> Result<Self> {
        for include in includes {
            for (to, from) in files(include)? {
                self.placed.insert(to, from);
            }
        }
        Ok(self)
    }

    /// The file of the host for a path of the guest.
    #[must_use]
    pub fn host(&self, guest: &str) -> Option<PathBuf> {
        if let Some(placed) = self.placed.get(guest) {
            return Some(placed.clone());
        }
        let beside = self.placed.iter().filter_map(|(to, from)| moved(to, from, guest));
        let below = self.sysroot.join(guest.trim_start_matches('/'));
        std::iter::once(below).chain(beside).find(|path| path.is_file())
    }

    /// `LIBRARIES` and the libraries of every placed ELF file, by their paths in the guest. The loader is included.
    pub fn libraries(&self, arch: &Arch) -> Result<BTreeMap<String, PathBuf>> {
        let mut known = BTreeMap::new();
        let mut paths: BTreeSet<_> = LIBRARIES.iter().map(|name| format!("/lib/{}/{name}", arch.multiarch)).collect();
        let mut lookup = |path: &str| self.facts(path, &mut known);
        for program in self.placed.keys() {
            if lookup(program)?.is_some() {
                paths.append(&mut closure(arch, program, &mut lookup as &mut Lookup<'_>)?);
            }
        }
        let mut libraries = BTreeMap::from([(arch.loader.to_owned(), self.loader(arch)?)]);
        for path in paths.into_iter().filter(|path| !self.placed.contains_key(path)) {
            if let Some(host) = self.host(&path) {
                libraries.insert(path, host);
            }
        }
        Ok(libraries)
    }

    /// On the host, glibc's loader is among the libraries of the sysroot. In the guest, the psABI fixes its path.
    fn loader(&self, arch: &Arch) -> Result<PathBuf> {
        let name = arch.loader.rsplit('/').next().unwrap_or_default();
        let path = self.sysroot.join("lib").join(arch.multiarch).join(name);
        if path.is_file() {
            Ok(path)
        } else {
            Err(Error::new(format!("find the loader {name}"), "the sysroot lacks it"))
        }
    }

    /// Reads each file only once, even if several folders and programs need it.
    fn facts(&self, guest: &str, known: &mut BTreeMap<String, Option<Elf>>) -> Result<Option<Elf>> {
        if let Some(facts) = known.get(guest) {
            return Ok(facts.clone());
        }
        let facts = match self.host(guest) {
            Some(path) if path.is_file() => elf_facts(&path)?,
            _ => None,
        };
        known.insert(guest.to_owned(), facts.clone());
        Ok(facts)
    }
}

/// The most bytes of a program, library or addon: node itself has a tenth.
const LARGEST: u64 = 1 << 30;

/// The facts of a file of the host; `None` if it is not an ELF file.
pub fn elf_facts(path: &Path) -> Result<Option<Elf>> {
    let bytes = foreign::bytes(path, LARGEST)?;
    elf::parse(&bytes).map_err(|why| Error::new(format!("read {}", path.display()), why))
}

/// The files of an include: the file itself, or all files below the folder. Links stay links, see `tree`.
pub fn files(include: &Include) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let what = fs::metadata(&include.from).tried("include", &include.from)?;
    if !what.is_dir() {
        found.insert(include.to.clone(), include.from.clone());
        return Ok(found);
    }
    for entry in fs::read_dir(&include.from).tried("list", &include.from)? {
        let entry = entry.tried("list", &include.from)?;
        let name = entry.file_name().into_string().map_err(|name| {
            Error::new(format!("include {}", include.from.display()), format!("the name {name:?} is not UTF-8"))
        })?;
        let to = format!("{}/{name}", include.to.trim_end_matches('/'));
        let kind = entry.file_type().tried("look at", entry.path())?;
        if kind.is_dir() {
            found.append(&mut files(&Include { from: entry.path(), to })?);
        } else {
            found.insert(to, entry.path());
        }
    }
    Ok(found)
}

/// Moves a path: returns the host's path whose relation to `from` is that of `guest` to `to`.
fn moved(to: &str, from: &Path, guest: &str) -> Option<PathBuf> {
    let folder: Vec<_> = to.rsplit_once('/')?.0.split('/').collect();
    let wanted: Vec<_> = guest.split('/').collect();
    let shared = folder.iter().zip(&wanted).take_while(|(one, other)| one == other).count();
    let up = folder.iter().skip(shared).map(|_| "..");
    let down = wanted.iter().skip(shared).copied();
    Some(up.chain(down).fold(from.parent()?.to_owned(), |path, part| path.join(part)))
}

#[cfg(test)]
mod tests {
    use super::{Origins, moved};
    use crate::image::manifest::Include;
    use std::fs;
    use std::path::{Path, PathBuf};

    #[test]
    fn a_library_is_found_relative_to_the_included_file() {
        let path = moved("/bin/tool", Path::new("/opt/x/bin/tool"), "/lib/libx.so").unwrap();
        assert_eq!(path, PathBuf::from("/opt/x/bin/../lib/libx.so"));
        let path = moved("/usr/bin/sqlite3", Path::new("/usr/bin/sqlite3"), "/lib/x/libs.so").unwrap();
        assert_eq!(path, PathBuf::from("/usr/bin/../../lib/x/libs.so"));
        let path = moved("/opt/bin/tool", Path::new("/home/me/bin/tool"), "/opt/own/libx.so").unwrap();
        assert_eq!(path, PathBuf::from("/home/me/bin/../own/libx.so"));
    }

    #[test]
    fn included_files_come_before_the_sysroot_and_neighbours_last() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for path in ["sys/lib/a.so", "app/bin/tool", "app/lib/a.so", "app/lib/b.so"] {
            fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            fs::write(at(path), path).unwrap();
        }
        let include = Include { from: at("app/bin"), to: "/bin".to_owned() };
        let origins = Origins::new(&at("sys")).with_includes(&[include]).unwrap();
        let read = |path: &str| origins.host(path).map(|path| fs::read_to_string(path).unwrap());
        assert_eq!(read("/bin/tool").unwrap(), "app/bin/tool");
        assert_eq!(read("/lib/a.so").unwrap(), "sys/lib/a.so");
        assert_eq!(read("/lib/b.so").unwrap(), "app/lib/b.so");
        assert_eq!(read("/lib/c.so"), None);
    }
}
