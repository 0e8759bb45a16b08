//! Budgets: what each figure may be, what it was when it last landed, and who is to blame for more. Pure but for `records`
//! (files) and `machines` (what is measured).
//!
//! ```text
//! budgets.toml + landed figures + measured figures → findings
//! measured figures + a reason → budgets.toml, landed figures
//! ```

mod file;
pub mod machines;
mod records;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::figures::{Figure, Figures, Measured, kind, of_our_format};

pub use self::file::Budgets;
pub use self::records::{BUDGETS, Records};

/// What one figure may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// The promise: more never lands.
    pub limit: u64,
    /// What it was when it last landed.
    pub landed: u64,
    /// How many hundredths it may be above that without a word.
    pub within: f64,
}

impl Budget {
    /// The most that passes without a word.
    fn most(self) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "figures are far below 2^52")]
        let more = (self.landed as f64 * self.within / 100.0).floor();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within is not negative: `read`")]
        let more = more as u64;
        self.landed.saturating_add(more)
    }

    /// What is to be said of a figure that is so large, but for its limit.
    fn differs(self, is: u64) -> Option<What> {
        if is > self.most() {
            return Some(What::Grown(is, self.landed));
        }
        (self.landed > Self { landed: is, ..self }.most()).then_some(What::Shrunk(is, self.landed))
    }
}

/// Figures that landed, by machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landed {
    /// `FORMAT`.
    pub format: u32,
    pub machines: BTreeMap<String, Figures>,
}

impl Landed {
    /// Reads a record's text.
    pub fn read(text: &str) -> Result<Self, String> {
        of_our_format(text)
    }
}

/// Why figures landed, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Year, month, day.
    pub date: String,
    /// Why that was right.
    pub reason: String,
    /// `MACHINE FIGURE VALUE`, or `MACHINE FIGURE WAS -> VALUE`.
    pub changes: Vec<String>,
}

/// The machine that was measured, as budgets name it.
#[must_use]
pub fn machine(measured: &Measured) -> String {
    machines::name(&measured.arch, &measured.target)
}

/// A figure that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub machine: String,
    pub figure: String,
    /// What is wrong.
    pub what: What,
    /// What grew since it landed, the most first.
    pub blame: Vec<String>,
}

/// What is wrong with a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It is above its limit: what it is, and the limit.
    Over(u64, u64),
    /// It is above what landed, more than its row allows: what it is, and what it was.
    Grown(u64, u64),
    /// It is measured and has no budget.
    New(u64),
    /// It has a budget and is not measured.
    Gone,
    /// It landed as one thing in one file and as another in the other: by the budgets, and by the record.
    Odd(u64, u64),
    /// It is below what landed, more than its row allows: what it is, and what it was. Nothing fails for that.
    Shrunk(u64, u64),
}

impl What {
    /// Whether it closes the gate.
    #[must_use]
    pub fn fails(self) -> bool {
        !matches!(self, Self::Shrunk(..))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = kind(&self.figure).map_or("", |kind| kind.unit);
        write!(f, "{} {}: ", self.machine, self.figure)?;
        match self.what {
            What::Over(is, limit) => write!(f, "{is} {unit}, the limit is {limit}")?,
            What::Grown(is, was) => write!(f, "{is} {unit}, {was} when it last landed{}", percent(is, was))?,
            What::New(is) => write!(f, "{is} {unit}, and no budget has it")?,
            What::Gone => write!(f, "it has a budget, and nothing measures it")?,
            What::Odd(budget, record) => {
                write!(f, "it landed as {budget} {unit} by the budgets, as {record} by the record of its parts")?;
            }
            What::Shrunk(is, was) => write!(f, "{is} {unit}, {was} when it last landed: less")?,
        }
        self.blame.iter().try_for_each(|part| write!(f, "\n    {part}"))
    }
}

fn percent(is: u64, was: u64) -> String {
    match (is.saturating_sub(was) * 1000).checked_div(was) {
        Some(thousandths) => format!(", {}.{} % more", thousandths / 10, thousandths % 10),
        None => String::new(),
    }
}

/// How many parts are blamed.
const BLAMED: usize = 5;

