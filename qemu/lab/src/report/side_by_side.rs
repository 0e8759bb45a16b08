//! The comparison with other systems: figures with ratios, what each contender is and lacks, how the cost grows.

use crate::comparison::{COLUMNS, Comparison};
use maud::{Markup, html};

use super::tables::grouped;

/// Its id in the page and in the script.
pub fn id(at: usize) -> String {
    format!("side-by-side-{}", at + 1)
}

/// Its title.
pub fn title(at: usize, all: &Comparison) -> String {
    let number = if at > 0 { format!(", {}", at + 1) } else { String::new() };
    format!("Side by side, {}{number}", all.arch)
}

/// The whole section.
pub fn section(at: usize, all: &Comparison) -> Markup {
    let label = format!("{}: instructions to the first line, as bars", title(at, all));
    html! {
        section id=(id(at)) {
            h2 { (title(at, all)) }
            p { @for (name, version) in &all.versions { (name) " " (version) "  " } }
            p { "Machines with " (all.ram) " MiB and " (all.homes) " homes, of which one runs something, the same QEMU and kernel; time is the median of "
                (all.runs) ". In brackets: the ratio to this system with node in the same place." }
            div class="chart comparison" data-chart="comparison" data-comparison=(id(at)) role="img" aria-label=(label) {}
            table class="wide" {
                thead { tr { th scope="col" { "" } @for row in &all.rows { th scope="col" class="number" { (row.name) } } } }
                tbody {
                    @for column in COLUMNS.iter().filter(|column| all.rows.iter().any(|row| (column.of)(row).is_some())) {
                        tr {
                            th scope="row" { (column.title) }
                            @for row in &all.rows {
                                td class="number" {
                                    @match (column.of)(row) {
                                        Some(value) if column.ratio => { (grouped(value)) }
                                        Some(value) => { (value) }
                                        None => { "–" }
                                    }
                                    @if let Some(ratio) = all.ratio(row, column) {
                                        " " span class="ratio" { "(" (format!("{ratio:.2}")) ")" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            (contenders(all))
            @if all.growth.len() > 1 { (growth(all)) }
            @for (name, why) in &all.left_out { p { "Left out: " (name) ": " (why) } }
        }
    }
}

fn contenders(all: &Comparison) -> Markup {
    html! {
        h3 { "Contenders" }
        table {
            thead { tr { th scope="col" { "" } th scope="col" { "what it is" } th scope="col" { "what it leaves out of what this system does" } } }
            tbody {
                @for row in &all.rows { tr { th scope="row" { (row.name) } td { (row.what) } td { (row.lacks) } } }
            }
        }
    }
}

/// Instructions between kernel and node, one row per number of homes.
fn growth(all: &Comparison) -> Markup {
    let names: Vec<_> = all.rows.iter().map(|row| &row.name).collect();
    html! {
        h3 { "Instructions between kernel and node, by homes of which one runs something" }
        table class="wide" {
            thead { tr { th scope="col" class="number" { "homes" } @for name in &names { th scope="col" class="number" { (name) } } } }
            tbody {
                @for (homes, by_name) in &all.growth {
                    tr {
                        th scope="row" class="number" { (homes) }
                        @for name in &names {
                            td class="number" { @if let Some(value) = by_name.get(*name) { (grouped(*value)) } @else { "–" } }
                        }
                    }
                }
            }
        }
    }
}
