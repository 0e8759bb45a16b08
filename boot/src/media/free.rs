//! Which paths a build may write to.

use std::fs;
use std::path::Path;

use super::{Code, MANIFEST, Manifest, Medium, Shape, beside, manifest};
use crate::host::cache::Cache;
use crate::host::digest;
use crate::host::error::{Error, Result};
use crate::host::run::Run;
use crate::image::APPS_FILE;
use crate::users::ext4::not_in_use;

/// Refuses a path if anything is there except the unchanged result of a build for the same target: users may have
/// written to the homes since.
pub fn free(cache: &Cache, medium: &Medium, out: &Path) -> Result<()> {
    let refused = |why: String, next: &str| Err(Error::new(format!("write {}", out.display()), why).next(next));
    let Ok(found) = fs::metadata(out) else { return Ok(()) };
    let (new, described) = match medium.shape {
        Shape::File => ("name a new file", beside(out)),
        Shape::Folder => ("name a new folder", out.join(MANIFEST)),
    };
    match medium.shape {
        Shape::File if !found.is_file() => {
            return refused(format!("it is not a file; {medium} is one, for dd to write to a device"), new);
        }
        Shape::Folder if !found.is_dir() => return refused(format!("it is a file; {medium} is a folder"), new),
        _ => {}
    }
    let known = Manifest::read(&described).ok().filter(|manifest| manifest.target == medium.name);
    let here = match medium.shape {
        Shape::File => Vec::new(),
        Shape::Folder => manifest::members(cache, out)?,
    };
    // an app's data may be what changed
    let app = known.iter().flat_map(|known| &known.members).any(|member| member.path == Path::new(APPS_FILE));
    let changed = match medium.code {
        Code::Apart(_) if app => {
            let update = Run::new("nodeos").arg("update-app").arg(out).arg("APP");
            format!("for a new version of the app that keeps its data: {update}; or {new}, whose homes are new")
        }
        _ => new.to_owned(),
    };
    for member in here.iter().filter(|member| member.path != Path::new(MANIFEST)) {
        let (path, kept) = (member.path.display(), known.iter().flat_map(|known| &known.members));
        match kept.into_iter().find(|known| known.path == member.path) {
            None => return refused(format!("{path} lies there, which no build for {medium} wrote"), new),
            Some(known) if known != member => {
                return refused(format!("{path} was changed since it was built"), &changed);
            }
            Some(_) => not_in_use(format!("replace {path}"), &out.join(&member.path))?,
        }
    }
    if medium.shape == Shape::File {
        match known.and_then(|known| known.sha256) {
            None => return refused(format!("a file is there that no build for {medium} wrote"), new),
            Some(known) if known != digest::file(cache, out)? => {
                return refused("it was changed since it was built".to_owned(), &changed);
            }
            Some(_) => not_in_use(format!("replace {}", out.display()), out)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::free;
    use crate::host::cache::Cache;
    use crate::image::APPS_FILE;
    use crate::media::{MANIFEST, Manifest, Medium, beside, manifest};
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    #[test]
    fn only_files_written_by_a_build_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("cache")).unwrap();
        let (file, dir) = (folder.path().join("file"), folder.path().join("dir"));
        let free = |target: &str, path: &Path| free(&cache, Medium::named(target).unwrap(), path);
        let why = |target: &str, path: &Path| free(target, path).unwrap_err().to_string();
        assert!(free("iso", &file).is_ok() && free("direct", &dir).is_ok());
        fs::write(&file, "mine").unwrap();
        fs::create_dir(&dir).unwrap();
        assert!(why("iso", &file).contains("no build for iso wrote"));
        assert!(why("direct", &file).contains("it is a file") && why("iso", &dir).contains("it is not a file"));
        assert!(free("direct", &dir).is_ok());
        fs::write(dir.join("users.ext4"), "mine").unwrap();
        assert!(why("direct", &dir).contains("users.ext4 lies there, which no build for direct wrote"));

        // unchanged since a build for the same target, and not after a change
        fs::write(dir.join(APPS_FILE), "code").unwrap();
        let members = manifest::members(&cache, &dir).unwrap();
        let manifest = |target: &str, sha256, members| Manifest {
            target: target.to_owned(),
            arch: "x86_64".to_owned(),
            cmdline: String::new(),
            bytes: 4,
            sha256,
            versions: BTreeMap::new(),
            members,
        };
        let text = manifest("direct", None, members).json().unwrap();
        fs::write(dir.join(MANIFEST), text).unwrap();
        assert_eq!(free("direct", &dir), Ok(()));
        assert!(why("pxe", &dir).contains("no build for pxe wrote"));
        fs::write(dir.join("users.ext4"), "more").unwrap();
        let next = format!("nodeos update-app {} APP; or name a new folder, whose homes are new", dir.display());
        assert!(why("direct", &dir).contains("users.ext4 was changed since it was built\n  next: for a new version"));
        assert!(why("direct", &dir).ends_with(&next));
        let digest = crate::host::digest::file(&cache, &file).unwrap();
        fs::write(beside(&file), manifest("iso", Some(digest), vec![]).json().unwrap()).unwrap();
        assert_eq!(free("iso", &file), Ok(()));
        fs::write(&file, "written").unwrap();
        assert!(why("iso", &file).contains("it was changed since it was built"));
    }
}
