//! Package managers: who wrote a lock file, and how it installs exactly that.
//!
//! npm is the host's own. The others are ordinary npm packages with a pinned integrity, so a host needs no corepack.
//! None of them runs a script of a package, a plugin or a hook file: those would run on this host.

use serde_json::Value;

/// A package manager.
#[derive(Debug, PartialEq, Eq)]
pub struct Manager {
    pub name: &'static str,
    /// Its lock files.
    pub locks: &'static [&'static str],
    /// Its package in the registry, and the program in it; npm has none.
    pub package: Option<(&'static str, &'static str)>,
    /// Versions of it by the format of the lock file; the first one is used where there is no lock file.
    pub releases: &'static [Release],
    /// What installs, after the lock file or without one.
    pub locked: &'static str,
    pub unlocked: &'static str,
    /// Other words. `{arch}` becomes node's name of the architecture.
    pub words: &'static [&'static str],
    /// Leaves development packages out.
    pub production: &'static [&'static str],
    /// For its environment.
    pub variables: &'static [(&'static str, &'static str)],
}

/// A version that reads a format of lock files.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// How the format is written in the lock file.
    pub format: &'static str,
    pub version: &'static str,
    pub integrity: &'static str,
}

const NPM: Manager = Manager {
    name: "npm",
    locks: &["package-lock.json", "npm-shrinkwrap.json"],
    package: None,
    releases: &[],
    locked: "ci",
    unlocked: "install",
    words: &[
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
        "--cpu={arch}",
        "--os=linux",
        "--libc=glibc",
    ],
    production: &["--omit=dev"],
    // also for the npm that it runs itself, for a package from git
    variables: &[("npm_config_ignore_scripts", "true")],
};

const PNPM: Manager = Manager {
    name: "pnpm",
    locks: &["pnpm-lock.yaml"],
    package: Some(("pnpm", "bin/pnpm.cjs")),
    releases: &[
        Release {
            format: "lockfileVersion: '9.0'",
            version: "10.34.9",
            integrity: "sha512-9JtajqD97bRLs8DB1ldQkqU8KVDZW3rRXfEfF5dId6LeOgHAfpNOmyjOcW5RwJqUlixzBtCb4uHksYqMh2L9Mg==",
        },
        Release {
            format: "lockfileVersion: '6.0'",
            version: "8.15.9",
            integrity: "sha512-SZQ0ydj90aJ5Tr9FUrOyXApjOrzuW7Fee13pDzL0e1E6ypjNXP0AHDHw20VLw4BO3M1XhQHkyik6aBYWa72fgQ==",
        },
    ],
    locked: "install --frozen-lockfile",
    unlocked: "install --no-frozen-lockfile",
    // hard links would let a package's script change the user's store
    words: &[
        "--ignore-scripts",
        "--ignore-pnpmfile",
        "--package-import-method=copy",
        "--reporter=append-only",
        "--loglevel=error",
        "--config.manage-package-manager-versions=false",
        "--config.package-manager-strict=false",
        "--config.enable-global-virtual-store=false",
    ],
    production: &["--prod"],
    variables: &[("CI", "true")],
};

const YARN: Manager = Manager {
    name: "yarn",
    locks: &["yarn.lock"],
    package: Some(("yarn", "bin/yarn.js")),
    releases: &[Release {
        format: "# yarn lockfile v1",
        version: "1.22.22",
        integrity: "sha512-prL3kGtyG7o9Z9Sv8IPfBNrWTDmXB4Qbes8A9rEzt6wkJV8mUvoirjU0Mp3GGAU06Y0XQyA3/2/RQFVuK7MTfg==",
    }],
    locked: "install --frozen-lockfile",
    unlocked: "install",
    words: &["--ignore-scripts", "--non-interactive", "--no-progress", "--silent"],
    production: &["--production"],
    variables: &[("YARN_IGNORE_PATH", "1")],
};

