//! Homes in the initramfs, for sessions in RAM: turns a users partition into an archive below `/homes`.

use crate::host::cache::Cache;
use crate::host::digest::Key;
use crate::host::error::{Error, Result, Tried};
use crate::host::shown::Shown;
use crate::image::archive::{DIRECTORY, REGULAR, SYMLINK, put};
use crate::users::disk::Inode;
use crate::users::read::Image;
use cpio::newc::{Builder, trailer};
use shim::layout::{HOMES, HOMES_WHOLE, LOST_FOUND, OVERLAY};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The maximum number of bytes, because they go into a machine's RAM.
const MOST: u64 = 256 << 20;
/// The kernel skips entries with a longer path, NUL included (init/initramfs.c).
const LONGEST_PATH: usize = 4096;
/// The compression level of zstd: above it, a large app takes ten times as long, and gets only a tenth smaller.
const LEVEL: i32 = 12;
/// Must change when the format changes.
const RECIPE: &str = "homes 2";

/// The archive of a users image's homes, compressed; from the cache or made now.
pub fn archive(cache: &Cache, users: &Path) -> Result<PathBuf> {
    let key = Key::default().with("recipe", RECIPE).with_file(cache, "users", users)?.name();
    let path = cache.entry("homes", &key, |new| {
        let packed = zstd::encode_all(cpio(users)?.as_slice(), LEVEL).tried("compress the homes in", users)?;
        closed(new).and_then(|mut file| file.write_all(&packed)).tried("write", new)
    })?;
    cache.prune("homes", "");
    Ok(path)
}

/// A new file that only its owner can access from the start: it gets everybody's files and password hashes.
fn closed(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

fn cpio(users: &Path) -> Result<Vec<u8>> {
    let image = Image::open(users)?;
    let mut found = Vec::new();
    let mut bytes = 0;
    image.walk(b"/", &mut |path, what| {
        // a name that has to be changed for the archive could lead to another user's file
        let no = |why: &str| {
            Error::new(format!("carry the homes of {} in RAM", users.display()), format!("{} {why}", Shown::of(path)))
        };
        let path = std::str::from_utf8(path).map_err(|_| no("is not UTF-8").next("rename it"))?.to_owned();
        let ours = |name: &str| path.strip_prefix('/').and_then(|path| path.split('/').next()) == Some(name);
        if !ours(LOST_FOUND) && !ours(OVERLAY) {
            if HOMES.len() + path.len() > LONGEST_PATH {
                let why =
                    format!("has {} bytes in its path, at most {LONGEST_PATH} fit there", HOMES.len() + path.len());
                return Err(no(&why));
            }
            // in RAM, a file with holes takes its full size
            bytes = u64::saturating_add(bytes, what.size);
            found.push((path, what.clone()));
        }
        Ok(())
    })?;
    let tried = || format!("carry the homes of {} in RAM", users.display());
    if bytes > MOST {
        let why = format!("they are {} MiB, at most {} fit there", bytes >> 20, MOST >> 20);
        return Err(Error::new(tried(), why)
            .next("--users none, and a partition labelled nodeos-users with them on the machine"));
    }
    let top = Builder::new(HOMES.trim_start_matches('/')).ino(1).nlink(2).mode(DIRECTORY | 0o755);
    let mut out = put(Vec::new(), top, &mut std::io::empty(), 0).tried("pack", users)?;
    for ((path, what), number) in found.iter().zip(2..) {
        out = member(&image, out, number, path, what)
            .map_err(|why| Error::new(tried(), format!("{}: {why}", Shown::of(path))))?;
    }
    let whole = Builder::new(HOMES_WHOLE.trim_start_matches('/')).ino(1).mode(REGULAR | 0o400);
    let out = put(out, whole, &mut std::io::empty(), 0).tried("pack", users)?;
    trailer(out).tried("pack", users)
}

fn member(image: &Image, out: Vec<u8>, number: u32, path: &str, what: &Inode) -> std::result::Result<Vec<u8>, String> {
    let mode = u32::from(what.mode) & 0o7777;
    let name = format!("{}{path}", HOMES.trim_start_matches('/'));
    let builder = Builder::new(&name).ino(number).uid(what.uid).gid(what.gid);
    let text = |error: Error| error.to_string();
    let (builder, content) = match what {
        _ if what.is_encrypted() => {
            return Err("it is encrypted, and cannot travel: copy what is in it to a folder that is not".to_owned());
        }
        _ if what.is_dir() => (builder.mode(DIRECTORY | mode).nlink(2), Vec::new()),
        _ if what.is_file() => (builder.mode(REGULAR | mode), image.content(what, MOST).map_err(text)?),
        _ if what.is_link() => (builder.mode(SYMLINK | 0o777), image.link(what).map_err(text)?),
        _ => return Err("it is not a file, folder or link, and cannot travel: remove it".to_owned()),
    };
    put(out, builder, &mut content.as_slice(), content.len() as u64).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::closed;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn an_archive_of_homes_is_never_readable_by_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("homes");
        let mode = closed(&path).unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(closed(&path).is_err(), "one that another made, who may have it open");
    }
}
