//! The network of a machine of `nodeos run`: passt if it can be used, else QEMU's own.

use std::fs;
use std::net::IpAddr;

use boot::host::progress::Progress;
use boot::host::run::find;
use qemu::machine::Publish;
use qemu::passt::Passt;

/// By passt, or else by QEMU's own network, which leads to services of this machine: it warns, unless that is wanted.
pub fn passt(publish: &[Publish], host_loopback: bool, progress: Progress) -> Option<Passt> {
    if host_loopback {
        return None;
    }
    usable(publish).inspect_err(|why| warn(why, host_loopback, progress)).ok()
}

/// Says that the guest reaches services of this machine, and why, unless that is wanted.
pub fn warn(why: &str, host_loopback: bool, progress: Progress) {
    if !host_loopback {
        let open = "the guest reaches what listens on this machine's loopback, at 10.0.2.2";
        progress.say("network", &format!("{open}: {why} (--host-loopback says that this is wanted)"));
    }
}

fn usable(publish: &[Publish]) -> Result<Passt, String> {
    if find("passt").is_none() {
        return Err("to prevent this: sudo apt-get install passt".to_owned());
    }
    let text = |path| fs::read_to_string(path).unwrap_or_default();
    let resolvers = resolvers(&text("/etc/resolv.conf"), &text("/run/systemd/resolve/resolv.conf"));
    let resolvers = resolvers.ok_or("passt cannot prevent this, because names are resolved on the loopback")?;
    let passt = Passt { publish: publish.to_vec(), resolvers };
    match passt.fails() {
        None => Ok(passt),
        Some(why) => Err(format!("passt would prevent this but does not work here: {why}")),
    }
}

/// The name servers that the machine is told, in place of those of /etc/resolv.conf: none where it can reach one of these,
/// else those that systemd-resolved asks. Nothing where all are on the loopback.
fn resolvers(etc: &str, systemd: &str) -> Option<Vec<IpAddr>> {
    let servers = |text: &str| -> Vec<IpAddr> {
        let named = text.lines().filter_map(|line| line.split_whitespace().collect::<Vec<_>>().try_into().ok());
        let named = named.filter(|[word, _]: &[&str; 2]| *word == "nameserver");
        named
            .filter_map(|[_, address]| address.parse().ok())
            .filter(|address: &IpAddr| !address.is_loopback())
            .collect()
    };
    if !servers(etc).is_empty() {
        return Some(Vec::new());
    }
    Some(servers(systemd)).filter(|servers| !servers.is_empty())
}

#[cfg(test)]
mod tests {
    use super::resolvers;

    #[test]
    fn a_machine_gets_name_servers_that_it_can_reach() {
        let systemd = "# by systemd-resolved\nnameserver 192.0.2.1\nnameserver fd00::1\nsearch lan\n";
        let theirs = Some(vec!["192.0.2.1".parse().unwrap(), "fd00::1".parse().unwrap()]);
        for (etc, wanted) in [
            ("nameserver 192.0.2.53\n", Some(vec![])),
            ("nameserver 127.0.0.1\nnameserver fd00::53\n", Some(vec![])),
            ("nameserver 127.0.0.53\noptions edns0 trust-ad\n", theirs.clone()),
            ("nameserver ::1\n", theirs.clone()),
            ("", theirs),
        ] {
            assert_eq!(resolvers(etc, systemd), wanted, "{etc}");
        }
        assert_eq!(resolvers("nameserver 127.0.0.1\n", ""), None);
        assert_eq!(resolvers("# nameserver 192.0.2.53\nnameserver x\n", "nameserver 127.0.0.1\n"), None);
    }
}
