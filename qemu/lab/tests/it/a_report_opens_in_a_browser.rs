//! Opens a report's page in a real browser without a network, and reads what a person sees of it: in tables and charts,
//! in light and dark mode, and on paper.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use boot::host::Host;
use boot::host::progress::Progress;
use lab::budget::{Budgets, Landed};
use lab::comparison::{COLUMNS, Comparison, Row};
use lab::figures::{Curve, Event, FORMAT, Figure, Measured};
use lab::readings::PARTS;
use lab::report::{Machine, Report, echarts};
use serde::Deserialize;

const X86_64: &str = include_str!("../../../landed/x86_64.json");
const AARCH64: &str = include_str!("../../../landed/aarch64.json");
const MOMENTS: [&str; 4] = ["kernel", "prompt", "first-line", "idle"];

/// Landed figures with an invented boot and memory; `own` makes the values of this machine unique.
fn machine(arch: &str, landed: &str, own: u64) -> Machine {
    let mut landed: Landed = serde_json::from_str(landed).unwrap();
    let mut figures = landed.machines.remove(&format!("{arch}.direct")).unwrap();
    for moment in MOMENTS {
        let all = PARTS.iter().chain(&["carbon-cache", "tmpfs", "available"]);
        figures.extend(all.map(|name| (format!("memory.{moment}.{name}"), (4096 + own).into())));
    }
    // parts of the medium, for a chart
    let parts = [(format!("file-{own}"), 3 << 20), ("kernel".to_owned(), 1 << 20)].into();
    figures.insert("bytes.medium".to_owned(), Figure { value: 4 << 20, parts });
    let event = |at, what: String| Event { at, what };
    let measured = Measured {
        format: FORMAT,
        arch: arch.to_owned(),
        target: "direct".to_owned(),
        app: None,
        versions: [("node".to_owned(), "24".to_owned())].into(),
        figures,
        timeline: vec![event(500_000, "the kernel begins".to_owned()), event(2_000_000, format!("event-{own}"))],
        curves: vec![Curve {
            placement: format!("place-{own}"),
            points: vec![(48, None), (64, Some(4422)), (512, Some(4055))],
            floor: Some(64),
        }],
    };
    Machine { measured, file: Some(format!("{own}.json")) }
}

/// The result of `what_a_person_sees.js`.
#[derive(Debug, Deserialize)]
struct Seen {
    sections: BTreeMap<String, Section>,
    links: Vec<(String, String)>,
    reached: BTreeMap<String, usize>,
    unfolded: usize,
    /// What the page's policy refused, and how many refusals there were before the script tried anything.
    refused: BTreeSet<String>,
    #[serde(rename = "ofItsOwn")]
    of_its_own: usize,
}

#[derive(Debug, Deserialize)]
struct Section {
    title: String,
    rows: Vec<Vec<String>>,
    charts: Vec<Chart>,
}

#[derive(Debug, Deserialize)]
struct Chart {
    what: String,
    paths: usize,
    labels: Vec<String>,
}

impl Section {
    /// The row that begins with that cell.
    fn row(&self, first: &str) -> &[String] {
        let found = self.rows.iter().find(|row| row.first().is_some_and(|cell| cell == first));
        found.unwrap_or_else(|| panic!("{} has no row {first}: {:?}", self.title, self.rows))
    }

    fn chart(&self, what: &str) -> &Chart {
        self.charts.iter().find(|chart| chart.what == what).unwrap_or_else(|| panic!("{} has no {what}", self.title))
    }
}

impl Chart {
    /// Whether that text is in its own drawing.
    fn says(&self, text: &str) -> bool {
        self.labels.iter().any(|label| label.contains(text))
    }
}

/// A page and a browser that opens it.
struct Browser {
    folder: tempfile::TempDir,
}

