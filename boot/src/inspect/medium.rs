//! The content of a medium. Each part is read at the place that the medium's row gives.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::{Contents, contents};
use crate::host::error::{Error, Result};
use crate::host::shown::Shown;
use crate::host::window::Window;
use crate::media::{self, Listed, Listing, MANIFEST, Manifest};

#[derive(Debug, Serialize)]
pub struct Medium {
    /// The medium's kind as `--target` names it, or `disk`.
    pub target: String,
    /// Bytes of all of it.
    pub size: u64,
    /// The default command line of the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// What is on it.
    pub parts: Vec<Part>,
}

/// A file or a partition of a medium.
#[derive(Debug, Serialize)]
pub struct Part {
    /// Its path on the medium, or `partition N`.
    pub path: String,
    /// Bytes in it.
    pub bytes: u64,
    /// Its content, if NodeOS makes such files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contents: Option<Box<Contents>>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

impl Part {
    /// `bytes` is the size in the manifest, for a part that cannot be opened.
    fn of(path: String, window: Result<Window>, bytes: u64) -> Self {
        let bytes = window.as_ref().map_or(bytes, Window::length);
        let (contents, broken) = match window.and_then(|window| contents(&window)) {
            Ok(found) => (found.map(Box::new), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { path, bytes, contents, broken }
    }
}

/// A folder that a build wrote for a boot loader or for the network.
pub fn folder(path: &Path) -> Result<Medium> {
    let manifest = Manifest::read(&path.join(MANIFEST)).map_err(|error| {
        Error::new(format!("inspect the folder {}", path.display()), format!("no build wrote it: {error}"))
            .next("give a folder that `nodeos build` wrote, or a file")
    })?;
    let part = |member: &crate::media::Member| {
        let shown = member.path.to_string_lossy().into_owned();
        // anybody may have written the manifest: it may only name files of the folder itself, and no others of this
        // host
        let opened = media::open(path, &member.path).and_then(|file| Window::of(file, &path.join(&member.path)));
        Part::of(shown, opened, member.bytes)
    };
    let parts = manifest.members.iter().map(part).collect();
    Ok(Medium { target: manifest.target, size: manifest.bytes, cmdline: Some(manifest.cmdline), parts })
}

/// The medium in a file; `None` for any other file.
pub fn file(window: &Window) -> Result<Option<Medium>> {
    let Some((kind, Listing { cmdline, parts })) = media::list(window)? else { return Ok(None) };
    let parts = parts.into_iter().map(|Listed { path, window }| Part::of(path, window, 0)).collect();
    Ok(Some(Medium { target: kind.to_owned(), size: window.length(), cmdline, parts }))
}

impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} bytes, {} parts", Shown::of(&self.target), self.size, self.parts.len())?;
        if let Some(cmdline) = &self.cmdline {
            writeln!(f, "the kernel is told: {}", Shown::of(cmdline))?;
        }
        for Part { path, bytes, contents, broken } in &self.parts {
            writeln!(f, "\n{} ({bytes} bytes)", Shown::of(path))?;
            match (contents, broken) {
                (Some(contents), _) => contents.fmt(f)?,
                (None, Some(why)) => writeln!(f, "cannot be read: {why}")?,
                (None, None) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{MANIFEST, folder};
    use nix::sys::stat::Mode;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_foreign_manifest_can_only_open_files_in_its_folder() {
        let temporary = tempfile::tempdir().unwrap();
        let at = temporary.path().join("medium");
        fs::create_dir_all(at.join("below")).unwrap();
        for path in ["secret", "medium/own", "medium/below/own"] {
            fs::write(temporary.path().join(path), [0x1f, 0x8b, 8]).unwrap();
        }
        symlink("../secret", at.join("link")).unwrap();
        symlink("..", at.join("above")).unwrap();
        nix::unistd::mkfifo(&at.join("fifo"), Mode::S_IRUSR).unwrap();
        let named = [
            ("own", None),
            ("below/own", None),
            ("link", Some("it is a link")),
            ("above/secret", Some("a folder above it is none of the medium's own")),
            ("../secret", Some("it is not in the folder")),
            ("/dev/null", Some("it is not in the folder")),
            ("fifo", Some("it is not a regular file")),
            ("below", Some("it is not a regular file")),
        ];
        let members: Vec<_> =
            named.iter().map(|(path, _)| serde_json::json!({"path": path, "bytes": 3, "sha256": ""})).collect();
        let manifest = serde_json::json!({
            "target": "direct", "arch": "x86_64", "cmdline": "", "bytes": 3, "versions": {}, "members": members,
        });
        fs::write(at.join(MANIFEST), manifest.to_string()).unwrap();
        // opening a FIFO would block
        let (sender, read) = mpsc::channel();
        std::thread::spawn(move || sender.send(folder(&at).map(|medium| medium.parts)));
        let parts = read.recv_timeout(Duration::from_secs(60)).unwrap().unwrap();
        for ((path, why), part) in named.iter().zip(parts) {
            assert_eq!((&part.path, part.contents.is_some()), (&(*path).to_owned(), why.is_none()), "{part:?}");
            assert!(part.broken.as_deref().unwrap_or_default().contains(why.unwrap_or_default()), "{part:?}");
        }
    }
}
