//! An initramfs: a tree as a cpio archive (newc), optionally compressed with zstd. `unpack` reads it.
//!
//! The order matters: first the programs, then the record of the expected content (`told`), folders before their content,
//! and the largest file last. The kernel unpacks until memory is full and goes on without an error, so the shim
//! compares the size of the last file with the record. Inode numbers count up, times and owners are 0: equal trees give
//! equal bytes.

use crate::host::error::{Error, Result, Tried};
use crate::image::tree::{Entry, Tree};
use cpio::newc::{Builder, trailer};
use shim::layout::TOLD;
use shim::programs;
use shim::told::{self, Told};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

pub(crate) const DIRECTORY: u32 = 0o040_000;
pub(crate) const REGULAR: u32 = 0o100_000;
pub(crate) const SYMLINK: u32 = 0o120_000;
pub(crate) const CHARACTER: u32 = 0o020_000;
pub(crate) const KIND: u32 = 0o170_000;

/// Writes the tree as an archive, compressed if `level` is set. With `told`, it contains the record for the shim.
pub fn write(tree: &Tree, told: bool, level: Option<i32>, out: &Path) -> Result<()> {
    let mut members = ordered(tree)?;
    if let Some(content) = tell(&members).filter(|_| told) {
        if content.len() > told::MAX {
            return Err(Error::new(
                "write the initramfs",
                format!("the path of its largest file is too long: {content}"),
            )
            .next("give the include a shorter path: { from = …, to = … }"));
        }
        let entry = Entry::Text { content, mode: 0o444 };
        members.insert(1.min(members.len()), (0, TOLD.to_owned(), entry));
    }
    let mut file = BufWriter::new(File::create(out).tried("make", out)?);
    match level {
        Some(level) => {
            let mut packed = zstd::Encoder::new(file, level).tried("compress", out)?;
            // the result is the same for any number of workers except none
            let workers = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, 8);
            packed.multithread(u32::try_from(workers).unwrap_or(1)).tried("compress", out)?;
            file = put_all(packed, &members)?.finish().tried("write", out)?;
        }
        None => file = put_all(file, &members)?,
    }
    file.flush().tried("write", out)
}

fn put_all<W: Write>(mut out: W, members: &[(u64, String, Entry)]) -> Result<W> {
    for ((_, path, entry), number) in members.iter().zip(1..) {
        out = member(out, number, path, entry)?;
    }
    trailer(out).tried("put into the archive:", "the trailer")
}

/// The members in their order, each with its size.
fn ordered(tree: &Tree) -> Result<Vec<(u64, String, Entry)>> {
    let mut members = Vec::new();
    for (path, entry) in tree.iter() {
        let size = match entry {
            Entry::File { source, .. } => fs::metadata(source).tried("look at", source)?.len(),
            Entry::Text { content, .. } => content.len() as u64,
            _ => 0,
        };
        members.push((size, path.to_owned(), entry.clone()));
    }
    let class = |path: &str, entry: &Entry| match entry {
        _ if programs::in_initramfs(path).is_some() => 0,
        Entry::Dir { .. } => 1,
        Entry::Device { .. } | Entry::Symlink { .. } => 2,
        Entry::File { .. } | Entry::Text { .. } => 3,
    };
    members.sort_by(|(size, path, entry), (other_size, other_path, other)| {
        let first = (class(path, entry), size, path);
        first.cmp(&(class(other_path, other), other_size, other_path))
    });
    Ok(members)
}

/// Joins archives in one file, as the kernel expects: each begins at a multiple of four bytes
/// (Documentation/driver-api/early-userspace/buffer-format.rst).
pub fn join(archives: &[&Path], out: &Path) -> Result<()> {
    let mut file = BufWriter::new(File::create(out).tried("make", out)?);
    let mut length = 0_u64;
    for path in archives {
        let padding = length.next_multiple_of(4) - length;
        file.write_all(&[0; 4][..usize::try_from(padding).unwrap_or(0)]).tried("write", out)?;
        let mut archive = File::open(path).tried("open", path)?;
        length += padding + io::copy(&mut archive, &mut file).tried("copy to", out)?;
    }
    file.flush().tried("write", out)
}

/// The record for the shim: the total size, and the last file.
fn tell(members: &[(u64, String, Entry)]) -> Option<String> {
    let total = members.iter().map(|(size, _, _)| size).sum();
    let (size, path, _) = members.last()?;
    Some(Told { total, size: *size, path }.to_string())
}

/// Writes a member with its content.
pub(crate) fn put<W: Write>(out: W, builder: Builder, mut content: &mut dyn Read, size: u64) -> io::Result<W> {
    let size = u32::try_from(size).map_err(|_| io::Error::from_raw_os_error(27))?; // EFBIG: newc has 32 bits
    let mut writer = builder.write(out, size);
    io::copy(&mut content, &mut writer)?;
    writer.finish()
}

