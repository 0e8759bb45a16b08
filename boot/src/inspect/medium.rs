//! What a medium holds: a card or a disk by its partitions, an ISO by its files, a folder by those in it.
//!
//! Each part is read where it lies. Only from a card's FAT filesystem mtools copies three files whose names we choose.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::{Contents, contents};
use crate::host::error::{Error, Result, Tried};
use crate::host::interrupt::Making;
use crate::host::run::Run;
use crate::host::shown::Shown;
use crate::host::window::Window;
use crate::media::{self, MANIFEST, Manifest, mtools};
use crate::users::place::{self, Partition};

#[derive(Debug, Serialize)]
pub struct Medium {
    /// `card`, `iso`, or what the folder's manifest says.
    pub target: String,
    /// Bytes of all of it.
    pub size: u64,
    /// What the kernel is told, where nothing more is chosen.
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
    /// What it holds, if it is something that NodeOS makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contents: Option<Box<Contents>>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

impl Part {
    fn of(path: String, window: &Window) -> Self {
        let (contents, broken) = match contents(window) {
            Ok(found) => (found.map(Box::new), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { path, bytes: window.length(), contents, broken }
    }
}

/// A folder that a build wrote for a loader or for the network.
pub fn folder(path: &Path) -> Result<Medium> {
    let manifest = Manifest::read(&path.join(MANIFEST)).map_err(|error| {
        Error::new(format!("inspect the folder {}", path.display()), format!("no build wrote it: {error}"))
            .next("give a folder of nodeos build, or a file")
    })?;
    let part = |member: &crate::media::Member| {
        let shown = member.path.to_string_lossy().into_owned();
        // somebody wrote the manifest: it names files of the folder's own, and nothing else of this host
        let opened = media::open(path, &member.path).and_then(|file| Window::of(file, &path.join(&member.path)));
        match opened {
            Ok(window) => Part::of(shown, &window),
            Err(error) => Part { path: shown, bytes: member.bytes, contents: None, broken: Some(error.to_string()) },
        }
    };
    let parts = manifest.members.iter().map(part).collect();
    Ok(Medium { target: manifest.target, size: manifest.bytes, cmdline: Some(manifest.cmdline), parts })
}

/// What a file is that is a medium; `None` for any other.
pub fn file(window: &Window) -> Result<Option<Medium>> {
    if window.is_iso() {
        return iso_of(window).map(Some);
    }
    let partitions = place::partitions(window)?;
    if partitions.is_empty() {
        return Ok(None);
    }
    let (mut parts, mut cmdline) = (Vec::new(), None);
    for Partition { number, window: part, .. } in &partitions {
        // BS_VolLab of FAT32 (Microsoft's FAT specification, 1.03)
        let boot = part.part(71, 11).head(11)? == crate::media::card::LABEL.as_bytes();
        match boot {
            true => cmdline = boot_files(*number, part, &mut parts)?.or(cmdline),
            false => parts.push(Part::of(format!("partition {number}"), part)),
        }
    }
    Ok(Some(Medium { target: "card".to_owned(), size: window.length(), cmdline, parts }))
}

/// What the firmware reads; gives the kernel's words.
fn boot_files(number: u8, partition: &Window, parts: &mut Vec<Part>) -> Result<Option<String>> {
    let _making = Making::start();
    let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
    let mut image = partition.path().as_os_str().to_owned();
    image.push(format!("@@{}", partition.at()));
    let copy = |name: &str| {
        let to = folder.path().join(name);
        mtools("mcopy", Path::new(&image)).arg(format!("::{name}")).arg(&to).ok()?;
        Window::open(&to)
    };
    for name in ["kernel8.img", "initramfs"] {
        let path = format!("partition {number}: {name}");
        parts.push(match copy(name) {
            Ok(window) => Part::of(path, &window),
            Err(error) => Part { path, bytes: 0, contents: None, broken: Some(error.to_string()) },
        });
    }
    let words = copy("cmdline.txt").and_then(|window| window.head(4096));
    Ok(words.ok().map(|words| String::from_utf8_lossy(&words).trim().to_owned()))
}

fn iso_of(window: &Window) -> Result<Medium> {
    let mut device = std::ffi::OsString::from("stdio:");
    device.push(window.path());
    let run = Run::new("xorriso").args(["-no_rc", "-report_about", "SORRY", "-indev"]).arg(device);
    let listing = run.args(["-find", "/", "-type", "f", "-exec", "report_lba", "--"]).output()?;
    let (mut parts, mut cmdline) = (Vec::new(), None);
    for (path, part) in listing.lines().filter_map(|line| extent(line, window)) {
        if path == "/boot/grub/grub.cfg" {
            let menu = part.head(1 << 16)?;
            let menu = String::from_utf8_lossy(&menu);
            cmdline = menu.lines().find_map(|line| line.trim().strip_prefix("linux /kernel ").map(str::to_owned));
        }
        parts.push(Part::of(path, &part));
    }
    parts.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Medium { target: "iso".to_owned(), size: window.length(), cmdline, parts })
}

/// A line of xorriso's `report_lba`: `File data lba: 0 , 35 , 1 , 2 , '/kernel'`; the path is quoted for a shell.
fn extent(line: &str, window: &Window) -> Option<(String, Window)> {
    let mut words = line.strip_prefix("File data lba:")?.splitn(5, ',').map(str::trim);
    let (_, block, _, bytes, path) = (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    let path = path.strip_prefix('\'')?.strip_suffix('\'')?.replace(r#"'"'"'"#, "'");
    let at = block.parse::<u64>().ok()?.checked_mul(2048)?;
    Some((path, window.part(at, bytes.parse().ok()?)))
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
    use super::{MANIFEST, Window, extent, folder};
    use nix::sys::stat::Mode;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_manifest_of_others_opens_nothing_but_files_of_its_folder() {
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
            ("fifo", Some("it is no regular file")),
            ("below", Some("it is no regular file")),
        ];
        let members: Vec<_> =
            named.iter().map(|(path, _)| serde_json::json!({"path": path, "bytes": 3, "sha256": ""})).collect();
        let manifest = serde_json::json!({
            "target": "direct", "arch": "x86_64", "cmdline": "", "bytes": 3, "versions": {}, "members": members,
        });
        fs::write(at.join(MANIFEST), manifest.to_string()).unwrap();
        // a FIFO would be waited for
        let (sender, read) = mpsc::channel();
        std::thread::spawn(move || sender.send(folder(&at).map(|medium| medium.parts)));
        let parts = read.recv_timeout(Duration::from_secs(60)).unwrap().unwrap();
        for ((path, why), part) in named.iter().zip(parts) {
            assert_eq!((&part.path, part.contents.is_some()), (&(*path).to_owned(), why.is_none()), "{part:?}");
            assert!(part.broken.as_deref().unwrap_or_default().contains(why.unwrap_or_default()), "{part:?}");
        }
    }

    #[test]
    fn an_extent_is_read_from_what_xorriso_says() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 20).unwrap();
        let window = Window::open(file.path()).unwrap();
        let read = |line| extent(line, &window).map(|(path, part)| (path, part.at(), part.length()));
        let line = r#"File data lba:  0 ,       33 ,        1 ,        2 , '/a '"'"'b,c'"#;
        assert_eq!(read(line), Some(("/a 'b,c".to_owned(), 33 * 2048, 2)));
        assert_eq!(read("Report layout: xt , Startlba ,   Blocks , Filesize , ISO image path"), None);
        assert_eq!(read("File data lba:  0 , 99999999999999999999 , 1 , 2 , '/a'"), None);
    }
}
