//! The machine that is explained: of an app, of a medium, or of a users partition.

use std::fmt;
use std::path::Path;

use boot::assembly::{self, Homes};
use boot::image::carbon::Placement;
use boot::image::manifest::Manifest;
use boot::image::words;
use boot::inspect::{self, App};
use boot::media::Found;
use boot::users::app::is_folder;
use boot::users::names;
use boot::users::read::{self, Image};
use boot::users::roots::{Judged, Settings};
use shim::arches::Arch;
use shim::cmdline::Options;
use shim::layout::{FIRST_UID, ROOT_USER, USERS_LABEL};
use shim::op::Code;
use shim::plan;
use shim::policy::Policy;

use super::Args;
use crate::common::Failed;
use crate::source::{Source, memory};

/// RAM in MiB where nobody says it.
const MEMORY: u32 = 256;

/// A machine.
#[derive(Debug, Default)]
pub struct Subject {
    /// The kernel's words.
    pub line: String,
    /// MiB.
    pub memory: u32,
    /// The apps whose code is on its medium.
    pub apps: Vec<App>,
    /// The homes, with what root wrote about each.
    pub homes: Vec<(read::User, Option<Judged>)>,
    /// Whether the initramfs carries them.
    pub carried: bool,
    /// The machine's own settings.
    pub settings: Option<Settings>,
    /// The architecture, if the medium is made for one.
    pub arch: Option<&'static Arch>,
}

/// A user of a machine.
#[derive(Debug)]
pub struct User {
    pub home: read::User,
    pub code: Code,
    pub policy: PolicyOf,
}

/// A policy, and where it comes from.
#[derive(Debug)]
pub struct PolicyOf {
    pub read: Judged,
    pub of: Of,
}

#[derive(Clone, Copy, Debug)]
pub enum Of {
    Root,
    App,
    Default,
}

impl Args {
    /// What is to be explained.
    pub fn subject(&self) -> Result<Subject, Failed> {
        let medium =
            self.app.as_deref().map_or(Ok(None), |app| Found::at("explain", app)).map_err(|error| {
                match error.next {
                    Some(_) => error,
                    None => error.next("name an app, its folder, or what nodeos build wrote"),
                }
            })?;
        let manifest = match (&medium, self.source().folder()) {
            (None, folder) => Manifest::load(folder)?,
            _ => Manifest::default(),
        };
        let mut subject = match medium {
            Some(medium) => Subject { arch: Some(medium.arch), ..self.of_medium(&medium.path)? },
            None if self.app.is_some() || !manifest.app.is_empty() => self.of_apps(&manifest)?,
            None => self.of_users()?,
        };
        let said = memory(&manifest).map_err(Failed::usage)?;
        subject.memory = self.memory.or(said).unwrap_or(MEMORY);
        Ok(subject)
    }

    fn source(&self) -> Source {
        Source { app: self.app.clone(), arch: Some(self.arch), users: self.users.clone(), ..Source::default() }
    }

    /// The machine of `nodeos run APP`.
    fn of_apps(&self, manifest: &Manifest) -> Result<Subject, Failed> {
        let users = self.source().users(manifest)?;
        users.apps.iter().try_for_each(|app| is_folder(&app.path).map(drop))?;
        let apps: Vec<App> = users.apps.into_iter().map(App::from).collect();
        let mut settings = None;
        let homes = match &users.homes {
            Homes::File(file) => {
                let image = Image::open(file)?;
                settings = image.settings()?;
                of_image(&image)?
            }
            Homes::App => {
                let new = |(app, uid): (&App, u32)| (read::User::new(&app.name, uid, uid, read::How::None), None);
                apps.iter().zip(FIRST_UID..).map(new).collect()
            }
            Homes::None | Homes::Demo => Vec::new(),
        };
        let own = assembly::own_words(self.arch, Placement::Medium, !matches!(users.homes, Homes::None), true);
        let line = words::join(&[&own, &manifest.cmdline, &self.append]).map_err(usage)?;
        Ok(Subject { line, apps, homes, settings, ..Subject::default() })
    }

