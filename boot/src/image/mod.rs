//! The center of the crate: the image that every medium is made from, and how it is assembled.
//!
//! Each piece is cached by a digest of its inputs, so a second assembly makes nothing. Architectures are checked before
//! anything is written.

pub mod archive;
pub mod carbon;
pub mod erofs;
pub mod manifest;
pub mod origin;
pub mod outside;
pub mod tree;
pub mod unpack;
pub mod words;

use self::carbon::Placement;
use self::erofs::Packing;
use crate::host::Host;
use crate::host::cache::{Cache, remove};
use crate::host::digest::{Key, file as digest_of};
use crate::host::error::{Error, Result, Tried};
use crate::image::manifest::Include;
use crate::image::origin::{Origins, elf_facts, files};
use crate::image::tree::{Carbon, Entry, Line, Tree, carbon_tree};
use crate::parts::Versions;
use crate::parts::closure::check_machine;
use crate::parts::debian;
use crate::parts::kernel;
use crate::parts::node::{self, Choice};
use crate::parts::shim::Shim;
use shim::arches::Arch;
use shim::layout::{CARBON, CARBON_IMAGE, EMPTY, INITRAMFS_FOLDERS, KEYMAPS};
use shim::programs::Place;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The name of the carbon copy's filesystem where it is a file of a medium.
pub const CARBON_FILE: &str = "carbon.erofs";
/// The name of that with the apps.
pub const APPS_FILE: &str = "apps.erofs";

/// The image of a machine: the files that boot it, wherever they are stored later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The machine.
    pub arch: &'static Arch,
    pub kernel: PathBuf,
    /// The shim and, except with the placement `medium`, the carbon copy.
    pub initramfs: PathBuf,
    /// The carbon copy as a filesystem of its own, for the placement `medium`.
    pub carbon: Option<PathBuf>,
    /// The code of apps as a filesystem of its own. The caller adds it.
    pub apps: Option<PathBuf>,
    /// Where the carbon copy is when the machine starts.
    pub placement: Placement,
    /// The words of the manifest. The caller adds those for consoles and the users partition.
    pub words: String,
    /// The versions of its parts, by name.
    pub versions: Versions,
}

/// The parts of an image.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The machine.
    pub arch: &'static Arch,
    /// Where the carbon copy is stored.
    pub placement: Placement,
    /// Whether it is compressed there, with the placement `medium`.
    pub packing: Packing,
    pub node: Choice,
    /// More files for the carbon copy.
    pub includes: Vec<Include>,
    /// More words for the command line.
    pub cmdline: String,
    /// The kernel, already built.
    pub kernel: PathBuf,
    /// The version of its source.
    pub kernel_version: String,
    /// The static e2fsck.
    pub e2fsck: PathBuf,
    /// The version of its package.
    pub e2fsck_version: String,
    /// The guest's own programs.
    pub shim: Shim,
}

/// Makes the pieces that are not cached, and returns the paths of all of them.
pub fn assemble(host: &Host, spec: &Spec) -> Result<Image> {
    kernel::check(&spec.kernel, spec.arch)?;
    for program in spec.shim.programs().map(|(_, path)| path).chain([spec.e2fsck.as_path()]) {
        check_static(spec.arch, program)?;
    }
    let tree = carbon_of(host, spec)?;
    let (initramfs, carbon) = match spec.placement {
        Placement::Plain => (initramfs(host, spec, Some(&tree), None)?, None),
        Placement::Image => {
            let image = erofs::image(host, &erofs::CARBON, Packing::Compressed, spec.arch.name, &tree)?;
            (initramfs(host, spec, None, Some(&image))?, None)
        }
        Placement::Medium => {
            let image = erofs::image(host, &erofs::CARBON, spec.packing, spec.arch.name, &tree)?;
            (initramfs(host, spec, None, None)?, Some(image))
        }
    };
    let versions = vec![
        ("nodeos", env!("CARGO_PKG_VERSION").to_owned()),
        ("kernel", spec.kernel_version.clone()),
        ("node", spec.node.to_string()),
        ("e2fsck", spec.e2fsck_version.clone()),
    ];
    let (placement, words) = (spec.placement, spec.cmdline.trim().to_owned());
    Ok(Image {
        arch: spec.arch,
        kernel: spec.kernel.clone(),
        initramfs,
        carbon,
        apps: None,
        placement,
        words,
        versions,
    })
}