/// Yarn 2 and later. Its development packages are left out afterwards.
const BERRY: Manager = Manager {
    name: "yarn",
    locks: &["yarn.lock"],
    package: Some(("@yarnpkg/cli-dist", "bin/yarn.js")),
    releases: &[
        Release {
            format: "  version: 10\n",
            version: "4.18.1",
            integrity: "sha512-EH+A4TxAtBWXKE0DGQxW9Bo9crXHLJ73mfxjTQJuv8XonNWWTpei8BQ5JjczHJNU9GROTycwMFn8iOvRIZXUcA==",
        },
        Release {
            format: "  version: 8\n",
            version: "4.9.2",
            integrity: "sha512-qrMyWzvEnWhaWOflvE1pGxWGiVOPsO/q4XfGCeRPnLU8ECkvhrhJEfCNakcy3s3VHcApBASQ4fmL0sOEw6xtZQ==",
        },
        Release {
            format: "  version: 6\n",
            version: "3.8.7",
            integrity: "sha512-YMoAlLR9f+kxXjK72ggBIidi3ulQQrQpMSxzrLUt0OUk9Xdst2v26LBSYFlzOm+7KRNWgYIJpFjA8uRnCgB5xQ==",
        },
    ],
    locked: "install --immutable",
    unlocked: "install --no-immutable",
    words: &["--mode=skip-build"],
    production: &[],
    // it prints its errors to stdout
    variables: &[("YARN_IGNORE_PATH", "1"), ("YARN_ENABLE_TELEMETRY", "0"), ("YARN_ENABLE_GLOBAL_CACHE", "1")],
};

/// Where a lock file could be of several, the first one wrote it.
pub const ALL: [&Manager; 4] = [&NPM, &PNPM, &YARN, &BERRY];

/// What decides how a folder's packages are installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether package.json, or that of a package of the workspace, asks for packages.
    pub wanted: bool,
    /// Whether there are packages.
    pub present: bool,
    /// `packageManager` in package.json: `pnpm@9.1.0+sha512.…`.
    pub named: Option<String>,
    /// The lock files, and what they say.
    pub locks: Vec<(&'static str, String)>,
    /// `nodeLinker` in .yarnrc.yml.
    pub linker: Option<String>,
    /// Whether yarn's packages are archives in the folder itself: `.pnp.cjs` and `.yarn/cache`.
    pub plug_and_play: bool,
}

/// How they are installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing is asked for.
    Nothing,
    /// What is there is used.
    Present,
    Install(Install),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    pub manager: &'static Manager,
    /// The version, and its integrity if it is pinned here; npm is the host's.
    pub version: Option<(String, Option<&'static str>)>,
    /// Whether a lock file pins the versions.
    pub locked: bool,
}

/// The lock files that are looked at: those of the managers, and those that nothing here reads.
pub const LOCKS: [&str; 6] =
    ["package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb"];

/// Decides it. An error is the reason, and the next thing to do.
pub fn plan(facts: &Facts) -> Result<Plan, String> {
    if facts.present {
        return Ok(Plan::Present);
    }
    if !facts.wanted || facts.plug_and_play {
        return Ok(Plan::Nothing);
    }
    let (name, version) = match facts.named.as_deref().map(|named| named.split_once('@').unwrap_or((named, ""))) {
        Some((name, version)) => (Some(name), version.split('+').next().filter(|version| !version.is_empty())),
        None => (None, None),
    };
    let lock_of = |manager: &'static Manager| {
        let (_, text) = facts.locks.iter().find(|(lock, _)| manager.locks.contains(lock))?;
        Some((manager, text.as_str())).filter(|(manager, text)| reads(manager, text))
    };
    let named = ALL.into_iter().filter(|manager| name.is_none_or(|name| name == manager.name)).find_map(lock_of);
    let Some((manager, lock)) = named.or_else(|| ALL.into_iter().find_map(lock_of)) else {
        return without_a_lock(facts, name, version).map(Plan::Install);
    };
    if *manager == BERRY && facts.linker.as_deref().unwrap_or("pnp") == "pnp" {
        return Err(
            "yarn.lock is for Plug'n'Play, whose packages are no files of the folder\n  next: write nodeLinker: \
                    node-modules in .yarnrc.yml, then run yarn install"
                .to_owned(),
        );
    }
    if manager.name == "yarn" && ["#commit=", "resolved \"git", ".git#"].iter().any(|sign| lock.contains(sign)) {
        return Err(
            "yarn.lock has a package from git, whose scripts yarn would run on this host\n  next: run yarn install \
                    in the folder: NodeOS takes its node_modules"
                .to_owned(),
        );
    }
    let release = manager.releases.iter().find(|release| lock.contains(release.format));
    let own = version.filter(|version| Some(manager.name) == name && runs(manager, version));
    let pinned = release.map(|release| (release.version.to_owned(), Some(release.integrity)));
    Ok(Plan::Install(Install { manager, version: with(manager, own).or(pinned), locked: true }))
}

