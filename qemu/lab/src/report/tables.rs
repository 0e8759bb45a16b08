//! The tables, which contain every figure.

use crate::figures::{Figure, Kind, kind};
use crate::readings::PARTS;
use maud::{Markup, html};

use super::{Section, chart};
use crate::measure::MOMENTS;

/// The figures of one kind.
pub fn of_kind(section: &Section<'_>, of: &Kind) -> Markup {
    let here =
        || section.measured.figures.iter().filter(|(name, _)| kind(name).is_some_and(|kind| kind.name == of.name));
    // curves and the timeline show these
    if here().next().is_none() || ["floor", "time"].contains(&of.name) {
        return html! {};
    }
    if of.name == "memory" {
        return of_memory(section, of);
    }
    html! {
        h3 { (of.title) ", " (of.unit) }
        @if of.name == "bytes" && section.measured.figures.contains_key("bytes.medium") {
            (chart(section, "treemap", "what fills the medium, as areas"))
        }
        table {
            thead { tr { th scope="col" { "figure" } th scope="col" class="number" { (of.unit) } th scope="col" { "made of" } } }
            tbody {
                @for (name, figure) in here() {
                    tr {
                        th scope="row" { (name) }
                        td class="number" { (grouped(figure.value)) }
                        td { (parts(figure)) }
                    }
                }
            }
        }
    }
}

/// The parts of a figure, in an element that can be unfolded. All of them are listed, because charts work neither with
/// a keyboard nor on paper.
fn parts(figure: &Figure) -> Markup {
    let largest = figure.largest();
    let Some((first, _)) = largest.first() else { return html! {} };
    html! {
        details {
            summary { (largest.len()) " parts, the largest " (first) }
            table {
                @for (name, value) in &largest {
                    tr { th scope="row" { (name) } td class="number" { (grouped(*value)) } }
                }
            }
        }
    }
}

/// The parts of memory that add up, their sum, and figures that are already included in it.
fn of_memory(section: &Section<'_>, of: &Kind) -> Markup {
    let value = |moment: &str, name: &str| {
        section.measured.figures.get(&format!("memory.{moment}.{name}")).map_or(0, |figure| figure.value)
    };
    let (parts, others): (Vec<&str>, Vec<&str>) = section
        .measured
        .figures
        .keys()
        .filter_map(|name| name.strip_prefix("memory.kernel."))
        .partition(|name| PARTS.contains(name));
    let row = |name: &str, of: &dyn Fn(&str) -> u64| {
        html! { tr { th scope="row" { (name) } @for moment in MOMENTS { td class="number" { (grouped(of(moment))) } } } }
    };
    let row_of = |name: &str| row(name, &|moment| value(moment, name));
    let sum = |moment: &str| parts.iter().map(|name| value(moment, name)).sum();
    html! {
        h3 { (of.title) " at four moments, " (of.unit) }
        (chart(section, "memory", "memory at four moments, as bars"))
        table {
            thead { tr { th scope="col" { "" } @for moment in MOMENTS { th scope="col" class="number" { (moment) } } } }
            tbody {
                @for name in PARTS.iter().filter(|name| parts.contains(name)) { (row_of(name)) }
            }
            @if parts.len() == PARTS.len() { tbody class="sum" { (row("the machine's RAM", &sum)) } }
            tbody {
                tr { th scope="rowgroup" colspan="5" { "counted in these" } }
                @for name in others { (row_of(name)) }
            }
        }
    }
}

/// The timeline of the boot.
pub fn of_timeline(section: &Section<'_>) -> Markup {
    let timeline = &section.measured.timeline;
    html! {
        h3 { "The boot, ms after the machine was started" }
        (chart(section, "timeline", "the boot, as a line of time"))
        table {
            thead { tr { th scope="col" { "what happens" } th scope="col" class="number" { "at, ms" } th scope="col" class="number" { "after the one before, ms" } } }
            tbody {
                @for (event, before) in timeline.iter().zip([0].into_iter().chain(timeline.iter().map(|event| event.at))) {
                    tr {
                        th scope="row" { (event.what) }
                        td class="number" { (grouped(event.at / 1000)) }
                        td class="number" { (grouped(event.at.saturating_sub(before) / 1000)) }
                    }
                }
            }
        }
    }
}

/// The time by memory, and the smallest memory.
pub fn of_curves(section: &Section<'_>) -> Markup {
    html! {
        h3 { "The first line of JavaScript by the machine's memory" }
        (chart(section, "floor", "time to the first line by memory, as curves"))
        table {
            thead { tr { th scope="col" { "carbon copy" } th scope="col" class="number" { "floor, MiB" } th scope="col" { "MiB: ms after the kernel's start" } } }
            tbody {
                @for curve in &section.measured.curves {
                    tr {
                        th scope="row" { (curve.placement) }
                        td class="number" {
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

/// A number with groups of digits: `12 345 678`.
pub fn grouped(value: u64) -> String {
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
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_three() {
        let thin = |text: &str| text.replace('\u{202f}', " ");
        assert_eq!([0, 999, 1000, 12_345_678].map(|value| thin(&grouped(value))), ["0", "999", "1 000", "12 345 678"]);
    }
}
