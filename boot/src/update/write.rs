//! Writes a layer: as a new file, into a copy of an image, or onto a device.
//!
//! A file appears complete, by a rename. A device cannot be replaced, and a layer begins where its partition begins, so
//! there is one place. So a mark takes the place of its first block, with the superblock, before anything else is written,
//! and that block comes last, when the rest was read back: after an interruption, a machine refuses the layer as
//! incomplete, and another update finishes it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, PosixFadviseAdvice, posix_fadvise};
use sha2::{Digest as _, Sha256};

use crate::host::error::{Error, Result, Tried};
use crate::host::interrupt::Making;
use crate::host::replacement::Replacement;

/// A block, and with it the superblock.
pub const BLOCK: u64 = 4096;
/// How much is read and written at a time.
const CHUNK: usize = 1 << 20;

/// What a first block has until its layer is complete, then zeros. Several filesystems begin with zeros, and none with
/// this.
const MARK: &[u8] = b"nodeos: an update was interrupted\n";

/// Where a layer is in an image.
#[derive(Clone, Copy)]
pub struct Place {
    pub at: u64,
    /// The bytes that it can have.
    pub room: u64,
    /// The bytes of the old one, of which nothing stays.
    pub old: u64,
}

/// Makes the file that will replace another.
pub fn file(layer: &Path, to: &Path) -> Result<Replacement> {
    let new = Replacement::empty(to)?.like_the_old()?;
    let mut from = File::open(layer).tried("read", layer)?;
    io::copy(&mut from, &mut new.file()).tried("write", new.path())?;
    Ok(new)
}

/// Makes the copy with the layer that will replace an image.
pub fn copy(layer: &Path, image: &Path, place: Place) -> Result<Replacement> {
    let new = Replacement::copy(image)?;
    put(layer, new.file(), place).tried("write", new.path())?;
    Ok(new)
}

/// Opens a device, which nothing else may have open.
pub fn open(device: &Path) -> Result<File> {
    let tried = || format!("write to {}", device.display());
    // for a device, this refuses what is mounted (open(2))
    let opened = File::options().read(true).write(true).custom_flags(OFlag::O_EXCL.bits()).open(device);
    opened.map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EBUSY) => Error::io(tried(), &error).next("unmount its partitions first"),
        Some(Errno::EACCES | Errno::EPERM) => Error::io(tried(), &error)
            .next(format!("sudo chown $USER {}, which lasts until it is plugged in again", device.display())),
        _ => Error::io(tried(), &error),
    })
}

/// Writes to an open device.
pub fn device(layer: &Path, to: &File, device: &Path, place: Place) -> Result<()> {
    let _making = Making::start();
    put(layer, to, place).map_err(|error| {
        let next = "run the same command again: until then, machines refuse this medium as incomplete";
        Error::io(format!("write to {}", device.display()), &error).next(next)
    })
}

/// Whether these first bytes are those of an interrupted write.
pub fn is_mark(head: &[u8]) -> bool {
    head.len() as u64 == BLOCK && head == mark()
}

fn mark() -> Vec<u8> {
    let mut block = MARK.to_vec();
    block.resize(BLOCK as usize, 0);
    block
}

fn put(layer: &Path, to: &File, place: Place) -> io::Result<()> {
    write(File::open(layer)?, to, place)
}

/// What a layer is written to.
trait Disk: FileExt {
    /// Waits until all is on the disk, and forgets what it knows of it.
    fn settle(&self) -> io::Result<()>;
}

