//! What a medium says about its machine: the kernel's words, the code of apps, and the homes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read as _, Write as _};
use std::path::Path;

use shim::layout::{APPS_IMAGE, HOME_INIT, HOMES, MACHINE, POLICY, POLICY_SUFFIX};
use shim::users::{self, Found, is_ours};
use shim::{machine_file, policy};

use super::files::{App, Files};
use super::{HEAD, Kind};
use crate::host::error::{Error, Result, Tried};
use crate::host::window::Window;
use crate::image::archive::{DIRECTORY, KIND, REGULAR};
use crate::image::unpack;
use crate::media::{self, MANIFEST, Manifest};
use crate::users::place::Place;
use crate::users::read::{How, User};
use crate::users::roots::{Judged, RootsFile, Settings};
use crate::users::superblock;

/// The machine of a medium.
#[derive(Default)]
pub struct Machine {
    /// The kernel's default words.
    pub cmdline: String,
    /// The apps, by name.
    pub apps: Vec<App>,
    pub homes: Homes,
    /// Its own settings, if homes in the initramfs bring them.
    pub settings: Option<Settings>,
}

/// The homes of a medium.
#[derive(Default)]
pub enum Homes {
    #[default]
    None,
    /// A users partition.
    Partition(Box<Place>),
    /// Homes in the initramfs, by name, with the policies that root wrote. A users partition replaces them.
    Carried(Vec<(User, Option<Judged>)>),
}

/// Reads a medium, which anybody may have made.
pub fn machine(path: &Path) -> Result<Machine> {
    let mut machine = Machine::default();
    if path.is_dir() {
        let manifest = Manifest::read(&path.join(MANIFEST))?;
        machine.cmdline = manifest.cmdline;
        let mut seen = BTreeSet::new();
        // its manifest may name a file any number of times
        for member in manifest.members.iter().filter(|member| seen.insert(&member.path)) {
            let at = path.join(&member.path);
            // what a machine reads, if somebody changed it
            if member.path == Path::new("cmdline") {
                machine.cmdline = String::from_utf8_lossy(&media::read(&at)?).trim().to_owned();
            }
            machine.add(&Window::of(media::open(path, &member.path)?, &at)?)?;
        }
        return Ok(machine);
    }
    let Some((_, listing)) = media::list(&Window::open(path)?)? else {
        return Err(Error::new(format!("explain {}", path.display()), "it is no medium"));
    };
    machine.cmdline = listing.cmdline.unwrap_or_default();
    for part in listing.parts {
        machine.add(&part.window?)?;
    }
    Ok(machine)
}

