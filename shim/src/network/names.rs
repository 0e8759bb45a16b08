//! Names from the network. They become text of a file, so only letters, digits and a few signs are accepted.

use heapless::String;

use super::bytes::Bytes;
use crate::cut;

/// Domains, separated by spaces. 256 characters is what resolvers of old read of them (resolv.conf(5)).
pub type Search = String<256>;

/// The most domains in a list; resolvers of old read six (resolv.conf(5)).
const DOMAINS: usize = 6;
/// The longest name of a domain in text (RFC 1035 2.3.4: 255 bytes with the lengths of its labels).
pub const DOMAIN: usize = 253;
/// The longest host name (include/uapi/linux/utsname.h).
const HOST: usize = 64;
/// The longest label (RFC 1035 2.3.4).
const LABEL: usize = 63;

/// The bytes as the name of this host. A NUL at its end is allowed (RFC 2132 2). A name of digits and dots alone would
/// look like an address.
#[must_use]
pub fn host(bytes: &[u8]) -> Option<&str> {
    let name = text(bytes).filter(|name| name.len() <= HOST && has_host_labels(name))?;
    name.bytes().any(|byte| byte.is_ascii_alphabetic()).then_some(name)
}

/// The name in the file where `/net` writes what a DHCP server calls this host, if the machine takes it: one label, so
/// that no server chooses a domain too, and none that already means something else.
#[must_use]
pub fn given(file: &str) -> Option<&str> {
    let (name, _) = cut::once(file, b'\n')?;
    host(name.as_bytes())
        .filter(|name| name.len() <= LABEL && !name.contains('.') && !name.eq_ignore_ascii_case("localhost"))
}

/// Whether it is the name of a host that a name server can be asked for. An address is none: the last part of a name has
/// a letter.
#[must_use]
pub fn is_host(name: &str) -> bool {
    let last = name.bytes().rev().take_while(|byte| *byte != b'.');
    has_host_labels(name) && last.into_iter().any(|byte| byte.is_ascii_alphabetic())
}

/// Whether it consists of labels of letters, digits and inner hyphens (RFC 1123 2.1).
fn has_host_labels(name: &str) -> bool {
    is_domain(name) && !name.bytes().any(|byte| byte == b'_')
}

/// The bytes as the name of a domain.
#[must_use]
pub fn domain(bytes: &[u8]) -> Option<&str> {
    text(bytes).filter(|name| is_domain(name))
}

fn text(bytes: &[u8]) -> Option<&str> {
    let name = core::str::from_utf8(bytes).ok()?;
    Some(name.strip_suffix('\0').unwrap_or(name))
}

/// Whether it has the form of a domain's name. An underscore is common in names that are no host's.
fn is_domain(name: &str) -> bool {
    let mut labels = Some(name);
    let good = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let ends = label.bytes().next().is_some_and(inner) && label.bytes().last().is_some_and(inner);
        ends && label.len() <= LABEL && label.bytes().all(|byte| inner(byte) || byte == b'-')
    };
    name.len() <= DOMAIN && core::iter::from_fn(|| cut::next(&mut labels, b'.')).all(good)
}

/// Adds a domain to a list, if it is valid, new, and fits.
pub fn add(search: &mut Search, domain: &str) {
    let spaces = search.bytes().filter(|byte| *byte == b' ').count();
    let room = search.capacity().saturating_sub(search.len()) > domain.len();
    if is_domain(domain) && !cut::has(search, b' ', domain) && spaces.saturating_add(1) < DOMAINS && room {
        if !search.is_empty() {
            let _ = search.push(' ');
        }
        let _ = search.push_str(domain);
    }
}

/// Adds the domains of a list in the form of DNS messages (RFC 1035 3.1 and 4.1.4, as RFC 3397 and RFC 8106 use it), up
/// to the first one that is damaged.
pub fn add_all(search: &mut Search, list: &[u8]) {
    let mut at = 0;
    while at < list.len() {
        let mut name = String::<DOMAIN>::new();
        match read(list, at, &mut name) {
            Some(next) => at = next,
            None => return,
        }
        // an empty name is padding (RFC 8106 5.2)
        if !name.is_empty() {
            add(search, &name);
        }
    }
}

