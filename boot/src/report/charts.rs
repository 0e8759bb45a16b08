//! What `charts.js` draws, as data.

use std::collections::BTreeMap;

use qemu::budget::Entry;
use qemu::figures::{Curve, Event, Measured};
use serde::Serialize;

use super::Section;
use super::treemap::{Node, tree};
use crate::measure::MOMENTS;

/// All of it.
#[derive(Serialize)]
pub struct Data<'a> {
    machines: BTreeMap<&'a str, Machine<'a>>,
    history: Vec<Line>,
}

#[derive(Serialize)]
struct Machine<'a> {
    treemap: Vec<Node>,
    moments: [&'static str; 4],
    /// KiB at each moment, by what they are: what the kernel accounts for, which is not all.
    memory: Vec<(&'static str, [u64; 4])>,
    timeline: &'a [Event],
    curves: &'a [Curve],
}

/// A figure as it landed.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Line {
    name: String,
    /// A date and a value.
    points: Vec<(String, u64)>,
}

impl<'a> Data<'a> {
    /// Of what was measured.
    pub fn of(sections: &'a [Section<'a>], history: &[Entry]) -> Self {
        let machine = |section: &'a Section<'a>| {
            let measured = section.measured;
            let drawn = Machine {
                treemap: tree(&measured.figures),
                moments: MOMENTS,
                memory: memory(measured),
                timeline: &measured.timeline,
                curves: &measured.curves,
            };
            (section.id.as_str(), drawn)
        };
        Self { machines: sections.iter().map(machine).collect(), history: lines(history) }
    }
}

/// The machine's memory at each moment, in parts that do not overlap.
fn memory(machine: &Measured) -> Vec<(&'static str, [u64; 4])> {
    let of = |what: &str| {
        MOMENTS.map(|moment| machine.figures.get(&format!("memory.{moment}.{what}")).map_or(0, |figure| figure.value))
    };
    if of("reserved") == [0; 4] {
        return vec![];
    }
    let (cache, carbon) = (of("page-cache"), of("carbon-cache"));
    let other = [0, 1, 2, 3].map(|at| cache[at].saturating_sub(carbon[at]));
    vec![
        ("reserved by the kernel", of("reserved")),
        ("slab", of("slab")),
        ("kernel stacks", of("kernel-stacks")),
        ("page tables", of("page-tables")),
        ("programs' own", of("anonymous")),
        ("page cache: carbon copy", carbon),
        ("page cache: other", other),
        ("free", of("free")),
    ]
}

/// `MACHINE FIGURE VALUE` and `MACHINE FIGURE WAS -> VALUE`, as the file of budgets has them, by figure.
fn lines(history: &[Entry]) -> Vec<Line> {
    let mut lines = BTreeMap::<String, Vec<(String, u64)>>::new();
    for entry in history {
        for change in &entry.changes {
            let words: Vec<&str> = change.split(' ').collect();
            if let [machine, figure, .., value] = words[..]
                && let Ok(value) = value.parse()
            {
                lines.entry(format!("{machine} {figure}")).or_default().push((entry.date.clone(), value));
            }
        }
    }
    lines.into_iter().map(|(name, points)| Line { name, points }).collect()
}

#[cfg(test)]
mod tests {
    use super::{Line, lines};
    use qemu::budget::Entry;

    #[test]
    fn a_figure_has_a_line_of_what_landed() {
        let entry = |date: &str, change: &str| Entry {
            date: date.to_owned(),
            reason: "r".to_owned(),
            changes: vec![change.to_owned()],
        };
        let history =
            [entry("2026-01-01", "a.b bytes.c 7"), entry("2026-01-02", "a.b bytes.c 7 -> 9"), entry("x", "odd")];
        let points = vec![("2026-01-01".to_owned(), 7), ("2026-01-02".to_owned(), 9)];
        assert_eq!(lines(&history), [Line { name: "a.b bytes.c".to_owned(), points }]);
    }
}
