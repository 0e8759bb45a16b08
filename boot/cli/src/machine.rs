//! `nodeos machine`: shows and changes one machine's own settings.

use std::path::{Path, PathBuf};

use boot::tools::For;
use boot::users::machine::{set_settings, settings};
use shim::keys::Key;
use shim::machine_file::keys::{self, name};
use shim::machine_file::{List, MachineFile};

use crate::common::{Act, Common, Failed, exit, print_line};
use crate::policy_options::help;

/// Show or change one machine's own settings: its name, address, time zone
#[derive(clap::Args)]
#[command(after_help = "\
FILE is the image of a users partition, or of a card: its partition with the homes is changed in
place. The settings are a file there, .machine.json, and come before the kernel's words. Without
options, they are shown. An option replaces what the file says; --address also replaces --router
and --dns.

Examples:
  nodeos machine card.img --hostname garden --timezone Europe/Madrid
  nodeos machine card.img --address 10.0.0.5/24 --router 10.0.0.1 --dns 10.0.0.1
  nodeos machine card.img                       shows them as JSON
  nodeos machine card.img --default             removes the file

Exit status: 0 done, 64 an option is wrong, 69 a program is missing, 71 any other failure. FILE is
changed only if it is 0.")]
pub struct Args {
    /// The image
    file: PathBuf,
    #[arg(long = name::HOSTNAME, help = help(&keys::HOSTNAME), value_name = "NAME")]
    hostname: Option<String>,
    #[arg(long = name::ADDRESS, help = help(&keys::ADDRESS), value_name = "ADDRESS/PREFIX")]
    address: Option<String>,
    #[arg(long = name::ROUTER, help = help(&keys::ROUTER), value_name = "ADDRESS")]
    router: Option<String>,
    #[arg(long = name::DNS, help = help_of_list(&keys::DNS), value_name = "ADDRESS", value_delimiter = ',')]
    dns: Vec<String>,
    #[arg(long = name::NTP, help = help_of_list(&keys::NTP), value_name = "SERVER", value_delimiter = ',')]
    ntp: Vec<String>,
    #[arg(long = name::SYSLOG, help = help(&keys::SYSLOG), value_name = "udp:ADDRESS")]
    syslog: Option<String>,
    #[arg(long = name::TIMEZONE, help = help(&keys::TIMEZONE), value_name = "NAME")]
    timezone: Option<String>,
    /// Remove the file first, so that the defaults apply
    #[arg(long)]
    default: bool,
}

impl Act for Args {
    const ASKS_LATER: bool = true;

    fn purposes(&self) -> Vec<For> {
        vec![For::Users]
    }

    fn run(self, common: Common) -> Result<u8, Failed> {
        let Self { file, hostname, address, router, dns, ntp, syslog, timezone, default } = &self;
        let one = [hostname, address, router, syslog, timezone];
        let changes = *default || one.iter().any(|value| value.is_some()) || !dns.is_empty() || !ntp.is_empty();
        if !changes {
            return print_line(&settings(file)?);
        }
        let old = if *default { MachineFile::default().to_string() } else { settings(file)? };
        let mut new = MachineFile::parse(old.as_bytes()).map_err(Failed::new)?;
        if address.is_some() {
            (new.router, new.dns) = (None, None);
        }
        new.hostname = hostname.as_deref().or(new.hostname);
        new.address = address.as_deref().or(new.address);
        new.router = router.as_deref().or(new.router);
        new.syslog = syslog.as_deref().or(new.syslog);
        new.timezone = timezone.as_deref().or(new.timezone);
        if !dns.is_empty() {
            new.dns = Some(list(dns, &keys::DNS)?);
        }
        if !ntp.is_empty() {
            new.ntp = Some(if *ntp == ["none"] { List::new() } else { list(ntp, &keys::NTP)? });
        }
        new.check().map_err(|why| {
            Failed::usage(format!("cannot set {new} in {}: {why}; nothing was changed", file.display()))
        })?;
        if let Some(zone) = new.timezone.filter(|zone| is_unknown(Path::new(ZONES), zone)) {
            let text = format!("{ZONES} has no {zone}: if node does not know that zone either, its time is UTC");
            common.progress.say("machine", &text);
        }
        let new = Some(&new).filter(|new| **new != MachineFile::default());
        set_settings(file, new)?;
        let text = new.map_or_else(|| "there are no settings".to_owned(), |new| format!("the settings are {new}"));
        common.progress.say("machine", &format!("{text}, from the next boot on"));
        Ok(exit::DONE)
    }
}

/// Where this host has its time zones (tzset(3)). The machine needs no such files: node has its own.
const ZONES: &str = "/usr/share/zoneinfo";

/// Whether the host has time zones, and not that one.
fn is_unknown(zones: &Path, name: &str) -> bool {
    zones.is_dir() && !zones.join(name).is_file()
}

fn list<'a>(values: &'a [String], key: &Key) -> Result<List<'a>, Failed> {
    let mut list = List::new();
    let pushed = values.iter().try_for_each(|value| list.push(value));
    pushed.map_err(|_| Failed::usage(key.wrong))?;
    Ok(list)
}

fn help_of_list(key: &Key) -> String {
    let none = if key.name == name::NTP { ", or none for an empty list" } else { "" };
    format!("{}. With a comma between them{none}", help(key))
}

#[cfg(test)]
mod tests {
    use super::is_unknown;
    use std::fs;

    #[test]
    fn a_time_zone_is_unknown_if_the_host_has_others() {
        let zones = tempfile::tempdir().unwrap();
        fs::create_dir(zones.path().join("Europe")).unwrap();
        fs::write(zones.path().join("Europe/Madrid"), "").unwrap();
        assert!(!is_unknown(zones.path(), "Europe/Madrid"));
        for name in ["Europe/Madird", "Europe", "CEST"] {
            assert!(is_unknown(zones.path(), name), "{name}");
            assert!(!is_unknown(&zones.path().join("none"), name), "{name}");
        }
    }
}
