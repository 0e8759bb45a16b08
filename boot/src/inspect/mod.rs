//! The content of an image that somebody else made: members, owners, sizes, and the libraries of its programs.
//!
//! The bytes of the file decide its kind, not its name. The file may come from anybody: nothing of it is written to
//! this machine, it cannot cause a large use of memory, and its names are printed as in `shown`.

mod erofs;
pub mod files;
mod initramfs;
mod machine;
mod medium;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;

use serde::Serialize;
use shim::arches::Arch;
use shim::device::Device;
use shim::layout::{APPS_LABEL, CARBON};
use shim::probe;

use crate::host::error::{Error, Result};
use crate::host::shown::Shown;
use crate::host::window::Window;
use crate::image::unpack;
use crate::parts::closure::closure;
use crate::parts::elf::{self, Elf};
use crate::users::place::Place;
use crate::users::read::{self, Member, Partition};
use crate::users::superblock;

pub use self::files::App;
pub use self::machine::{Homes, Machine, machine};
pub use self::medium::{Medium, Part};

/// The kind of a file, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A cpio archive, compressed with zstd or not.
    Initramfs,
    /// An EROFS filesystem.
    Carbon,
    /// An EROFS filesystem with the label of apps.
    Apps,
    /// An ext4 filesystem.
    Users,
    /// A kernel for that architecture.
    Kernel(&'static Arch),
    /// A gzip file: on media, the firmware or the boot loader unpacks kernels.
    Gzip,
}

/// How many bytes are needed to recognize a file: the superblocks are at offset 1024.
const HEAD: u64 = 2048;

impl Kind {
    /// Decides by a file's first bytes.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        if unpack::is(head) {
            return Some(Self::Initramfs);
        }
        if probe::is_erofs(head) {
            let apps = probe::matches(head, 0, Device::Label(APPS_LABEL));
            return Some(if apps { Self::Apps } else { Self::Carbon });
        }
        if probe::is_ext4(head) {
            return Some(Self::Users);
        }
        // RFC 1952, 2.3.1
        if head.starts_with(&[0x1f, 0x8b, 8]) {
            return Some(Self::Gzip);
        }
        crate::parts::kernel::arch_of(head).map(Self::Kernel)
    }
}

/// The content of a file.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Contents {
    Initramfs(Tree),
    /// A carbon copy.
    Carbon(Tree),
    /// The code of apps.
    Apps(Tree),
    Users(Partition),
    Kernel {
        arch: &'static str,
    },
    /// A gzip file: a kernel, if a build put it on a medium.
    Gzip,
    /// A card, a disk, an ISO, or a folder that a build wrote.
    Medium(Medium),
}

/// The members of an initramfs or a carbon copy, and what its programs need.
#[derive(Debug, Serialize)]
pub struct Tree {
    /// Bytes of the file itself.
    pub size: u64,
    /// Everything in it, in the order of paths.
    pub members: Vec<Member>,
    /// Its dynamic programs.
    pub programs: Vec<Program>,
}

/// A dynamic program.
#[derive(Debug, Serialize)]
pub struct Program {
    /// Its path in the root that its user sees.
    pub path: String,
    pub arch: String,
    /// The libraries that it loads.
    pub libraries: Vec<String>,
    /// Why it could not be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

/// A member, and its facts as a program.
struct Read {
    member: Member,
    facts: Facts,
}

/// A file's facts as a program.
#[derive(Clone)]
enum Facts {
    /// Not a program, or a damaged one: other files are members too.
    None,
    /// An ELF file.
    Elf(Elf),
    /// A program that is too large to be read.
    Beyond,
}

/// Larger programs are not read: a node of 2026 has 120 MiB.
const MOST_OF_A_PROGRAM: u64 = 512 << 20;

impl Facts {
    /// Reads as much of a file as is needed to decide.
    fn read(size: u64, content: &mut dyn io::Read) -> io::Result<Self> {
        const MAGIC: &[u8] = b"\x7fELF";
        let mut bytes = Vec::new();
        content.take(MAGIC.len() as u64).read_to_end(&mut bytes)?;
        if bytes != MAGIC {
            return Ok(Self::None);
        }
        if size > MOST_OF_A_PROGRAM {
            return Ok(Self::Beyond);
        }
        content.take(MOST_OF_A_PROGRAM).read_to_end(&mut bytes)?;
        Ok(elf::parse(&bytes).ok().flatten().map_or(Self::None, Self::Elf))
    }

