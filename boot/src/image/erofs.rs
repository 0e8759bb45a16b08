//! Trees as EROFS images.
//!
//! `mkfs.erofs` 1.5 (Debian 12) writes it. The UUID is derived from the content, and all times are 0, so equal trees
//! give equal images. The label is patched in afterwards, because only later releases have an option for it.

use crate::host::Host;
use crate::host::digest::{Key, crc32c};
use crate::host::error::{Error, Result, Tried};
use crate::host::run::Run;
use crate::image::tree::{Entry, Tree};
use crate::image::{content, megabytes};
use shim::layout::{APPS_LABEL, CARBON_LABEL};
use shim::probe;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// A kind of image.
pub struct Kind {
    /// Of what it is, for people.
    pub what: &'static str,
    /// Its folder in the cache.
    folder: &'static str,
    /// The filesystem's label.
    label: &'static str,
    /// How hard mkfs.erofs tries to compress it.
    level: &'static str,
    /// Permission bits of the file.
    mode: u32,
}

pub const CARBON: Kind =
    Kind { what: "carbon copy", folder: "carbon", label: CARBON_LABEL, level: "-zlz4hc,12", mode: 0o644 };

/// It is made each time an app changes: level 9 takes a fifth of the time of level 12 for 0.3 % more (90 MB of
/// node_modules). An app's files may be secret.
pub const APPS: Kind = Kind { what: "apps", folder: "apps", label: APPS_LABEL, level: "-zlz4hc,9", mode: 0o600 };

/// Whether an image is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Packing {
    /// For what travels or is read from a slow drive. The kernel decompresses lz4 fastest; clusters of 64 KiB cost 4.5 MB
    /// less than those of 16 KiB (measured on node 24).
    Compressed,
    /// For a virtual disk, which the host reads fast: node then starts with 100 million fewer instructions and 26 MB less
    /// page cache, and the image takes 115 MB of the host's disk in place of 51 (decision 0045).
    Stored,
}

impl Packing {
    fn options(self, kind: &Kind) -> Vec<&'static str> {
        match self {
            Self::Compressed => vec![kind.level, "-C65536"],
            Self::Stored => vec![],
        }
    }
}

/// What every image is made with: times of 0, no extended attributes, root as the owner.
const OPTIONS: [&str; 4] = ["-T0", "-x-1", "--all-root", "--quiet"];

/// The size of the mark: a whole block, because disks consist of blocks.
const MARK_BLOCK: u64 = 4096;

/// The image of a tree, from the cache or made now. Images of other prefixes are not removed from the cache by it.
pub fn image(host: &Host, kind: &Kind, packing: Packing, prefix: &str, tree: &Tree) -> Result<PathBuf> {
    let content = content(&host.cache, tree)?;
    let key = Key::default().with("tree", content).with("tool", tool()?);
    let key = key.with("mark", MARK_BLOCK.to_le_bytes());
    let options = packing.options(kind);
    let key = options.iter().chain(&OPTIONS).fold(key, |key, option| key.with("option", option)).name();
    let image = host.cache.entry(kind.folder, &format!("{prefix}-{key}.erofs"), |new| {
        let phase = host.progress.start(kind.folder, &format!("make the filesystem of the {} for {prefix}", kind.what));
        write(kind, packing, tree, content, new)?;
        phase.done(&format!("{} for {prefix}, {}", kind.what, megabytes(new)?));
        Ok(())
    })?;
    host.cache.prune(kind.folder, &format!("{prefix}-"));
    Ok(image)
}

/// `mkfs.erofs` with the options of that kind and packing; it takes the file and the folder.
#[must_use]
pub fn mkfs(kind: &Kind, packing: Packing) -> Run {
    Run::new("mkfs.erofs").args(packing.options(kind)).args(OPTIONS)
}

/// Writes the tree as an EROFS image; `content` is a digest of everything in it.
pub fn write(kind: &Kind, packing: Packing, tree: &Tree, content: [u8; 32], out: &Path) -> Result<()> {
    let stage = tempfile::tempdir_in(out.parent().unwrap_or(Path::new("."))).tried("make a folder beside", out)?;
    let root = stage.path().join("root");
    fill(tree, &root)?;
    // mkfs.erofs keeps the mode of a file that is there
    File::options().write(true).create_new(true).mode(kind.mode).open(out).tried("make", out)?;
    mkfs(kind, packing).arg(format!("-U{}", uuid(content))).arg(out).arg(&root).ok()?;
    label(out, kind.label)?;
    mark(out)
}

