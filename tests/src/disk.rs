//! A users partition for one test.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use boot::users::{
    debugfs,
    home::Home,
    image::{Create, create},
    read,
};
use tempfile::TempDir;

use crate::run;

/// A users partition for one test. It is deleted with the value.
pub struct Disk {
    folder: TempDir,
    /// The image.
    pub path: PathBuf,
}

impl Disk {
    /// Creates a partition with these homes.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn with(homes: &[Home]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.ext4");
        create(&path, Create { size: 64 << 20, force: false }, homes).unwrap_or_else(|error| panic!("{error}"));
        Self { folder, path }
    }

    /// Copies an image, so that a test can write to it.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn copy(image: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.ext4");
        run("cp", &["--sparse=always", "--reflink=auto", text(image), text(&path)]);
        Self { folder, path }
    }

    /// The path of a file in the same folder.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs commands of debugfs(8), for changes that our own tools refuse.
    ///
    /// # Panics
    /// When debugfs complains.
    pub fn debugfs(&self, commands: &str) {
        assert_eq!(debugfs::write(&self.path, commands.as_bytes()).unwrap(), "");
    }

    /// Every path on the partition, with its owner: `1000 /ana/file`.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn listing(&self) -> Vec<String> {
        let partition = read::inspect(&self.path).unwrap_or_else(|error| panic!("{error}"));
        partition.members.iter().map(|member| format!("{} {}", member.uid, member.path)).collect()
    }

    /// Checks that the filesystem was unmounted cleanly.
    ///
    /// # Panics
    /// When e2fsck finds an error, or when the journal was not closed.
    pub fn assert_clean(&self) {
        let output = Command::new("e2fsck").args(["-fn", text(&self.path)]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && !said.contains("recovering journal"), "e2fsck -fn: {said}");
        let head = Command::new("dumpe2fs").args(["-h", text(&self.path)]).output().unwrap();
        let state = String::from_utf8_lossy(&head.stdout);
        assert!(state.lines().any(|line| line.starts_with("Filesystem state:") && line.ends_with(" clean")), "{state}");
        assert!(!state.contains("needs_recovery"), "the journal was not closed: {state}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_else(|| panic!("{} is not UTF-8", path.display()))
}