    fn elf(&self) -> Option<&Elf> {
        match self {
            Self::Elf(elf) => Some(elf),
            Self::None | Self::Beyond => None,
        }
    }
}

/// Inspects a file or a folder of any kind.
pub fn inspect(path: &Path) -> Result<Contents> {
    if path.is_dir() {
        return medium::folder(path).map(Contents::Medium);
    }
    let window = Window::open(path)?;
    if let Some(contents) = contents(&window)? {
        return Ok(contents);
    }
    match medium::file(&window)? {
        Some(medium) => Ok(Contents::Medium(medium)),
        None => Err(Error::new(format!("inspect {}", path.display()), "NodeOS does not make files of this kind").next(
            "give an initramfs, a carbon image, an image of apps, a users image, a kernel, a card, an ISO, or a folder of nodeos build",
        )),
    }
}

/// The content of a file or a part of one; `None` if NodeOS makes no such files.
fn contents(window: &Window) -> Result<Option<Contents>> {
    let size = window.length();
    Ok(Some(match Kind::of(&window.head(HEAD)?) {
        Some(Kind::Initramfs) => Contents::Initramfs(tree(size, initramfs::read(window)?, CARBON)),
        Some(Kind::Carbon) => Contents::Carbon(tree(size, erofs::read(window)?, "")),
        // its programs load libraries of the carbon copy, which is not here
        Some(Kind::Apps) => Contents::Apps(Tree { programs: Vec::new(), ..tree(size, erofs::read(window)?, "") }),
        Some(Kind::Users) => {
            let superblock = superblock::of(window)?.whole(window)?;
            Contents::Users(read::partition(&Place { window: window.clone(), superblock })?)
        }
        Some(Kind::Kernel(arch)) => Contents::Kernel { arch: arch.name },
        Some(Kind::Gzip) => Contents::Gzip,
        None => return Ok(None),
    }))
}

/// `carbon` is the path of the carbon copy in the tree. Programs see that folder as their root.
fn tree(size: u64, mut all: Vec<Read>, carbon: &str) -> Tree {
    all.sort_by(|one, other| one.member.path.cmp(&other.member.path));
    let seen = |read: &Read| Some(read.member.path.strip_prefix(carbon)?.to_owned()).filter(|p| p.starts_with('/'));
    let root: BTreeMap<String, &Read> = all.iter().filter_map(|read| Some((seen(read)?, read))).collect();
    let program = |(path, read): (&String, &&Read)| match &read.facts {
        Facts::Elf(elf) => program(path, elf, &root),
        Facts::None => None,
        Facts::Beyond => Some(beyond(path, read.member.bytes)),
    };
    let programs = root.iter().filter_map(program).collect();
    Tree { size, programs, members: all.into_iter().map(|read| read.member).collect() }
}

fn beyond(path: &str, bytes: u64) -> Program {
    let why = format!("it has {bytes} bytes, and programs of at most {MOST_OF_A_PROGRAM} are read");
    Program { path: path.to_owned(), arch: "unknown".to_owned(), libraries: Vec::new(), broken: Some(why) }
}

fn program(path: &str, elf: &Elf, root: &BTreeMap<String, &Read>) -> Option<Program> {
    elf.interpreter.as_ref().filter(|_| elf.soname.is_none())?;
    let found = match Arch::of_elf(elf.machine) {
        Some(arch) => {
            closure(arch, path, &mut |path| Ok(resolved(path, root).and_then(|read| read.facts.elf().cloned())))
        }
        None => Err(Error::new(format!("use {path}"), "NodeOS has no port for that machine")),
    };
    let arch = Arch::of_elf(elf.machine).map_or_else(|| elf.machine.to_string(), Arch::to_string);
    let (libraries, broken) = match found {
        Ok(libraries) => (libraries.into_iter().collect(), None),
        Err(Error { tried, why, next }) => {
            // the image chooses the names of libraries
            let [tried, why] = [tried, why].map(|text| Shown::of(&text).to_string());
            let next = next.map(|text| Shown::of(&text).to_string());
            (Vec::new(), Some(Error { tried, why, next }.to_string()))
        }
    };
    Some(Program { path: path.to_owned(), arch, libraries, broken })
}

/// The member at a path, after following all links.
fn resolved<'a>(path: &str, root: &BTreeMap<String, &'a Read>) -> Option<&'a Read> {
    // MAXSYMLINKS of the kernel
    let mut path = path.to_owned();
    for _ in 0..40 {
        let prefixes = path.char_indices().skip(1).filter(|(_, c)| *c == '/').map(|(at, _)| at).chain([path.len()]);
        let link = prefixes.into_iter().find_map(|at| Some((at, root.get(&path[..at])?.member.link.as_ref()?)));
        let Some((at, says)) = link else { return root.get(&path).copied() };
        let above = path[..at].rsplit_once('/').map_or("", |(above, _)| above);
        let base = if says.starts_with('/') { "" } else { above };
        path = crate::parts::closure::normal(&format!("{base}/{says}{}", &path[at..]));
    }
    None
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initramfs(tree) => write!(f, "initramfs: cpio, {tree}"),
            Self::Carbon(tree) => write!(f, "carbon copy: EROFS, {tree}"),
            Self::Apps(tree) => write!(f, "apps: EROFS, {tree}"),
            Self::Users(partition) => partition.fmt(f),
            Self::Kernel { arch } => writeln!(f, "kernel: Linux for {arch}"),
            Self::Gzip => writeln!(f, "compressed with gzip, as kernels are where something else unpacks them"),
            Self::Medium(medium) => medium.fmt(f),
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.members.iter().fold(0_u64, |sum, member| sum.saturating_add(member.bytes));
        writeln!(f, "{} bytes, {} members with {files} bytes", self.size, self.members.len())?;
        self.members.iter().try_for_each(|member| writeln!(f, "{member}"))?;
        for Program { path, arch, libraries, broken } in &self.programs {
            let path = Shown::of(path);
            match broken {
                Some(why) => writeln!(f, "{path} ({arch}) cannot be loaded: {why}")?,
                None => writeln!(f, "{path} ({arch}) loads {}", Shown::of(&libraries.join(" ")))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, Kind, Read, resolved, tree};
    use crate::host::shown::mode_text;
    use crate::parts::elf::Elf;
    use crate::users::read::Member;
    use shim::arches::ALL;

    fn member(path: &str, link: Option<&str>) -> Member {
        let link = link.map(str::to_owned);
        Member { path: path.to_owned(), mode: mode_text(0o100_755), uid: 0, gid: 0, bytes: 1, link }
    }

    fn elf(path: &str, needed: &[&str], program: bool) -> Read {
        let elf = Elf {
            machine: ALL[0].elf_machine,
            interpreter: program.then(|| ALL[0].loader.to_owned()),
            needed: needed.iter().map(|&name| name.to_owned()).collect(),
            rpath: vec![],
            runpath: vec![],
            soname: None,
            dynamic: true,
            no_default_folders: false,
            node_modules: Vec::new(),
        };
        Read { member: member(path, None), facts: Facts::Elf(elf) }
    }

    #[test]
    fn file_types_are_recognised_by_their_first_bytes() {
        let with = |at: usize, bytes: &[u8]| {
            let mut head = vec![0; 2048];
            head[at..at + bytes.len()].copy_from_slice(bytes);
            Kind::of(&head)
        };
        assert_eq!(with(0, b"070701"), Some(Kind::Initramfs));
        assert_eq!(with(0, b"070702"), Some(Kind::Initramfs), "with checksums, as unpack reads it");
        assert_eq!(with(0, &[0x28, 0xb5, 0x2f, 0xfd]), Some(Kind::Initramfs));
        assert_eq!(with(1024, &[0xe2, 0xe1, 0xf5, 0xe0]), Some(Kind::Carbon));
        assert_eq!(with(1024, &[&[0xe2, 0xe1, 0xf5, 0xe0], &[0; 60][..], b"nodeos-apps"].concat()), Some(Kind::Apps));
        assert_eq!(with(1080, &[0x53, 0xef]), Some(Kind::Users));
        assert_eq!(with(56, b"ARM\x64"), Some(Kind::Kernel(&ALL[1])));
        assert_eq!(with(0, b"#!/bin/sh"), None);
        assert_eq!(Kind::of(b""), None);
    }

    #[test]
    fn libraries_are_resolved_below_the_carbon_copy_and_through_symlinks() {
        let link = |path, says| Read { member: member(path, Some(says)), facts: Facts::None };
        let all = vec![
            elf("/carbon/bin/node", &["liba.so.1", "libno.so"], true),
            elf("/carbon/usr/lib/liba.so.1.2", &[], false),
            link("/carbon/usr/lib/liba.so.1", "liba.so.1.2"),
            link("/carbon/lib", "usr/lib"),
            elf("/init", &[], false),
        ];
        let shown = tree(10, all, "/carbon").to_string();
        assert!(shown.contains("/bin/node (x86_64) cannot be loaded: find the library libno.so"), "{shown}");
        assert!(!shown.contains("liba.so.1, needed"), "{shown}");

        let all = vec![elf("/bin/node", &["liba.so.1"], true), elf("/lib/liba.so.1", &[], false)];
        assert!(tree(10, all, "").to_string().ends_with("/bin/node (x86_64) loads /lib/liba.so.1\n"));
    }

    #[test]
    fn circular_symlinks_do_not_resolve() {
        let one = Read { member: member("/a", Some("b")), facts: Facts::None };
        let other = Read { member: member("/b", Some("/a")), facts: Facts::None };
        let root = [("/a".to_owned(), &one), ("/b".to_owned(), &other)].into();
        assert!(resolved("/a/x", &root).is_none());
    }
}
