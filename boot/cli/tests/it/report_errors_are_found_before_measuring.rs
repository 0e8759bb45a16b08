//! `nodeos report` and `measure` find errors before they build and measure a machine, which takes minutes.

use std::fs;

use crate::command::{Stage, stderr};
use crate::users::names;

/// Runs `nodeos report`. Returns the exit status and stderr.
fn report(stage: &Stage, out: &str) -> (Option<i32>, String) {
    let done = stage.nodeos().args(["report", "--out", out]).output().unwrap();
    (done.status.code(), stderr(&done))
}

#[test]
fn an_unwritable_report_path_is_refused() {
    let stage = Stage::new();
    fs::write(stage.sign("file"), "no report").unwrap();
    let at = |name: &str| stage.sign(name).display().to_string();
    let refused = |out: &str, why: &str| {
        let (status, said) = report(&stage, &at(out));
        assert_eq!(status, Some(64), "{said}");
        assert!(said.contains(&format!("--out {}: ", at(out))) && said.contains(why), "{said}");
    };
    refused("missing/report.html", "/missing: ENOENT");
    refused("file/report.html", "/file: ENOTDIR");
    refused("file", "something is there that is not a report");
    assert_eq!(names(&stage.sign(".")), ["bin", "file", "tmp"], "nothing was built, nothing was left");
}

#[test]
fn figures_of_another_program_are_not_shown_as_an_apps() {
    let stage = Stage::new();
    fs::write(stage.sign("hog.js"), "").unwrap();
    for what in ["memory", "calls", "instructions", "floor"] {
        let done = stage.nodeos().args(["measure", "--only", what]).arg(stage.sign("hog.js")).output().unwrap();
        let said = stderr(&done);
        assert_eq!(done.status.code(), Some(64), "{said}");
        assert!(said.contains(&format!("--only {what}: that is measured with a program of our own")), "{said}");
    }
    assert_eq!(names(&stage.sign(".")), ["bin", "hog.js", "tmp"], "nothing was built");
}

#[test]
fn a_report_without_its_chart_library_is_refused() {
    let stage = Stage::new();
    stage.program("npm", "echo 'no network here' >&2; exit 1");
    let (status, said) = report(&stage, &stage.sign("report.html").display().to_string());
    assert_ne!(status, Some(0));
    assert!(said.contains("fetch ECharts") && said.contains("no network here"), "{said}");
    assert_eq!(names(&stage.sign("cache/nodeos")), ["echarts"], "nothing was built: {said}");
}