impl Image {
    /// The words that this image needs, and those of the manifest.
    #[must_use]
    pub fn cmdline(&self) -> String {
        format!("{} {}", self.placement.words(), self.words).trim_end().to_owned()
    }

    /// The filesystems that a machine reads beside the initramfs, in the order of its disks.
    pub fn filesystems(&self) -> impl Iterator<Item = &PathBuf> {
        self.carbon.iter().chain(&self.apps)
    }

    /// Copies the image into a folder as `kernel`, `initramfs`, `carbon.erofs` and `apps.erofs`. Returns the paths.
    pub fn export(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        fs::create_dir_all(folder).tried("make the folder", folder)?;
        let carbon = self.carbon.iter().map(|carbon| (carbon, CARBON_FILE, 0o644));
        let apps = self.apps.iter().map(|apps| (apps, APPS_FILE, 0o600));
        let files = [(&self.kernel, "kernel", 0o644), (&self.initramfs, "initramfs", 0o644)];
        let files = files.into_iter().chain(carbon).chain(apps);
        let mut out = Vec::new();
        for (from, name, mode) in files {
            let (to, new) = (folder.join(name), folder.join(format!(".{name}.new")));
            let copied = fs::copy(from, &new).tried("copy to", &new);
            let set = |()| fs::set_permissions(&new, fs::Permissions::from_mode(mode)).tried("set the mode of", &new);
            let done = copied.map(drop).and_then(set).and_then(|()| fs::rename(&new, &to).tried("rename to", &to));
            if done.is_err() {
                remove(&new)?;
            }
            done?;
            out.push(to);
        }
        Ok(out)
    }
}

/// The carbon copy's tree: node, its libraries, `env`, e2fsck, and the includes with their libraries.
pub fn carbon_of(host: &Host, spec: &Spec) -> Result<Tree> {
    let includes = included(&spec.includes)?; // checked first: nothing is fetched if a file is missing
    let node = node::node(host, spec.arch, &spec.node)?;
    let sysroot = debian::sysroot(host, spec.arch)?;
    let programs: Vec<_> = spec.shim.in_place(Place::Carbon).collect();
    let origins = Origins::new(&sysroot).with("/bin/node", &node);
    let origins = programs.iter().fold(origins, |origins, (program, path)| origins.with(program.path, path));
    let libraries = origins.with_includes(&spec.includes)?.libraries(spec.arch)?;
    carbon_tree(&Carbon {
        node: &node,
        programs: &programs,
        e2fsck: &spec.e2fsck,
        libraries: &libraries,
        includes: &includes,
    })
}

/// The entries of the includes.
fn included(includes: &[Include]) -> Result<BTreeMap<String, Entry>> {
    let mut entries = BTreeMap::new();
    for include in includes {
        for (to, from) in files(include)? {
            // a link that is named is followed; one inside a folder stays a link
            let named = from == include.from;
            let found =
                if named { fs::metadata(&from) } else { fs::symlink_metadata(&from) }.tried("include", &from)?;
            let entry = if found.is_symlink() {
                let target = fs::read_link(&from).tried("read the link", &from)?;
                Entry::Symlink { target: target.to_string_lossy().into_owned() }
            } else if found.is_file() {
                let mode = if found.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
                Entry::File { source: from, mode }
            } else {
                return Err(Error::new(format!("include {}", from.display()), "it is not a file, folder or link"));
            };
            entries.insert(to, entry);
        }
    }
    Ok(entries)
}