impl Machine {
    /// Adds a part, if it is one of these.
    fn add(&mut self, window: &Window) -> Result<()> {
        match Kind::of(&window.head(HEAD)?) {
            Some(Kind::Apps) => self.apps = Files::open(window)?.apps()?,
            Some(Kind::Users) => {
                let superblock = superblock::of(window)?.whole(window)?;
                self.homes = Homes::Partition(Box::new(Place { window: window.clone(), superblock }));
            }
            Some(Kind::Initramfs) => {
                let carried = carried(window)?;
                if let Some(apps) = carried.apps {
                    self.apps = apps;
                }
                if let Some(homes) = carried.homes {
                    self.homes = Homes::Carried(homes);
                    self.settings = carried.settings;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

struct Carried {
    apps: Option<Vec<App>>,
    homes: Option<Vec<(User, Option<Judged>)>>,
    settings: Option<Settings>,
}

/// What an initramfs has besides the shim and the carbon copy.
fn carried(window: &Window) -> Result<Carried> {
    let mut apps = None;
    let mut policies = BTreeMap::new();
    let mut settings = None;
    let members = unpack::all(&mut BufReader::new(window.reader()), |member, content| {
        let at_home = member.path.strip_prefix(HOMES).and_then(|path| path.strip_prefix('/'));
        let policy = at_home.and_then(|path| path.strip_prefix(POLICY)?.strip_prefix('/'));
        let mut read = |most: usize| -> std::io::Result<Vec<u8>> {
            let mut text = Vec::new();
            content.take(most as u64).read_to_end(&mut text)?;
            Ok(text)
        };
        let (is_file, uid, mode, size) = (member.mode & KIND == REGULAR, member.uid, member.mode, member.size);
        if let Some(name) = policy.and_then(|name| name.strip_suffix(POLICY_SUFFIX)) {
            let text = &read(policy::MAX_FILE)?;
            policies.insert(name.to_owned(), RootsFile { is_file, uid, mode, size, text }.policy());
        } else if at_home == Some(MACHINE) {
            let text = &read(machine_file::MAX_FILE)?;
            settings = Some(RootsFile { is_file, uid, mode, size, text }.settings());
        } else if member.path == APPS_IMAGE {
            let mut file = tempfile::NamedTempFile::new()?;
            std::io::copy(content, &mut file)?;
            file.flush()?;
            apps = Some(file);
        }
        Ok(())
    });
    let members = members.map_err(|error| error.within(format!("read {}", window.path().display())))?;
    // of two with the same path, the kernel leaves the last one
    let below: BTreeMap<&str, &unpack::Member> =
        members.iter().filter_map(|member| Some((member.path.strip_prefix(HOMES)?, member))).collect();
    let mut table = users::Homes::new();
    let mut all: Vec<(User, Option<users::Index>)> = Vec::new();
    for (path, member) in &below {
        let name = path.trim_start_matches('/');
        if !path.starts_with('/') || name.contains('/') || is_ours(name.as_bytes()) {
            continue;
        }
        let unpack::Member { uid, gid, .. } = **member;
        let init = below.get(format!("/{name}/{HOME_INIT}").as_str());
        let has_init =
            init.is_some_and(|init| init.mode & KIND == REGULAR && init.uid == uid && init.mode & 0o100 != 0);
        let found = Found { directory: member.mode & KIND == DIRECTORY, uid, gid, has_init };
        let mut user = User::new(name, uid, gid, How::None);
        user.init = has_init;
        let id = table.admit(name.as_bytes(), found).map_err(|refusal| user.refused = Some(refusal.to_string())).ok();
        all.push((user, id));
    }
    let shared: BTreeMap<&[u8], users::Refusal> = table.shared().collect();
    for (user, _) in all.iter_mut().filter(|(_, id)| id.is_some()) {
        user.refused = shared.get(user.name.as_bytes()).map(ToString::to_string);
    }
    let with_policy = |(user, _): (User, _)| {
        let policy = policies.remove(&user.name);
        (user, policy)
    };
    let homes = below.contains_key("").then(|| all.into_iter().map(with_policy).collect());
    let apps = apps.map(|file| {
        let opened = file.reopen().tried("open", file.path())?;
        Files::open(&Window::of(opened, window.path())?)?.apps()
    });
    Ok(Carried { apps: apps.transpose()?, homes, settings })
}

#[cfg(test)]
mod tests {
    use super::{Homes, Machine, machine};
    use crate::image::archive::{DIRECTORY, REGULAR};
    use cpio::newc::{Builder, trailer};
    use std::fs;
    use std::io::{Read as _, Write as _, copy, repeat};
    use std::path::Path;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    /// What is linear in the size of a medium takes a few seconds, what is not takes hours.
    const DEADLINE: Duration = Duration::from_mins(3);

    /// Members of an initramfs: path, mode, owner, and how many zeros are in it.
    fn initramfs(at: &Path, members: impl IntoIterator<Item = (String, u32, u32, u32)>) {
        let mut out = zstd::Encoder::new(Vec::new(), 1).unwrap();
        for (path, mode, uid, bytes) in members {
            let mut member = Builder::new(&path).mode(mode).uid(uid).gid(uid).write(out, bytes);
            copy(&mut repeat(0).take(bytes.into()), &mut member).unwrap();
            out = member.finish().unwrap();
        }
        let packed = trailer(out).unwrap().finish().unwrap();
        fs::File::create(at).unwrap().write_all(&packed).unwrap();
    }

    /// A medium whose manifest names the initramfs that often.
    fn medium(members: impl IntoIterator<Item = (String, u32, u32, u32)>, lines: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        initramfs(&folder.path().join("i"), members);
        let members = vec![serde_json::json!({"path": "i", "bytes": 0, "sha256": ""}); lines];
        let manifest = serde_json::json!({
            "target": "", "arch": "x86_64", "cmdline": "", "bytes": 0, "versions": {}, "members": members,
        });
        fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();
        folder
    }

    fn in_time(medium: &tempfile::TempDir) -> Machine {
        let (send, done) = channel();
        let path = medium.path().to_owned();
        thread::spawn(move || send.send(machine(&path).unwrap()));
        done.recv_timeout(DEADLINE).expect("it takes too long")
    }

    fn homes(machine: Machine) -> Vec<(String, bool, Option<String>)> {
        let Homes::Carried(homes) = machine.homes else { panic!("no homes") };
        homes.into_iter().map(|(user, _)| (user.name, user.init, user.refused)).collect()
    }

    #[test]
    fn a_home_in_an_initramfs_has_the_init_that_the_kernel_leaves() {
        let init = |home: &str, mode, uid| (format!("homes/{home}/init"), mode, uid, 0);
        let home = |name: &str, uid| (format!("homes/{name}"), DIRECTORY | 0o700, uid, 0);
        let members = [
            ("homes".to_owned(), DIRECTORY | 0o755, 0, 0),
            home("b", 1001),
            init("b", REGULAR | 0o700, 1001),
            home("a", 1000),
            init("a", REGULAR | 0o600, 1000),
            init("a", REGULAR | 0o700, 1000),
            home("c", 1002),
            init("c", REGULAR | 0o700, 1002),
            init("c", REGULAR | 0o700, 0),
            home("twin", 1001),
        ];
        let found = homes(in_time(&medium(members, 1)));
        let named: Vec<_> =
            found.iter().map(|(name, init, refused)| (name.as_str(), *init, refused.is_some())).collect();
        assert_eq!(named, [("a", true, false), ("b", true, true), ("c", false, false), ("twin", false, true)]);
    }

    #[test]
    fn settings_in_an_initramfs_are_those_that_the_kernel_leaves() {
        let own = |mode, uid| ("homes/.machine.json".to_owned(), REGULAR | mode, uid, 0);
        let said = |members: &[(String, u32, u32, u32)]| {
            let folder = ("homes".to_owned(), DIRECTORY | 0o755, 0, 0);
            let members = [folder].into_iter().chain(members.iter().cloned());
            in_time(&medium(members, 1)).settings.map(|settings| settings.unwrap_err())
        };
        assert_eq!(said(&[]), None);
        assert!(said(&[own(0o600, 1000), own(0o600, 0)]).unwrap().starts_with("it is malformed"));
        assert_eq!(said(&[own(0o600, 0), own(0o600, 1000)]).as_deref(), Some("others than root can write it"));
    }

    #[test]
    fn an_initramfs_with_very_many_homes_is_read_in_time() {
        const MANY: usize = 200_000;
        let home = |number| (format!("homes/{number:x}"), DIRECTORY | 0o700, 1000, 0);
        let members = [("homes".to_owned(), DIRECTORY | 0o755, 0, 0)].into_iter().chain((0..MANY).map(home));
        assert_eq!(homes(in_time(&medium(members, 1))).len(), MANY);
    }

    #[test]
    fn a_file_that_a_manifest_names_again_and_again_is_read_once() {
        let members = [("homes".to_owned(), DIRECTORY | 0o755, 0, 0), ("zeros".to_owned(), REGULAR, 0, 256 << 20)];
        assert_eq!(homes(in_time(&medium(members, 20_000))), []);
    }
}
