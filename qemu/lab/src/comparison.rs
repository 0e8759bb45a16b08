//! A comparison with other systems as data: the reports of a contender's program, a row for each, the columns. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::figures::of_our_format;
use crate::readings::FIRST;

/// What a user's program reports when it starts to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    /// Microseconds since the kernel began.
    pub now: u64,
    /// KiB of available memory.
    pub available: u64,
}

/// What it reports when nothing has happened for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// KiB of available memory.
    pub available: u64,
    /// The number of executable files that it can reach.
    pub programs: u64,
    /// The number of those with a set-user-ID or set-group-ID bit.
    pub setuid: u64,
    /// The number of its capabilities.
    pub capabilities: u64,
    pub uid: u64,
}

impl First {
    /// The start of the line.
    pub const LINE: &str = FIRST;

    /// Parses the rest of the line.
    #[must_use]
    pub fn read(rest: &str) -> Option<Self> {
        let of = numbers(Self::LINE, rest)?;
        Some(Self { now: *of.get("Now")?, available: *of.get("Available")? })
    }
}

impl Rest {
    /// The start of the line.
    pub const LINE: &str = "meter: node rest";

    /// Parses the rest of the line.
    #[must_use]
    pub fn read(rest: &str) -> Option<Self> {
        let of = numbers(Self::LINE, rest)?;
        Some(Self {
            available: *of.get("Available")?,
            programs: *of.get("Programs")?,
            setuid: *of.get("Setuid")?,
            capabilities: *of.get("Capabilities")?,
            uid: *of.get("Uid")?,
        })
    }
}

fn numbers(start: &str, rest: &str) -> Option<BTreeMap<String, u64>> {
    let line = format!("{start}{rest}");
    Some(meter::parse(&line)?.2.map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A comparison of systems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// `figures::FORMAT`.
    pub format: u32,
    pub arch: String,
    /// RAM of the machines in MiB.
    pub ram: u32,
    /// The number of homes for the rows; one of them runs something.
    pub homes: u32,
    /// How often each system was timed.
    pub runs: usize,
    /// Versions of the parts.
    pub versions: BTreeMap<String, String>,
    /// A row for each contender.
    pub rows: Vec<Row>,
    /// Instructions between kernel and node, by number of homes and by contender's name.
    pub growth: BTreeMap<u32, BTreeMap<String, u64>>,
    /// Contenders that were not measured, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, String>,
}

impl Comparison {
    /// Parses the output of `nodeos bench --json`.
    pub fn read(text: &str) -> Result<Self, String> {
        of_our_format(text)
    }

    /// Whether the text is such an output, in any format version.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        #[derive(Deserialize)]
        struct Rows {
            #[serde(rename = "rows")]
            _rows: serde::de::IgnoredAny,
        }
        serde_json::from_str::<Rows>(text).is_ok()
    }

    /// The ratio of a row's figure to the figure of this system with node in the same place. `None` for this system
    /// itself, if that figure is 0, or if a ratio makes no sense.
    #[must_use]
    pub fn ratio(&self, row: &Row, column: &Column) -> Option<f64> {
        let of = column.of;
        if row.is_ours() || !column.ratio {
            return None;
        }
        let ours = self.rows.iter().find(|ours| ours.is_ours() && ours.place() == row.place())?;
        let (row, ours) = (of(row)?, of(ours).filter(|ours| *ours > 0)?);
        #[expect(clippy::cast_precision_loss, reason = "three digits of it are shown")]
        Some(row as f64 / ours as f64)
    }
}

/// The measurements of a contender.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its name: the system, and after the last `-` the place of node.
    pub name: String,
    /// What it is.
    pub what: String,
    /// The functions of this system that it lacks.
    pub lacks: String,
    /// Bytes on the medium: kernel, initramfs, and all disks except the homes.
    pub bytes: u64,
    /// Instructions of the kernel before PID 1 begins, and of its threads until node begins (one unpacks the
    /// initramfs).
    pub kernel: u64,
    /// Instructions of all processes between kernel and node, and of node's process before its exec.
    pub between: u64,
    /// The part of PID 1.
    pub init: u64,
    /// Instructions of node, to the first line.
    pub node: u64,
    /// The instructions in between, by program.
    pub programs: BTreeMap<String, u64>,
    /// Milliseconds since the kernel began, emulated.
    pub ms: u64,
    /// KiB of memory that are not available at the first line.
    pub first: u64,
    /// KiB five seconds later.
    pub rest: u64,
    /// The smallest memory in MiB with which the first line takes at most 1.25 times as long as with plenty; `None` if
    /// it was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<u32>,
    /// The number of executable files that the user can reach.
    pub reachable: u64,
    /// The number of those with a set-user-ID or set-group-ID bit.
    pub setuid: u64,
    /// The number of capabilities of the user's program.
    pub capabilities: u64,
    pub uid: u64,
}

