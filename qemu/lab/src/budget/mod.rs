//! Budgets: the limit of each figure, its value when it last landed, and which parts grew. Pure except `records`
//! (files) and `machines` (measurements).
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

use crate::figures::{Figure, Figures, Measured, kind, of_our_format, within};

pub use self::file::Budgets;
pub use self::records::{BUDGETS, Records};

/// The budget of one figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// The limit: a larger value never lands.
    pub limit: u64,
    /// The value when it last landed.
    pub landed: u64,
    /// The tolerance above that value, in per cent.
    pub within: f64,
}

impl Budget {
    /// The largest value that is not reported.
    fn most(self) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "figures are far below 2^52")]
        let more = (self.landed as f64 * self.within / 100.0).floor();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within is not negative: `read`")]
        let more = more as u64;
        self.landed.saturating_add(more)
    }

    /// Whether a value is within half of the tolerance.
    fn near(self, is: u64) -> bool {
        Self { within: self.within / 2.0, ..self }.differs(is).is_none()
    }

    /// The finding for a value, without regard to the limit.
    fn differs(self, is: u64) -> Option<What> {
        if is > self.most() {
            return Some(What::Grown(is, self.landed));
        }
        (self.landed > Self { landed: is, ..self }.most()).then_some(What::Shrunk(is, self.landed))
    }
}

/// Landed figures by machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landed {
    /// `FORMAT`.
    pub format: u32,
    pub machines: BTreeMap<String, Figures>,
}

impl Landed {
    /// Parses a record's text.
    pub fn read(text: &str) -> Result<Self, String> {
        of_our_format(text)
    }
}

/// Why and which figures landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Year, month, day.
    pub date: String,
    /// Why the change is accepted.
    pub reason: String,
    /// `MACHINE FIGURE VALUE`, or `MACHINE FIGURE WAS -> VALUE`.
    pub changes: Vec<String>,
}

/// The name of the measured machine in budgets.
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
    /// The parts that grew since it landed, largest growth first.
    pub blame: Vec<String>,
}

/// The kinds of findings about a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It is above its limit: its value, and the limit.
    Over(u64, u64),
    /// It is above its landed value by more than its row allows: its value, and the landed one.
    Grown(u64, u64),
    /// It was measured, but has no budget.
    New(u64),
    /// It has a budget, but was not measured.
    Gone,
    /// Its landed values in the two files differ: the one in the budgets, and the one in the record.
    Odd(u64, u64),
    /// It is below its landed value by more than its row allows: its value, and the landed one. This is no failure.
    Shrunk(u64, u64),
}

impl What {
    /// Whether the check fails.
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

/// How many parts are listed.
const BLAMED: usize = 5;

/// The parts that grew or are new, largest growth first.
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
            // a kernel option
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
    /// From here on, compare each figure with its value at that time; limits stay.
    pub fn hold_against(&mut self, then: &Landed) {
        for (machine, rows) in &mut self.rows {
            for (name, row) in rows {
                if let Some(figure) = then.machines.get(machine).and_then(|figures| figures.get(name)) {
                    row.landed = figure.value;
                }
            }
        }
    }

    /// The findings for a machine's figures, of the kinds that do not vary between runs.
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

/// The other growth of a program that executes more: of its calls and its bytes.
fn beside(program: &str, figures: &Figures, before: Option<&Figures>) -> Vec<String> {
    let program = if program == "node" { "carbon" } else { program };
    let names = [format!("calls.{program}"), format!("bytes.{program}")];
    let of = |name: &String| {
        let was = before.and_then(|figures| figures.get(name));
        blame(figures.get(name)?, was).into_iter().map(|part| format!("{name}: {part}")).collect::<Vec<_>>().into()
    };
    names.iter().filter_map(of).flat_map(|lines: Vec<String>| lines).collect()
}

/// The figures with budgets.
fn gated(figures: &Figures) -> impl Iterator<Item = (&str, &Figure)> {
    figures.iter().map(|(name, figure)| (name.as_str(), figure)).filter(|(name, _)| within(name).is_some())
}