    /// The machine that boots a medium.
    fn of_medium(&self, medium: &Path) -> Result<Subject, Failed> {
        let inspect::Machine { cmdline, apps, homes, settings: carried } = inspect::machine(medium)?;
        let of = |image: Image| Ok::<_, Failed>((of_image(&image)?, image.settings()?, false));
        let (homes, settings, carried) = match (&self.users, homes) {
            (Some(file), _) => of(Image::open(file)?)?,
            (None, inspect::Homes::Partition(place)) => of(Image::at(&place)?)?,
            (None, inspect::Homes::Carried(homes)) => (homes, carried, true),
            (None, inspect::Homes::None) => (Vec::new(), None, false),
        };
        let line = words::join(&[&cmdline, &self.append]).map_err(usage)?;
        Ok(Subject { line, apps, homes, carried, settings, ..Subject::default() })
    }

    /// A machine of which only the users are known.
    fn of_users(&self) -> Result<Subject, Failed> {
        let users = self.users.as_deref().filter(|users| *users != Path::new("none"));
        let image = users.map(Image::open).transpose()?;
        let homes = image.as_ref().map(of_image).transpose()?;
        let settings = image.map_or(Ok(None), |image| image.settings())?;
        let found = if homes.is_some() { format!("users=LABEL={USERS_LABEL}") } else { String::new() };
        let line = words::join(&[&found, &self.append]).map_err(usage)?;
        // nothing says which ones: the usual one
        let apps = match Options::parse(&line).apps {
            Some(_) => vec![App { name: names::APP.to_owned(), code: Code::ReadOnly, policy: None }],
            None => Vec::new(),
        };
        Ok(Subject { line, apps, homes: homes.unwrap_or_default(), settings, ..Subject::default() })
    }
}

fn usage(error: impl fmt::Display) -> Failed {
    Failed::usage(format!("cannot {error}"))
}

fn of_image(image: &Image) -> Result<Vec<(read::User, Option<Judged>)>, Failed> {
    let with_policy = |user: read::User| {
        let policy = image.policy(&user.name)?;
        Ok((user, policy))
    };
    image.users()?.into_iter().map(with_policy).collect()
}

impl Subject {
    /// The users, in the order in which they are shown. An app without a home gets one, as `/setup` makes it.
    pub fn users(&self, options: &Options<'_>) -> Result<Vec<User>, Failed> {
        let mut homes = if options.users.is_some() || self.carried { self.homes.clone() } else { Vec::new() };
        let mut apps: Vec<&App> = self.apps.iter().filter(|_| options.apps.is_some()).collect();
        apps.sort_by(|one, other| one.name.cmp(&other.name));
        for App { name, .. } in &apps {
            if homes.iter().all(|(home, _)| home.name != *name) {
                let taken: Vec<_> = homes.iter().map(|(home, _)| (home.name.clone(), home.uid)).collect();
                let uid = names::pick_uid(name, None, &taken)?;
                homes.push((read::User::new(name, uid, uid, read::How::None), None));
            }
        }
        if options.users.is_none() && options.apps.is_none() && !self.carried {
            homes.push((read::User::new(plan::GUEST.name, plan::GUEST.uid, plan::GUEST.gid, read::How::Guest), None));
        }
        let user = |(home, root): (read::User, Option<Judged>)| {
            let app = apps.iter().find(|app| app.name == home.name);
            let policy = PolicyOf::first(root, app.and_then(|app| app.policy.clone()));
            User { code: app.map_or(Code::None, |app| app.code), home, policy }
        };
        let mut users: Vec<User> = homes.into_iter().map(user).collect();
        let order = |User { home, code, .. }: &User| {
            (home.name != ROOT_USER, !home.init && *code == Code::None, home.name.clone())
        };
        users.sort_by_key(order);
        Ok(users)
    }
}

impl User {
    /// The policy that counts.
    pub fn counts(&self) -> &Policy {
        static STRICTEST: Policy = Policy::STRICTEST;
        self.policy.read.as_ref().unwrap_or(&STRICTEST)
    }
}

impl PolicyOf {
    /// The order of the shim (`guest::policy`): a file of root's, even a broken one, then that of the app.
    fn first(root: Option<Judged>, app: Option<Judged>) -> Self {
        let root = root.map(|read| Self { read, of: Of::Root });
        let app = app.map(|read| Self { read, of: Of::App });
        root.or(app).unwrap_or(Self { read: Ok(Policy::default()), of: Of::Default })
    }
}

impl fmt::Display for PolicyOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match self.of {
            Of::Root => "root's file on the users partition",
            Of::App => "the app's",
            Of::Default => "the default",
        };
        match &self.read {
            Ok(policy) => write!(f, "{policy}, {of}"),
            Err(why) => write!(f, "{}, the strictest, because {of} is broken: {why}", Policy::STRICTEST),
        }
    }
}
