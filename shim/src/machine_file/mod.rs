//! `.machine.json` at the top of the users partition: what differs between machines that boot the same image.
//!
//! ```json
//! {"hostname": "garden", "address": "10.0.0.5/24", "router": "10.0.0.1", "dns": ["10.0.0.1"],
//!  "ntp": ["10.0.0.1"], "syslog": "udp:10.0.0.9", "timezone": "Europe/Madrid"}
//! ```
//!
//! Every key is optional. An unknown key is an error, because a misspelled address would be none. If a file is invalid,
//! none of it counts. `Display` writes what `parse` reads. `keys` has a row for each key.
//!
//! `/setup` reads the file, and passes on what services need in the grammar of the kernel's words: see `Words`.

use heapless::Vec;

pub mod keys;

use self::keys::{ADDRESS, DNS, HOSTNAME, NTP, ROUTER, SYSLOG, TIMEZONE, name};
use crate::{
    clock::servers::{MAX_SERVERS, Server},
    cut, displayed,
    json::Json,
    keys::said,
    network::{Address, lease, names, wanted},
    say,
    say::{Say, Text},
    syslog::Target,
};

/// A longer file is refused and not read.
pub const MAX_FILE: usize = 2048;
/// What is wrong with a file that is none.
pub const NO_FILE: &str = "it is not a regular file";
/// What is wrong with a file that belongs to somebody else, or that others may write.
pub const NOT_ROOTS: &str = "others than root can write it";

/// The longest value. A host name has at most as many letters (include/uapi/linux/utsname.h).
const LONGEST: usize = 64;
/// The longest names of time servers together.
const LONGEST_LIST: usize = 512;
/// The value of the word `ntp=` that asks nobody.
const NOBODY: &str = "none";

/// The strings of a list.
pub type List<'a> = Vec<&'a str, MAX_SERVERS>;

/// The file's content. Where `check` accepts it, no text has anything to escape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineFile<'a> {
    /// The host name.
    pub hostname: Option<&'a str>,
    /// How the first card gets its address.
    pub address: Option<&'a str>,
    /// The gateway, with a fixed address.
    pub router: Option<&'a str>,
    /// Name servers, with a fixed address.
    pub dns: Option<List<'a>>,
    /// Time servers; an empty list for none at all.
    pub ntp: Option<List<'a>>,
    /// The log server.
    pub syslog: Option<&'a str>,
    /// The time zone.
    pub timezone: Option<&'a str>,
}

impl<'a> MachineFile<'a> {
    /// Parses the file's bytes.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let mut file = Self::default();
        file.read(bytes)?;
        Ok(file)
    }

    /// The same in place of an empty one, which takes less code. After an error, nothing in it counts.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(&mut self, bytes: &'a [u8]) -> Result<(), &'static str> {
        let mut why = "it is malformed";
        let mut json = Json::of(bytes).ok_or(why)?;
        let read = json.list('{', '}', &mut |json| {
            let key = json.raw()?;
            json.take(':')?;
            let one = match key {
                name::HOSTNAME => &mut self.hostname,
                name::ADDRESS => &mut self.address,
                name::ROUTER => &mut self.router,
                name::SYSLOG => &mut self.syslog,
                name::TIMEZONE => &mut self.timezone,
                name::DNS => return list(json, self.dns.insert(List::new()), &mut why, DNS.wrong),
                name::NTP => return list(json, self.ntp.insert(List::new()), &mut why, NTP.wrong),
                _ => return said(None, &mut why, keys::UNKNOWN),
            };
            *one = Some(json.raw()?);
            Some(())
        });
        if read.is_none() || json.peek().is_some() {
            return Err(why);
        }
        self.check()
    }

    /// Checks all values.
    ///
    /// # Errors
    /// What is wrong with a value.
    #[inline(never)]
    pub fn check(&self) -> Result<(), &'static str> {
        let mut fixed = None;
        one(self.hostname, HOSTNAME.wrong, &mut |text| names::host(text.as_bytes()).map(drop))?;
        one(self.address, ADDRESS.wrong, &mut |text| {
            if !matches!(text, wanted::DHCP | wanted::OFF) {
                fixed = Some(Address::parse(text)?);
            }
            Some(())
        })?;
        one(self.router, ROUTER.wrong, &mut |text| wanted::gateway(text, fixed?).map(drop))?;
        all(&self.dns, lease::SERVERS, DNS.wrong, &mut |text| fixed.and(wanted::server(text)).map(drop))?;
        all(&self.ntp, MAX_SERVERS, NTP.wrong, &mut |text| Server::parse(text).filter(|_| text != NOBODY).map(drop))?;
        one(self.syslog, SYSLOG.wrong, &mut |text| Target::parse(text).map(drop))?;
        one(self.timezone, TIMEZONE.wrong, &mut |text| is_timezone(text).then_some(()))
    }

    /// Whether it says anything to services.
    #[must_use]
    pub fn speaks(&self) -> bool {
        self.address.is_some() || self.ntp.is_some() || self.syslog.is_some()
    }
}

