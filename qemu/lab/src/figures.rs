//! Figures: measurements as data. Pure.
//!
//! The name of a figure tells what was measured and where: `bytes.init`, `calls.setup`, `memory.prompt.slab`. The first
//! word is its kind; each kind has one unit.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The format version of the output; other versions are refused.
pub const FORMAT: u32 = 1;

/// One figure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// The value in its kind's unit.
    pub value: u64,
    /// Its parts by name, in the same unit. For compressed files these are the unpacked sizes. For a kernel they are
    /// its options, source and compiler, each with the value 0.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, u64>,
}

impl Figure {
    /// A figure that is the sum of its parts.
    #[must_use]
    pub fn sum(parts: BTreeMap<String, u64>) -> Self {
        Self { value: parts.values().sum(), parts }
    }

    /// Its parts, the largest first, without those of size 0.
    #[must_use]
    pub fn largest(&self) -> Vec<(&str, u64)> {
        let parts = self.parts.iter().map(|(name, value)| (name.as_str(), *value));
        let mut largest: Vec<_> = parts.filter(|(_, value)| *value > 0).collect();
        largest.sort_by_key(|(name, value)| (std::cmp::Reverse(*value), *name));
        largest
    }
}

impl From<u64> for Figure {
    fn from(value: u64) -> Self {
        Self { value, parts: BTreeMap::new() }
    }
}

/// Figures by name.
pub type Figures = BTreeMap<String, Figure>;

/// An event during the boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Microseconds since the machine was started, including the firmware.
    pub at: u64,
    /// What happened.
    pub what: String,
}

/// The duration of a boot, depending on the machine's memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curve {
    /// Where the carbon copy is stored.
    pub placement: String,
    /// MiB of RAM, and milliseconds from the kernel's start to the first line of JavaScript; `None` if it did not come.
    pub points: Vec<(u32, Option<u64>)>,
    /// The smallest memory that was fast enough.
    pub floor: Option<u32>,
}

/// All measurements of one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// `FORMAT`.
    pub format: u32,
    pub arch: String,
    /// The kind of medium.
    pub target: String,
    /// The app, if the machine has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Versions of the parts.
    pub versions: BTreeMap<String, String>,
    pub figures: Figures,
    /// The events of the boot, in chronological order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Event>,
    /// How little memory is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<Curve>,
}

impl Measured {
    /// Parses the output of `nodeos measure --json`.
    pub fn read(text: &str) -> Result<Self, String> {
        of_our_format(text)
    }
}

/// Parses JSON that contains its format version. The version is checked first, because others may have other fields.
pub(crate) fn of_our_format<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    #[derive(Deserialize)]
    struct Format {
        format: Option<u32>,
    }
    let found: Format = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match found.format {
        Some(FORMAT) => serde_json::from_str(text).map_err(|error| error.to_string()),
        Some(other) => Err(format!("its format is {other}, this nodeos knows {FORMAT}: measure again")),
        None => Err("it does not say its format".to_owned()),
    }
}

/// A kind of figures: its name, its unit, its title.
pub struct Kind {
    /// The first word of its figures' names.
    pub name: &'static str,
    /// The unit of all of them.
    pub unit: &'static str,
    pub title: &'static str,
    /// The tolerance between two runs of the same machine, in per cent. `None` if the figures depend on the host's
    /// load and so have no budget, except those in `STEADY`.
    pub within: Option<f64>,
    /// Whether each difference comes from the machine itself.
    pub exact: bool,
}

/// All kinds, in the order of the output.
pub const KINDS: [Kind; 6] = [
    Kind { name: "bytes", unit: "bytes", title: "sizes", within: Some(1.0), exact: true },
    Kind { name: "calls", unit: "calls", title: "system calls", within: Some(0.0), exact: true },
    Kind {
        name: "instructions",
        unit: "instructions",
        title: "instructions to the first line",
        within: Some(5.0),
        exact: false,
    },
    Kind { name: "memory", unit: "KiB", title: "memory", within: None, exact: false },
    Kind { name: "time", unit: "ms", title: "time, emulated", within: None, exact: false },
    Kind { name: "floor", unit: "MiB", title: "smallest memory", within: None, exact: false },
];