/// Writes the mark behind the filesystem. It shows that a medium was written to its end.
fn mark(image: &Path) -> Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(image).tried("open", image)?;
    let mut block = [0; probe::BLOCK];
    file.read_exact_at(&mut block, 0).tried("read", image)?;
    let wrong = || Error::new(format!("mark {}", image.display()), "it is not an EROFS image");
    let (size, mark) = probe::size(&block, 0).zip(probe::mark(&block)).ok_or_else(wrong)?;
    file.write_all_at(&mark, size).tried("write", image)?;
    file.set_len(size + MARK_BLOCK).tried("write", image)
}

/// The version of the tool. Another version may write other bytes.
fn tool() -> Result<String> {
    // 1.5 prints its version only as an error for an unknown option; the package's version is more reliable
    let version = Run::new("dpkg-query").args(["-W", "-f", "${Version}", "erofs-utils"]).output();
    version.map_err(|_| Error::new("find mkfs.erofs", "it is missing").next("apt-get install erofs-utils"))
}

/// Copies the tree's files into a folder.
fn fill(tree: &Tree, root: &Path) -> Result<()> {
    fs::create_dir(root).tried("make the folder", root)?;
    let mut folders = vec![(root.to_owned(), 0o755)];
    for (path, entry) in tree.iter() {
        let at = root.join(path.trim_start_matches('/'));
        match entry {
            Entry::Dir { mode } => {
                fs::create_dir(&at).tried("make the folder", &at)?;
                folders.push((at, *mode));
            }
            Entry::File { source, mode } => {
                // a hard link would change the time of a person's file
                fs::copy(source, &at).tried("copy", source)?;
                set_mode(&at, *mode)?;
            }
            Entry::Text { content, mode } => {
                fs::write(&at, content).tried("write", &at)?;
                set_mode(&at, *mode)?;
            }
            Entry::Symlink { target } => symlink(target, &at).tried("link", &at)?,
            Entry::Device { .. } => {
                return Err(Error::new(format!("put {path} into an EROFS image"), "only an initramfs has devices"));
            }
        }
    }
    folders.iter().try_for_each(|(folder, mode)| set_mode(folder, *mode))
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).tried("set the mode of", path)
}

/// A UUID of the content's digest.
fn uuid(content: [u8; 32]) -> String {
    Key::default().with("erofs uuid", content).uuid()
}

// struct erofs_super_block (fs/erofs/erofs_fs.h): at offset 1024 of a block of 4 KiB
const SUPER: u64 = 1024;
const MAGIC: u32 = u32::from_le_bytes(shim::probe::EROFS);
const CHECKSUM: usize = 4;
const FEATURE_COMPAT: usize = 8;
const LABEL: usize = 64;
const LABEL_LEN: usize = 16;
/// `EROFS_FEATURE_COMPAT_SB_CHKSUM`.
const HAS_CHECKSUM: u32 = 1;

/// Sets the volume's name, and updates the superblock's checksum if there is one.
fn label(image: &Path, label: &str) -> Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(image).tried("open", image)?;
    let mut block = superblock(&file, image)?;
    let mut name = [0; LABEL_LEN];
    name[..label.len()].copy_from_slice(label.as_bytes());
    block[LABEL..LABEL + LABEL_LEN].copy_from_slice(&name);
    if word(&block, FEATURE_COMPAT) & HAS_CHECKSUM != 0 {
        let sum = checksum(&block);
        block[CHECKSUM..CHECKSUM + 4].copy_from_slice(&sum.to_le_bytes());
    }
    file.write_all_at(&block, SUPER).tried("write", image)
}

/// The first block from the superblock on. The checksum covers this range.
fn superblock(file: &File, image: &Path) -> Result<[u8; 3072]> {
    let mut block = [0; 3072];
    file.read_exact_at(&mut block, SUPER).tried("read", image)?;
    match word(&block, 0) == MAGIC {
        true => Ok(block),
        false => Err(Error::new(format!("read {}", image.display()), "it is not an EROFS image")),
    }
}