/// Whether it may be the name of a time zone. Nobody looks it up: it is only passed on.
#[must_use]
pub fn is_timezone(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-/".contains(&byte);
    let letter = text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
    letter && text.len() <= LONGEST && text.bytes().all(plain)
}

/// Reads the strings of a list.
#[inline(never)]
fn list<'a>(json: &mut Json<'a>, into: &mut List<'a>, why: &mut &'static str, wrong: &'static str) -> Option<()> {
    json.list('[', ']', &mut |json| said(into.push(json.raw()?).ok(), why, wrong))
}

/// Judges a value, if it is there.
#[inline(never)]
fn one(
    value: Option<&str>,
    wrong: &'static str,
    judge: &mut dyn FnMut(&str) -> Option<()>,
) -> Result<(), &'static str> {
    match value {
        Some(text) if text.len() > LONGEST => Err(wrong),
        Some(text) => judge(text).ok_or(wrong),
        None => Ok(()),
    }
}

/// Judges the values of a list.
#[inline(never)]
fn all(
    values: &Option<List<'_>>,
    most: usize,
    wrong: &'static str,
    judge: &mut dyn FnMut(&str) -> Option<()>,
) -> Result<(), &'static str> {
    let values = values.as_deref().unwrap_or_default();
    let length: usize = values.iter().map(|text| text.len()).sum();
    let good = values.len() <= most && length <= LONGEST_LIST && values.iter().all(|text| judge(text).is_some());
    good.then_some(()).ok_or(wrong)
}

/// A value of either kind.
enum Value<'a> {
    One(Option<&'a str>),
    All(&'a Option<List<'a>>),
}

impl Say for MachineFile<'_> {
    fn say(&self, text: &mut Text) {
        let mut before = "{";
        for (key, value) in [
            (name::HOSTNAME, Value::One(self.hostname)),
            (name::ADDRESS, Value::One(self.address)),
            (name::ROUTER, Value::One(self.router)),
            (name::DNS, Value::All(&self.dns)),
            (name::NTP, Value::All(&self.ntp)),
            (name::SYSLOG, Value::One(self.syslog)),
            (name::TIMEZONE, Value::One(self.timezone)),
        ] {
            match value {
                Value::One(Some(value)) => say!(text, before, "\"", key, "\": \"", value, "\""),
                Value::All(Some(values)) => {
                    say!(text, before, "\"", key, "\": [");
                    joined(values, "\"", "\", \"", text);
                    say!(text, if values.is_empty() { "]" } else { "\"]" });
                }
                Value::One(None) | Value::All(None) => continue,
            }
            before = ", ";
        }
        say!(text, if before == "{" { "{}" } else { "}" });
    }
}

displayed!(MachineFile<'_>);

/// Writes the values with something before the first and between them.
fn joined(values: &[&str], first: &str, between: &str, text: &mut Text) {
    let mut before = first;
    for value in values {
        say!(text, before, *value);
        before = between;
    }
}

/// What the file says to services: a line each, as in the kernel's words of the same names, in whose place they come.
/// `word` reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words<'a>(pub &'a MachineFile<'a>);

impl Say for Words<'_> {
    fn say(&self, text: &mut Text) {
        let Self(file) = self;
        if let Some(address) = file.address {
            say!(text, "net=", address);
            if let Some(router) = file.router {
                say!(text, ",gateway=", router);
            }
            joined(file.dns.as_deref().unwrap_or_default(), ",dns=", ",dns=", text);
            say!(text, "\n");
        }
        if let Some(servers) = &file.ntp {
            say!(text, "ntp=");
            joined(if servers.is_empty() { &[NOBODY] } else { servers }, "", ",", text);
            say!(text, "\n");
        }
        if let Some(server) = file.syslog {
            say!(text, "syslog=", server, "\n");
        }
    }
}

/// The value of a word, in what `Words` wrote.
#[must_use]
pub fn word<'a>(words: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = Some(words);
    core::iter::from_fn(|| cut::next(&mut lines, b'\n'))
        .filter_map(|line| cut::once(line, b'='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests;
