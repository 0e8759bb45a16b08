//! `nodeos machine`: what is set is what is shown and what the machine reads. The image stays clean.

use std::path::Path;

use boot::users::machine::settings;
use boot::users::read::inspect;

use crate::roots_files::{self, change, nodeos};
use crate::users::{Scratch, homes};

fn machine(scratch: &Scratch, words: &[&str]) -> Result<String, (Option<i32>, String)> {
    nodeos(scratch, &["machine"], words)
}

/// The line of the file in a listing.
fn file(image: &Path) -> Option<String> {
    let members = inspect(image).unwrap().members;
    members.iter().find(|member| member.path == "/.machine.json").map(ToString::to_string)
}

/// Writes the file into the image as a person could by hand.
fn by_hand(scratch: &Scratch, text: &str) {
    roots_files::by_hand(scratch, "/", ".machine.json", text);
}

const FULL: &str = r#"{"hostname": "garden", "address": "10.0.0.5/24", "router": "10.0.0.1", "dns": ["10.0.0.1", "9.9.9.9"], "ntp": ["10.0.0.1", "time.example"], "syslog": "udp:10.0.0.9", "timezone": "Europe/Madrid"}"#;

#[test]
fn settings_are_stored_and_shown() {
    let scratch = Scratch::with(&homes());
    assert_eq!((machine(&scratch, &[]), file(&scratch.image())), (Ok("{}\n".to_owned()), None), "the default");
    let words =
        ["--hostname", "garden", "--address", "10.0.0.5/24", "--router", "10.0.0.1", "--dns", "10.0.0.1,9.9.9.9"];
    assert_eq!(machine(&scratch, &words), Ok(String::new()));
    let words =
        ["--ntp", "10.0.0.1", "--ntp", "time.example", "--syslog", "udp:10.0.0.9", "--timezone", "Europe/Madrid"];
    machine(&scratch, &words).unwrap();
    assert_eq!(machine(&scratch, &[]), Ok(format!("{FULL}\n")), "what was set before stays");
    assert_eq!(settings(&scratch.image()).unwrap(), FULL);
    assert!(file(&scratch.image()).unwrap().starts_with("-rw-------      0      0 "));

    machine(&scratch, &["--address", "dhcp", "--ntp", "none"]).unwrap();
    let shown = r#"{"hostname": "garden", "address": "dhcp", "ntp": [], "syslog": "udp:10.0.0.9", "timezone": "Europe/Madrid"}"#;
    assert_eq!(settings(&scratch.image()).unwrap(), shown, "router and dns go with their address");
    machine(&scratch, &["--default", "--hostname", "shed"]).unwrap();
    assert_eq!(settings(&scratch.image()).unwrap(), r#"{"hostname": "shed"}"#);
    machine(&scratch, &["--default"]).unwrap();
    assert_eq!(file(&scratch.image()), None);
    machine(&scratch, &["--default"]).unwrap();
}

#[test]
fn what_the_machine_would_refuse_is_not_written() {
    let scratch = Scratch::with(&homes());
    for (words, why) in [
        (&["--hostname", "my garden"][..], "hostname is"),
        (&["--hostname", "a\"b"], "hostname is"),
        (&["--address", "10.0.0.5"], "address is"),
        (&["--router", "10.0.0.1"], "router is another IPv4 address in the network of a fixed address"),
        (&["--address", "10.0.0.5/24", "--router", "10.0.1.1"], "router is"),
        (&["--address", "10.0.0.5/24", "--dns", "1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1"], "dns is"),
        (&["--ntp", "127.0.0.1"], "ntp is"),
        (&["--ntp", "none,10.0.0.1"], "ntp is"),
        (&["--ntp", "a,b,c,d,e,f,g,h,i"], "ntp is"),
        (&["--syslog", "udp:log.example"], "syslog is"),
        (&["--timezone", ":/etc/passwd"], "timezone is"),
    ] {
        let (status, said) = machine(&scratch, words).unwrap_err();
        assert!(status == Some(64) && said.contains(why), "{words:?}: {status:?}: {said}");
        assert_eq!(file(&scratch.image()), None, "{words:?}");
    }
}

#[test]
fn a_broken_file_is_an_error_until_default_replaces_it() {
    for (text, why) in [
        ("{\"hostname\": ", "it is malformed"),
        ("{\"host\": \"garden\"}", "it has a key that is none of hostname"),
        ("{\"address\": \"10.0.0.5\"}", "address is an IPv4 address and its prefix"),
        (&" ".repeat(2048), "it is too long"),
    ] {
        let scratch = Scratch::with(&homes());
        by_hand(&scratch, text);
        for words in [&[][..], &["--hostname", "shed"]] {
            let (status, said) = machine(&scratch, words).unwrap_err();
            assert!(status == Some(71) && said.contains(why) && said.contains(" --default"), "{status:?}: {said}");
        }
        let listed = nodeos(&scratch, &["users", "list"], &[]).unwrap();
        assert!(listed.contains(&format!("\n.machine.json: nothing in it counts: {why}")), "{listed}");
        let explained = nodeos(&scratch, &["explain", "--users"], &[]).unwrap();
        assert!(explained.contains(&format!("; nothing in .machine.json counts: {why}")), "{explained}");
        assert!(!explained.contains("hostname shed"), "{explained}");
        machine(&scratch, &["--default", "--hostname", "shed"]).unwrap();
        assert_eq!(settings(&scratch.image()).unwrap(), r#"{"hostname": "shed"}"#);
    }
}

#[test]
fn settings_that_others_could_write_are_an_error() {
    for (field, why) in [
        ("uid 1001", "others than root can write it"),
        ("mode 0100622", "others than root can write it"),
        ("mode 0100660", "others than root can write it"),
    ] {
        let scratch = Scratch::with(&homes());
        by_hand(&scratch, "{}");
        assert_eq!(settings(&scratch.image()).unwrap(), "{}");
        change(&scratch, &format!("set_inode_field /.machine.json {field}\n"));
        let (_, said) = machine(&scratch, &[]).unwrap_err();
        assert!(said.contains(why), "{field}: {said}");
        machine(&scratch, &["--default"]).unwrap();
        assert_eq!(file(&scratch.image()), None, "{field}");
    }
}

#[test]
fn a_link_or_a_folder_is_no_file() {
    let scratch = Scratch::with(&homes());
    change(&scratch, "symlink /.machine.json guest/settings\n");
    let (_, said) = machine(&scratch, &[]).unwrap_err();
    assert!(said.contains("it is not a regular file"), "{said}");
    machine(&scratch, &["--default"]).unwrap();
    assert_eq!(file(&scratch.image()), None);
    change(&scratch, "cd /\nmkdir .machine.json\n");
    let (status, said) = machine(&scratch, &["--default"]).unwrap_err();
    assert!(status == Some(71) && said.contains("it is a folder"), "{said}");
}

#[test]
fn list_and_explain_show_the_settings() {
    let scratch = Scratch::with(&homes());
    let listed = nodeos(&scratch, &["users", "list"], &[]).unwrap();
    assert!(!listed.contains(".machine.json"), "{listed}");
    by_hand(&scratch, FULL);
    let listed = nodeos(&scratch, &["users", "list"], &[]).unwrap();
    assert!(listed.ends_with(&format!("\n.machine.json: {FULL}\n")), "{listed}");
    let explained = nodeos(&scratch, &["explain", "--users"], &[]).unwrap();
    for line in [
        "; the machine's own settings {\"hostname\": ",
        "\nhostname garden || true\n",
        "\nwrite /host/etc/timezone\n",
        "\nwrite /live/words\n",
    ] {
        assert!(explained.contains(line), "{line} is not in {explained}");
    }
    assert_eq!(
        explained.matches("\nhostname garden || true\n").count(),
        4,
        "the machine's and each user's: {explained}"
    );
}
