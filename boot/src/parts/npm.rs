//! Pinned npm packages. npm fetches them, with the user's own settings.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use sha2::{Digest, Sha512};

use crate::host::error::{Error, Result, Tried};
use crate::host::run::Run;

/// Fetches a package's archive into a folder and checks it.
pub fn pack(name: &str, version: &str, integrity: Option<&str>, folder: &Path) -> Result<PathBuf> {
    let package = format!("{name}@{version}");
    // the user's own settings apply, but no .npmrc of a project, because the folder has none
    let pack = Run::new("npm").args(["pack", &package, "--pack-destination", ".", "--loglevel", "error"]);
    pack.within(folder).ok().map_err(|error| match error.next {
        Some(_) => error,
        None => error.next(format!(
            "check that `npm view {package} version` works: is the network up, does that version exist?"
        )),
    })?;
    // also for @scope/name
    let archive = folder.join(format!("{}-{version}.tgz", name.trim_start_matches('@').replace('/', "-")));
    if let Some(wanted) = integrity {
        let found = fs::read(&archive).tried("read", &archive)?;
        check_integrity(&package, wanted, &found)?;
    }
    Ok(archive)
}

/// The most that an archive is unpacked to: the largest that we use, node's, has 170 MB. What is fetched without a pinned
/// integrity could be small and unpack to a full disk.
const LARGEST: u64 = 1 << 30;

/// Unpacks the file or folder `inside` of an archive to the path `to`. It ignores owners, times and links, and writes
/// nothing outside of `to`.
pub fn unpack(archive: &Path, inside: &str, to: &Path) -> Result<()> {
    unpack_at_most(LARGEST, archive, inside, to)
}

fn unpack_at_most(most: u64, archive: &Path, inside: &str, to: &Path) -> Result<()> {
    let tried = || format!("unpack {inside} of {}", archive.display());
    let failed = |error: std::io::Error| Error::io(tried(), &error);
    let mut found = false;
    let file = File::open(archive).tried("read", archive)?;
    // what is skipped is unpacked too
    let mut all = tar::Archive::new(GzDecoder::new(file).take(most));
    let mut left = most;
    for entry in all.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let path = entry.path().map_err(failed)?.into_owned();
        let size = entry.size();
        left = left.checked_sub(size).ok_or_else(|| {
            let why = format!("{} has {size} bytes, and {left} of {most} are left for it", path.display());
            Error::new(tried(), why).next("take another version: no package that NodeOS uses is as large")
        })?;
        let Ok(below) = path.strip_prefix(inside) else { continue };
        if entry.header().entry_type().is_dir() {
            continue;
        }
        if !entry.header().entry_type().is_file()
            || below.components().any(|part| !matches!(part, Component::Normal(_)))
        {
            return Err(Error::new(tried(), format!("{} is not a file below it", path.display())));
        }
        let to = if below == Path::new("") { to.to_owned() } else { to.join(below) };
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).tried("make the folder", folder)?;
        }
        let run = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
        let mut new = OpenOptions::new();
        new.write(true).create_new(true).mode(if run { 0o755 } else { 0o644 });
        let mut new = new.open(&to).tried("make", &to)?;
        std::io::copy(&mut entry, &mut new).map_err(failed)?;
        found = true;
    }
    if found { Ok(()) } else { Err(Error::new(tried(), "it is not in the archive")) }
}

/// Compares a package with its pinned integrity.
fn check_integrity(package: &str, wanted: &str, found: &[u8]) -> Result<()> {
    let found = format!("sha512-{}", STANDARD.encode(Sha512::digest(found)));
    if found == wanted {
        return Ok(());
    }
    Err(Error::new(format!("check {package}"), format!("its integrity is {found}, pinned is {wanted}"))
        .next("do not use it: the registry sent a different file from the pinned one"))
}

#[cfg(test)]
mod tests {
    use super::{check_integrity, unpack, unpack_at_most};
    use std::fs;
    use std::io::Write;

    /// An archive of regular files and links: each has a path, and a content or a target.
    fn archive(files: &[(&str, &str)], links: &[(&str, &str)]) -> tempfile::NamedTempFile {
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |path: &str, kind, content: &str| {
            let mut header = tar::Header::new_ustar();
            // the crate itself refuses to write such paths
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o4755);
            header.set_cksum();
            tar.append(&header, content.as_bytes()).unwrap();
        };
        files.iter().for_each(|(path, content)| add(path, tar::EntryType::Regular, content));
        links.iter().for_each(|(path, _)| add(path, tar::EntryType::Symlink, ""));
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut gzip = flate2::write::GzEncoder::new(file.reopen().unwrap(), flate2::Compression::fast());
        gzip.write_all(&tar.into_inner().unwrap()).unwrap();
        gzip.finish().unwrap();
        file
    }

    #[test]
    fn an_archive_is_unpacked_to_the_given_place_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let to = |name: &str| folder.path().join(name);
        let good = archive(&[("package/bin/node", "a"), ("package/lib/x.js", "b"), ("other/y", "c")], &[]);
        unpack(good.path(), "package/bin/node", &to("node")).unwrap();
        unpack(good.path(), "package", &to("all")).unwrap();
        assert_eq!(fs::read_to_string(to("node")).unwrap(), "a");
        assert_eq!(fs::read_to_string(to("all/lib/x.js")).unwrap(), "b");
        assert!(!to("all/other").exists() && !to("all/y").exists());
        let error =
            |archive: &tempfile::NamedTempFile| unpack(archive.path(), "package", &to("bad")).unwrap_err().to_string();
        assert!(error(&archive(&[("other/y", "c")], &[])).contains("it is not in the archive"));
        assert!(error(&archive(&[("package/../../out", "c")], &[])).contains("is not a file below it"));
        assert!(error(&archive(&[], &[("package/link", "/etc")])).contains("is not a file below it"));
        assert!(!to("out").exists() && !to("bad").exists());
    }

    #[test]
    fn an_archive_that_unpacks_to_too_much_is_refused_before_that_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let large = "x".repeat(9000);
        let archive = archive(&[("package/a", "1"), ("other/large", &large), ("package/b", "2")], &[]);
        let unpack = |most, name: &str| unpack_at_most(most, archive.path(), "package", &folder.path().join(name));
        unpack(20_000, "whole").unwrap();
        let text = unpack(8000, "cut").unwrap_err().to_string();
        assert!(text.contains("other/large has 9000 bytes, and 7999 of 8000 are left for it\n  next: "), "{text}");
        assert!(!folder.path().join("cut/b").exists());
    }

    #[test]
    fn a_file_that_does_not_match_its_pinned_hash_is_refused() {
        let empty = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
        assert_eq!(check_integrity("x", empty, b""), Ok(()));
        let text = check_integrity("x", empty, b"!").unwrap_err().to_string();
        assert!(text.starts_with("check x: its integrity is sha512-"), "{text}");
    }
}
