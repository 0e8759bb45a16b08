//! Settings of package managers that come with an app. In the copy that is installed, only those on a list count: others
//! run programs, or write to folders of this host. Pure.

/// A file of settings, and which of its keys count.
pub struct File {
    name: &'static str,
    /// How a line, or a key with what is indented below it, is read.
    kind: Kind,
    keys: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `key = value` lines, as npm reads them.
    Ini,
    /// `key value` lines, of the first yarn.
    Words,
    /// `key: value`, and what is indented below it.
    Yaml,
}

static FILES: [File; 4] = [
    File {
        name: ".npmrc",
        kind: Kind::Ini,
        keys: &[
            "registry",
            "always-auth",
            "legacy-peer-deps",
            "strict-peer-deps",
            "strict-peer-dependencies",
            "auto-install-peers",
            "node-linker",
            "hoist",
            "hoist-pattern[]",
            "public-hoist-pattern[]",
            "shamefully-hoist",
            "link-workspace-packages",
            "prefer-workspace-packages",
            "inject-workspace-packages",
        ],
    },
    File { name: ".yarnrc", kind: Kind::Words, keys: &["registry"] },
    File {
        name: ".yarnrc.yml",
        kind: Kind::Yaml,
        keys: &[
            "nodeLinker",
            "npmRegistryServer",
            "npmScopes",
            "npmAlwaysAuth",
            "npmAuthToken",
            "npmRegistries",
            "unsafeHttpWhitelist",
            "nmHoistingLimits",
            "nmMode",
            "packageExtensions",
            "compressionLevel",
            "defaultSemverRangePrefix",
            "catalog",
            "catalogs",
        ],
    },
    File {
        name: "pnpm-workspace.yaml",
        kind: Kind::Yaml,
        keys: &[
            "packages",
            "catalog",
            "catalogs",
            "overrides",
            "packageExtensions",
            "patchedDependencies",
            "nodeLinker",
            "hoist",
            "hoistPattern",
            "publicHoistPattern",
            "shamefullyHoist",
            "autoInstallPeers",
            "strictPeerDependencies",
            "linkWorkspacePackages",
            "preferWorkspacePackages",
            "injectWorkspacePackages",
        ],
    },
];

impl File {
    /// The row of a file of that name; `None` if it has no settings.
    pub fn named(name: &str) -> Option<&'static Self> {
        FILES.iter().find(|file| file.name == name)
    }

    /// What counts of its text, and the keys that do not.
    pub fn counted(&self, text: &str) -> (String, Vec<String>) {
        let (mut kept, mut dropped) = (String::new(), Vec::new());
        for part in parts(self.kind, text) {
            let key = key(self.kind, &part);
            // a variable of this host would be sent to whatever server the file names
            if self.counts(&key) && !part.contains("${") {
                kept += &part;
            } else if !key.is_empty() {
                dropped.push(key);
            }
        }
        (kept, dropped)
    }

    fn counts(&self, key: &str) -> bool {
        let of_scope = || key.strip_prefix('@').is_some_and(|rest| rest.ends_with(":registry"));
        let of_host = || {
            let (host, what) = key.rsplit_once(':').unwrap_or_default();
            host.starts_with("//") && ["_authToken", "_auth", "username", "_password", "always-auth"].contains(&what)
        };
        self.keys.contains(&key) || self.kind != Kind::Yaml && (of_scope() || self.kind == Kind::Ini && of_host())
    }
}

/// The file in pieces: a line each, or a key with what belongs to it.
fn parts(kind: Kind, text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for line in text.lines() {
        // of a YAML file, only what is indented belongs to the key above it: `---` begins another document
        let continues =
            kind == Kind::Yaml && (line.starts_with([' ', '#']) || line.starts_with("- ") || line.is_empty());
        match parts.last_mut() {
            Some(last) if continues => last.push_str(&format!("{line}\n")),
            _ => parts.push(format!("{line}\n")),
        }
    }
    parts
}

/// The key of a piece; empty for a comment. Text that is no plain key is a key that is on no list.
fn key(kind: Kind, part: &str) -> String {
    let line = part.lines().next().unwrap_or_default();
    if line.trim().is_empty() || line.trim_start().starts_with(['#', ';']) {
        return String::new();
    }
    match kind {
        Kind::Ini => line.split('=').next().unwrap_or_default().trim().to_owned(),
        Kind::Words => line.split_whitespace().next().unwrap_or_default().trim_matches('"').to_owned(),
        Kind::Yaml => line.split_once(':').map_or(line, |(key, _)| key).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::File;

    fn of(name: &str, text: &str) -> (String, String) {
        let (kept, dropped) = File::named(name).unwrap().counted(text);
        (kept, dropped.join(" "))
    }

    #[test]
    fn only_settings_on_the_list_count() {
        let text = "; comment\nregistry=https://r/\n@s:registry = https://s/\n//r/:_authToken=abc\n//r/:_authToken=${TOKEN}\n\
                    git=./evil.sh\nglobal=true\nlogs-dir=/x\nmodules-dir=../..\n[section]\n//r/:certfile=/x\n";
        let kept = "registry=https://r/\n@s:registry = https://s/\n//r/:_authToken=abc\n";
        let dropped = "//r/:_authToken git global logs-dir modules-dir [section] //r/:certfile";
        assert_eq!(of(".npmrc", text), (kept.to_owned(), dropped.to_owned()));
        assert_eq!(of(".npmrc", "registry=http://evil/${SECRET}/\n"), (String::new(), "registry".to_owned()));
        let text =
            "registry \"https://r/\"\n--install.modules-folder \"/x\"\nyarn-path x\n\"@s:registry\" \"https://s/\"\n";
        let kept = "registry \"https://r/\"\n\"@s:registry\" \"https://s/\"\n";
        assert_eq!(of(".yarnrc", text), (kept.to_owned(), "--install.modules-folder yarn-path".to_owned()));
        assert!(File::named("package.json").is_none());
    }

    #[test]
    fn a_key_of_yaml_goes_with_all_that_belongs_to_it() {
        let text = "# comment\nnodeLinker: node-modules\nnpmScopes:\n  s:\n    npmRegistryServer: https://s/\nplugins:\n  - ./evil.cjs\n\
                    plugins :\n  - ./evil.cjs\n\"plugins\":\n- ./evil.cjs\n? plugins\n: [x]\nenableConstraintsChecks: true\n\
                    --- {plugins: [x]}\ninstallStatePath: /x\nnpmAuthToken: \"${TOKEN}\"\n";
        let kept = "nodeLinker: node-modules\nnpmScopes:\n  s:\n    npmRegistryServer: https://s/\n";
        let (found, dropped) = of(".yarnrc.yml", text);
        assert_eq!(found, kept);
        for key in [
            "plugins",
            "plugins ",
            "\"plugins\"",
            "? plugins",
            "enableConstraintsChecks",
            "--- {plugins",
            "npmAuthToken",
        ] {
            assert!(dropped.contains(key), "{key}: {dropped}");
        }
        let text = "packages:\n  - 'a/*'\npnpmfile: ./evil.cjs\n";
        assert_eq!(of("pnpm-workspace.yaml", text), ("packages:\n  - 'a/*'\n".to_owned(), "pnpmfile".to_owned()));
    }
}