/// What grew, and what is new, the most first.
#[must_use]
pub fn blame(now: &Figure, landed: Option<&Figure>) -> Vec<String> {
    let before = landed.map(|figure| &figure.parts);
    let was = |name: &String| before.and_then(|parts| parts.get(name)).copied();
    let mut grown: Vec<_> = now
        .parts
        .iter()
        .filter_map(|(name, value)| match was(name) {
            Some(was) if *value > was => Some((value - was, name, "")),
            Some(_) => None,
            None => Some((*value, name, " (new)")),
        })
        .collect();
    grown.sort_by_key(|(more, name, _)| (std::cmp::Reverse(*more), *name));
    let rest = grown.len().saturating_sub(BLAMED);
    let mut lines: Vec<_> = grown
        .iter()
        .take(BLAMED)
        .map(|(more, name, new)| match more {
            // an option of the kernel's
            0 => format!("{name}{new}"),
            _ => format!("+{more} {name}{new}"),
        })
        .collect();
    if rest > 0 {
        lines.push(format!("and {rest} more parts"));
    }
    lines
}

impl Budgets {
    /// From here on each figure is held against what it was then; limits stay.
    pub fn hold_against(&mut self, then: &Landed) {
        for (machine, rows) in &mut self.rows {
            for (name, row) in rows {
                if let Some(figure) = then.machines.get(machine).and_then(|figures| figures.get(name)) {
                    row.landed = figure.value;
                }
            }
        }
    }

    /// What is wrong with a machine's figures, of those kinds that are the same at each run.
    #[must_use]
    pub fn check(&self, measured: &Measured, landed: &Landed) -> Vec<Finding> {
        let machine = machine(measured);
        let none = BTreeMap::new();
        let (rows, before) = (self.rows.get(&machine).unwrap_or(&none), landed.machines.get(&machine));
        let finding = |figure: &str, what: What| {
            let landed = before.and_then(|figures| figures.get(figure));
            let now = measured.figures.get(figure).filter(|_| what.fails());
            let mut blame = now.map(|now| blame(now, landed)).unwrap_or_default();
            if let Some(program) = figure.strip_prefix("instructions.").filter(|_| blame.is_empty() && now.is_some()) {
                blame = beside(program, &measured.figures, before);
            }
            Finding { machine: machine.clone(), figure: figure.to_owned(), what, blame }
        };
        let mut findings = Vec::new();
        for (name, figure) in gated(&measured.figures) {
            let is = figure.value;
            match rows.get(name) {
                None => findings.push(finding(name, What::New(is))),
                Some(row) if is > row.limit => findings.push(finding(name, What::Over(is, row.limit))),
                Some(row) => findings.extend(row.differs(is).map(|what| finding(name, what))),
            }
        }
        for (name, row) in rows {
            let record = before.and_then(|figures| figures.get(name)).map(|figure| figure.value);
            if let Some(record) = record.filter(|record| *record != row.landed) {
                findings.push(finding(name, What::Odd(row.landed, record)));
            }
        }
        let gone = rows.keys().filter(|name| !measured.figures.contains_key(*name));
        findings.extend(gone.map(|name| finding(name, What::Gone)));
        findings
    }
}

/// What else grew of a program that executes more: its calls and its bytes.
fn beside(program: &str, figures: &Figures, before: Option<&Figures>) -> Vec<String> {
    let program = if program == "node" { "carbon" } else { program };
    let names = [format!("calls.{program}"), format!("bytes.{program}")];
    let of = |name: &String| {
        let was = before.and_then(|figures| figures.get(name));
        blame(figures.get(name)?, was).into_iter().map(|part| format!("{name}: {part}")).collect::<Vec<_>>().into()
    };
    names.iter().filter_map(of).flat_map(|lines: Vec<String>| lines).collect()
}

/// The figures that budgets are for.
fn gated(figures: &Figures) -> impl Iterator<Item = (&str, &Figure)> {
    let gated = |name: &str| kind(name).is_some_and(|kind| kind.within.is_some());
    figures.iter().map(|(name, figure)| (name.as_str(), figure)).filter(move |(name, _)| gated(name))
}
