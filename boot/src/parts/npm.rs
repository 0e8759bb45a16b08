//! Packages of npm's, pinned: fetched by npm, with the user's own settings.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha512};

use crate::host::error::{Error, Result, Tried};
use crate::host::run::Run;

/// Fetches a package's archive into a folder and checks it.
pub fn pack(name: &str, version: &str, integrity: Option<&str>, folder: &Path) -> Result<PathBuf> {
    let package = format!("{name}@{version}");
    // the user's own settings hold; a project's .npmrc does not, for the folder has none
    let pack = Run::new("npm").args(["pack", &package, "--pack-destination", ".", "--loglevel", "error"]);
    pack.within(folder).ok().map_err(|error| match error.next {
        Some(_) => error,
        None => error
            .next(format!("see that `npm view {package} version` answers: is there a network, is there that version")),
    })?;
    // of @scope/name too
    let archive = folder.join(format!("{}-{version}.tgz", name.trim_start_matches('@').replace('/', "-")));
    if let Some(wanted) = integrity {
        let found = fs::read(&archive).tried("read", &archive)?;
        check_integrity(&package, wanted, &found)?;
    }
    Ok(archive)
}

/// Compares a package with what was pinned.
fn check_integrity(package: &str, wanted: &str, found: &[u8]) -> Result<()> {
    let found = format!("sha512-{}", STANDARD.encode(Sha512::digest(found)));
    if found == wanted {
        return Ok(());
    }
    Err(Error::new(format!("check {package}"), format!("its integrity is {found}, pinned is {wanted}"))
        .next("do not use it: the registry gave another file than the one that was pinned"))
}

#[cfg(test)]
mod tests {
    use super::check_integrity;

    #[test]
    fn a_file_that_does_not_match_its_pinned_hash_is_refused() {
        let empty = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
        assert_eq!(check_integrity("x", empty, b""), Ok(()));
        let text = check_integrity("x", empty, b"!").unwrap_err().to_string();
        assert!(text.starts_with("check x: its integrity is sha512-"), "{text}");
    }
}
