//! The members of an EROFS filesystem, through erofs-utils: dump.erofs tells owners, fsck.erofs extracts.

use std::fs;
use std::path::Path;

use super::{Read, mode_text};
use crate::elf;
use crate::error::{Error, Result, Tried};
use crate::interrupt::Making;
use crate::run::Run;
use crate::users::read::Member;

pub fn read(image: &Path) -> Result<Vec<Read>> {
    let _making = Making::start();
    let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
    let extract = format!("--extract={}", folder.path().display());
    Run::new("fsck.erofs").args(["--force", &extract]).arg(image).ok()?;
    let mut all = Vec::new();
    walk(image, folder.path(), "", &mut all)?;
    Ok(all)
}

fn walk(image: &Path, extracted: &Path, above: &str, all: &mut Vec<Read>) -> Result<()> {
    for entry in fs::read_dir(extracted).tried("read the folder", extracted)? {
        let entry = entry.tried("read the folder", extracted)?;
        let path = format!("{above}/{}", entry.file_name().to_string_lossy());
        let found = entry.metadata().tried("look at", entry.path())?;
        let Facts { kind, access, uid, gid, bytes } = facts(image, &path)?;
        let link = match found.is_symlink() {
            true => Some(fs::read_link(entry.path()).tried("read", entry.path())?.to_string_lossy().into_owned()),
            false => None,
        };
        let elf = match found.is_file() {
            // a broken ELF file is a file
            true => elf::parse(&fs::read(entry.path()).tried("read", entry.path())?).ok().flatten(),
            false => None,
        };
        let mode = mode_text(kind | access);
        all.push(Read { member: Member { path: path.clone(), mode, uid, gid, bytes, link }, elf });
        if found.is_dir() {
            walk(image, &entry.path(), &path, all)?;
        }
    }
    Ok(())
}

/// What dump.erofs says of one file.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    kind: u32,
    access: u32,
    uid: u32,
    gid: u32,
    bytes: u64,
}

fn facts(image: &Path, path: &str) -> Result<Facts> {
    let text = Run::new("dump.erofs").arg(format!("--path={path}")).arg(image).output()?;
    parse(&text).ok_or_else(|| {
        Error::new(format!("read {path} in {}", image.display()), format!("dump.erofs says something new:\n{text}"))
    })
}

/// erofs-utils 1.5, dump/main.c, `erofsdump_show_fileinfo`.
fn parse(text: &str) -> Option<Facts> {
    let after = |name: &str| Some(text.split_once(name)?.1.trim_start());
    let word = |name: &str| after(name)?.split_whitespace().next();
    let kind = match after("On-disk size:")?.lines().next()?.split_whitespace().nth(1)? {
        "directory" => 0o040_000,
        "symlink" => 0o120_000,
        "char" => 0o020_000,
        "block" => 0o060_000,
        "fifo" => 0o010_000,
        "sock" => 0o140_000,
        _ => 0o100_000,
    };
    Some(Facts {
        kind,
        access: u32::from_str_radix(word("Access:")?.split('/').next()?, 8).ok()?,
        uid: word("Uid:")?.parse().ok()?,
        gid: word("Gid:")?.parse().ok()?,
        bytes: word("Size:")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Facts, parse};

    #[test]
    fn what_dump_erofs_says_is_read() {
        let text = "File : /bin/ls\n\
                    Size: 151344  On-disk size: 94208  regular file\n\
                    NID: 42   Links: 1   Layout: 3   Compression ratio: 62.25%\n\
                    Inode size: 32   Extent size: 0   Xattr size: 0\n\
                    Uid: 7   Gid: 8  Access: 0755/rwxr-xr-x\n\
                    Timestamp: 1970-01-01 00:00:00.000000000\n";
        let facts = Facts { kind: 0o100_000, access: 0o755, uid: 7, gid: 8, bytes: 151_344 };
        assert_eq!(parse(text), Some(facts));
        let link = text.replace("regular file", "symlink file");
        assert_eq!(parse(&link).unwrap().kind, 0o120_000);
        assert_eq!(parse("something else"), None);
    }
}