/// Reads the name at that place, and returns where the next one begins.
fn read(list: &[u8], mut at: usize, name: &mut String<DOMAIN>) -> Option<usize> {
    const POINTER: u8 = 0xc0;
    let mut next = None;
    loop {
        let mut bytes = Bytes(list.get(at..)?);
        match bytes.byte()? {
            0 => return Some(next.unwrap_or(at.checked_add(1)?)),
            length @ 1..64 => {
                let label = core::str::from_utf8(bytes.take(length.into())?).ok()?;
                if !name.is_empty() {
                    name.push('.').ok()?;
                }
                // a dot in a label would make two of it
                (!label.bytes().any(|byte| byte == b'.')).then_some(())?;
                name.push_str(label).ok()?;
                at = at.checked_add(usize::from(length))?.checked_add(1)?;
            }
            high if high & POINTER == POINTER => {
                let to = usize::from(u16::from_be_bytes([high & !POINTER, bytes.byte()?]));
                // only backwards, so that it ends
                (to < at).then_some(())?;
                next = next.or(at.checked_add(2));
                at = to;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::bytes::mutations;

    fn list(bytes: &[u8]) -> String<256> {
        let mut search = Search::new();
        add_all(&mut search, bytes);
        search
    }

    #[test]
    fn host_names_are_letters_digits_and_inner_hyphens() {
        for name in ["a", "host-1", "1host.example.org", "A"] {
            assert_eq!(host(name.as_bytes()), Some(name));
        }
        assert_eq!(host(b"host\0"), Some("host"));
        let long = "a.".repeat(32) + "b";
        for name in
            ["", ".", "a.", "-a", "a-", "a..b", "a b", "a\nb", "a/b", "a_b", "ü", "10.0.2.15", "7", "a\0b", &long]
        {
            assert_eq!(host(name.as_bytes()), None, "{name}");
        }
        assert_eq!(domain(b"_dmarc.example.org"), Some("_dmarc.example.org"));
        assert_eq!((domain(b"a;b"), domain(b"\xff"), domain(b"")), (None, None, None));
    }

    #[test]
    fn a_name_that_a_server_gives_is_one_label() {
        for name in ["board", "board-1", "B", &"a".repeat(63)] {
            assert_eq!(given(&format!("{name}\n")), Some(name));
        }
        let long = "a".repeat(64);
        for name in [
            "",
            "board.example.org",
            "board.",
            "localhost",
            "LocalHost",
            "-a",
            "a-",
            "a b",
            "a\u{1b}[2J",
            "a\0b",
            "a/b",
            "..",
            "7",
            "ü",
            &long,
        ] {
            assert_eq!(given(&format!("{name}\n")), None, "{name}");
        }
        // `/net` writes whole lines
        assert_eq!((given(""), given("boar")), (None, None));
    }

    #[test]
    fn a_list_is_read_with_its_pointers() {
        // the example of RFC 3397: eng.apple.com., marketing.apple.com.
        let bytes = b"\x03eng\x05apple\x03com\x00\x09marketing\xc0\x04";
        assert_eq!(list(bytes), "eng.apple.com marketing.apple.com");
        assert_eq!(list(b"\x01a\x00\x01b\x00\x01a\x00\x00\x00"), "a b", "once each, and padding");
        assert_eq!(list(b"\x01a\x00\x03b c\x00\x03d.e\x00\x01f\x00"), "a", "up to the damage");
    }

    #[test]
    fn pointers_cannot_loop_or_leave_the_list() {
        for bytes in [&b"\xc0\x00"[..], b"\x01a\xc0\x02", b"\x01a\xc0\x00", b"\xc0\x09", b"\xc0", b"\x40a", b"\x05ab"] {
            assert_eq!(list(bytes), "");
        }
        // a pointer to a pointer, forwards again through labels: ends because a name has a longest length
        assert_eq!(list(b"\x01a\x00\x01b\xc0\x00\xc0\x03"), "a b.a");
    }

    #[test]
    fn a_list_has_bounds() {
        let many: Vec<u8> = (b'a'..=b'y').flat_map(|letter| [1, letter, 0]).collect();
        assert_eq!(list(&many), "a b c d e f");
        let label = [&[63][..], &[b'x'; 63]].concat();
        let long = [&label[..], &label, &label, &[10], b"aaaaaaaaaa", &[0], &[1, b'y', 0], &label, &[0]].concat();
        assert!(list(&long).ends_with(" y") && list(&long).len() <= 256);
    }

    #[test]
    fn no_list_leads_out_of_its_bounds() {
        mutations(b"\x03eng\x05apple\x03com\x00\x09marketing\xc0\x04\x01a\xc0\x00", 4000, |bytes| {
            let search = list(bytes);
            assert!(search.split(' ').all(|name| name.is_empty() || is_domain(name)) && search.len() <= 256);
        });
    }
}
