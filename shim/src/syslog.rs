//! Messages for a syslog server (RFC 5424), by UDP (RFC 5426) or TCP with counted octets (RFC 6587, 3.4.1).

use core::net::SocketAddr;

use heapless::Vec;

use crate::{
    clock::servers::{Host, Server},
    cut, say,
    say::Text,
};

/// The port of a server that names none (RFC 5426, 3.3).
pub const PORT: u16 = 514;
/// The maximum length of a message: servers should accept that much (RFC 5424, 6.1). More of a line is left out.
pub const LONGEST: usize = 2048;
/// The maximum length with what TCP counts.
pub const ROOM: usize = LONGEST + 8;
/// What the word `syslog=` may say.
pub const HINT: &str = "write udp:ADDRESS or tcp:ADDRESS, and :PORT behind it if it is not 514";

/// Where messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// By TCP, not by UDP.
    pub tcp: bool,
    /// The server.
    pub server: SocketAddr,
}

impl Target {
    /// Parses `udp:10.0.2.2`, `tcp:10.0.2.2:601` or `tcp:[2001:db8::1]:601`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, server) = cut::once(text, b':')?;
        let tcp = match kind {
            "udp" => false,
            "tcp" => true,
            _ => return None,
        };
        // a user of this machine could listen on its loopback, and is no server
        let Server { host: Host::Address(ip), port } = Server::with_default(server, PORT)? else { return None };
        Some(Self { tcp, server: SocketAddr::new(ip, port) })
    }
}

/// Whose lines they are, for the priority (RFC 5424, 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From<'a> {
    /// The kernel.
    Kernel,
    /// A user of that name.
    User(&'a str),
}

/// The message for one line of a log, without its newline: `2026-11-27 14:03:11 hello`.
#[must_use]
pub fn message(line: &[u8], host: &str, from: From<'_>, tcp: bool) -> Vec<u8, ROOM> {
    // date, blank, time, blank
    const DATE: usize = 10;
    const STAMP: usize = 19;
    let (stamp, said) = line.split_at_checked(STAMP).unwrap_or_default();
    let stamp = core::str::from_utf8(stamp).unwrap_or_default();
    let said = said.strip_prefix(b" ").unwrap_or(said);
    let mut head = Text::new();
    // facility 0 is the kernel and 1 are users; severity 6 is informational
    say!(&mut head, if from == From::Kernel { "<6>1 " } else { "<14>1 " });
    match (stamp.get(..DATE), stamp.get(DATE.saturating_add(1)..)) {
        (Some(day), Some(time)) => say!(&mut head, day, "T", time, "Z "),
        _ => say!(&mut head, "- "),
    }
    name(host, 255, &mut head);
    say!(&mut head, " ");
    match from {
        From::Kernel => say!(&mut head, "kernel"),
        From::User(user) => name(user, 48, &mut head),
    }
    say!(&mut head, " - - - ");
    let said = said.get(..LONGEST.saturating_sub(head.len())).unwrap_or(said);
    let mut message = Vec::new();
    if tcp {
        let mut count = Text::new();
        say!(&mut count, head.len().saturating_add(said.len()), " ");
        let _ = message.extend_from_slice(count.as_bytes());
    }
    let _ = message.extend_from_slice(head.as_bytes());
    let _ = message.extend_from_slice(said);
    message
}

/// A name with printable ASCII alone and without blanks (RFC 5424, 6), or `-`.
fn name(name: &str, most: usize, text: &mut Text) {
    if name.is_empty() {
        say!(text, "-");
    }
    for byte in name.bytes().take(most) {
        let _ = text.push(if byte.is_ascii_graphic() { byte.into() } else { '_' });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str, from: From<'_>, tcp: bool) -> String {
        String::from_utf8(message(line.as_bytes(), "garden", from, tcp).to_vec()).unwrap()
    }

    #[test]
    fn a_line_becomes_a_message() {
        let line = "2026-11-27 14:03:11 hello ñ";
        assert_eq!(text(line, From::User("ana"), false), "<14>1 2026-11-27T14:03:11Z garden ana - - - hello ñ");
        assert_eq!(text(line, From::Kernel, true), "54 <6>1 2026-11-27T14:03:11Z garden kernel - - - hello ñ");
        assert_eq!(
            text("2026-11-27 14:03:11 ", From::User("a b"), false),
            "<14>1 2026-11-27T14:03:11Z garden a_b - - - "
        );
        assert_eq!(text("no time", From::User(""), false), "<14>1 - garden - - - - ");
    }

    #[test]
    fn a_long_line_is_cut() {
        let line = format!("2026-11-27 14:03:11 {}", "x".repeat(70_000));
        let message = message(line.as_bytes(), &"h".repeat(300), From::User(&"ñ".repeat(200)), true);
        assert!(message.starts_with(b"2048 <14>1 ") && message.len() == 2048 + 5, "{}", message.len());
    }

    #[test]
    fn servers_are_addresses() {
        let server = |text: &str| Target::parse(text).map(|target| (target.tcp, target.server.to_string()));
        assert_eq!(server("udp:10.0.2.2"), Some((false, "10.0.2.2:514".to_owned())));
        assert_eq!(server("tcp:10.0.2.2:601"), Some((true, "10.0.2.2:601".to_owned())));
        assert_eq!(server("tcp:[2001:db8::1]:601"), Some((true, "[2001:db8::1]:601".to_owned())));
        assert_eq!(server("udp:2001:db8::1"), Some((false, "[2001:db8::1]:514".to_owned())));
        assert_eq!(server("udp:[2001:db8::1]"), Some((false, "[2001:db8::1]:514".to_owned())));
        for wrong in [
            "",
            "10.0.2.2",
            "udp:",
            "udp:log.example",
            "tls:10.0.2.2",
            "udp:10.0.2.2:0",
            "udp:10.0.2.2:x",
            "udp:127.0.0.1",
            "tcp:[::1]:601",
            "udp:10.0.2.2,10.0.2.3",
        ] {
            assert_eq!(server(wrong), None, "{wrong}");
        }
    }
}
