//! A file, or the part of one that holds a partition or a member of a medium. It is only read, never written.

use crate::host::error::{Result, Tried};
use shim::probe;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The part.
#[derive(Clone, Debug)]
pub struct Window {
    file: Arc<File>,
    path: PathBuf,
    at: u64,
    length: u64,
}

impl Window {
    /// All of a file or a device.
    pub fn open(path: &Path) -> Result<Self> {
        Self::of(File::open(path).tried("open", path)?, path)
    }

    /// All of an open file.
    pub fn of(mut file: File, path: &Path) -> Result<Self> {
        // stat(2) does not report the size of a device
        let length = file.seek(SeekFrom::End(0)).tried("look at", path)?;
        Ok(Self { file: Arc::new(file), path: path.to_owned(), at: 0, length })
    }

    /// All of the file that this is a part of, as it was opened.
    pub fn whole(&self) -> Result<Self> {
        Self::of(self.file.try_clone().tried("open", &self.path)?, &self.path)
    }

    /// A part of this one, cut at the end of this one.
    #[must_use]
    pub fn part(&self, at: u64, length: u64) -> Self {
        let at = at.min(self.length);
        Self { at: self.at + at, length: length.min(self.length - at), ..self.clone() }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its offset in the file.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Bytes in it.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Its first bytes, as many as there are.
    pub fn head(&self, bytes: u64) -> Result<Vec<u8>> {
        let mut head = Vec::new();
        self.reader().take(bytes).read_to_end(&mut head).tried("read", &self.path)?;
        Ok(head)
    }

    /// Fills the buffer, starting at that offset.
    pub fn read_exact_at(&self, to: &mut [u8], at: u64) -> io::Result<()> {
        match at.checked_add(to.len() as u64) {
            Some(end) if end <= self.length => self.file.read_exact_at(to, self.at + at),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Whether it contains an ISO 9660 filesystem, also one of others (ECMA-119, 8.1).
    #[must_use]
    pub fn is_iso(&self) -> bool {
        let mut head = [0; 6];
        self.read_exact_at(&mut head, probe::BLOCKS[1]).is_ok() && head == *probe::ISO
    }

    /// Reads it from its start.
    #[must_use]
    pub fn reader(&self) -> impl Read + use<> {
        Reader { window: self.clone(), at: 0 }
    }
}

/// In the form that the programs of e2fsprogs accept.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            0 => write!(f, "{}", self.path.display()),
            at => write!(f, "'{}?offset={at}'", self.path.display()),
        }
    }
}

struct Reader {
    window: Window,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let left = self.window.length - self.at;
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(to.len());
        let bytes = self.window.file.read_at(&mut to[..most], self.window.at + self.at)?;
        self.at += bytes as u64;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::Window;
    use std::io::Read;

    #[test]
    fn a_part_is_not_read_beyond_its_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "0123456789").unwrap();
        let whole = Window::open(file.path()).unwrap();
        let part = whole.part(2, 5).part(1, 100);
        assert_eq!(part.whole().unwrap().length(), 10);
        let mut text = String::new();
        part.reader().read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), part.at(), part.length()), ("3456", 3, 4));
        let mut two = [0; 2];
        part.read_exact_at(&mut two, 2).unwrap();
        assert_eq!(&two, b"56");
        assert!(part.read_exact_at(&mut two, 3).is_err() && part.read_exact_at(&mut two, u64::MAX).is_err());
        assert_eq!((whole.part(20, 5).length(), whole.head(3).unwrap()), (0, b"012".to_vec()));
    }
}