fn word(block: &[u8; 3072], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}

/// The checksum of everything but itself (fs/erofs/super.c, `erofs_superblock_csum_verify`).
fn checksum(block: &[u8; 3072]) -> u32 {
    [&block[..CHECKSUM], &[0; 4], &block[CHECKSUM + 4..]].iter().fold(!0, |sum, part| crc32c(sum, part))
}

/// Label and UUID of an EROFS image; `None` if the file is not one.
pub fn identity(image: &Path) -> Result<Option<(String, String)>> {
    let file = File::open(image).tried("open", image)?;
    let mut magic = [0; 4];
    if file.read_exact_at(&mut magic, SUPER).is_err() || u32::from_le_bytes(magic) != MAGIC {
        return Ok(None);
    }
    let block = superblock(&file, image)?;
    let name: Vec<u8> = block[LABEL..LABEL + LABEL_LEN].iter().copied().take_while(|byte| *byte != 0).collect();
    Ok(Some((String::from_utf8_lossy(&name).into_owned(), crate::host::digest::hex(&block[48..64]))))
}

#[cfg(test)]
mod tests {
    use shim::probe;

    use super::{
        CARBON, CHECKSUM, FEATURE_COMPAT, HAS_CHECKSUM, Packing, checksum, identity, superblock, uuid, word, write,
    };
    use crate::image::tree::{Entry, Tree};
    use std::fs::{self, File};
    use std::path::Path;
    use std::process::Command;

    fn tree(folder: &Path, names: &[&str]) -> Tree {
        let mut tree = Tree::default();
        for name in names {
            let source = folder.join(name);
            fs::write(&source, name.repeat(5000)).unwrap();
            tree.put(&format!("/bin/{name}"), Entry::File { source, mode: 0o755 }).unwrap();
        }
        tree.put("/tmp", Entry::Dir { mode: 0o1777 }).unwrap();
        tree.put("/link", Entry::Symlink { target: "bin/a".to_owned() }).unwrap();
        tree
    }

    #[test]
    fn an_erofs_image_has_our_label_a_valid_checksum_and_reproducible_bytes() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
        let mut images = Vec::new();
        for (folder, names) in [(&first, ["a", "b", "node"]), (&second, ["node", "b", "a"])] {
            let out = folder.path().join("out");
            write(&CARBON, Packing::Compressed, &tree(folder.path(), &names), [7; 32], &out).unwrap();
            images.push(fs::read(&out).unwrap());
            assert_eq!(identity(&out).unwrap().unwrap().0, "nodeos-carbon");
            let block = superblock(&File::open(&out).unwrap(), &out).unwrap();
            assert_ne!(word(&block, FEATURE_COMPAT) & HAS_CHECKSUM, 0, "without a checksum this test sees nothing");
            assert_eq!(word(&block, CHECKSUM), checksum(&block));
            // after the end of the filesystem
            let (image, size) = (&images[images.len() - 1], word(&block, 36) as usize * 4096);
            assert_eq!(image.len(), size + 4096);
            assert_eq!(image[size..size + probe::MARK], probe::mark(image).unwrap());
        }
        assert!(images[0] == images[1], "built twice, the bytes differ");
    }

    #[test]
    fn our_checksum_matches_mkfs_erofs() {
        let folder = tempfile::tempdir().unwrap();
        let (root, out) = (folder.path().join("root"), folder.path().join("out"));
        fs::create_dir(&root).unwrap();
        assert!(Command::new("mkfs.erofs").arg("--quiet").arg(&out).arg(&root).status().unwrap().success());
        let block = superblock(&File::open(&out).unwrap(), &out).unwrap();
        assert_eq!(word(&block, CHECKSUM), checksum(&block));
        assert_eq!(identity(&root.join("../out")).unwrap().unwrap().0, "");
    }

    #[test]
    fn other_files_have_no_identity() {
        assert_eq!(identity(Path::new("/etc/passwd")).unwrap(), None);
    }

    #[test]
    fn a_uuid_depends_on_the_content_and_has_its_version() {
        assert_ne!(uuid([1; 32]), uuid([2; 32]));
        let uuid = uuid([1; 32]);
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "8"));
    }
}