/// Without a lock file that we can read, package.json may still name the manager.
fn without_a_lock(facts: &Facts, name: Option<&str>, version: Option<&str>) -> Result<Install, String> {
    let next = "next: install the packages in the folder: NodeOS takes its node_modules";
    if let Some((lock, _)) = facts.locks.first() {
        return Err(format!("nothing here can install what its {lock} says\n  {next}"));
    }
    let old = |version: &str| version.starts_with("1.");
    let manager = match name {
        None | Some("npm") => &NPM,
        Some("pnpm") => &PNPM,
        Some("yarn") if version.is_none_or(old) => &YARN,
        Some(other) => {
            return Err(format!("there is no lock file of {other}, which package.json names\n  {next}"));
        }
    };
    let pinned = manager.releases.first().map(|release| (release.version.to_owned(), Some(release.integrity)));
    Ok(Install { manager, version: with(manager, version.filter(|it| runs(manager, it))).or(pinned), locked: false })
}

/// The version that package.json names; the integrity is ours if it is a version of ours.
fn with(manager: &Manager, version: Option<&str>) -> Option<(String, Option<&'static str>)> {
    let version = version.filter(|_| manager.package.is_some())?;
    let ours = manager.releases.iter().find(|release| release.version == version);
    Some((version.to_owned(), ours.map(|release| release.integrity)))
}

/// Whether the manager reads a lock file of that content. That of npm has no other formats.
fn reads(manager: &Manager, lock: &str) -> bool {
    manager.releases.is_empty() || manager.releases.iter().any(|release| lock.contains(release.format))
}

/// Whether a version has the program, and takes the words, that the table names. A later pnpm reads the same lock file
/// as the pinned one.
fn runs(manager: &Manager, version: &str) -> bool {
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    let whole = version.split('.').count() == 3;
    whole && major.is_some_and(|major| if *manager == PNPM { (8..=10).contains(&major) } else { true })
}

/// `packageManager` of a package.json.
pub fn named(manifest: &Value) -> Option<String> {
    manifest["packageManager"].as_str().map(str::to_owned)
}

