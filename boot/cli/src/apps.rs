//! Who uses the machine of `run` and `build`: the apps, and the homes beside them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use boot::assembly::{Homes, Users};
use boot::host::error::Tried;
use boot::image::manifest::apps::{ALONE, Table};
use boot::image::manifest::{FILE, Manifest};
use boot::parts::node::{self, Choice};
use boot::users::app::App;
use boot::users::environment::{self, Variable};
use boot::users::names::{self, APP};
use boot::users::read::{How, Image};
use shim::layout::{OF_THE_MACHINE, ROOT_USER};

use crate::common::Failed;
use crate::source::{Source, is_file};

impl Source {
    /// Who uses the machine.
    pub fn users(&self, manifest: &Manifest) -> Result<Users, Failed> {
        let apps = self.apps(manifest)?;
        let named = self.users.as_ref().filter(|_| self.size().is_none());
        let homes = match (named, &manifest.users) {
            (Some(word), _) if word.as_os_str() == "none" => Homes::None,
            (Some(file), _) => is_file(file).map(Homes::File)?,
            (None, Some(file)) if self.size().is_none() => is_file(file).map(Homes::File)?,
            (None, _) if !apps.is_empty() => Homes::App,
            (None, _) => Homes::Demo,
        };
        if let Homes::File(file) = &homes {
            apps.iter().try_for_each(|app| no_other(file, &app.name))?;
        }
        Ok(Users { homes, apps })
    }

    fn apps(&self, manifest: &Manifest) -> Result<Vec<App>, Failed> {
        let alone = manifest.alone();
        let says = alone != Table::default();
        if !manifest.app.is_empty() {
            if says {
                return Err(self.wrong(&format!("these keys belong below [[app]]: {ALONE}")));
            }
            return self.several(manifest);
        }
        match &self.app {
            Some(path) => {
                let mut table = alone;
                (table.name, table.path) = (APP.to_owned(), path.clone());
                Ok(vec![self.one(manifest, &table)?])
            }
            None if says || !manifest.env.is_empty() => Err(Failed::usage(format!(
                "{ALONE} and [env] in nodeos.toml are for an APP\n  next: name the APP, or remove them from nodeos.toml"
            ))),
            None if !self.for_app.env.is_empty()
                || self.for_app.env_file.is_some()
                || !self.for_app.words.is_empty() =>
            {
                Err(Failed::usage(
                    "--env, --env-file and words after -- are for an APP\n  next: name the APP, or its users' variables: nodeos users env",
                ))
            }
            None => Ok(Vec::new()),
        }
    }

    /// The apps of `[[app]]`.
    fn several(&self, manifest: &Manifest) -> Result<Vec<App>, Failed> {
        if self.app.as_ref().is_some_and(|app| !app.join(FILE).is_file()) {
            let why = "has several apps in [[app]], and an APP of its own cannot run beside them";
            let next = format!("name the folder: nodeos run {}", self.folder().display());
            return Err(Failed::usage(format!("{} {why}\n  next: {next}", self.folder().join(FILE).display())));
        }
        if !self.for_app.words.is_empty() {
            return Err(Failed::usage(
                "words after -- are for one app: write start = \"node FILE WORDS\" below its [[app]]",
            ));
        }
        let mut apps: Vec<App> = Vec::new();
        for table in &manifest.app {
            let name = &table.name;
            let of_app = |why: String| self.wrong(&format!("[[app]] {name:?}: {why}"));
            if name.is_empty() {
                return Err(self.wrong("an [[app]] has no name\n  next: write name = \"USER\" below each [[app]]"));
            }
            names::check(name).map_err(|error| of_app(error.next("choose another name").to_string()))?;
            if name == ROOT_USER || apps.iter().any(|other| other.name == *name) {
                let why = if name == ROOT_USER { "root runs no app" } else { "two apps have this name" };
                let next = "give each [[app]] another name";
                return Err(of_app(format!("{why}: each app is a user of its own\n  next: {next}")));
            }
            if !table.path.exists() {
                let next = format!("make that folder, or write path = \"FOLDER\" below name = {name:?}");
                return Err(of_app(format!("{} is not there\n  next: {next}", table.path.display())));
            }
            apps.push(self.one(manifest, table)?);
        }
        Ok(apps)
    }

    fn one(&self, manifest: &Manifest, table: &Table) -> Result<App, Failed> {
        let Table { name, path, start, writable, shell, allow_scripts, dev, env, .. } = table.clone();
        let whose = if manifest.app.is_empty() { String::new() } else { format!("[[app]] {name:?}: ") };
        let policy = table.policy().map_err(|why| self.wrong(&format!("{whose}{why}")))?;
        let node = Choice::parse(manifest.node.as_deref().unwrap_or(node::DEFAULT), self.arch())?;
        Ok(App {
            name,
            path,
            policy,
            start,
            words: self.for_app.words.clone(),
            environment: self.environment(manifest, &env)?,
            includes: manifest.include.clone(),
            writable,
            shell,
            node: Some(node),
            allow_scripts,
            dev,
        })
    }

    /// An app's environment variables: those of nodeos.toml for all and for this one, of the file, of the command line.
    fn environment(&self, manifest: &Manifest, own: &BTreeMap<String, String>) -> Result<Vec<Variable>, Failed> {
        let of_manifest = manifest.env.iter().chain(own).map(|(name, value)| environment::named(name, value));
        let mut all = of_manifest
            .collect::<Result<Vec<_>, _>>()
            .map_err(|why| Failed::new(format!("cannot read {}, env: {why}", self.folder().join(FILE).display())))?;
        if let Some(file) = &self.for_app.env_file {
            all.extend(env_file(file)?);
        }
        all.extend(self.for_app.env.iter().cloned());
        Ok(all)
    }

