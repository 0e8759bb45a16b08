use super::*;
use crate::network::{bytes::mutations, wanted::How};

const FULL: &str = r#"{"hostname": "garden", "address": "10.0.0.5/24", "router": "10.0.0.1", "dns": ["10.0.0.1", "9.9.9.9"], "ntp": ["10.0.0.1", "time.example:1123"], "syslog": "udp:10.0.0.9", "timezone": "Europe/Madrid"}"#;

fn read(text: &str) -> MachineFile<'_> {
    MachineFile::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{text}: {why}"))
}

#[test]
fn a_file_is_written_as_it_is_read() {
    assert_eq!(read(FULL).to_string(), FULL);
    for text in [
        "{}",
        r#"{"hostname": "garden.example.org"}"#,
        r#"{"address": "dhcp"}"#,
        r#"{"address": "off"}"#,
        r#"{"address": "10.0.0.5/24"}"#,
        r#"{"address": "10.0.0.5/24", "dns": ["127.0.0.1"]}"#,
        r#"{"ntp": []}"#,
        r#"{"ntp": ["[2001:db8::1]:1123", "2001:db8::2"], "syslog": "tcp:[2001:db8::9]:6514"}"#,
        r#"{"timezone": "Etc/GMT+5"}"#,
    ] {
        assert_eq!(read(text).to_string(), text);
    }
    assert_eq!(
        (read(" { } \n"), read(r#"{"syslog": "udp:10.0.0.9:514"}"#).syslog),
        (MachineFile::default(), Some("udp:10.0.0.9:514"))
    );
    let reversed = r#"{"router": "10.0.0.1", "address": "10.0.0.5/24"}"#;
    assert_eq!(read(reversed).to_string(), r#"{"address": "10.0.0.5/24", "router": "10.0.0.1"}"#);
}

#[test]
fn the_longest_file_is_written_whole() {
    let label = "x".repeat(51) + ".example.com";
    let ntp = [&label; 8].map(|label| format!("\"{label}\"")).join(", ");
    let text = format!(
        r#"{{"hostname": "{}", "address": "100.100.100.100/32", "dns": ["100.100.100.101", "100.100.100.102", "100.100.100.103"], "ntp": [{ntp}], "syslog": "tcp:[1001:1002:1003:1004:1005:1006:1007:1008]:65535", "timezone": "{}"}}"#,
        "h".repeat(62) + ".h",
        "T".repeat(64)
    );
    assert!(label.len() * 8 == LONGEST_LIST - 8);
    assert!(text.len() < MAX_FILE);
    assert_eq!(read(&text).to_string(), text);
}

#[test]
fn an_invalid_file_is_explained() {
    let many = |item: &str, count| format!("[{}]", vec![format!("\"{item}\""); count].join(", "));
    for (text, why) in [
        ("", "it is malformed"),
        ("{", "it is malformed"),
        ("{} {}", "it is malformed"),
        ("\u{feff}{}", "it is malformed"),
        (r#"{"hostname": 7}"#, "it is malformed"),
        (r#"{"dns": "10.0.0.1"}"#, "it is malformed"),
        (r#"{"host": "garden"}"#, "it has a key that is none of hostname, address, router, dns, ntp, syslog, timezone"),
        (r#"{"a key that is far too long": 1}"#, keys::UNKNOWN),
        (r#"{"hostname": ""}"#, HOSTNAME.wrong),
        (r#"{"hostname": "10.0.0.1"}"#, HOSTNAME.wrong),
        (r#"{"hostname": "my garden"}"#, HOSTNAME.wrong),
        (r#"{"hostname": "g\u0061rden"}"#, HOSTNAME.wrong),
        (r#"{"timezone": "Europe\/Madrid"}"#, TIMEZONE.wrong),
        (r#"{"hostname": "garden\n127.0.0.1 bank"}"#, HOSTNAME.wrong),
        (&format!(r#"{{"hostname": "{}"}}"#, "h".repeat(65)), HOSTNAME.wrong),
        (&format!(r#"{{"hostname": "{}"}}"#, "h".repeat(300)), HOSTNAME.wrong),
        (r#"{"address": ""}"#, ADDRESS.wrong),
        (r#"{"address": "10.0.0.5"}"#, ADDRESS.wrong),
        (r#"{"address": "10.0.0.0/24"}"#, ADDRESS.wrong),
        (r#"{"address": "10.0.0.5/24,gateway=10.0.0.1"}"#, ADDRESS.wrong),
        (r#"{"address": "2001:db8::5/64"}"#, ADDRESS.wrong),
        (r#"{"address": "DHCP"}"#, ADDRESS.wrong),
        (r#"{"router": "10.0.0.1"}"#, ROUTER.wrong),
        (r#"{"address": "dhcp", "router": "10.0.0.1"}"#, ROUTER.wrong),
        (r#"{"address": "10.0.0.5/24", "router": "10.0.1.1"}"#, ROUTER.wrong),
        (r#"{"address": "10.0.0.5/24", "router": "10.0.0.5"}"#, ROUTER.wrong),
        (r#"{"address": "10.0.0.5/24", "router": "router"}"#, ROUTER.wrong),
        (r#"{"dns": ["10.0.0.1"]}"#, DNS.wrong),
        (r#"{"address": "10.0.0.5/24", "dns": ["127.0.0.2"]}"#, DNS.wrong),
        (r#"{"address": "10.0.0.5/24", "dns": ["dns.example"]}"#, DNS.wrong),
        (&format!(r#"{{"address": "10.0.0.5/24", "dns": {}}}"#, many("9.9.9.9", 4)), DNS.wrong),
        (r#"{"ntp": ["none"]}"#, NTP.wrong),
        (r#"{"ntp": ["10.0.0.1,10.0.0.2"]}"#, NTP.wrong),
        (r#"{"ntp": ["127.0.0.1"]}"#, NTP.wrong),
        (r#"{"ntp": [""]}"#, NTP.wrong),
        (&format!(r#"{{"ntp": {}}}"#, many("10.0.0.1", 9)), NTP.wrong),
        (&format!(r#"{{"ntp": {}}}"#, many(&"label.".repeat(15).replace("l.l", "l.1l"), 7)), NTP.wrong),
        (r#"{"syslog": "10.0.0.9"}"#, SYSLOG.wrong),
        (r#"{"syslog": "udp:log.example"}"#, SYSLOG.wrong),
        (r#"{"timezone": ""}"#, TIMEZONE.wrong),
        (r#"{"timezone": ":/etc/passwd"}"#, TIMEZONE.wrong),
        (r#"{"timezone": "/usr/share"}"#, TIMEZONE.wrong),
        (r#"{"timezone": "Europe/../x"}"#, TIMEZONE.wrong),
        (&format!(r#"{{"timezone": "{}"}}"#, "T".repeat(65)), TIMEZONE.wrong),
    ] {
        assert_eq!(MachineFile::parse(text.as_bytes()), Err(why), "{text}");
    }
}

#[test]
fn a_damaged_file_is_refused_or_means_what_it_says() {
    mutations(FULL.as_bytes(), 100_000, |bytes| {
        if let Ok(file) = MachineFile::parse(bytes) {
            let text = file.to_string();
            assert_eq!(MachineFile::parse(text.as_bytes()), Ok(file.clone()), "{text}");
            let mut words = Text::new();
            say!(&mut words, Words(&file));
            assert!(word(&words, "net").is_none_or(|word| How::parse(word).is_some()), "{text}");
            assert!(word(&words, "syslog").is_none_or(|word| Target::parse(word).is_some()), "{text}");
        }
    });
}

#[test]
fn services_read_the_words_that_the_kernel_could_have_given_them() {
    let words = |text: &str| {
        let mut words = Text::new();
        say!(&mut words, Words(&read(text)));
        words
    };
    let full = words(FULL);
    assert_eq!(
        full,
        "net=10.0.0.5/24,gateway=10.0.0.1,dns=10.0.0.1,dns=9.9.9.9\nntp=10.0.0.1,time.example:1123\nsyslog=udp:10.0.0.9\n"
    );
    assert!(matches!(word(&full, "net").and_then(How::parse), Some(How::Fixed(fixed)) if fixed.servers.len() == 2));
    assert_eq!(word(&full, "ntp").map(|servers| crate::clock::servers::list(servers).len()), Some(2));
    assert_eq!(word(&full, "syslog").and_then(Target::parse), Target::parse("udp:10.0.0.9"));
    assert_eq!((word(&full, "ne"), word(&full, "TZ"), word("", "net")), (None, None, None));
    assert_eq!(words(r#"{"address": "off", "ntp": []}"#), "net=off\nntp=none\n");
    assert_eq!(words(r#"{"hostname": "garden", "timezone": "UTC"}"#), "");
}

#[test]
fn the_docs_describe_each_key_as_the_table_does() {
    let document = include_str!("../../../docs/machine.md");
    for crate::keys::Key { name, text, value, without, .. } in keys::ALL {
        let line = format!("\n| `{name}` | {text} | {value} | {without} |\n");
        assert!(document.contains(&line), "docs/machine.md lacks the line{line}");
    }
}
