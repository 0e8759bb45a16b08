//! This system beside others, as data: what a contender's program said, a row for each, and the table's columns. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::figures::of_our_format;
use crate::readings::FIRST;

/// What a user's program says when it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    /// Microseconds after the kernel began.
    pub now: u64,
    /// KiB of memory that are available.
    pub available: u64,
}

/// What it says when nothing has happened for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// KiB of memory that are available.
    pub available: u64,
    /// Files with an execute bit that it can reach.
    pub programs: u64,
    /// Those with a set-user-ID or set-group-ID bit.
    pub setuid: u64,
    /// Capabilities that it has.
    pub capabilities: u64,
    pub uid: u64,
}

impl First {
    /// How the line starts.
    pub const LINE: &str = FIRST;

    /// Reads what stands behind it.
    #[must_use]
    pub fn read(rest: &str) -> Option<Self> {
        let of = numbers(Self::LINE, rest)?;
        Some(Self { now: *of.get("Now")?, available: *of.get("Available")? })
    }
}

impl Rest {
    /// How the line starts.
    pub const LINE: &str = "meter: node rest";

    /// Reads what stands behind it.
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

/// Systems side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// `figures::FORMAT`.
    pub format: u32,
    pub arch: String,
    /// RAM of the machines, MiB.
    pub ram: u32,
    /// Homes of the rows, of which one runs something.
    pub homes: u32,
    /// How often each was timed.
    pub runs: usize,
    /// Versions of what went in.
    pub versions: BTreeMap<String, String>,
    /// A row for each contender.
    pub rows: Vec<Row>,
    /// Instructions between kernel and node by homes, and by contender's name.
    pub growth: BTreeMap<u32, BTreeMap<String, u64>>,
    /// Contenders that were not measured, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, String>,
}

impl Comparison {
    /// Reads what `nodeos bench --json` wrote.
    pub fn read(text: &str) -> Result<Self, String> {
        of_our_format(text)
    }

    /// Whether that is what it wrote, whatever its format.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        #[derive(Deserialize)]
        struct Rows {
            #[serde(rename = "rows")]
            _rows: serde::de::IgnoredAny,
        }
        serde_json::from_str::<Rows>(text).is_ok()
    }

    /// A figure of a row over the same one of this system with node in the same place; none of this system's own, where that
    /// is 0, or where a ratio means nothing.
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

/// What was measured of a contender.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its name: what it is, and behind the last `-` where node lies.
    pub name: String,
    /// What it is.
    pub what: String,
    /// What it leaves out of what this system does.
    pub lacks: String,
    /// Bytes on the medium: kernel, initramfs, disks but for the homes.
    pub bytes: u64,
    /// Instructions of the kernel before PID 1 begins, and of its threads until node does: one unpacks the initramfs.
    pub kernel: u64,
    /// Of every process between kernel and node, and of node's before it is node.
    pub between: u64,
    /// Of PID 1 among them.
    pub init: u64,
    /// Of node, to the first line.
    pub node: u64,
    /// Those between, by program.
    pub programs: BTreeMap<String, u64>,
    /// Milliseconds after the kernel began, emulated.
    pub ms: u64,
    /// KiB of memory that are not available at the first line.
    pub first: u64,
    /// KiB five seconds later.
    pub rest: u64,
    /// The smallest memory with which the first line takes no more than 1.25 times what it takes with plenty, MiB; none if
    /// nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<u32>,
    /// Files with an execute bit that the user can reach.
    pub reachable: u64,
    /// Those with a set-user-ID or set-group-ID bit.
    pub setuid: u64,
    /// Capabilities of the user's program.
    pub capabilities: u64,
    pub uid: u64,
}

impl Row {
    /// Whether it is this system.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.name.starts_with("nodeos-")
    }

    /// Where node lies.
    #[must_use]
    pub fn place(&self) -> &str {
        self.name.rsplit('-').next().unwrap_or_default()
    }
}

/// A line of the table.
pub struct Column {
    /// What it is, with its unit.
    pub title: &'static str,
    /// Where it is.
    pub of: fn(&Row) -> Option<u64>,
    /// Whether a ratio of it means something.
    pub ratio: bool,
}

const fn column(title: &'static str, of: fn(&Row) -> Option<u64>) -> Column {
    Column { title, of, ratio: true }
}

/// All of them.
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
        // nothing is a ratio to nothing, nor of what was not measured
        assert_eq!(all.ratio(&all.rows[2], &COLUMNS[5]), None);
        assert_eq!(all.ratio(&all.rows[2], &COLUMNS[8]), None);
        let text = serde_json::to_string(&all).unwrap();
        assert!(Comparison::is_one(&text) && !Comparison::is_one("{\"format\": 1}"));
        assert_eq!(Comparison::read(&text), Ok(all));
        assert!(Comparison::read(&text.replace("\"format\":1", "\"format\":7")).unwrap_err().contains("format is 7"));
    }
}