    fn wrong(&self, why: &str) -> Failed {
        Failed::usage(format!("{}: {why}", self.folder().join(FILE).display()))
    }
}

/// Refuses an image in which somebody else has the name of an app's user, or whose home would replace the machine's node.
fn no_other(file: &Path, app: &str) -> Result<(), Failed> {
    let image = Image::open(file)?;
    let users = image.users()?;
    let Some(user) = users.iter().find(|user| user.name == app) else { return Ok(()) };
    for folder in OF_THE_MACHINE {
        if image.look(format!("/{app}/{folder}").as_bytes())?.is_some() {
            let text = format!(
                "the home {app} in {} has a /{folder}, which would replace that of the machine",
                file.display()
            );
            return Err(Failed::usage(format!("{text}\n  next: rename it, or take another image")));
        }
    }
    let why = match &user.refused {
        Some(why) => format!("the home {app} in {} would be refused: {why}", file.display()),
        // an app may have made an /init, which does not run
        None if user.logon != How::None => {
            format!("{} has a user {app} of its own, and the APP runs as the user of that name", file.display())
        }
        None => return Ok(()),
    };
    Err(Failed::usage(format!("{why}\n  next: give that home another name, or take another image")))
}

/// The variables of a file.
pub fn env_file(file: &Path) -> Result<Vec<Variable>, Failed> {
    let text = fs::read_to_string(file).tried("read", file)?;
    environment::file(&text).map_err(|why| Failed::new(format!("cannot read {}, {why}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::{APP, Homes, Manifest, Path};
    use crate::source::tests::source;
    use boot::users::image::{Create, create};
    use std::fs;

    #[test]
    fn an_app_runs_beside_the_homes_of_a_users_image() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("users.ext4");
        create(&image, Create { size: 8 << 20, force: false }, &[]).unwrap();
        let file = Homes::File(image.clone());
        for (words, users, homes) in [
            (vec![folder.path()], None, Homes::App),
            (vec![folder.path()], Some(image.clone()), file.clone()),
            (vec![folder.path(), Path::new("--users"), &image], None, file),
            (vec![folder.path(), Path::new("--users"), Path::new("none")], Some(image.clone()), Homes::None),
            (vec![folder.path(), Path::new("--users"), Path::new("1G")], None, Homes::App),
        ] {
            let found = source(&words).users(&Manifest { users, ..Manifest::default() }).unwrap();
            let app = found.app().unwrap();
            assert_eq!((&found.homes, app.path.as_path()), (&homes, folder.path()), "{words:?}");
            // the default node's
            assert!(app.node.as_ref().is_some_and(|node| node.interface().is_some()));
        }
    }

    #[test]
    fn each_app_of_the_manifest_is_a_user() {
        let folder = tempfile::tempdir().unwrap();
        let users = |text: &str, words: &[&Path]| {
            fs::write(folder.path().join("nodeos.toml"), text).unwrap();
            let source = source(&[&[folder.path()], words].concat());
            source.users(&Manifest::load(folder.path()).unwrap()).map_err(|error| error.to_string())
        };
        ["web", "w.js", "a"].iter().for_each(|name| fs::write(folder.path().join(name), "").unwrap());
        let two = "[env]\nA = '1'\nB = '1'\n[[app]]\nname = 'web'\nenv = { B = '2' }\nmemory = '128M'\n[[app]]\nname = 'worker'\npath = 'w.js'\n";
        let found = users(two, &[Path::new("--env"), Path::new("C=3")]).unwrap();
        assert_eq!((&found.homes, found.app()), (&Homes::App, None));
        let [web, worker] = found.apps.as_slice() else { panic!("{:?}", found.apps) };
        let pairs: Vec<String> = web.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, ["A=1", "B=1", "B=2", "C=3"]);
        assert_eq!((&web.path, &worker.path), (&folder.path().join("web"), &folder.path().join("w.js")));
        assert_eq!((web.policy.is_some(), worker.policy.is_some()), (true, false));
        for (text, says) in [
            ("[[app]]\nname = 'root'", "root runs no app"),
            ("[[app]]\nname = 'a'\n[[app]]\nname = 'a'", "two apps have this name"),
            ("[[app]]\nname = 'a'\n[[app]]\nname = 'a'", "a user of its own\n  next: give each [[app]] another name"),
            ("[[app]]\nname = 'a/b'", "it has a slash"),
            ("[[app]]\nname = '.a'", "are the system's own\n  next: choose another name"),
            ("[[app]]\nmemory = '64M'", "an [[app]] has no name\n  next: write name"),
            (
                "[[app]]\nname = 'b'",
                "/b is not there\n  next: make that folder, or write path = \"FOLDER\" below name = \"b\"",
            ),
            ("[[app]]\nname = 'b'\npath = 'c'", "nodeos.toml: [[app]] \"b\": "),
            ("[[app]]\nname = 'b'\npath = 'c'", "/c is not there\n  next: "),
            ("[[app]]\nname = 'a'\nmemory = '1K'", "[[app]] \"a\": memory, high"),
            ("start = 'node x'\n[[app]]\nname = 'a'", "belong below [[app]]"),
        ] {
            let error = users(text, &[]).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        assert_eq!(users("", &[]).unwrap().app().unwrap().name, APP);
        let no_app = source(&[Path::new("--env"), Path::new("A=1")]).users(&Manifest::default()).unwrap_err();
        assert!(no_app.to_string().contains("are for an APP"), "{no_app}");
    }
}
