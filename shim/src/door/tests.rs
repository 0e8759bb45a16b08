use super::*;

fn asked(text: &str) -> Result<Option<(What, String, bool)>, Refusal> {
    let request = parse(text.as_bytes())?;
    Ok(request.map(|r| (r.route.what, String::from_utf8(r.user.to_vec()).unwrap(), r.follow)))
}

#[test]
fn requests_are_understood() {
    let get = |target: &str| asked(&format!("GET {target} HTTP/1.1\r\nHost: machine\r\nConnection: close\r\n\r\n"));
    let log = |user: &str, follow| Ok(Some((What::Log, user.to_owned(), follow)));
    assert_eq!(get("/status"), Ok(Some((What::Status, String::new(), false))));
    assert_eq!(get("/log"), log("", false));
    assert_eq!(get("/log?follow"), log("", true));
    assert_eq!(get("/log?user=ana&follow=1"), log("ana", true));
    assert_eq!(get("/log?follow=0&user=a%20b+c%C3%B1&x=y"), log("a b cñ", false));
    assert_eq!(asked("POST /reboot HTTP/1.1\r\n\r\n").unwrap().unwrap().0, What::Reboot);
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    for (text, refusal) in [
        ("GET /nothing HTTP/1.1\r\n\r\n", Refusal::NoPath),
        ("GET /status/ HTTP/1.1\r\n\r\n", Refusal::NoPath),
        ("GET http://machine/status HTTP/1.1\r\n\r\n", Refusal::NoPath),
        ("GET /poweroff HTTP/1.1\r\n\r\n", Refusal::Method("POST")),
        ("POST /status HTTP/1.1\r\n\r\n", Refusal::Method("GET")),
        ("hello\r\n\r\n", Refusal::Malformed),
        ("GET /status\r\n\r\n", Refusal::Malformed),
        ("GET /status HTTP/1.0\r\n\r\n", Refusal::Malformed),
        ("GET /status HTTP/3.0\r\n\r\n", Refusal::Malformed),
        ("GET /log?user=%4 HTTP/1.1\r\n\r\n", Refusal::NoLog),
        ("GET /log?user=%zz HTTP/1.1\r\n\r\n", Refusal::NoLog),
        ("\0\0\0\0", Refusal::Malformed),
    ] {
        assert_eq!(asked(text), Err(refusal), "{text}");
    }
    let long = format!("GET /log?user={} HTTP/1.1\r\n\r\n", "x".repeat(256));
    assert_eq!(asked(&long), Err(Refusal::NoLog));
    let headers = format!("GET /status HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(40));
    assert_eq!(asked(&headers), Err(Refusal::TooLong));
    let endless = format!("GET /status HTTP/1.1\r\na: {}", "b".repeat(MAX_HEAD));
    assert_eq!(asked(&endless[..MAX_HEAD]), Err(Refusal::TooLong));
}

#[test]
fn a_request_that_is_cut_off_is_waited_for() {
    let text = "GET /log?user=ana HTTP/1.1\r\nHost: machine\r\n\r\n";
    for length in 0..text.len() {
        assert_eq!(asked(&text[..length]), Ok(None), "{length}");
    }
    assert!(asked(text).unwrap().is_some());
}

#[test]
fn each_request_takes_a_right() {
    for route in ROUTES {
        assert_eq!(allowed(route, Rights::NONE), Err(Refusal::NotAllowed), "{}", route.path);
        assert_eq!(allowed(route, Rights::ALL), Ok(()), "{}", route.path);
    }
    let power = route("POST", "/poweroff").unwrap();
    assert_eq!(allowed(power, Rights::STATUS), Err(Refusal::NotAllowed));
    assert_eq!(allowed(route("GET", "/status").unwrap(), Rights::STATUS), Ok(()));
}

#[test]
fn a_user_has_few_places_and_takes_nobody_elses() {
    let of = |uid, since| Some((uid, since));
    assert_eq!(room(1000, &[of(1000, 1), None]), Room::Free);
    assert_eq!(room(1000, &[of(1000, 1), of(1000, 2), of(1000, 3), of(1000, 4), None]), Room::None);
    assert_eq!(room(0, &[of(0, 1), of(0, 2), of(0, 3), of(0, 4), None]), Room::Free);
    // full: the oldest of the one who has the most
    let full = [of(1, 1), of(2, 9), of(3, 5), of(2, 7), of(4, 2)];
    assert_eq!(room(5, &full), Room::Instead(3));
    assert_eq!(room(0, &full), Room::Instead(3));
    assert_eq!(room(5, &[]), Room::None);
}

#[test]
fn kernel_and_follow_are_switches() {
    let switches = |query: &str| {
        let request = parse(format!("GET /log?{query} HTTP/1.1\r\n\r\n").as_bytes()).unwrap().unwrap();
        (request.kernel, request.follow)
    };
    assert_eq!(switches("kernel"), (true, false));
    assert_eq!(switches("kernel=1&follow"), (true, true));
    assert_eq!(switches("kernel=0&follow=false"), (false, false));
}

#[test]
fn refusals_say_the_numbers_of_their_limits() {
    let says = |refusal: Refusal, text: String| assert!(refusal.text().1.contains(&text), "{refusal:?}: {text}");
    says(Refusal::Late, format!("{} seconds", ARRIVES / 1000));
    says(Refusal::TooLong, format!("{MAX_HEAD} bytes or {} headers", request::MAX_HEADERS));
    says(Refusal::TooMany, format!("{} connections", room::MAX_OF_A_USER));
}

#[test]
fn the_openapi_file_describes_each_route_and_its_refusals() {
    let document = include_str!("../../../docs/door.yaml");
    for event in saphyr_parser::Parser::new_from_str(document) {
        let _ = event.unwrap();
    }
    for Route { method, path, .. } in ROUTES {
        let (_, below) = document.split_once(&format!("\n  {path}:\n")).unwrap_or_else(|| panic!("no {path}"));
        let own = below.split("\n  /").next().unwrap().split("\ncomponents").next().unwrap();
        assert!(own.contains(&format!("    {}:\n", method.to_lowercase())), "{path} lacks {method}");
        let refusals = [Refusal::Malformed, Refusal::NotAllowed, Refusal::Late, Refusal::TooLong, Refusal::TooMany];
        let of_others: &[Refusal] = match *path {
            "/log" => &[Refusal::NoLog, Refusal::NoKernelLog, Refusal::NotYours],
            "/restart" => &[Refusal::NothingRan, Refusal::Busy, Refusal::NotYours],
            "/stop" => &[Refusal::NoUser, Refusal::Busy, Refusal::NotYours],
            _ => &[],
        };
        for refusal in refusals.iter().chain(of_others) {
            let status = &refusal.text().0[..3];
            assert!(own.contains(&format!("\"{status}\"")), "{path} lacks {status}");
        }
    }
    let paths = document.lines().filter(|line| line.starts_with("  /")).count();
    assert_eq!(paths, ROUTES.len(), "a path that the door does not have");
    for other in [Refusal::NoPath, Refusal::Method("")] {
        assert!(document.contains(&other.text().0[..3]), "{other:?}");
    }
}

#[test]
fn the_openapi_file_has_each_key_of_the_status() {
    let document = include_str!("../../../docs/door.yaml");
    let source = include_str!("../guest/control/facts.rs");
    let keys = source
        .split("\\\"")
        .skip(1)
        .step_by(2)
        .filter(|key| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    let keys: std::collections::BTreeSet<_> = keys.collect();
    assert!(keys.len() >= 16, "{keys:?}");
    for key in keys {
        assert!(document.contains(&format!("{key}:")), "docs/door.yaml lacks {key}");
    }
}
