//! What a medium says about its machine: the kernel's words, the code of apps, and the homes.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _, Write as _};
use std::path::Path;

use shim::layout::{APPS_IMAGE, HOME_INIT, HOMES, POLICY, POLICY_SUFFIX};
use shim::policy::MAX_FILE;
use shim::users::{self, Found, is_ours};

use super::files::{App, Files};
use super::{HEAD, Kind};
use crate::host::error::{Error, Result, Tried};
use crate::host::window::Window;
use crate::image::archive::{DIRECTORY, KIND, REGULAR};
use crate::image::unpack;
use crate::media::{self, MANIFEST, Manifest};
use crate::users::place::Place;
use crate::users::read::{How, Judged, User, judge};
use crate::users::superblock;

/// The machine of a medium.
#[derive(Default)]
pub struct Machine {
    /// The kernel's default words.
    pub cmdline: String,
    /// The apps, by name.
    pub apps: Vec<App>,
    pub homes: Homes,
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
        for member in &manifest.members {
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
}

/// What an initramfs has besides the shim and the carbon copy.
fn carried(window: &Window) -> Result<Carried> {
    let mut apps = None;
    let mut policies = BTreeMap::new();
    let members = unpack::all(&mut BufReader::new(window.reader()), |member, content| {
        let policy = member.path.strip_prefix(HOMES).and_then(|path| path.strip_prefix('/')?.strip_prefix(POLICY));
        let name = policy.and_then(|path| path.strip_prefix('/')?.strip_suffix(POLICY_SUFFIX));
        if let Some(name) = name {
            let mut text = Vec::new();
            content.take(MAX_FILE as u64).read_to_end(&mut text)?;
            let is_file = member.mode & KIND == REGULAR;
            policies.insert(name.to_owned(), judge(is_file, member.uid, member.mode, member.size, &text));
        } else if member.path == APPS_IMAGE {
            let mut file = tempfile::NamedTempFile::new()?;
            std::io::copy(content, &mut file)?;
            file.flush()?;
            apps = Some(file);
        }
        Ok(())
    });
    let members = members.map_err(|error| error.within(format!("read {}", window.path().display())))?;
    let below: Vec<(&str, &unpack::Member)> =
        members.iter().filter_map(|member| Some((member.path.strip_prefix(HOMES)?, member))).collect();
    let mut table = users::Homes::new();
    let mut all: Vec<(User, Option<users::Index>)> = Vec::new();
    for (path, member) in &below {
        let name = path.trim_start_matches('/');
        if !path.starts_with('/') || name.contains('/') || is_ours(name.as_bytes()) {
            continue;
        }
        let unpack::Member { uid, gid, .. } = **member;
        let init = format!("/{name}/{HOME_INIT}");
        let has_init = below.iter().any(|(path, init_of)| {
            *path == init && init_of.mode & KIND == REGULAR && init_of.uid == uid && init_of.mode & 0o100 != 0
        });
        let found = Found { directory: member.mode & KIND == DIRECTORY, uid, gid, has_init };
        let mut user = User::new(name, uid, gid, How::None);
        user.init = has_init;
        let id = table.admit(name.as_bytes(), found).map_err(|refusal| user.refused = Some(refusal.to_string())).ok();
        all.push((user, id));
    }
    for (name, refusal) in table.shared() {
        for (user, _) in all.iter_mut().filter(|(user, id)| id.is_some() && user.name.as_bytes() == name) {
            user.refused = Some(refusal.to_string());
        }
    }
    let with_policy = |(user, _): (User, _)| {
        let policy = policies.remove(&user.name);
        (user, policy)
    };
    let homes = below.iter().any(|(path, _)| path.is_empty()).then(|| all.into_iter().map(with_policy).collect());
    let apps = apps.map(|file| {
        let opened = file.reopen().tried("open", file.path())?;
        Files::open(&Window::of(opened, window.path())?)?.apps()
    });
    Ok(Carried { apps: apps.transpose()?, homes })
}
