//! The next version of a file, made beside it, which then takes its place. When dropped before, it leaves nothing.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::{Result, Tried};
use super::folder::above;
use super::interrupt::{self, Making};
use super::run::Run;

/// The next version.
pub struct Replacement {
    new: NamedTempFile,
    path: PathBuf,
    _making: Making, // dropped after the file
}

impl Replacement {
    /// An empty one, which only its owner can read. If the path is a link, the file that it leads to is replaced, and the
    /// link stays.
    pub fn empty(path: &Path) -> Result<Self> {
        let _making = Making::start();
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = above(&path);
        let new =
            tempfile::Builder::new().prefix(".nodeos-new-").tempfile_in(folder).tried("make a file in", folder)?;
        Ok(Self { new, path, _making })
    }

    /// A copy of the file; holes stay holes.
    pub fn copy(path: &Path) -> Result<Self> {
        let copy = Self::empty(path)?;
        let copied = Run::new("cp").args(["--reflink=auto", "--sparse=auto", "--"]).arg(path).arg(copy.path()).ok();
        copied.map_err(|error| error.within(format!("copy {}", path.display())))?;
        copy.like_the_old()
    }

    /// With the mode of the file that it will replace.
    pub fn like_the_old(self) -> Result<Self> {
        let mode = fs::metadata(&self.path).tried("look at", &self.path)?.permissions().mode();
        fs::set_permissions(self.path(), Permissions::from_mode(mode)).tried("set the mode of", self.path())?;
        Ok(self)
    }

    /// Where it is until then.
    pub fn path(&self) -> &Path {
        self.new.path()
    }

    /// The open file.
    pub fn file(&self) -> &File {
        self.new.as_file()
    }

    /// Puts it into its place, unless ctrl-c was pressed.
    pub fn keep(self) -> Result<()> {
        self.file().sync_all().tried("write", self.path())?;
        interrupt::check(|| format!("change {}", self.path.display()))?;
        self.new.persist(&self.path).map(drop).map_err(|error| error.error).tried("rename to", &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::Replacement;
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_replaced_file_keeps_its_mode_and_the_link_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("below/file"), folder.path().join("link"));
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(&file, "one").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("below/file", &link).unwrap();
        drop(Replacement::copy(&link).unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "one");
        let copy = Replacement::copy(&link).unwrap();
        fs::File::options().append(true).open(copy.path()).unwrap().write_all(b", two").unwrap();
        copy.keep().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "one, two");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path().join("below")).unwrap().count(), 1);
    }
}