fn initramfs(host: &Host, spec: &Spec, plain: Option<&Tree>, image: Option<&Path>) -> Result<PathBuf> {
    let tree = initramfs_tree(&spec.shim, plain, image)?;
    let told = plain.is_some() || image.is_some();
    // only node's files are worth it: for the shim's programs alone zstd saves 0.2 MB, and unpacking costs each boot ten
    // million instructions (decision 0044). An EROFS image is compressed already
    let level = plain.map(|_| 19);
    let key = Key::default().with("tree", content(&host.cache, &tree)?).with("told", [u8::from(told)]);
    let key = key.with("level", format!("{level:?}")).name();
    let prefix = format!("{}-{}-", spec.arch, spec.placement);
    let path = host.cache.entry("initramfs", &format!("{prefix}{key}"), |new| {
        let phase = host.progress.start("initramfs", &format!("pack the initramfs for {}", spec.arch));
        archive::write(&tree, told, level, new)?;
        phase.done(&format!("initramfs for {} ({}), {}", spec.arch, spec.placement, megabytes(new)?));
        Ok(())
    })?;
    host.cache.prune("initramfs", &prefix);
    Ok(path)
}

/// The initramfs as a tree, with the carbon copy's files, its image, or neither.
pub fn initramfs_tree(shim: &Shim, plain: Option<&Tree>, image: Option<&Path>) -> Result<Tree> {
    let mut tree = Tree::default();
    for folder in INITRAMFS_FOLDERS {
        // all sandboxes see the same inode of this folder, so no user may open it: an open folder can be watched and
        // locked
        let mode = if folder == EMPTY { 0o711 } else { 0o755 };
        tree.put(folder, Entry::Dir { mode })?;
    }
    tree.put("/dev/console", Entry::Device { mode: 0o600, major: 5, minor: 1 })?;
    for (program, path) in shim.in_place(Place::Initramfs) {
        tree.put(program.path, Entry::File { source: path.to_owned(), mode: program.mode })?;
    }
    tree.put(KEYMAPS, Entry::Text { content: shim::keymap::KEYMAPS.to_owned(), mode: 0o400 })?;
    for (path, entry) in plain.into_iter().flat_map(Tree::iter) {
        tree.put(&format!("{CARBON}{path}"), entry.clone())?;
    }
    if let Some(image) = image {
        tree.put(CARBON_IMAGE, Entry::File { source: image.to_owned(), mode: 0o444 })?;
    }
    Ok(tree)
}

/// A digest of a tree: paths, modes and contents of the files, but not their paths on the host.
fn content(cache: &Cache, tree: &Tree) -> Result<[u8; 32]> {
    let mut key = Key::default();
    for (path, entry) in tree.iter() {
        key = match entry {
            Entry::File { source, mode } => {
                key.with("file", path).with("mode", mode.to_le_bytes()).with("content", digest_of(cache, source)?)
            }
            Entry::Text { content, mode } => {
                key.with("file", path).with("mode", mode.to_le_bytes()).with("content", content)
            }
            Entry::Symlink { target } => key.with("link", path).with("target", target),
            entry => key.with("entry", Line { path, entry }.to_string()),
        };
    }
    Ok(key.bytes())
}

/// Refuses a program of another architecture, or one that needs a loader: PID 1 has none.
fn check_static(arch: &Arch, program: &Path) -> Result<()> {
    let name = program.to_string_lossy();
    let elf = elf_facts(program)?.ok_or_else(|| Error::new(format!("use {name}"), "it is not an ELF file"))?;
    check_machine(arch, &name, &elf)?;
    match elf.interpreter {
        Some(loader) => Err(Error::new(format!("use {name}"), format!("it is not static, it asks for {loader}"))),
        None => Ok(()),
    }
}

fn megabytes(path: &Path) -> Result<String> {
    let size = fs::metadata(path).tried("look at", path)?.len();
    Ok(format!("{}.{} MB", size / 1_000_000, size / 100_000 % 10))
}

