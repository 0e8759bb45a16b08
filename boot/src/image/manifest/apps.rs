//! `[[app]]` in `nodeos.toml`: several apps on one machine, each a user of its own.

use super::Manifest;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shim::policy::Policy;
use shim::policy::keys::{self, name};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The keys that the top of the file may have for an app that is there alone.
pub const ALONE: &str = "start, writable, shell, dev, allow-scripts, restart, backoff, on-crash-loop, grace, wait, wait-limit, log, machine";

/// One of the apps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Table {
    /// The user that runs it.
    pub name: String,
    /// Its folder or file. By default it is named as the user.
    pub path: PathBuf,
    pub start: Option<String>,
    pub writable: bool,
    pub shell: bool,
    pub allow_scripts: Vec<String>,
    pub dev: bool,
    /// Environment variables; they come after those of all apps.
    pub env: BTreeMap<String, String>,
    // keys of a policy, as in `.policy/USER.json`
    memory: Option<Value>,
    high: Option<Value>,
    pids: Option<Value>,
    devices: Option<Value>,
    network: Option<Value>,
    restart: Option<Value>,
    backoff: Option<Value>,
    on_crash_loop: Option<Value>,
    grace: Option<Value>,
    wait: Option<Value>,
    wait_limit: Option<Value>,
    log: Option<Value>,
    machine: Option<Value>,
}

impl Manifest {
    /// What the top of the file says of an app, if there is one alone: no name, path, limits or variables.
    #[must_use]
    pub fn alone(&self) -> Table {
        Table {
            start: self.start.clone(),
            writable: self.writable,
            shell: self.shell,
            allow_scripts: self.allow_scripts.clone(),
            dev: self.dev,
            restart: self.restart.clone(),
            backoff: self.backoff.clone(),
            on_crash_loop: self.on_crash_loop.clone(),
            grace: self.grace.clone(),
            wait: self.wait.clone(),
            wait_limit: self.wait_limit.clone(),
            log: self.log.clone(),
            machine: self.machine.clone(),
            ..Table::default()
        }
    }
}

impl Table {
    /// The policy of its user, which a machine reads from the image; `None` if it has none of the keys.
    pub fn policy(&self) -> Result<Option<Policy>, String> {
        let Self { memory, high, pids, devices, network, restart, backoff, .. } = self;
        let Self { on_crash_loop, grace, wait, wait_limit, log, machine, .. } = self;
        let all = [
            (name::MEMORY, memory),
            (name::HIGH, high),
            (name::PIDS, pids),
            (name::DEVICES, devices),
            (name::NETWORK, network),
            (name::RESTART, restart),
            (name::BACKOFF, backoff),
            (name::ON_CRASH_LOOP, on_crash_loop),
            (name::GRACE, grace),
            (name::WAIT, wait),
            (name::WAIT_LIMIT, wait_limit),
            (name::LOG, log),
            (name::MACHINE, machine),
        ];
        let given: Map<String, Value> =
            all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?))).collect();
        if given.is_empty() {
            return Ok(None);
        }
        let wrong = |why| {
            let keys: Vec<_> = keys::ALL.iter().map(|key| key.name).collect();
            // as the file writes them
            format!("{}: {why}", keys.join(", ")).replace('_', "-")
        };
        Policy::parse(json!(given).to_string().as_bytes()).map(Some).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::{ALONE, Manifest, Table};

    #[test]
    fn each_app_has_settings_and_a_policy_of_its_own() {
        let text = "[env]\nA = '1'\n[[app]]\nname = 'web'\nstart = 'node x.js'\nenv = { PORT = '80' }\nmemory = '128M'\n\
                    network = 'private'\n[[app]]\nname = 'worker'\nallow-scripts = ['x']\n";
        let manifest = Manifest::parse("nodeos.toml", text).unwrap();
        let [web, worker] = manifest.app.as_slice() else { panic!("{:?}", manifest.app) };
        assert_eq!((web.name.as_str(), web.env["PORT"].as_str()), ("web", "80"));
        assert_eq!((web.start.as_deref(), web.writable, web.shell, web.dev), (Some("node x.js"), false, false, false));
        assert!(web.allow_scripts.is_empty());
        let policy = web.policy().unwrap().unwrap();
        assert_eq!(policy.to_string(), r#"{"memory": "128M", "network": "private"}"#);
        assert_eq!((worker.policy(), worker.allow_scripts.as_slice()), (Ok(None), &["x".to_owned()][..]));
        assert_eq!(manifest.alone(), Table::default());
        let kept = "restart = 'on-failure'\nbackoff = 9\non-crash-loop = 'reboot'\nwait = ['time']\nwait-limit = 60\ngrace = 30\nlog = '16K'\nmachine = ['power']\n";
        let alone = Manifest::parse("nodeos.toml", kept).unwrap().alone();
        assert_eq!(
            alone.policy().unwrap().unwrap().to_string(),
            r#"{"log": "16K", "restart": "on-failure", "on_crash_loop": "reboot", "backoff": 9, "grace": 30, "wait_limit": 60, "wait": ["time"], "machine": ["power"], "network": "shared"}"#
        );
        let wrong = Manifest::parse("nodeos.toml", "[[app]]\nname = 'web'\nmemory = '1K'").unwrap();
        assert!(wrong.app[0].policy().is_err());
        let wrong = Manifest::parse("nodeos.toml", "wait-limit = 0").unwrap().alone().policy().unwrap_err();
        assert!(wrong.starts_with("memory, high, ") && wrong.contains(", wait-limit from 1 to 255"), "{wrong}");
        assert!(ALONE.split(", ").all(|key| {
            Manifest::parse("x", &format!("[[app]]\n{key} = []"))
                .err()
                .is_none_or(|error| !error.to_string().contains("unknown field"))
        }));
    }

    #[test]
    fn an_unknown_key_of_an_app_is_refused_with_its_line() {
        let error = Manifest::parse("nodeos.toml", "[[app]]\nname = 'a'\nmain = 'x'").unwrap_err().to_string();
        assert!(error.starts_with("read nodeos.toml, line 3: unknown field `main`"), "{error}");
    }
}
