//! `.policy/USER.json` on the users partition: the devices and the share of the machine that root
//! grants to a user, and what the user may ask of it.
//!
//! ```json
//! {"memory": "128M", "high": "112M", "pids": 256, "devices": ["i2c-1", "ttyUSB*"], "network": "shared"}
//! ```
//!
//! Every key is optional. An unknown key is an error, because a misspelled limit would be no limit. If a file is
//! invalid, `STRICTEST` applies. `Display` writes what `parse` reads. `keys` has a row for each key.

use core::ops::RangeInclusive;

use heapless::{String, Vec};

mod devices;
pub mod keys;

use self::keys::{
    BACKOFF, BACKOFFS, DEVICES, GRACE, GRACES, LOG, MACHINE, MEMORY, NETWORK, ON_CRASH_LOOP, PIDS, RESTART, WAIT,
    WAIT_LIMIT, WAITS, name,
};
pub use self::{
    devices::{GRANTABLE, Pattern, can_grant, is_device, is_pattern},
    keys::{LEAST_MEMORY, LEAST_PIDS, MAX_DEVICES},
};
use crate::{
    cut, displayed,
    json::Json,
    keys::said,
    named::{Named, Set},
    rights::Rights,
    ring, say,
    say::Say,
    upkeep::{Needs, OnCrashLoop, Restart, Upkeep},
};

/// A longer file is refused and not read.
pub const MAX_FILE: usize = 1024;
/// What `memory` and `high` may be.
const MEMORIES: RangeInclusive<u64> = LEAST_MEMORY..=u64::MAX;
/// The value of `network` for `Network::Shared`.
pub const SHARED: &str = "shared";
/// The value for `Network::Private`.
pub const PRIVATE: &str = "private";

/// Which network a user has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// The machine's.
    #[default]
    Shared,
    /// The sandbox's own, with `lo` alone.
    Private,
}

/// The file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Bytes of memory, including cached files and kernel memory of the sandbox.
    pub memory: Option<u64>,
    /// Bytes above which the kernel reclaims memory and slows down a program that allocates more. None by default: a
    /// node process with a memory leak would stall there instead of being killed.
    pub high: Option<u64>,
    /// Processes and threads; the defaults are in `limits`.
    pub pids: Option<u32>,
    /// Patterns of names below /dev that the user may open.
    pub devices: Vec<Pattern, MAX_DEVICES>,
    /// The network of the sandbox.
    pub network: Network,
    /// When the user's init starts again.
    pub restart: Option<Restart>,
    /// The longest pause before it starts again, in seconds.
    pub backoff: Option<u8>,
    /// What happens when it fails again and again.
    pub on_crash_loop: Option<OnCrashLoop>,
    /// Seconds between TERM and KILL.
    pub grace: Option<u8>,
    /// What its first start waits for.
    pub wait: Option<Needs>,
    /// Seconds for which it waits at most.
    pub wait_limit: Option<u8>,
    /// Bytes of the user's log.
    pub log: Option<u64>,
    /// What the user may ask of the machine.
    pub machine: Option<Rights>,
}

impl Policy {
    /// The policy that applies if the file is invalid.
    pub const STRICTEST: Self = Self {
        memory: Some(LEAST_MEMORY),
        high: None,
        pids: Some(LEAST_PIDS),
        devices: Vec::new(),
        network: Network::Private,
        restart: None,
        backoff: None,
        on_crash_loop: None,
        grace: None,
        wait: None,
        wait_limit: None,
        log: None,
        machine: Some(Rights::NONE),
    };