fn member<W: Write>(out: W, number: u32, path: &str, entry: &Entry) -> Result<W> {
    let builder = Builder::new(path.trim_start_matches('/')).ino(number);
    let written = match entry {
        Entry::Dir { mode } => put(out, builder.mode(DIRECTORY | mode).nlink(2), &mut io::empty(), 0),
        Entry::File { source, mode } => {
            let mut file = File::open(source).tried("open", source)?;
            let size = file.metadata().tried("look at", source)?.len();
            put(out, builder.mode(REGULAR | mode), &mut file, size)
        }
        Entry::Text { content, mode } => {
            put(out, builder.mode(REGULAR | mode), &mut content.as_bytes(), content.len() as u64)
        }
        Entry::Symlink { target } => {
            put(out, builder.mode(SYMLINK | 0o777), &mut target.as_bytes(), target.len() as u64)
        }
        Entry::Device { mode, major, minor } => {
            let builder = builder.mode(CHARACTER | mode).rdev_major(*major).rdev_minor(*minor);
            put(out, builder, &mut io::empty(), 0)
        }
    };
    written.tried("put into the archive:", path)
}

#[cfg(test)]
mod tests {
    use super::write;
    use crate::image::tree::{Entry, Tree};
    use crate::image::unpack::read;
    use shim::told::Told;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    /// A tree with one entry of each kind. Its two files are in `folder`.
    fn tree(folder: &Path) -> Tree {
        let file = |name: &str, content: &[u8]| {
            let source = folder.join(name);
            fs::write(&source, content).unwrap();
            Entry::File { source, mode: 0o755 }
        };
        let mut tree = Tree::default();
        tree.put("/dev/console", Entry::Device { mode: 0o600, major: 5, minor: 1 }).unwrap();
        tree.put("/carbon/bin/node", file("node", &[7; 100_001])).unwrap();
        tree.put("/carbon/a", file("a", b"a")).unwrap();
        tree.put("/carbon/z", Entry::Symlink { target: "bin/node".to_owned() }).unwrap();
        tree.put("/tmp", Entry::Dir { mode: 0o1777 }).unwrap();
        tree.put("/init", file("init", b"shim")).unwrap();
        tree
    }

    fn written(level: Option<i32>) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.zst");
        write(&tree(folder.path()), true, level, &out).unwrap();
        (folder, out)
    }

    const LISTING: &str = "\
file   755 0:0           4 /init
file   444 0:0          31 /carbon.size
dir    755 0:0           0 /carbon
dir    755 0:0           0 /carbon/bin
dir    755 0:0           0 /dev
dir   1777 0:0           0 /tmp
slink  777 0:0           8 /carbon/z -> bin/node
nod    600 0:0           0 /dev/console -> c 5:1
file   755 0:0           1 /carbon/a
file   755 0:0      100001 /carbon/bin/node";

    #[test]
    fn a_written_archive_reads_back_with_init_first_and_the_largest_file_last() {
        for level in [Some(3), None] {
            let (_folder, out) = written(level);
            let mut told = String::new();
            let members = read(&out, |member, content| match member.path.as_str() {
                "/carbon.size" => content.read_to_string(&mut told).map(drop),
                _ => Ok(()),
            });
            let lines: Vec<_> = members.unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(lines.join("\n"), LISTING);
            assert_eq!(Told::parse(&told), Some(Told { total: 100_006, size: 100_001, path: "/carbon/bin/node" }));
        }
    }

    #[test]
    fn equal_trees_give_equal_bytes() {
        let ((_a, first), (_b, second)) = (written(Some(3)), written(Some(3)));
        assert_eq!(fs::read(first).unwrap(), fs::read(second).unwrap());
    }

    #[test]
    fn gnu_cpio_reads_the_same() {
        let (folder, out) = written(Some(3));
        let plain = folder.path().join("plain.cpio");
        fs::write(&plain, zstd::decode_all(fs::File::open(&out).unwrap()).unwrap()).unwrap();
        let cpio = |args: &[&str]| {
            let input = Stdio::from(fs::File::open(&plain).unwrap());
            let done = Command::new("cpio").args(args).current_dir(folder.path()).stdin(input).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            String::from_utf8(done.stdout).unwrap()
        };
        let expected: Vec<_> = LISTING.lines().map(|line| line.split(" /").nth(1).unwrap()).collect();
        let expected: Vec<_> = expected.iter().map(|path| path.split(" -> ").next().unwrap()).collect();
        assert_eq!(cpio(&["-t", "--quiet"]).lines().collect::<Vec<_>>(), expected);
        // making the device needs root
        cpio(&["-i", "-d", "--quiet", "carbon*", "init"]);
        assert_eq!(fs::read(folder.path().join("carbon/bin/node")).unwrap(), vec![7; 100_001]);
        assert_eq!(fs::read_link(folder.path().join("carbon/z")).unwrap(), Path::new("bin/node"));
    }

    #[test]
    fn a_truncated_archive_is_an_error() {
        let (folder, out) = written(Some(3));
        let plain = zstd::decode_all(fs::File::open(&out).unwrap()).unwrap();
        let cut = folder.path().join("cut");
        for len in [0, 3, 100, 500, 5000, plain.len() - 200] {
            fs::write(&cut, &plain[..len]).unwrap();
            assert!(read(&cut, |_, content| std::io::copy(content, &mut std::io::sink()).map(drop)).is_err(), "{len}");
        }
    }
}
