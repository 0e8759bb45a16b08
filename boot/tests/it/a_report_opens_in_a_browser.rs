//! A report's page in a real browser, which has no network: figures are read back from what it made of the page, charts are drawn,
//! in light, in dark and on paper.

use std::path::Path;
use std::process::Command;

use boot::cache::Cache;
use boot::progress::Progress;
use boot::report::{Report, echarts};
use qemu::budget::{Budgets, Landed};
use qemu::figures::{Curve, Event, FORMAT, Measured};

/// Figures that landed, with a boot and memory as they might be.
fn measured(arch: &str, landed: &str) -> Measured {
    let mut landed: Landed = serde_json::from_str(landed).unwrap();
    let mut figures = landed.machines.remove(&format!("{arch}.direct")).unwrap();
    for moment in ["kernel", "prompt", "first-line", "idle"] {
        let all =
            ["reserved", "slab", "kernel-stacks", "page-tables", "anonymous", "page-cache", "carbon-cache", "free"];
        figures.extend(all.map(|name| (format!("memory.{moment}.{name}"), 4096.into())));
    }
    let event = |(at, what): (u64, &str)| Event { at, what: what.to_owned() };
    Measured {
        format: FORMAT,
        arch: arch.to_owned(),
        target: "direct".to_owned(),
        app: None,
        versions: [("node".to_owned(), "24".to_owned())].into(),
        figures,
        timeline: [(500_000, "the kernel begins"), (2_000_000, "PID 1 begins")].map(event).into(),
        curves: vec![Curve {
            placement: "medium".to_owned(),
            points: vec![(48, None), (64, Some(4422)), (512, Some(4055))],
            floor: Some(64),
        }],
    }
}

/// Chromium on that page, in a network namespace without a network.
fn chromium(folder: &Path, words: &[&str]) -> String {
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let page = format!("file://{}", folder.join("report.html").display());
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", &profile]);
    command.args(["--window-size=1200,3000", "--virtual-time-budget=10000"]).args(words).arg(page);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "chromium {words:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The value of an attribute in the first tag that has that text.
fn attribute<'a>(page: &'a str, tag: &str, name: &str) -> Option<&'a str> {
    let tag = page.split('<').find(|text| text.split('>').next().is_some_and(|inside| inside.contains(tag)))?;
    tag.split_once(&format!("{name}=\""))?.1.split('"').next()
}

#[test]
fn a_report_opens_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let machines = [
        measured("x86_64", include_str!("../../../qemu/landed/x86_64.json")),
        measured("aarch64", include_str!("../../../qemu/landed/aarch64.json")),
    ];
    let history = Budgets::read(include_str!("../../../qemu/budgets.toml")).unwrap().history();
    let cache = Cache::open().unwrap_or_else(|error| panic!("{error}"));
    let echarts = echarts::script(&cache, Progress::Silent).unwrap_or_else(|error| panic!("{error}"));
    let page = Report { machines: &machines, history: &history }.page(&echarts).unwrap();
    std::fs::write(folder.path().join("report.html"), &page).unwrap();

    let dom = chromium(folder.path(), &["--dump-dom"]);
    let mut read = 0;
    for machine in &machines {
        for (name, figure) in &machine.figures {
            let tag = format!("data-machine=\"{}-direct\" data-figure=\"{name}\"", machine.arch);
            assert_eq!(attribute(&dom, &tag, "data-value"), Some(figure.value.to_string().as_str()), "{tag}");
            read += 1;
        }
    }
    assert!(read > 100, "{read} figures");
    // four charts of each machine, and the history: each of them a drawing with something in it
    assert_eq!(attribute(&dom, "data-drawn", "data-drawn"), Some("9"), "the script came to its end");
    let charts: Vec<&str> = dom.split("data-chart=").skip(1).collect();
    assert_eq!(charts.len(), 9);
    for chart in charts {
        let drawing = chart.split("</svg>").next().unwrap();
        assert!(drawing.contains("<svg") && drawing.matches("<path").count() > 2, "nothing is drawn: {drawing}");
    }
    assert!(dom.contains("/bin/node") && dom.contains("PID 1 begins"), "labels of charts");

    let picture = |theme: &str| {
        let path = folder.path().join(format!("{theme}.png"));
        let out = format!("--screenshot={}", path.display());
        chromium(folder.path(), &[&out, &format!("--blink-settings=preferredColorScheme={theme}")]);
        std::fs::read(path).unwrap()
    };
    let (dark, light) = (picture("0"), picture("1"));
    assert!(dark.starts_with(b"\x89PNG") && light.starts_with(b"\x89PNG") && dark.len() > 50_000 && dark != light);
    let paper = folder.path().join("paper.pdf");
    chromium(folder.path(), &[&format!("--print-to-pdf={}", paper.display())]);
    let paper = std::fs::read(paper).unwrap();
    assert!(paper.starts_with(b"%PDF") && paper.len() > 50_000, "{} bytes", paper.len());
}