impl Disk for File {
    fn settle(&self) -> io::Result<()> {
        self.sync_all()?;
        // otherwise, what is read back comes from RAM
        Ok(posix_fadvise(self, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?)
    }
}

/// Writes a layer at its place, the first block last.
fn write(mut layer: impl Read, to: &impl Disk, Place { at, room, old }: Place) -> io::Result<()> {
    let (mut first, mut block) = (vec![0; BLOCK as usize], vec![0; CHUNK]);
    layer.read_exact(&mut first)?;
    to.write_all_at(&mark(), at)?;
    to.settle()?;
    let (mut end, mut sum) = (BLOCK, Sha256::new());
    loop {
        let bytes = layer.read(&mut block)?;
        let part = block.get(..bytes).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        if end + bytes as u64 > room {
            return Err(io::Error::other("the new code grew while it was read"));
        }
        to.write_all_at(part, at + end)?;
        sum.update(part);
        end += bytes as u64;
    }
    block.fill(0);
    while end < old {
        let zeros = part(&block, old - end);
        to.write_all_at(zeros, at + end)?;
        sum.update(zeros);
        end += zeros.len() as u64;
    }
    to.settle()?;
    check(to, at + BLOCK, end - BLOCK, sum)?;
    to.write_all_at(&first, at)?;
    to.settle()?;
    check(to, at, BLOCK, Sha256::new().chain_update(&first))
}

/// Compares what is on the disk with what was written.
fn check(disk: &impl Disk, mut at: u64, mut left: u64, written: Sha256) -> io::Result<()> {
    let (mut block, mut found) = (vec![0; CHUNK], Sha256::new());
    while left > 0 {
        let length = part(&block, left).len();
        let there = block.get_mut(..length).unwrap_or_default();
        disk.read_exact_at(there, at)?;
        found.update(there);
        at += length as u64;
        left -= length as u64;
    }
    let why = "what is there is not what was written: it may be worn out";
    if found.finalize() == written.finalize() { Ok(()) } else { Err(io::Error::other(why)) }
}

fn part(block: &[u8], most: u64) -> &[u8] {
    block.get(..usize::try_from(most).unwrap_or(usize::MAX).min(block.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Disk, Place, is_mark, write};
    use std::fs::{self, File};
    use std::io::{self, Read};
    use std::os::unix::fs::FileExt;

    const AT: u64 = 8192;
    const PLACE: Place = Place { at: AT, room: 6 * BLOCK, old: 5 * BLOCK };

    fn layer() -> Vec<u8> {
        (0..3 * BLOCK).map(|at| u8::try_from(at % 250 + 1).unwrap()).collect()
    }

    fn disk() -> tempfile::NamedTempFile {
        let disk = tempfile::NamedTempFile::new().unwrap();
        fs::write(disk.path(), vec![255; 10 * BLOCK as usize]).unwrap();
        disk
    }

    #[test]
    fn nothing_of_the_old_layer_stays_and_nothing_around_it_changes() {
        let disk = disk();
        write(layer().as_slice(), disk.as_file(), PLACE).unwrap();
        let expected =
            [vec![255; AT as usize], layer(), vec![0; 2 * BLOCK as usize], vec![255; 3 * BLOCK as usize]].concat();
        assert!(fs::read(disk.path()).unwrap() == expected);
    }

    /// A layer that cannot be read to its end.
    struct Torn<'a>(&'a [u8]);

    impl Read for Torn<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            match self.0.read(to)? {
                0 => Err(io::ErrorKind::ConnectionReset.into()),
                read => Ok(read),
            }
        }
    }

    #[test]
    fn an_interrupted_write_leaves_a_mark() {
        let disk = disk();
        assert!(write(Torn(&layer()), disk.as_file(), PLACE).is_err());
        let bytes = fs::read(disk.path()).unwrap();
        let (before, rest) = bytes.split_at(AT as usize);
        let (first, rest) = rest.split_at(BLOCK as usize);
        assert!(is_mark(first) && before.iter().all(|byte| *byte == 255));
        assert!(first.starts_with(b"nodeos: an update was interrupted\n\0"));
        assert!(rest.starts_with(&layer()[BLOCK as usize..]), "the rest of the layer was written");
        write(layer().as_slice(), disk.as_file(), PLACE).unwrap();
        assert!(fs::read(disk.path()).unwrap()[AT as usize..].starts_with(&layer()));
    }

    #[test]
    fn a_layer_without_a_first_block_changes_nothing() {
        let disk = disk();
        for layer in [Torn(&[]), Torn(&[1; 100])] {
            assert!(write(layer, disk.as_file(), PLACE).is_err());
            assert!(fs::read(disk.path()).unwrap() == vec![255; 10 * BLOCK as usize]);
        }
    }

    #[test]
    fn a_layer_that_grows_is_not_written_into_the_next_partition() {
        let disk = disk();
        let error = write(vec![1; 7 * BLOCK as usize].as_slice(), disk.as_file(), PLACE).unwrap_err();
        assert_eq!(error.to_string(), "the new code grew while it was read");
        let bytes = fs::read(disk.path()).unwrap();
        assert!(is_mark(&bytes[AT as usize..][..BLOCK as usize]));
        assert!(bytes[(AT + PLACE.room) as usize..].iter().all(|byte| *byte == 255));
        write(vec![1; 6 * BLOCK as usize].as_slice(), disk.as_file(), PLACE).unwrap();
    }

    /// A disk that changes what is written at one place.
    struct Worn(File, u64);

    impl FileExt for Worn {
        fn read_at(&self, to: &mut [u8], at: u64) -> io::Result<usize> {
            self.0.read_at(to, at)
        }

        fn write_at(&self, from: &[u8], at: u64) -> io::Result<usize> {
            let written = self.0.write_at(from, at)?;
            if (at..at + written as u64).contains(&self.1) {
                self.0.write_all_at(b"?", self.1)?;
            }
            Ok(written)
        }
    }

    impl Disk for Worn {
        fn settle(&self) -> io::Result<()> {
            self.0.settle()
        }
    }

    #[test]
    fn what_was_written_is_read_back_before_the_first_block_comes() {
        for (worn, marked) in [(AT + BLOCK, true), (AT + 4 * BLOCK, true), (AT + 7, false)] {
            let disk = disk();
            let error = write(layer().as_slice(), &Worn(disk.reopen().unwrap(), worn), PLACE).unwrap_err();
            assert!(error.to_string().contains("is not what was written"), "{error}");
            assert_eq!(is_mark(&fs::read(disk.path()).unwrap()[AT as usize..][..BLOCK as usize]), marked);
        }
        write(layer().as_slice(), &Worn(disk().reopen().unwrap(), AT - 1), PLACE).unwrap();
    }
}
