//! A report: one page with the measurements, which can be opened anywhere.
//!
//! ```text
//! measured figures, comparisons, the history of the budgets → page (pure): tables, and the same as data for the charts
//! ECharts, pinned, fetched once                             → bundled into the page
//! ```
//!
//! 1. Every figure is in a table, so the page is complete without its script, on paper and in a screen reader. Charts
//!    are additional.
//! 2. It uses no network: its policy blocks all loading.
//!
//! Absent on purpose: drawing code. `charts.js` defines what is drawn, ECharts draws.

mod charts;
pub mod echarts;
mod side_by_side;
mod tables;
mod treemap;

use crate::budget::Entry;
use crate::comparison::Comparison;
use crate::figures::{KINDS, Measured};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use boot::host::error::{Error, Result};

use self::charts::Data;

/// The page's title.
pub const TITLE: &str = "What a NodeOS machine costs";

/// The page's content security policy. It allows only the styles and scripts inside the page (ECharts sets styles of
/// elements). `base-uri` and `form-action` are listed because the default does not cover them (CSP3, 6.3.1 and 6.4.1).
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The content of the page.
pub struct Report<'a> {
    /// Machines, each with a section of its own.
    pub machines: &'a [Machine],
    /// Comparisons with other systems.
    pub comparisons: &'a [Comparison],
    /// The history of landed figures.
    pub history: &'a [Entry],
}

/// The measurements of one machine.
pub struct Machine {
    /// The measurements.
    pub measured: Measured,
    /// The file that it was read from.
    pub file: Option<String>,
}

impl Report<'_> {
    /// The page, including the script of ECharts.
    pub fn page(&self, echarts: &str) -> Result<String> {
        let sections = sections(self.machines);
        let data = serde_json::to_string(&Data::of(&sections, self.comparisons, self.history));
        let data = data.map_err(|error| Error::new("write JSON", error))?;
        let style = PreEscaped(include_str!("page.css"));
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (TITLE) }
                    style { (style) }
                }
                body {
                    header {
                        h1 { (TITLE) }
                        p { "Sizes and system calls are the same at each run, instructions nearly; time is emulated. "
                            code { "docs/measure.md" } " says where each figure comes from." }
                        nav aria-label="Sections" {
                            @for section in &sections { a href={ "#" (section.id) } { (section.title) } }
                            @for (at, of) in self.comparisons.iter().enumerate() {
                                a href={ "#" (side_by_side::id(at)) } { (side_by_side::title(at, of)) }
                            }
                            @if !self.history.is_empty() { a href="#history" { "History of the budgets" } }
                        }
                    }
                    main {
                        @for section in &sections { (of_machine(section)) }
                        @for (at, of) in self.comparisons.iter().enumerate() { (side_by_side::section(at, of)) }
                        @if !self.history.is_empty() { (of_history(self.history)) }
                    }
                    script type="application/json" id="data" { (PreEscaped(data.replace('<', "\\u003c"))) }
                    script { (inline(echarts)) }
                    script { (inline(include_str!("charts.js"))) }
                }
            }
        };
        Ok(page.into_string())
    }
}

/// A machine's section of the page.
struct Section<'a> {
    /// Its id in the page and in the script.
    id: String,
    /// Its title.
    title: String,
    measured: &'a Measured,
}

/// Two machines may differ only in the time of the measurement, so their positions tell them apart.
fn sections(machines: &[Machine]) -> Vec<Section<'_>> {
    let all = machines.iter().enumerate();
    all.map(|(at, machine)| {
        let Measured { arch, target, app, .. } = &machine.measured;
        let number = if machines.len() > 1 { format!("{}. ", at + 1) } else { String::new() };
        let app = app.as_ref().map(|app| format!(" with {app}")).unwrap_or_default();
        let file = machine.file.as_ref().map(|file| format!(", {file}")).unwrap_or_default();
        Section {
            id: format!("{arch}-{target}-{}", at + 1),
            title: format!("{number}{arch} {target}{app}{file}"),
            measured: &machine.measured,
        }
    })
    .collect()
}

/// Embeds a script of ours or of ECharts: the text may contain anything except its own end tag (HTML, 4.12.1.3).
fn inline(script: &str) -> PreEscaped<String> {
    PreEscaped(script.replace("</script", "<\\/script").replace("<!--", "<\\!--"))
}