/// A top-level `name: value` of a YAML file.
pub fn yaml<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let value =
        |line: &'a str| line.strip_prefix(name)?.strip_prefix(':').map(|value| value.trim().trim_matches(['"', '\'']));
    text.lines().find_map(value).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{ALL, Facts, Install, Plan, plan, yaml};

    fn wanted(named: Option<&str>, locks: &[(&'static str, &str)]) -> Facts {
        let locks = locks.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        Facts { wanted: true, named: named.map(str::to_owned), locks, ..Facts::default() }
    }

    #[test]
    fn a_lock_file_is_installed_by_the_manager_that_wrote_it() {
        let (npm, v1) = (("package-lock.json", "{}"), ("yarn.lock", "# AUTOGENERATED\n# yarn lockfile v1\n"));
        let berry = |version: u8| format!("__metadata:\n  version: {version}\n  cacheKey: 8\n");
        let pnpm = |version: &str| format!("lockfileVersion: '{version}'\n");
        for (named, locks, expected) in [
            (None, &[npm][..], "npm"),
            (None, &[], "npm, unlocked"),
            (None, &[("npm-shrinkwrap.json", "{}")], "npm"),
            (None, &[("pnpm-lock.yaml", &*pnpm("9.0"))], "pnpm 10.34.9 pinned"),
            (None, &[("pnpm-lock.yaml", &*pnpm("6.0"))], "pnpm 8.15.9 pinned"),
            (None, &[v1], "yarn 1.22.22 pinned"),
            (Some("pnpm@9.1.0+sha512.abc"), &[("pnpm-lock.yaml", &*pnpm("9.0"))], "pnpm 9.1.0"),
            // its program is another one
            (Some("pnpm@12.21.0"), &[("pnpm-lock.yaml", &*pnpm("9.0"))], "pnpm 10.34.9 pinned"),
            (Some("pnpm@^9"), &[("pnpm-lock.yaml", &*pnpm("9.0"))], "pnpm 10.34.9 pinned"),
            (Some("pnpm@9.1.0"), &[], "pnpm 9.1.0, unlocked"),
            (Some("yarn@1.22.22"), &[npm, v1], "yarn 1.22.22 pinned"),
            (Some("yarn@1.22.22"), &[npm], "npm"),
            (None, &[v1, npm], "npm"),
        ] {
            let Ok(Plan::Install(Install { manager, version, locked })) = plan(&wanted(named, locks)) else {
                panic!("{named:?} {locks:?}")
            };
            let version = version.map_or_else(String::new, |(version, pinned)| {
                format!(" {version}{}", if pinned.is_some() { " pinned" } else { "" })
            });
            let found = format!("{}{version}{}", manager.name, if locked { "" } else { ", unlocked" });
            assert_eq!(found, expected, "{named:?} {locks:?}");
        }
        for (format, version) in [(10, "4.18.1"), (8, "4.9.2"), (6, "3.8.7")] {
            let facts = Facts { linker: Some("node-modules".into()), ..wanted(None, &[("yarn.lock", &berry(format))]) };
            let Ok(Plan::Install(install)) = plan(&facts) else { panic!("{format}") };
            assert_eq!(install.version.unwrap().0, version);
        }
    }

    #[test]
    fn what_cannot_be_installed_is_refused_with_the_next_step() {
        let berry = ("yarn.lock", "__metadata:\n  version: 8\n");
        for (facts, why, next) in [
            (wanted(None, &[berry]), "yarn.lock is for Plug'n'Play", "nodeLinker: node-modules in .yarnrc.yml"),
            (wanted(None, &[("bun.lock", "{}")]), "nothing here can install what its bun.lock says", "node_modules"),
            (wanted(None, &[("pnpm-lock.yaml", "lockfileVersion: 5.3\n")]), "what its pnpm-lock.yaml says", "next: "),
            (wanted(Some("bun@1.2.0"), &[]), "there is no lock file of bun", "next: install the packages"),
        ] {
            let error = plan(&facts).unwrap_err();
            assert!(error.contains(why) && error.contains(next), "{error}");
        }
        let git = "# yarn lockfile v1\nx@git:\n  resolved \"git+https://h/x.git#1\"\n";
        let error = plan(&wanted(None, &[("yarn.lock", git)])).unwrap_err();
        assert!(error.contains("a package from git") && error.contains("next: run yarn install"), "{error}");
        let zero_install = Facts { plug_and_play: true, ..wanted(None, &[berry]) };
        assert_eq!(plan(&zero_install), Ok(Plan::Nothing));
    }

    #[test]
    fn packages_that_are_there_are_used_and_none_are_installed_unasked() {
        let there = Facts { present: true, ..wanted(None, &[("bun.lock", "")]) };
        assert_eq!(plan(&there), Ok(Plan::Present));
        assert_eq!(plan(&Facts::default()), Ok(Plan::Nothing));
    }

    #[test]
    fn every_release_is_pinned() {
        for manager in ALL {
            assert_eq!(manager.package.is_none(), manager.releases.is_empty(), "{}", manager.name);
            for release in manager.releases {
                assert!(release.integrity.starts_with("sha512-") && release.integrity.len() == 95, "{release:?}");
            }
        }
    }

    #[test]
    fn settings_in_yaml_are_read() {
        let text = "plugins:\n  - path: .yarn/x.cjs\nnodeLinker: \"node-modules\"\nplug: 1\n";
        assert_eq!(yaml(text, "nodeLinker"), Some("node-modules"));
        assert_eq!((yaml(text, "plugins"), yaml(text, "node")), (None, None));
    }
}