impl Browser {
    fn of(page: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("report.html"), page).unwrap();
        Self { folder }
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Runs Chromium on the page, in a network namespace without a network. Returns its output.
    fn open(&self, words: &[&str]) -> String {
        let profile = format!("--user-data-dir={}", self.at("profile").display());
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "chromium", "--headless=new", "--no-sandbox", "--disable-gpu"]);
        command.args([&profile, "--window-size=1200,3000", "--virtual-time-budget=10000"]).args(words);
        let output = command.arg(format!("file://{}", self.at("report.html").display())).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "chromium {words:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn seen(&self) -> Seen {
        let dom = self.open(&["--dump-dom"]);
        let (_, rest) =
            dom.split_once("<pre id=\"seen\">").unwrap_or_else(|| panic!("no script came to its end: {dom}"));
        serde_json::from_str(rest.split("</pre>").next().unwrap()).unwrap()
    }

    fn file(&self, name: &str, words: &[&str], how: &str) -> Vec<u8> {
        let path: &Path = &self.at(name);
        self.open(&[words, &[format!("{how}={}", path.display()).as_str()]].concat());
        std::fs::read(path).unwrap()
    }
}

/// A number with groups of digits: `12 345`.
fn grouped(value: u64) -> String {
    match value {
        0..1000 => value.to_string(),
        _ => format!("{}\u{202f}{:03}", grouped(value / 1000), value % 1000),
    }
}

/// An invented comparison of two systems.
fn comparison() -> Comparison {
    let row = |name: &str, own: u64| Row {
        name: name.to_owned(),
        what: format!("what {name} is"),
        lacks: format!("what {name} lacks"),
        kernel: own * 50_000_000,
        between: own * 9_000_000,
        node: own * 200_000_000,
        bytes: 35_000_000,
        uid: 1000,
        ..Row::default()
    };
    let rows = vec![row("nodeos-plain", 1), row("tini-plain", 2)];
    let grown = |homes: u32| (homes, [("nodeos-plain".to_owned(), 95_000 * u64::from(homes))].into());
    let left_out = [("debian-medium".to_owned(), "no such host".to_owned())].into();
    Comparison {
        format: FORMAT,
        arch: "x86_64".to_owned(),
        ram: 512,
        homes: 1,
        runs: 1,
        versions: [].into(),
        rows,
        growth: [1, 500].map(grown).into(),
        left_out,
    }
}

/// The page of these machines, and the same page with a script that records what is visible.
fn pages(machines: &[Machine]) -> (String, String) {
    let history = Budgets::read(include_str!("../../../budgets.toml")).unwrap().history();
    let host = Host::open(Progress::Silent).unwrap_or_else(|error| panic!("{error}"));
    let echarts = echarts::script(&host).unwrap_or_else(|error| panic!("{error}"));
    let page = Report { machines, comparisons: &[comparison()], history: &history }.page(&echarts).unwrap();
    let script = format!("<script>{}</script></head>", include_str!("what_a_person_sees.js"));
    let watched = page.replacen("</head>", &script, 1);
    (page, watched)
}

/// Two machines that differ only in their measurements, and a third one.
fn machines() -> [Machine; 3] {
    [machine("x86_64", X86_64, 1), machine("x86_64", X86_64, 2), machine("aarch64", AARCH64, 3)]
}