    /// Parses the file's bytes.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut why = "it is malformed";
        let mut policy = Self::default();
        let mut json = Json::of(bytes).ok_or(why)?;
        let read = json.list('{', '}', &mut |json| {
            let mut key = String::<16>::new();
            json.string(&mut key)?;
            json.take(':')?;
            match key.as_str() {
                key @ (name::MEMORY | name::HIGH | name::LOG) => {
                    let mut text = String::<16>::new();
                    json.string(&mut text)?;
                    let (place, range, wrong) = match key {
                        name::LOG => (&mut policy.log, ring::SIZES, LOG.wrong),
                        name::HIGH => (&mut policy.high, MEMORIES, MEMORY.wrong),
                        _ => (&mut policy.memory, MEMORIES, MEMORY.wrong),
                    };
                    *place = Some(said(size(&text).filter(|bytes| range.contains(bytes)), &mut why, wrong)?);
                }
                name::PIDS => {
                    let least = |pids: &u32| *pids >= LEAST_PIDS;
                    let pids = json.number().and_then(|number| u32::try_from(number).ok()).filter(least);
                    policy.pids = Some(said(pids, &mut why, PIDS.wrong)?);
                }
                name::NETWORK => {
                    let mut text = String::<16>::new();
                    json.string(&mut text)?;
                    policy.network = said(network(&text), &mut why, NETWORK.wrong)?;
                }
                name::RESTART => policy.restart = Some(said(named(json)?, &mut why, RESTART.wrong)?),
                name::ON_CRASH_LOOP => policy.on_crash_loop = Some(said(named(json)?, &mut why, ON_CRASH_LOOP.wrong)?),
                name::BACKOFF => policy.backoff = Some(said(seconds(json, &BACKOFFS), &mut why, BACKOFF.wrong)?),
                name::GRACE => policy.grace = Some(said(seconds(json, &GRACES), &mut why, GRACE.wrong)?),
                name::WAIT_LIMIT => policy.wait_limit = Some(said(seconds(json, &WAITS), &mut why, WAIT_LIMIT.wrong)?),
                name::WAIT => policy.wait = Some(set(json, &mut why, WAIT.wrong)?),
                name::MACHINE => policy.machine = Some(set(json, &mut why, MACHINE.wrong)?),
                name::DEVICES => {
                    policy.devices.clear();
                    json.list('[', ']', &mut |json| {
                        let mut name = Pattern::new();
                        let whole = json.string(&mut name)?;
                        let good = (whole && is_pattern(&name)).then_some(());
                        said(good, &mut why, DEVICES.wrong)?;
                        said(can_grant(&name).then_some(()), &mut why, keys::NEVER)?;
                        said(policy.devices.push(name).ok(), &mut why, keys::TOO_MANY)
                    })?;
                }
                _ => said(None, &mut why, keys::UNKNOWN)?,
            }
            Some(())
        });
        if read.is_some() && json.peek().is_none() { Ok(policy) } else { Err(why) }
    }

    /// How PID 1 keeps the user's init running: an app's, or that of a home.
    #[must_use]
    pub fn upkeep(&self, app: bool, unattended: bool) -> Upkeep {
        let default = Upkeep::default();
        let (restart, wait) = match (app, unattended) {
            (true, true) => (Restart::Always, Needs::NETWORK.and(Needs::TIME)),
            (true, false) => (Restart::No, Needs::NETWORK),
            (false, _) => (Restart::No, Needs::NONE),
        };
        let wait = self.wait.unwrap_or(wait);
        Upkeep {
            restart: self.restart.unwrap_or(restart),
            backoff: self.backoff.unwrap_or(default.backoff),
            grace: self.grace.unwrap_or(default.grace),
            on_crash_loop: self.on_crash_loop.unwrap_or(default.on_crash_loop),
            // the network of the machine is nothing to a user who has none of it
            wait: if self.network == Network::Private { wait.without(Needs::NETWORK) } else { wait },
            wait_limit: self.wait_limit.unwrap_or(default.wait_limit),
        }
    }

    /// What the user may ask of the machine.
    #[must_use]
    pub fn rights(&self) -> Rights {
        self.machine.unwrap_or(Rights::STATUS)
    }

    /// Whether it may grant a serial line.
    #[must_use]
    pub fn grants_lines(&self) -> bool {
        self.devices.iter().any(|pattern| {
            let name = pattern.strip_suffix('*').unwrap_or(pattern);
            name.starts_with("tty") || "tty".starts_with(name)
        })
    }

    /// Whether the user may open that device: a name below /dev.
    #[must_use]
    pub fn grants(&self, device: &str) -> bool {
        self.devices.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => device.starts_with(start),
            None => device == pattern.as_str(),
        })
    }
}

