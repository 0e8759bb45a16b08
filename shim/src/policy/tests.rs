use super::*;

#[test]
fn a_policy_round_trips() {
    let full =
        r#"{"memory": "128M", "high": "112M", "pids": 256, "devices": ["i2c-1", "ttyUSB*"], "network": "private"}"#;
    let policy = Policy::parse(full.as_bytes()).unwrap();
    assert_eq!((policy.memory, policy.high), (Some(128 << 20), Some(112 << 20)));
    assert_eq!((policy.pids, policy.network), (Some(256), Network::Private));
    assert_eq!(policy.to_string(), full);
    assert_eq!(Policy::parse(b"{}"), Ok(Policy::default()));
    let kept = Policy {
        restart: Some(Restart::OnFailure),
        backoff: Some(7),
        on_crash_loop: Some(OnCrashLoop::Reboot),
        grace: Some(60),
        wait: Some(Needs::NETWORK.and(Needs::TIME)),
        wait_limit: Some(255),
        log: Some(256 << 10),
        machine: Some(Rights::POWER),
        ..Policy::default()
    };
    let kept_text = r#"{"log": "256K", "restart": "on-failure", "on_crash_loop": "reboot", "backoff": 7, "grace": 60, "wait_limit": 255, "wait": ["network", "time"], "machine": ["power"], "network": "shared"}"#;
    assert_eq!(kept.to_string(), kept_text);
    for (text, bytes) in [("16K", 16 << 10), ("65537", 65537), ("1M", 1 << 20), ("1024K", 1 << 20)] {
        assert_eq!(Policy::parse(format!(r#"{{"log": "{text}"}}"#).as_bytes()).unwrap().log, Some(bytes));
    }
    assert_eq!(Policy::parse(br#"{"wait": []}"#).unwrap().wait, Some(Needs::NONE));
    for policy in
        [Policy::STRICTEST, Policy::default(), Policy { memory: Some(LEAST_MEMORY + 1), ..Policy::default() }, kept]
    {
        assert_eq!(Policy::parse(policy.to_string().as_bytes()), Ok(policy));
    }
}

#[test]
fn invalid_policies_are_explained() {
    for (text, why) in [
        ("", "malformed"),
        ("{", "malformed"),
        ("{} {}", "malformed"),
        (r#"{"memroy": "128M"}"#, "none of memory"),
        (r#"{"a key that is far too long for any": 1}"#, "none of memory"),
        (r#"{"memory": "63M"}"#, "from 64M"),
        (r#"{"high": "63M"}"#, "from 64M"),
        (r#"{"memory": "99999999999G"}"#, "from 64M"),
        (r#"{"memory": 128}"#, "malformed"),
        (r#"{"pids": 31}"#, "from 32"),
        (r#"{"pids": -20}"#, "from 32"),
        (r#"{"pids": 1.5}"#, "from 32"),
        (r#"{"pids": 4294967296}"#, "from 32"),
        (r#"{"network": "host"}"#, "shared or private"),
        (r#"{"restart": "yes"}"#, "on-failure or always"),
        (r#"{"restart": true}"#, "malformed"),
        (r#"{"on_crash_loop": "poweroff"}"#, "wait or reboot"),
        (r#"{"backoff": 0}"#, "backoff is a number from 1 to 60"),
        (r#"{"grace": 4}"#, "grace from 5 to 60"),
        (r#"{"grace": 61}"#, "grace from 5 to 60"),
        (r#"{"wait_limit": 256}"#, "wait_limit from 1 to 255"),
        (r#"{"wait": ["clock"]}"#, "network and time"),
        (r#"{"log": "15K"}"#, "from 16K to 1M"),
        (r#"{"log": "0"}"#, "from 16K to 1M"),
        (r#"{"log": "1025K"}"#, "from 16K to 1M"),
        (r#"{"log": "none"}"#, "from 16K to 1M"),
        (r#"{"log": 64}"#, "malformed"),
        (r#"{"machine": ["update"]}"#, "status and power"),
        (r#"{"machine": "power"}"#, "a list of status and power"),
        (r#"{"devices": ["../mem"]}"#, "below /dev"),
        (r#"{"devices": ["/dev/mem"]}"#, "below /dev"),
        (r#"{"devices": ["*"]}"#, "below /dev"),
        (r#"{"devices": ["i2c-1", "sda"]}"#, "never granted"),
        (r#"{"devices": ["mem"]}"#, "never granted"),
        (r#"{"devices": ["bus/*"]}"#, "never granted"),
        (r#"{"devices": ["a*b"]}"#, "below /dev"),
    ] {
        let error = Policy::parse(text.as_bytes()).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
    let many = format!(r#"{{"devices": [{}]}}"#, ["\"rtc\""; 17].join(","));
    assert_eq!(Policy::parse(many.as_bytes()), Err("there are more than 16 devices"));
}

#[test]
fn the_docs_describe_each_key_as_the_table_does() {
    let document = include_str!("../../../docs/users-partition.md");
    for keys::Key { name, text, value, without, .. } in keys::ALL {
        let line = format!("\n| `{name}` | {text} | {value} | {without} |\n");
        assert!(document.contains(&line), "docs/users-partition.md lacks the line{line}");
    }
    assert!(document.contains(&format!("`{}`", Policy::STRICTEST)), "docs/users-partition.md lacks the strictest");
}

#[test]
fn apps_of_a_medium_start_again_and_wait_unless_their_policy_says_something_else() {
    let of = |text: &str, app, unattended| {
        let Upkeep { restart, wait, .. } = Policy::parse(text.as_bytes()).unwrap().upkeep(app, unattended);
        (restart, wait)
    };
    let both = Needs::NETWORK.and(Needs::TIME);
    assert_eq!(of("{}", true, true), (Restart::Always, both));
    assert_eq!(of("{}", true, false), (Restart::No, Needs::NETWORK));
    assert_eq!(of("{}", false, true), (Restart::No, Needs::NONE));
    assert_eq!(of(r#"{"restart": "no", "wait": []}"#, true, true), (Restart::No, Needs::NONE));
    assert_eq!(of(r#"{"restart": "always", "wait": ["time"]}"#, false, false), (Restart::Always, Needs::TIME));
    assert_eq!(of(r#"{"network": "private"}"#, true, true), (Restart::Always, Needs::TIME));
}

#[test]
fn a_star_matches_any_suffix() {
    let policy = Policy::parse(br#"{"devices": ["ttyUSB*", "i2c-1"]}"#).unwrap();
    assert!(policy.grants("ttyUSB0") && policy.grants("ttyUSB") && policy.grants("i2c-1"));
    assert!(!policy.grants("i2c-10") && !policy.grants("ttyS0") && !Policy::STRICTEST.grants("i2c-1"));
}