#[test]
fn a_report_opens_in_a_browser() {
    let machines = machines();
    let (page, watched) = pages(&machines);
    let seen = Browser::of(&watched).seen();

    let mut read = 0;
    for (at, Machine { measured, file }) in machines.iter().enumerate() {
        let (own, file) = (at + 1, file.as_ref().unwrap());
        let section = &seen.sections[&format!("{}-direct-{own}", measured.arch)];
        assert_eq!(section.title, format!("{own}. {} direct, {file}", measured.arch));
        for (name, figure) in &measured.figures {
            let (row, cell) = match name.strip_prefix("memory.").and_then(|name| name.split_once('.')) {
                Some((moment, name)) => (name, 1 + MOMENTS.iter().position(|known| *known == moment).unwrap()),
                None => (name.as_str(), 1),
            };
            assert_eq!(section.row(row)[cell], grouped(figure.value), "{name} of {}", section.title);
            // all of its parts are visible once it is unfolded
            for (part, value) in figure.largest() {
                let row = [part.to_owned(), grouped(value)];
                assert!(section.rows.contains(&row.to_vec()), "{part} of {name} of {}", section.title);
            }
            read += 1;
        }
        assert_eq!(section.row(&format!("event-{own}"))[1..], ["2\u{202f}000", "1\u{202f}500"]);
        assert_eq!(section.row(&format!("place-{own}"))[1], "64");

        // each of the four charts shows data of that machine only
        assert_eq!(section.charts.len(), 4);
        for (what, label) in [("treemap", "file"), ("timeline", "event"), ("floor", "place")] {
            let says: Vec<_> = (1..=3).map(|of| section.chart(what).says(&format!("{label}-{of}"))).collect();
            assert_eq!(says, [own == 1, own == 2, own == 3], "{what} of {}", section.title);
        }
        let memory = section.chart("memory");
        assert!(memory.says("first-line") && PARTS.iter().all(|part| memory.says(part)), "{memory:?}");
        let ram = grouped((4096 + at as u64 + 1) * PARTS.len() as u64);
        assert!(section.row("the machine's RAM")[1..].iter().all(|cell| *cell == ram), "{section:?}");
    }
    assert!(read > 100, "{read} figures");
    let beside = &seen.sections["side-by-side-1"];
    let comparison = comparison();
    for column in COLUMNS.iter().filter(|column| (column.of)(&comparison.rows[0]).is_some()) {
        let shown = comparison.rows.iter().map(|row| {
            let ratio = comparison.ratio(row, column);
            let value = (column.of)(row).unwrap();
            (if column.ratio { grouped(value) } else { value.to_string() })
                + &ratio.map_or(String::new(), |ratio| format!("\n({ratio:.2})"))
        });
        assert_eq!(beside.row(column.title)[1..], shown.collect::<Vec<_>>(), "{}", column.title);
    }
    assert_eq!(beside.row("between kernel and node")[2], "18\u{202f}000\u{202f}000\n(2.00)");
    assert_eq!(beside.row("tini-plain")[1..], ["what tini-plain is", "what tini-plain lacks"]);
    assert_eq!(beside.row("500")[1], grouped(47_500_000));
    assert!(beside.chart("comparison").says("tini-plain") && beside.chart("comparison").says("between"), "{beside:?}");
    let drawn: Vec<_> = seen.sections.values().flat_map(|section| &section.charts).collect();
    assert_eq!(drawn.len(), 14, "four charts of each machine, the others' and the history");
    assert!(drawn.iter().all(|chart| chart.paths > 2), "nothing is drawn: {drawn:?}");
    // a keyboard reaches all links and all elements that unfold, and each link leads to what it names
    assert_eq!(seen.links.len(), 5);
    assert!(seen.links.iter().all(|(link, title)| link == title), "{:?}", seen.links);
    assert_eq!(seen.reached, [("a".to_owned(), 5), ("summary".to_owned(), seen.unfolded)].into());

    // everything is drawn under a policy that blocks all requests to a network
    assert_eq!(seen.of_its_own, 0, "{:?}", seen.refused);
    assert_eq!(seen.refused, ["connect-src", "img-src", "script-src-elem"].map(str::to_owned).into());
    let (before, rest) = watched.split_once("<meta http-equiv=\"Content-Security-Policy\"").unwrap();
    let without = format!("{before}{}", rest.split_once('>').unwrap().1);
    assert!(Browser::of(&without).seen().refused.is_empty(), "without it nothing is");

    let browser = Browser::of(&page);
    let picture = |theme: &str| {
        let theme = format!("--blink-settings=preferredColorScheme={theme}");
        browser.file("picture.png", &[&theme], "--screenshot")
    };
    let (dark, light) = (picture("0"), picture("1"));
    assert!(dark.starts_with(b"\x89PNG") && light.starts_with(b"\x89PNG") && dark.len() > 50_000 && dark != light);
    let paper = browser.file("paper.pdf", &[], "--print-to-pdf");
    assert!(paper.starts_with(b"%PDF") && paper.len() > 50_000, "{} bytes", paper.len());
}