impl Row {
    /// Whether it is a row of this system.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.name.starts_with("nodeos-")
    }

    /// The place of node.
    #[must_use]
    pub fn place(&self) -> &str {
        self.name.rsplit('-').next().unwrap_or_default()
    }
}

/// A line of the table.
pub struct Column {
    /// Its title, with the unit.
    pub title: &'static str,
    /// Returns its value in a row.
    pub of: fn(&Row) -> Option<u64>,
    /// Whether a ratio makes sense.
    pub ratio: bool,
}

const fn column(title: &'static str, of: fn(&Row) -> Option<u64>) -> Column {
    Column { title, of, ratio: true }
}

/// All columns.
pub const COLUMNS: [Column; 14] = [
    column("instructions to the first line: these three", |row| Some(row.kernel + row.between + row.node)),
    column("of the kernel", |row| Some(row.kernel)),
    column("between kernel and node", |row| Some(row.between)),
    column("of PID 1 among these", |row| Some(row.init)),
    column("of node", |row| Some(row.node)),
    column("ms to the first line, emulated", |row| Some(row.ms)),
    column("KiB of memory at the first line", |row| Some(row.first)),
    column("KiB of memory at rest", |row| Some(row.rest)),
    column("MiB of memory that suffice", |row| row.floor.map(u64::from)),
    column("bytes on the medium", |row| Some(row.bytes)),
    column("files with an execute bit that the user reaches", |row| Some(row.reachable)),
    column("with set-user-ID or set-group-ID", |row| Some(row.setuid)),
    column("capabilities of the user's program", |row| Some(row.capabilities)),
    Column { title: "its uid", of: |row| Some(row.uid), ratio: false },
];

#[cfg(test)]
mod tests {
    use super::{COLUMNS, Comparison, First, Rest, Row};

    #[test]
    fn complete_readings_of_a_contender_are_parsed_and_others_ignored() {
        assert_eq!(First::read(" Used=1 Now=2 Available=3"), Some(First { now: 2, available: 3 }));
        assert_eq!(First::read(" Used=1 Now=2"), None);
        let rest = Rest { available: 3, programs: 4, setuid: 5, capabilities: 6, uid: 7 };
        assert_eq!(Rest::read(" Available=3 Programs=4 Setuid=5 Capabilities=6 Uid=7\r"), Some(rest));
        assert_eq!(Rest::read(" Available=3 Programs=4"), None);
    }

    #[test]
    fn a_ratio_compares_with_nodeos_in_the_same_placement() {
        let row = |name: &str, between| Row { name: name.to_owned(), between, ..Row::default() };
        let rows = vec![row("nodeos-medium", 100), row("nodeos-plain", 50), row("tini-plain", 75), row("x-disk", 9)];
        let growth = [(1, [("tini-plain".to_owned(), 75)].into())].into();
        let all = Comparison {
            format: 1,
            arch: "a".to_owned(),
            ram: 1,
            homes: 1,
            runs: 1,
            versions: [].into(),
            rows,
            growth,
            left_out: [].into(),
        };
        let of = |row: usize| all.ratio(&all.rows[row], &COLUMNS[2]);
        assert_eq!((of(0), of(2), of(3)), (None, Some(1.5), None));
        // no ratio to 0, and none for a figure that was not measured
        assert_eq!(all.ratio(&all.rows[2], &COLUMNS[5]), None);
        assert_eq!(all.ratio(&all.rows[2], &COLUMNS[8]), None);
        let text = serde_json::to_string(&all).unwrap();
        assert!(Comparison::is_one(&text) && !Comparison::is_one("{\"format\": 1}"));
        assert_eq!(Comparison::read(&text), Ok(all));
        assert!(Comparison::read(&text.replace("\"format\":1", "\"format\":7")).unwrap_err().contains("format is 7"));
    }
}