fn of_machine(section: &Section<'_>) -> Markup {
    let Section { id, title, measured } = section;
    html! {
        section id=(id) {
            h2 { (title) }
            p { @for (name, version) in &measured.versions { (name) " " (version) "  " } }
            @for kind in &KINDS { (tables::of_kind(section, kind)) }
            @if !measured.timeline.is_empty() { (tables::of_timeline(section)) }
            @if !measured.curves.is_empty() { (tables::of_curves(section)) }
        }
    }
}

/// A chart that `charts.js` draws. The table next to it has the same figures.
fn chart(section: &Section<'_>, what: &str, label: &str) -> Markup {
    let label = format!("{}: {label}", section.title);
    html! { div class={ "chart " (what) } data-chart=(what) data-machine=(section.id) role="img" aria-label=(label) {} }
}

fn of_history(history: &[Entry]) -> Markup {
    html! {
        section id="history" {
            h2 { "History of the budgets" }
            div class="chart history" data-chart="history" role="img" aria-label="Figures as they landed, in hundredths of the first" {}
            table {
                thead { tr { th scope="col" { "date" } th scope="col" { "why" } th scope="col" { "what landed" } } }
                tbody {
                    @for entry in history.iter().rev() {
                        tr {
                            th scope="row" { (entry.date) }
                            td { (entry.reason) }
                            td { details { summary { (entry.changes.len()) " figures" }
                                ul { @for change in &entry.changes { li { (change) } } } } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Machine, Report, inline, sections};
    use crate::figures::{Curve, Event, FORMAT, Figure, Measured};

    fn machine(arch: &str, app: Option<&str>, file: Option<&str>) -> Machine {
        let parts = [("<b>&".to_owned(), 7)].into();
        let measured = Measured {
            format: FORMAT,
            arch: arch.to_owned(),
            target: "direct".to_owned(),
            app: app.map(str::to_owned),
            versions: [].into(),
            figures: [
                ("bytes.init".to_owned(), Figure { value: 29520, parts }),
                ("memory.kernel.slab".to_owned(), 3.into()),
                ("memory.idle.slab".to_owned(), 5.into()),
            ]
            .into(),
            timeline: vec![Event { at: 2_500_000, what: "</SCRIPT><!--".to_owned() }],
            curves: vec![Curve {
                placement: "plain".to_owned(),
                points: vec![(64, None), (512, Some(9))],
                floor: None,
            }],
        };
        Machine { measured, file: file.map(str::to_owned) }
    }

    #[test]
    fn every_figure_is_on_the_page_and_its_text_is_escaped() {
        let machines = [machine("x86_64", Some("<script>"), None)];
        let text = Report { machines: &machines, comparisons: &[], history: &[] }.page("let a = '</script>'").unwrap();
        for wanted in [
            "<th scope=\"row\">bytes.init</th><td class=\"number\">29\u{202f}520</td>",
            "<th scope=\"row\">slab</th><td class=\"number\">3</td>",
            "<td class=\"number\">5</td>",
            "<th scope=\"row\">&lt;/SCRIPT&gt;&lt;!--</th><td class=\"number\">2\u{202f}500</td>",
            "&lt;b&gt;&amp;",
            "<h2>x86_64 direct with &lt;script&gt;</h2>",
            "64: never",
            "let a = '<\\/script>'",
            "\"what\":\"\\u003c/SCRIPT>\\u003c!--\"",
        ] {
            assert!(text.contains(wanted), "no {wanted} in {text}");
        }
        assert!(!text.contains("<b>&") && !text.contains("http://") && !text.contains("https://"), "{text}");
        assert_eq!(inline("<!--").into_string(), "<\\!--");
    }

    #[test]
    fn identical_machines_have_separate_sections() {
        let machines = [
            machine("x86_64", None, Some("before.json")),
            machine("x86_64", None, Some("after.json")),
            machine("x86_64", Some("app"), Some("after.json")),
            machine("x86_64", None, Some("after.json")),
        ];
        let sections = sections(&machines);
        let told: Vec<_> = sections.iter().map(|section| (section.id.as_str(), section.title.as_str())).collect();
        assert_eq!(
            told,
            [
                ("x86_64-direct-1", "1. x86_64 direct, before.json"),
                ("x86_64-direct-2", "2. x86_64 direct, after.json"),
                ("x86_64-direct-3", "3. x86_64 direct with app, after.json"),
                ("x86_64-direct-4", "4. x86_64 direct, after.json"),
            ]
        );
    }
}
