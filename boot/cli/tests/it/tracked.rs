//! The files of this source tree that git tracks.

use std::path::Path;
use std::process::Command;

/// The root of the source tree.
pub fn source() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// Tracked paths with this ending, relative to the root.
pub fn tracked(end: &str) -> Vec<String> {
    let git = Command::new("git").arg("-C").arg(source()).args(["ls-files", "-z"]).output().unwrap();
    assert!(git.status.success(), "{}", String::from_utf8_lossy(&git.stderr));
    let paths = String::from_utf8(git.stdout).unwrap();
    let paths: Vec<String> = paths.split('\0').filter(|path| path.ends_with(end)).map(str::to_owned).collect();
    assert!(!paths.is_empty(), "git knows no {end} here");
    paths
}
