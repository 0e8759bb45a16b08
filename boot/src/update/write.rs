//! Writes a layer: as a new file, into a copy of an image, or onto a device.
//!
//! A file appears complete, by a rename. A device cannot be replaced, and has no room for two layers. So its first block,
//! with the superblock, is emptied before anything else is written and comes back last: after an interruption, a machine
//! refuses the layer as incomplete, and another update finishes it.

use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use tempfile::NamedTempFile;

use crate::host::error::{Error, Result, Tried};
use crate::host::interrupt::{self, Making};
use crate::host::run::Run;
use crate::users::ext4::lock;

/// A block, and with it the superblock.
pub const BLOCK: u64 = 4096;

/// Where a layer is in an image.
#[derive(Clone, Copy)]
pub struct Place {
    pub at: u64,
    /// The bytes of the old one, of which nothing stays.
    pub old: u64,
}

/// Replaces a file.
pub fn file(layer: &Path, to: &Path) -> Result<()> {
    let _lock = lock(to)?;
    let _making = Making::start();
    let new = beside(to)?;
    let mut from = File::open(layer).tried("read", layer)?;
    io::copy(&mut from, &mut new.as_file()).tried("write", new.path())?;
    keep(new, to)
}

/// Replaces an image by a copy with the layer.
pub fn copy(layer: &Path, image: &Path, place: Place) -> Result<()> {
    let _lock = lock(image)?;
    let _making = Making::start();
    let new = beside(image)?;
    // a card is sparse, and may be large
    let copied = Run::new("cp").args(["--reflink=auto", "--sparse=auto", "--"]).arg(image).arg(new.path()).ok();
    copied.map_err(|error| error.within(format!("copy {}", image.display())))?;
    put(layer, new.as_file(), place).tried("write", new.path())?;
    keep(new, image)
}

/// Writes to a device, which nothing else may have open.
pub fn device(layer: &Path, device: &Path, place: Place) -> Result<()> {
    let _making = Making::start();
    let tried = || format!("write to {}", device.display());
    // for a device, this refuses what is mounted (open(2))
    let opened = File::options().write(true).custom_flags(OFlag::O_EXCL.bits()).open(device);
    let file = opened.map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EBUSY) => Error::io(tried(), &error).next("unmount its partitions first"),
        Some(Errno::EACCES | Errno::EPERM) => Error::io(tried(), &error)
            .next(format!("sudo chown $USER {}, which lasts until it is plugged in again", device.display())),
        _ => Error::io(tried(), &error),
    })?;
    put(layer, &file, place).map_err(|error| {
        let next = "run the same command again: until then, machines refuse this medium as incomplete";
        Error::io(tried(), &error).next(next)
    })
}

fn put(layer: &Path, to: &File, place: Place) -> io::Result<()> {
    write(File::open(layer)?, to, place)
}

/// Writes a layer at its place, the first block last.
fn write(mut layer: impl Read, to: &File, Place { at, old }: Place) -> io::Result<()> {
    let (mut first, mut block) = (vec![0; BLOCK as usize], vec![0; 1 << 20]);
    to.write_all_at(&first, at)?;
    to.sync_all()?;
    layer.read_exact(&mut first)?;
    let mut end = BLOCK;
    loop {
        match layer.read(&mut block)? {
            0 => break,
            read => {
                to.write_all_at(block.get(..read).unwrap_or_default(), at + end)?;
                end += read as u64;
            }
        }
    }
    block.fill(0);
    while end < old {
        let bytes = (old - end).min(block.len() as u64);
        to.write_all_at(block.get(..usize::try_from(bytes).unwrap_or(0)).unwrap_or_default(), at + end)?;
        end += bytes;
    }
    to.sync_all()?;
    to.write_all_at(&first, at)?;
    to.sync_all()
}

fn beside(path: &Path) -> Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".nodeos-update-").tempfile_in(folder).tried("make a file in", folder)
}

/// Puts a finished file into its place.
fn keep(new: NamedTempFile, to: &Path) -> Result<()> {
    let mode = fs::metadata(to).tried("look at", to)?.permissions().mode();
    fs::set_permissions(new.path(), Permissions::from_mode(mode)).tried("set the mode of", new.path())?;
    new.as_file().sync_all().tried("write", new.path())?;
    interrupt::check(|| format!("update {}", to.display()))?;
    new.persist(to).map(drop).map_err(|error| error.error).tried("rename to", to)
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Place, write};
    use std::fs;
    use std::io::{self, Read};

    const AT: u64 = 8192;

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
        write(layer().as_slice(), disk.as_file(), Place { at: AT, old: 5 * BLOCK }).unwrap();
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
    fn an_interrupted_write_leaves_an_empty_first_block() {
        let disk = disk();
        let place = Place { at: AT, old: 5 * BLOCK };
        assert!(write(Torn(&layer()), disk.as_file(), place).is_err());
        let bytes = fs::read(disk.path()).unwrap();
        let (before, rest) = bytes.split_at(AT as usize);
        let (first, rest) = rest.split_at(BLOCK as usize);
        assert!(first.iter().all(|byte| *byte == 0) && before.iter().all(|byte| *byte == 255));
        assert!(rest.starts_with(&layer()[BLOCK as usize..]), "the rest of the layer was written");
        write(layer().as_slice(), disk.as_file(), place).unwrap();
        assert!(fs::read(disk.path()).unwrap()[AT as usize..].starts_with(&layer()));
    }
}