/// Figures of memory that are steady enough for a budget.
const STEADY: [&str; 2] = ["memory.first-line.page-cache", "memory.first-line.reserved"];
/// Their tolerance, in per cent.
const STEADY_WITHIN: f64 = 2.0;

/// The tolerance of a figure between two runs, in per cent; `None` if it cannot have a budget.
#[must_use]
pub fn within(figure: &str) -> Option<f64> {
    if STEADY.contains(&figure) { Some(STEADY_WITHIN) } else { kind(figure)?.within }
}

/// The kind of a figure.
#[must_use]
pub fn kind(figure: &str) -> Option<&'static Kind> {
    let (first, _) = figure.split_once('.')?;
    KINDS.iter().find(|kind| kind.name == first)
}

/// The median of each figure of several runs (see `median`): about one run in ten is far below or above the others.
#[must_use]
pub fn middle(runs: Vec<Figures>) -> Figures {
    let mut all = BTreeMap::<String, Vec<Figure>>::new();
    for (name, figure) in runs.into_iter().flatten() {
        all.entry(name).or_default().push(figure);
    }
    let middle = |(name, mut figures): (String, Vec<Figure>)| {
        figures.sort_by_key(|figure| figure.value);
        let at = figures.len().saturating_sub(1) / 2;
        (name, figures.swap_remove(at))
    };
    all.into_iter().map(middle).collect()
}

/// The median: of an even number the lower of the two in the middle, and 0 if there is none.
pub fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut all: Vec<u64> = values.collect();
    all.sort_unstable();
    all.get(all.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

/// The spread of each figure between the runs: (largest - smallest) / smallest, in thousandths.
#[must_use]
pub fn spread(runs: &[Figures]) -> BTreeMap<String, u64> {
    let mut ends = BTreeMap::<&str, (u64, u64)>::new();
    for (name, figure) in runs.iter().flatten() {
        let (low, high) = ends.entry(name).or_insert((figure.value, figure.value));
        (*low, *high) = ((*low).min(figure.value), (*high).max(figure.value));
    }
    ends.into_iter().map(|(name, (low, high))| (name.to_owned(), (high - low) * 1000 / low.max(1))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Figures, Measured, kind, median, middle, spread, within};

    fn run(values: &[(&str, u64)]) -> Figures {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
    }

    #[test]
    fn each_figure_is_a_median_and_the_spread_covers_all_runs() {
        let runs = [[200, 7], [203, 6], [202, 7]].map(|[a, b]| run(&[("calls.a", a), ("calls.b", b)]));
        assert_eq!(spread(&runs), [("calls.a".to_owned(), 15), ("calls.b".to_owned(), 166)].into());
        assert_eq!(middle(runs[..2].to_vec()), run(&[("calls.a", 200), ("calls.b", 6)]));
        assert_eq!(middle(runs.into()), run(&[("calls.a", 202), ("calls.b", 7)]));
        assert_eq!(middle(vec![]), Figures::new());
        assert_eq!([vec![], vec![5], vec![9, 2], vec![3, 1, 2]].map(|all| median(all.into_iter())), [0, 5, 2, 2]);
    }

    #[test]
    fn a_file_of_another_format_is_refused() {
        let good = r#"{"format": 1, "arch": "a", "target": "t", "versions": {}, "figures": {"bytes.a": {"value": 1}}}"#;
        assert_eq!(Measured::read(good).unwrap().figures["bytes.a"].value, 1);
        let refused = |text: &str| Measured::read(text).unwrap_err();
        assert!(refused(&good.replace('1', "0")).contains("its format is 0, this nodeos knows 1"));
        assert!(refused("{}").contains("does not say its format"));
        assert!(refused(r#"{"format": 1}"#).contains("missing field"));
        assert!(refused("no JSON").contains("line 1"));
    }

    #[test]
    fn a_figures_kind_is_its_first_word() {
        assert_eq!(kind("bytes.init").unwrap().unit, "bytes");
        assert!(kind("bytes").is_none() && kind("parsecs.init").is_none());
    }

    #[test]
    fn a_steady_figure_may_have_a_budget_and_others_of_its_kind_may_not() {
        let of = ["bytes.init", "memory.first-line.reserved", "memory.first-line.slab", "parsecs.init"].map(within);
        assert_eq!(of, [Some(1.0), Some(2.0), None, None]);
    }
}
