//! Files that often hold secrets. An image may have them, because an app may read them, and then they are named. The
//! cache of installed packages keeps none: managers copy a package that package.json names by a path, with all its files.
//!
//! ```text
//! staged files, node_modules → take_out → the same file names and bytes are removed, and listed → put into the image
//! ```

use super::home::Home;
use super::left_out;
use crate::host::cache::remove;
use crate::host::error::{Error, Result, Tried};
use crate::host::foreign;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// The list of what was taken out, at the top of what the cache keeps.
const LIST: &str = ".nodeos-secrets.json";

/// A file of a package that a manager copied. Both paths are relative to the base of the build context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// Where the manager put it.
    pub copy: PathBuf,
    /// Where it is on the host.
    pub source: PathBuf,
}

/// Whether a file of that path often holds a secret.
pub fn is_secret(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is = |names: &[&str]| names.contains(&&*name);
    let key = name.ends_with(".pem") || name.ends_with(".key") || is(&["id_rsa", "id_ecdsa", "id_ed25519"]);
    let ssh = path.iter().any(|part| part == ".ssh") && !name.ends_with(".pub") && name != "known_hosts";
    let settings = is(&[".netrc", ".git-credentials", ".npmrc", ".yarnrc", ".yarnrc.yml"]);
    key || ssh || settings || name == ".env" || name.starts_with(".env.")
}

/// Names the files of an image that often hold secrets, of those that are the app's own. Packages that somebody published
/// are not, because some have such files for tests.
pub fn named(home: &Home, own: &dyn Fn(&str) -> bool) -> Option<String> {
    let found: Vec<String> = home.paths().filter(|path| is_secret(Path::new(path)) && own(path)).collect();
    let first = found.first()?;
    let more = if found.len() > 1 { format!(" and {} more", found.len() - 1) } else { String::new() };
    Some(format!("/{first}{more} may hold secrets, and whoever has the image can read it"))
}

/// Removes from each `node_modules` below a folder what has the name and the bytes of one of these files of the same
/// folder, if that is a secret. So it does not matter where a manager puts the copy of a package. Returns those that may
/// be in an image.
pub fn take_out(folder: &Path, files: &BTreeSet<PathBuf>) -> Result<Vec<Secret>> {
    let mut known: BTreeMap<OsString, Vec<&PathBuf>> = BTreeMap::new();
    for path in files.iter().filter(|path| is_secret(path)) {
        known.entry(path.file_name().unwrap_or_default().to_owned()).or_default().push(path);
    }
    let mut taken = Vec::new();
    if !known.is_empty() {
        search(folder, Path::new(""), &known, &mut taken)?;
    }
    for Secret { copy, .. } in &taken {
        remove(&folder.join(copy))?;
    }
    taken.retain(|secret| !left_out::always(&secret.copy));
    taken.sort_by(|one, other| one.copy.cmp(&other.copy));
    Ok(taken)
}

fn search(
    folder: &Path,
    inside: &Path,
    known: &BTreeMap<OsString, Vec<&PathBuf>>,
    found: &mut Vec<Secret>,
) -> Result<()> {
    let whole = folder.join(inside);
    for entry in fs::read_dir(&whole).tried("list", &whole)? {
        let entry = entry.tried("list", &whole)?;
        let (copy, kind) = (inside.join(entry.file_name()), entry.file_type().tried("look at", entry.path())?);
        if kind.is_dir() {
            search(folder, &copy, known, found)?;
        } else if let Some(sources) = known.get(&entry.file_name())
            && kind.is_file()
            && copy.iter().any(|part| part == "node_modules")
        {
            let same = |source: &&&PathBuf| same(&folder.join(source), &entry.path());
            // one of another name of its path fits better, as `inner/.env` does for `node_modules/inner/.env`
            let mut sources: Vec<_> = sources.iter().collect();
            sources.sort_by_key(|source| std::cmp::Reverse(common_end(source, &copy)));
            found.extend(sources.into_iter().find(same).map(|source| Secret { copy, source: (*source).clone() }));
        }
    }
    Ok(())
}

/// How many of the last parts of two paths are equal.
fn common_end(one: &Path, other: &Path) -> usize {
    one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count()
}

fn same(one: &Path, other: &Path) -> bool {
    let length = |path: &Path| fs::metadata(path).map(|found| found.len()).ok();
    length(one) == length(other) && fs::read(one).ok() == fs::read(other).ok()
}

/// Writes the list into an entry of the cache.
pub fn write(folder: &Path, taken: &[Secret]) -> Result<()> {
    if taken.is_empty() {
        return Ok(());
    }
    let path = folder.join(LIST);
    let wrong = |error| Error::new(format!("write {}", path.display()), error);
    fs::write(&path, serde_json::to_string(taken).map_err(wrong)?).tried("write", &path)
}

/// Reads it.
pub fn read(folder: &Path) -> Result<Vec<Secret>> {
    let path = folder.join(LIST);
    let Some(text) = foreign::text_if_there(&path)? else { return Ok(Vec::new()) };
    serde_json::from_str(&text)
        .map_err(|error| Error::new(format!("read {}", path.display()), error).next("nodeos clean"))
}

#[cfg(test)]
mod tests {
    use super::{Home, Secret, named, take_out};
    use std::fs;
    use std::path::PathBuf;

    #[test]
    fn files_that_often_hold_secrets_are_named() {
        let of = |paths: &[&str]| {
            let mut home = Home::new("app", 1000);
            paths.iter().for_each(|path| home.file(path, ""));
            named(&home, &|path| !path.contains("node_modules/"))
        };
        assert_eq!(of(&["app/index.js", "app/environment", "app/node_modules/x/test.pem"]), None);
        let text = of(&["app/.env.local", "app/index.js", "app/tls/server.key"]).unwrap();
        assert_eq!(text, "/app/.env.local and 1 more may hold secrets, and whoever has the image can read it");
        assert!(of(&["app/a.pem"]).unwrap().starts_with("/app/a.pem may hold secrets"));
        assert!(of(&["app/.ssh/deploy", "app/.ssh/known_hosts"]).unwrap().starts_with("/app/.ssh/deploy may hold"));
    }

    #[test]
    fn copies_of_secrets_are_taken_out_wherever_they_are() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("outer/.env", "a"),
            ("outer/inner/.env", "a"),
            ("outer/.npmrc", "b"),
            ("outer/x.js", "c"),
            ("app/node_modules/outer/.env", "a"),
            ("app/node_modules/outer/.npmrc", "b"),
            ("app/node_modules/outer/x.js", "c"),
            ("app/node_modules/.pnpm/inner/.env", "a"),
            ("app/node_modules/published/.env", "theirs"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let files = ["outer/.env", "outer/inner/.env", "outer/.npmrc", "outer/x.js"].map(PathBuf::from).into();
        let secret = |copy: &str, source: &str| Secret { copy: copy.into(), source: source.into() };
        let expected = [
            secret("app/node_modules/.pnpm/inner/.env", "outer/inner/.env"),
            secret("app/node_modules/outer/.env", "outer/.env"),
        ];
        assert_eq!(take_out(folder.path(), &files).unwrap(), expected);
        let there = |path: &str| folder.path().join("app/node_modules").join(path).exists();
        assert!(!there("outer/.env") && !there("outer/.npmrc") && !there(".pnpm/inner/.env"));
        assert!(there("outer/x.js") && there("published/.env") && folder.path().join("outer/.env").exists());
    }
}
