//! The data that `charts.js` draws.

use std::collections::BTreeMap;

use crate::budget::Entry;
use crate::comparison::{Comparison, Row};
use crate::figures::{Curve, Event, Measured};
use crate::readings::PARTS;
use serde::Serialize;

use super::Section;
use super::side_by_side::id;
use super::treemap::{Node, tree};
use crate::measure::MOMENTS;

/// All of it.
#[derive(Serialize)]
pub struct Data<'a> {
    machines: BTreeMap<&'a str, Machine<'a>>,
    comparisons: BTreeMap<String, Compared<'a>>,
    history: Vec<Line>,
}

#[derive(Serialize)]
struct Machine<'a> {
    treemap: Vec<Node>,
    moments: [&'static str; 4],
    /// KiB at each moment, by kind: the sum is the machine's RAM.
    memory: Vec<(&'static str, [u64; 4])>,
    timeline: &'a [Event],
    curves: &'a [Curve],
}

/// Instructions of each contender.
#[derive(Serialize)]
struct Compared<'a> {
    contenders: Vec<&'a str>,
    parts: [(&'static str, Vec<u64>); 3],
}

impl<'a> Compared<'a> {
    fn of(all: &'a Comparison) -> Self {
        let of = |part: fn(&Row) -> u64| all.rows.iter().map(part).collect();
        Self {
            contenders: all.rows.iter().map(|row| row.name.as_str()).collect(),
            parts: [("kernel", of(|row| row.kernel)), ("between", of(|row| row.between)), ("node", of(|row| row.node))],
        }
    }
}

/// The landed values of a figure.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Line {
    name: String,
    /// Dates and values.
    points: Vec<(String, u64)>,
}

impl<'a> Data<'a> {
    /// The data of these measurements.
    pub fn of(sections: &'a [Section<'a>], comparisons: &'a [Comparison], history: &[Entry]) -> Self {
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
        Self {
            machines: sections.iter().map(machine).collect(),
            comparisons: comparisons.iter().enumerate().map(|(at, all)| (id(at), Compared::of(all))).collect(),
            history: lines(history),
        }
    }
}

/// The machine's memory at each moment, in parts that add up to it. Page cache is split by its content.
fn memory(measured: &Measured) -> Vec<(&'static str, [u64; 4])> {
    if !measured.figures.contains_key("memory.idle.rest") {
        return vec![];
    }
    let of = |what: &str| {
        MOMENTS.map(|moment| measured.figures.get(&format!("memory.{moment}.{what}")).map_or(0, |figure| figure.value))
    };
    let (carbon, tmpfs, other) = held(of("page-cache"), of("carbon-cache"), of("tmpfs"));
    let part = |name| match name {
        "page-cache" => {
            vec![("page-cache: carbon copy", carbon), ("page-cache: tmpfs", tmpfs), ("page-cache: other", other)]
        }
        _ => vec![(name, of(name))],
    };
    PARTS.into_iter().flat_map(part).collect()
}

/// The page cache of the carbon copy, of tmpfs, and the rest. They were not read at the same moment, so the sum is
/// limited to the total.
fn held(all: [u64; 4], carbon: [u64; 4], tmpfs: [u64; 4]) -> ([u64; 4], [u64; 4], [u64; 4]) {
    let mut parts = ([0; 4], [0; 4], [0; 4]);
    for at in 0..all.len() {
        let of_carbon = carbon[at].min(all[at]);
        let of_tmpfs = tmpfs[at].min(all[at] - of_carbon);
        (parts.0[at], parts.1[at], parts.2[at]) = (of_carbon, of_tmpfs, all[at] - of_carbon - of_tmpfs);
    }
    parts
}

/// The changes `MACHINE FIGURE VALUE` and `MACHINE FIGURE WAS -> VALUE` in the file of budgets, by figure.
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
    use super::{Line, held, lines};
    use crate::budget::Entry;

    #[test]
    fn parts_of_the_page_cache_never_exceed_its_size() {
        let parts = held([144, 100, 60, 0], [0, 50, 70, 0], [144, 20, 9, 0]);
        assert_eq!(parts, ([0, 50, 60, 0], [144, 20, 0, 0], [0, 30, 0, 0]));
    }

    #[test]
    fn a_figure_has_a_line_of_its_landed_values() {
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
