//! A report: one page with what was measured, to be opened anywhere.
//!
//! ```text
//! measured figures + the history of the budgets → page (pure): tables, and the same as data for the charts
//! ECharts, pinned: fetched once              → bundled into the page
//! ```
//!
//! 1. Every figure stands in a table: the page says all without its script, printed, and to a screen reader. Charts are beside them.
//! 2. It asks the network for nothing.
//!
//! Absent on purpose: drawing code. `charts.js` says what is drawn, ECharts draws.

mod charts;
pub mod echarts;
mod treemap;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use qemu::budget::Entry;
use qemu::figures::{Curve, Event, Figure, KINDS, Kind, Measured, kind};

use crate::error::{Error, Result};
use crate::measure::MOMENTS;

use self::charts::Data;

/// The page's title.
pub const TITLE: &str = "What a NodeOS machine costs";
/// Parts of a figure that its table shows.
const PARTS: usize = 12;

/// What stands in it.
pub struct Report<'a> {
    /// Machines, each with a section of its own.
    pub machines: &'a [Measured],
    /// What landed when and why.
    pub history: &'a [Entry],
}

impl Report<'_> {
    /// The page, with that script of ECharts in it.
    pub fn page(&self, echarts: &str) -> Result<String> {
        let data = serde_json::to_string(&Data::of(self.machines, self.history));
        let data = data.map_err(|error| Error::new("write JSON", error))?;
        Ok(page(self.machines, self.history, &data, echarts))
    }
}

/// A script of ours, or of ECharts: its text can hold anything but its own end (HTML, 4.12.1.3).
fn inline(script: &str) -> PreEscaped<String> {
    PreEscaped(script.replace("</script", "<\\/script").replace("<!--", "<\\!--"))
}

fn page(machines: &[Measured], history: &[Entry], data: &str, echarts: &str) -> String {
    let style = PreEscaped(include_str!("page.css"));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (TITLE) }
                style { (style) }
            }
            body {
                header {
                    h1 { (TITLE) }
                    p { "Sizes, system calls and instructions are the same at each run; time is emulated. "
                        code { "docs/measure.md" } " says where each figure comes from." }
                    nav aria-label="Sections" {
                        @for machine in machines { a href={ "#" (id(machine)) } { (name(machine)) } }
                        @if !history.is_empty() { a href="#history" { "History of the budgets" } }
                    }
                }
                main {
                    @for machine in machines { (of_machine(machine)) }
                    @if !history.is_empty() { (of_history(history)) }
                }
                script type="application/json" id="data" { (PreEscaped(data.replace('<', "\\u003c"))) }
                script { (inline(echarts)) }
                script { (inline(include_str!("charts.js"))) }
            }
        }
    };
    page.into_string()
}

fn id(machine: &Measured) -> String {
    format!("{}-{}", machine.arch, machine.target)
}

fn name(machine: &Measured) -> String {
    match &machine.app {
        Some(app) => format!("{} {} with {app}", machine.arch, machine.target),
        None => format!("{} {}", machine.arch, machine.target),
    }
}

fn of_machine(machine: &Measured) -> Markup {
    html! {
        section id=(id(machine)) {
            h2 { (name(machine)) }
            p { @for (name, version) in &machine.versions { (name) " " (version) "  " } }
            @for kind in &KINDS { (of_kind(machine, kind)) }
            @if !machine.timeline.is_empty() { (of_timeline(machine, &machine.timeline)) }
            @if !machine.curves.is_empty() { (of_curves(machine, &machine.curves)) }
        }
    }
}

/// A chart that `charts.js` draws; what it shows stands in the table beside it.
fn chart(machine: &Measured, what: &str, label: &str) -> Markup {
    html! { div class={ "chart " (what) } data-chart=(what) data-machine=(id(machine)) role="img" aria-label=(label) {} }
}

fn of_kind(machine: &Measured, of: &Kind) -> Markup {
    let here = || machine.figures.iter().filter(|(name, _)| kind(name).is_some_and(|kind| kind.name == of.name));
    // curves and the timeline have these
    if here().next().is_none() || ["floor", "time"].contains(&of.name) {
        return html! {};
    }
    if of.name == "memory" {
        return of_memory(machine, of);
    }
    html! {
        h3 { (of.title) ", " (of.unit) }
        @if of.name == "bytes" && machine.figures.contains_key("bytes.medium") {
            (chart(machine, "treemap", "What fills the medium, as areas"))
        }
        table {
            thead { tr { th scope="col" { "figure" } th scope="col" class="number" { (of.unit) } th scope="col" { "made of" } } }
            tbody {
                @for (name, figure) in here() {
                    tr {
                        th scope="row" { (name) }
                        td class="number" data-machine=(id(machine)) data-figure=(name) data-value=(figure.value) { (grouped(figure.value)) }
                        td { (parts(figure)) }
                    }
                }
            }
        }
    }
}

