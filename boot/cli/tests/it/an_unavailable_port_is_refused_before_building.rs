//! `nodeos run --publish` with a port that it cannot use fails with the true reason before it
//! builds anything.

use std::fs;
use std::net::TcpListener;

use crate::command::{Stage, stderr};
use crate::users::names;

/// Runs an app with this port published, through another program. Checks that nothing was built,
/// and returns the error.
fn refused(stage: &Stage, through: &[&str], publish: &str) -> String {
    let app = stage.sign("app.js");
    fs::write(&app, "").unwrap();
    let words = [through, &[env!("CARGO_BIN_EXE_nodeos"), "run", app.to_str().unwrap(), "--publish", publish]].concat();
    let done = stage.run(words[0]).args(&words[1..]).output().unwrap();
    let said = stderr(&done);
    assert_eq!(done.status.code(), Some(71), "{said}");
    assert_eq!(names(&stage.sign(".")), ["app.js", "bin", "tmp"], "something was built: {said}");
    said
}

#[test]
fn a_port_below_1024_is_reported_as_privileged_not_as_in_use() {
    let stage = Stage::new();
    // root of a user namespace that does not own the network has no more rights there than an
    // ordinary user
    let said = refused(&stage, &["unshare", "--map-root-user", "--"], "80:80");
    assert!(said.contains("--publish 80:80: only root may listen on ports below 1024"), "{said}");
    assert!(said.contains("net.ipv4.ip_unprivileged_port_start=80") && !said.contains("another program"), "{said}");
}

#[test]
fn a_port_used_by_another_program_is_reported() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let said = refused(&Stage::new(), &["env"], &format!("{port}:80"));
    assert!(said.contains(&format!("another program listens on port {port} of this machine")), "{said}");
}
