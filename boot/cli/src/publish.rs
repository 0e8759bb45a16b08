//! `--publish`: checks whether this machine has the ports before anything is built or started.
//!
//! QEMU and passt only report that they failed, without a reason.

use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};

use qemu::machine::Publish;

use crate::common::{Failed, exit};

/// From where on everybody may listen.
const LEAST: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// Refuses a port that is given twice, or that cannot be listened on.
pub fn check(publish: &[Publish]) -> Result<(), Failed> {
    if let Some(port) = twice(publish) {
        let text =
            format!("--publish: port {port} of this machine is given twice\n  next: another HOST port for one of them");
        return Err(Failed::usage(text));
    }
    for Publish { host, guest } in publish {
        // closed again at once: the network of the machine will listen next
        TcpListener::bind((Ipv4Addr::LOCALHOST, *host)).map_err(|error| {
            let least = std::fs::read_to_string(LEAST).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1024);
            Failed {
                status: exit::FAILED,
                text: format!("--publish {host}:{guest}: {}", refused(*host, &error, least)),
            }
        })?;
    }
    Ok(())
}

fn twice(publish: &[Publish]) -> Option<u16> {
    let mut hosts: Vec<u16> = publish.iter().map(|publish| publish.host).collect();
    hosts.sort_unstable();
    hosts.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// Why that port cannot be had, and what to do.
fn refused(port: u16, error: &Error, least: u16) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "only root may listen on ports below {least} of this machine\n  \
             next: a HOST port from {least} on, or sudo sysctl net.ipv4.ip_unprivileged_port_start={port}"
        ),
        ErrorKind::AddrInUse => format!(
            "another program listens on port {port} of this machine\n  \
             next: another HOST port; `ss -ltnp sport = :{port}` names the program"
        ),
        _ => format!("this machine cannot listen on 127.0.0.1:{port}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{check, refused};
    use qemu::machine::Publish;
    use std::io::Error;
    use std::net::TcpListener;

    #[test]
    fn a_port_in_use_is_refused_and_a_free_one_accepted() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = other.local_addr().unwrap().port();
        let publish = [Publish { host, guest: 80 }];
        let said = check(&publish).unwrap_err().to_string();
        let start = format!("--publish {host}:80: another program listens on port {host} of this machine\n  next: ");
        assert!(said.starts_with(&start), "{said}");
        drop(other);
        check(&publish).unwrap();
        // nothing listens there any more
        TcpListener::bind(("127.0.0.1", host)).unwrap();
    }

    #[test]
    fn a_privileged_port_is_reported_as_privileged() {
        let said = refused(80, &Error::from_raw_os_error(13), 1024);
        assert!(said.starts_with("only root may listen on ports below 1024 of this machine\n"), "{said}");
        assert!(said.ends_with("sudo sysctl net.ipv4.ip_unprivileged_port_start=80"), "{said}");
    }

    #[test]
    fn a_host_port_can_be_published_only_once() {
        let publish =
            |pairs: &[(u16, u16)]| pairs.iter().map(|&(host, guest)| Publish { host, guest }).collect::<Vec<_>>();
        assert_eq!(super::twice(&publish(&[(8080, 80), (8081, 80)])), None);
        let said = check(&publish(&[(8080, 80), (8081, 80), (8080, 443)])).unwrap_err();
        assert_eq!(said.status, crate::common::exit::USAGE);
        assert!(said.to_string().contains("port 8080 of this machine is given twice"), "{said}");
    }
}