/// The largest parts, to be unfolded.
fn parts(figure: &Figure) -> Markup {
    let largest = figure.largest();
    let Some((first, _)) = largest.first() else { return html! {} };
    html! {
        details {
            summary { (largest.len()) " parts, the largest " (first) }
            table {
                @for (name, value) in largest.iter().take(PARTS) {
                    tr { th scope="row" { (name) } td class="number" { (grouped(*value)) } }
                }
                @if largest.len() > PARTS {
                    tr { th scope="row" { (largest.len() - PARTS) " more" }
                        td class="number" { (grouped(largest.iter().skip(PARTS).map(|(_, value)| *value).sum())) } }
                }
            }
        }
    }
}

fn of_memory(machine: &Measured, of: &Kind) -> Markup {
    let names = || machine.figures.keys().filter_map(|name| name.strip_prefix("memory.kernel."));
    let figure = |moment: &str, name: &str| {
        let figure = format!("memory.{moment}.{name}");
        let value = machine.figures.get(&figure).map_or(0, |figure| figure.value);
        html! { td class="number" data-machine=(id(machine)) data-figure=(figure) data-value=(value) { (grouped(value)) } }
    };
    html! {
        h3 { (of.title) " at four moments, " (of.unit) }
        (chart(machine, "memory", "Memory at four moments, as bars"))
        table {
            thead { tr { th scope="col" { "" } @for moment in MOMENTS { th scope="col" class="number" { (moment) } } } }
            tbody {
                @for name in names() { tr { th scope="row" { (name) } @for moment in MOMENTS { (figure(moment, name)) } } }
            }
        }
    }
}

fn of_timeline(machine: &Measured, timeline: &[Event]) -> Markup {
    html! {
        h3 { "The boot, ms after the machine was started" }
        (chart(machine, "timeline", "The boot, as a line of time"))
        table {
            thead { tr { th scope="col" { "what happens" } th scope="col" class="number" { "at, ms" } th scope="col" class="number" { "after the one before, ms" } } }
            tbody {
                @for (event, before) in timeline.iter().zip([0].into_iter().chain(timeline.iter().map(|event| event.at))) {
                    tr {
                        th scope="row" { (event.what) }
                        td class="number" data-machine=(id(machine)) data-event=(event.what) data-value=(event.at) { (grouped(event.at / 1000)) }
                        td class="number" { (grouped(event.at.saturating_sub(before) / 1000)) }
                    }
                }
            }
        }
    }
}

fn of_curves(machine: &Measured, curves: &[Curve]) -> Markup {
    html! {
        h3 { "The first line of JavaScript by the machine's memory" }
        (chart(machine, "floor", "Time to the first line by memory, as curves"))
        table {
            thead { tr { th scope="col" { "carbon copy" } th scope="col" class="number" { "floor, MiB" } th scope="col" { "MiB: ms after the kernel's start" } } }
            tbody {
                @for curve in curves {
                    tr {
                        th scope="row" { (curve.placement) }
                        td class="number" data-machine=(id(machine)) data-floor=(curve.placement) data-value=[curve.floor] {
                            @match curve.floor { Some(mib) => { (mib) } None => { "none" } }
                        }
                        td { @for (mib, took) in &curve.points {
                            span class="point" { (mib) ": " @match took { Some(ms) => { (grouped(*ms)) } None => { "never" } } } " "
                        } }
                    }
                }
            }
        }
    }
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

/// `12 345 678`, as people read it.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{grouped, inline, page};
    use qemu::figures::{Curve, Event, FORMAT, Figure, Measured};

    #[test]
    fn numbers_are_grouped_by_three() {
        let thin = |text: &str| text.replace('\u{202f}', " ");
        assert_eq!([0, 999, 1000, 12_345_678].map(|value| thin(&grouped(value))), ["0", "999", "1 000", "12 345 678"]);
    }

    #[test]
    fn every_figure_stands_in_the_page_and_nothing_of_it_is_markup() {
        let parts = [("<b>&".to_owned(), 7)].into();
        let machine = Measured {
            format: FORMAT,
            arch: "x86_64".to_owned(),
            target: "direct".to_owned(),
            app: Some("<script>".to_owned()),
            versions: [].into(),
            figures: [
                ("bytes.init".to_owned(), Figure { value: 29520, parts }),
                ("memory.kernel.slab".to_owned(), 3.into()),
                ("memory.idle.slab".to_owned(), 5.into()),
            ]
            .into(),
            timeline: vec![Event { at: 2_500, what: "PID 1 begins".to_owned() }],
            curves: vec![Curve {
                placement: "plain".to_owned(),
                points: vec![(64, None), (512, Some(9))],
                floor: None,
            }],
        };
        let text = page(&[machine], &[], "{\"a\": \"</SCRIPT><!--\"}", "let a = '</script>'");
        for wanted in [
            "data-figure=\"bytes.init\" data-value=\"29520\"",
            "data-figure=\"memory.idle.slab\" data-value=\"5\"",
            "data-event=\"PID 1 begins\" data-value=\"2500\"",
            "&lt;b&gt;&amp;",
            "&lt;script&gt;",
            "64: never",
            "let a = '<\\/script>'",
            "{\"a\": \"\\u003c/SCRIPT>\\u003c!--\"}",
        ] {
            assert!(text.contains(wanted), "no {wanted} in {text}");
        }
        assert!(!text.contains("<b>&") && !text.contains("http://") && !text.contains("https://"), "{text}");
        assert_eq!(inline("<!--").into_string(), "<\\!--");
    }
}