/// The value that a string names. The outer `None` is for malformed JSON.
fn named<T: Named>(json: &mut Json<'_>) -> Option<Option<T>> {
    let mut text = String::<16>::new();
    let whole = json.string(&mut text)?;
    Some(T::named(&text).filter(|_| whole))
}

/// The set of the values that a list names.
fn set<T: Set>(json: &mut Json<'_>, why: &mut &'static str, wrong: &'static str) -> Option<T> {
    let mut all = T::default();
    said(json.peek().filter(|first| *first == '['), why, wrong)?;
    json.list('[', ']', &mut |json| {
        all = all.with(said(named(json)?, why, wrong)?);
        Some(())
    })?;
    Some(all)
}

fn seconds(json: &mut Json<'_>, range: &RangeInclusive<u8>) -> Option<u8> {
    json.number().and_then(|number| u8::try_from(number).ok()).filter(|number| range.contains(number))
}

/// Reads `SHARED` or `PRIVATE`.
#[must_use]
pub fn network(text: &str) -> Option<Network> {
    match text {
        SHARED => Some(Network::Shared),
        PRIVATE => Some(Network::Private),
        _ => None,
    }
}

/// Parses `512K`, `128M`, `1G`, or a number of bytes.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let (digits, shift) = [("K", 10), ("M", 20), ("G", 30)]
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))
        .unwrap_or((text, 0));
    let number = cut::number(digits, 10)?;
    number.checked_shl(shift).filter(|bytes| bytes.checked_shr(shift) == Some(number))
}

/// Writes what `set` reads.
fn names<T: Set>(set: T, text: &mut say::Text) {
    let mut before = "[";
    for (name, _) in T::NAMES.iter().filter(|(_, member)| set.meets(*member)) {
        say!(text, before, "\"", name, "\"");
        before = ", ";
    }
    say!(text, if set == T::default() { "[]" } else { "]" });
}

impl Say for Policy {
    fn say(&self, text: &mut say::Text) {
        let mut before = "{";
        let mut key = |text: &mut say::Text, key: &str| {
            say!(text, before, "\"", key, "\": ");
            before = ", ";
        };
        for (name, bytes) in [(name::MEMORY, self.memory), (name::HIGH, self.high), (name::LOG, self.log)] {
            if let Some(bytes) = bytes {
                let (number, unit) = match bytes.trailing_zeros() {
                    20.. => (bytes >> 20, "M"),
                    10.. => (bytes >> 10, "K"),
                    _ => (bytes, ""),
                };
                key(text, name);
                say!(text, "\"", number, unit, "\"");
            }
        }
        if let Some(pids) = self.pids {
            key(text, name::PIDS);
            say!(text, pids);
        }
        if !self.devices.is_empty() {
            key(text, name::DEVICES);
            let mut comma = "[";
            for device in &self.devices {
                say!(text, comma, "\"", device, "\"");
                comma = ", ";
            }
            say!(text, "]");
        }
        for (name, value) in
            [(name::RESTART, self.restart.map(Named::name)), (name::ON_CRASH_LOOP, self.on_crash_loop.map(Named::name))]
        {
            if let Some(value) = value {
                key(text, name);
                say!(text, "\"", value, "\"");
            }
        }
        for (name, value) in
            [(name::BACKOFF, self.backoff), (name::GRACE, self.grace), (name::WAIT_LIMIT, self.wait_limit)]
        {
            if let Some(value) = value {
                key(text, name);
                say!(text, value);
            }
        }
        if let Some(wait) = self.wait {
            key(text, name::WAIT);
            names(wait, text);
        }
        if let Some(machine) = self.machine {
            key(text, name::MACHINE);
            names(machine, text);
        }
        key(text, name::NETWORK);
        say!(text, "\"", if self.network == Network::Private { PRIVATE } else { SHARED }, "\"}");
    }
}

displayed!(Policy);

#[cfg(test)]
mod tests;
