//! Reads small files that somebody else may have made, such as those of an app's folder: package.json, lock files,
//! settings. The name may be that of a FIFO, of a link to `/dev/zero`, or of a file that fills the memory.

use super::error::{Error, Result, Tried};
use super::size;
use nix::fcntl::OFlag;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The most bytes of a text. The largest lock files of public repositories have a few MiB.
pub const TEXT: u64 = 64 << 20;

/// The bytes of a regular file with at most so many. Never waits. A device is refused before it is opened, unless it
/// takes the place of the file in that moment: then it is opened, and not read.
pub fn bytes(path: &Path, most: u64) -> Result<Vec<u8>> {
    if_there(path, most)?.ok_or_else(|| Error::io(read(path), &io::Error::from_raw_os_error(nix::libc::ENOENT)))
}

/// A text file.
pub fn text(path: &Path) -> Result<String> {
    utf8(path, bytes(path, TEXT)?)
}

/// The same, if there is one: nothing is at that path, or a link leads nowhere.
pub fn text_if_there(path: &Path) -> Result<Option<String>> {
    if_there(path, TEXT)?.map(|bytes| utf8(path, bytes)).transpose()
}

/// The bytes of a regular file with at most so many, if there is one.
pub fn if_there(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    // to open a device may already do something, so we look first; what is opened may be another file by then
    match std::fs::metadata(path) {
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => return Ok(None),
        found => suits(path, &found.tried("look at", path)?, most)?,
    }
    let mut file = open(path).tried("open", path)?;
    suits(path, &file.metadata().tried("look at", path)?, most)?;
    let mut content = Vec::new();
    // it may grow meanwhile
    (&mut file).take(most + 1).read_to_end(&mut content).tried("read", path)?;
    if content.len() as u64 > most {
        return Err(too_large(path, most));
    }
    Ok(Some(content))
}

/// A FIFO would wait for whoever writes to it, without `O_NONBLOCK`.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits()).open(path)
}

fn suits(path: &Path, found: &Metadata, most: u64) -> Result<()> {
    if !found.is_file() {
        let why = "it is not a regular file, nor a link to one";
        return Err(Error::new(read(path), why).next("remove it, or put a file there"));
    }
    if found.len() > most { Err(too_large(path, most)) } else { Ok(()) }
}

fn too_large(path: &Path, most: u64) -> Error {
    let why = format!("it is larger than {}, the most that is read", size::exact(most));
    Error::new(read(path), why).next("is it the right file?")
}

fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| Error::new(read(path), "it is not UTF-8").next("save it as UTF-8"))
}

fn read(path: &Path) -> String {
    format!("read {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::{TEXT, bytes, text, text_if_there};
    use nix::{sys::stat::Mode, unistd::mkfifo};
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    #[test]
    fn only_regular_files_of_a_limited_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        mkfifo(&at("fifo"), Mode::S_IRWXU).unwrap();
        symlink("/dev/zero", at("zero")).unwrap();
        symlink("fifo", at("link")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        for name in ["fifo", "zero", "link", "folder"] {
            let error = text_if_there(&at(name)).unwrap_err().to_string();
            assert!(
                error.contains("it is not a regular file, nor a link to one\n  next: remove it"),
                "{name}: {error}"
            );
        }
        File::create(at("huge")).unwrap().set_len(TEXT + 1).unwrap();
        let error = text_if_there(&at("huge")).unwrap_err().to_string();
        let expected = "huge: it is larger than 64 MiB, the most that is read\n  next: is it the right file?";
        assert!(error.ends_with(expected), "{error}");
        // it says 0 bytes, and has more
        let error = bytes("/proc/self/status".as_ref(), 16).unwrap_err().to_string();
        assert!(error.contains("it is larger than 16 bytes, the most that is read"), "{error}");
        symlink("gone", at("dangling")).unwrap();
        for name in ["gone", "dangling", "huge/x"] {
            assert_eq!(text_if_there(&at(name)), Ok(None), "{name}");
        }
        assert!(text(&at("gone")).unwrap_err().to_string().ends_with("gone: ENOENT (no such file)"));
        fs::write(at("text"), "ü").unwrap();
        symlink("text", at("to-text")).unwrap();
        assert_eq!(text(&at("to-text")).unwrap(), "ü");
        fs::write(at("text"), [0xff]).unwrap();
        assert!(text(&at("text")).unwrap_err().to_string().contains("it is not UTF-8"));
    }
}