#[cfg(test)]
mod tests {
    use super::{Shim, check_static, content, included, initramfs_tree};
    use crate::host::cache::Cache;
    use crate::image::manifest::Include;
    use crate::image::tree::{Entry, Tree};
    use shim::arches::Arch;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    #[test]
    fn an_initramfs_has_the_shim_its_folders_a_console_and_the_carbon_copy() {
        let mut carbon = Tree::default();
        carbon.put("/bin/node", Entry::File { source: "n".into(), mode: 0o755 }).unwrap();
        let shim = Shim::of(|program| Ok::<_, ()>(program.name.into())).unwrap();
        let tree = initramfs_tree(&shim, Some(&carbon), None).unwrap();
        let (layouts, rest): (Vec<_>, Vec<_>) = tree
            .to_string()
            .lines()
            .map(|line| format!("{line}\n"))
            .partition(|line| line.starts_with("file /keymaps "));
        assert!(matches!(&layouts[..], [line] if line.ends_with("\" 400 0 0\n")), "{layouts:?}");
        let text = rest.concat();
        assert_eq!(
            text,
            "dir /apps 755 0 0\nfile /broker broker 700 0 0\ndir /carbon 755 0 0\ndir /carbon/bin 755 0 0\nfile /carbon/bin/node n 755 0 0\nfile /clock clock 700 0 0\nfile /control control 700 0 0\ndir /dev 755 0 0\nnod \
             /dev/console 600 0 0 c 5 1\ndir /devices 755 0 0\ndir /empty 711 0 0\ndir /granted 755 0 0\ndir /host 755 0 0\nfile /init init 755 0 0\ndir /live 755 0 0\nfile /log log 700 0 0\nfile /logon logon 711 0 0\ndir /medium 755 0 0\nfile /mend mend 700 0 0\nfile /net net 700 0 0\ndir /proc 755 0 0\ndir /ram 755 0 0\ndir /root 755 0 \
             0\ndir /run 755 0 0\ndir /runtime 755 0 0\nfile /sandbox sandbox 700 0 0\nfile /setup setup 700 0 0\ndir /sys 755 0 0\ndir /tmp 755 0 0\nfile /users users 700 0 0\n"
        );
        let text = initramfs_tree(&shim, None, Some(Path::new("c"))).unwrap().to_string();
        assert!(text.contains("file /carbon.erofs c 444 0 0\n") && !text.contains("node"), "{text}");
    }

    #[test]
    fn a_digest_depends_on_content_and_mode_but_not_on_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("cache")).unwrap();
        let digest = |name: &str, text: &str, mode| {
            let source = folder.path().join(name);
            fs::write(&source, text).unwrap();
            let mut tree = Tree::default();
            tree.put("/a", Entry::File { source, mode }).unwrap();
            content(&cache, &tree).unwrap()
        };
        let one = digest("one", "x", 0o644);
        assert_eq!(digest("two", "x", 0o644), one);
        assert_ne!(digest("two", "y", 0o644), one);
        assert_ne!(digest("two", "x", 0o755), one);

        let link = |path: &str, target: &str| {
            let mut tree = Tree::default();
            tree.put(path, Entry::Symlink { target: target.to_owned() }).unwrap();
            content(&cache, &tree).unwrap()
        };
        assert_ne!(link("/a", "b c"), link("/a b", "c"));
    }

    #[test]
    fn an_included_folder_keeps_symlinks_and_an_included_symlink_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "a").unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        let include = |from: &Path, to: &str| Include { from: from.to_owned(), to: to.to_owned() };
        let entries = included(&[include(folder.path(), "/d"), include(&folder.path().join("b"), "/c")]).unwrap();
        assert_eq!(entries.keys().collect::<Vec<_>>(), ["/c", "/d/a", "/d/b"]);
        assert!(matches!(entries.get("/c").unwrap(), Entry::File { mode: 0o644, .. }));
        assert_eq!(entries.get("/d/b").unwrap(), &Entry::Symlink { target: "a".to_owned() });
        assert!(included(&[include(Path::new("/dev/null"), "/n")]).unwrap_err().to_string().contains("is not a file"));
        assert!(included(&[include(Path::new("/no/such"), "/n")]).is_err());
    }

    #[test]
    fn a_shim_that_is_not_static_is_refused() {
        let text = check_static(Arch::host(), &std::env::current_exe().unwrap()).unwrap_err().to_string();
        assert!(text.contains("it is not static, it asks for"), "{text}");
    }
}
