//! The file of budgets: people write limits in it, and this code writes the landed figures.

use std::collections::BTreeMap;

use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

use super::{Budget, Entry, Landed, gated, machine, machines};
use crate::figures::{FORMAT, Measured, kind, within};

/// A file of budgets.
pub struct Budgets {
    document: DocumentMut,
    /// Budgets by machine (`x86_64.direct`) and by figure.
    pub rows: BTreeMap<String, BTreeMap<String, Budget>>,
}

impl Budgets {
    /// Parses a file's text.
    pub fn read(text: &str) -> Result<Self, String> {
        let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
        match document.get("format").and_then(Item::as_integer) {
            Some(format) if format == i64::from(FORMAT) => {}
            Some(format) => return Err(format!("its format is {format}, this nodeos knows {FORMAT}")),
            None => return Err("it does not say its format".to_owned()),
        }
        if document.get("history").is_some_and(|history| !history.is_array_of_tables()) {
            return Err("history is not a list of [[history]] tables".to_owned());
        }
        let mut rows = BTreeMap::new();
        for (arch, targets) in document.iter().filter(|(key, _)| !["format", "history"].contains(key)) {
            let targets = targets.as_table().ok_or_else(|| format!("{arch} is not a table of targets"))?;
            for (target, figures) in targets {
                let machine = machines::name(arch, target);
                let figures = figures.as_table().ok_or_else(|| format!("{machine} is not a table of figures"))?;
                let read = |(name, row): (&str, &Item)| Ok((name.to_owned(), budget(&machine, name, row)?));
                rows.insert(machine.clone(), figures.iter().map(read).collect::<Result<_, String>>()?);
            }
        }
        Ok(Self { document, rows })
    }

    /// Lands a machine's figures. A figure without a budget gets one, a tenth above its value. Existing limits stay,
    /// and a figure above its limit does not land. A figure that varies between runs keeps its landed value while it is
    /// within half of its row's tolerance: beyond that, the next run could fail by chance.
    pub fn land(&mut self, measured: &Measured, landed: &mut Landed) -> Result<Vec<String>, String> {
        let machine = machine(measured);
        let rows = self.rows.entry(machine.clone()).or_default();
        let record = landed.machines.entry(machine.clone()).or_default();
        let mut changes = Vec::new();
        for (name, figure) in gated(&measured.figures) {
            let is = figure.value;
            let kind = kind(name);
            let row = rows.get(name).copied();
            let new = Budget {
                limit: row.map_or(is.saturating_add(is.div_ceil(10)), |row| row.limit),
                landed: is,
                within: row.map_or(within(name).unwrap_or_default(), |row| row.within),
            };
            if is > new.limit {
                return Err(format!(
                    "{machine} {name} is {is}, its limit is {}: who means that raises the limit first",
                    new.limit
                ));
            }
            let exact = kind.is_some_and(|kind| kind.exact);
            let recorded = record.get(name).map(|figure| figure.value);
            let same = |row: &Budget| !exact && row.near(is) && recorded == Some(row.landed);
            if row.as_ref().is_some_and(same) {
                continue;
            }
            match row.map(|row| row.landed) {
                Some(was) if was == is => {}
                Some(was) => changes.push(format!("{machine} {name} {was} -> {is}")),
                None => changes.push(format!("{machine} {name} {is}")),
            }
            rows.insert(name.to_owned(), new);
            record.insert(name.to_owned(), figure.clone());
            write_row(&mut self.document, measured, name, new);
        }
        let gone = |name: &str| !measured.figures.contains_key(name);
        let removed = rows.iter().filter(|(name, _)| gone(name));
        changes.extend(removed.map(|(name, row)| format!("{machine} {name} {} -> gone", row.landed)));
        rows.retain(|name, _| !gone(name));
        record.retain(|name, _| !gone(name));
        if let Some(table) = target_table(&mut self.document, measured) {
            table.retain(|name, _| !gone(name));
        }
        landed.format = FORMAT;
        Ok(changes)
    }

    /// Records why figures landed.
    pub fn note(&mut self, date: &str, reason: &str, changes: &[String]) {
        let history = self.document.entry("history").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        let mut entry = Table::new();
        entry.insert("date", value(date));
        entry.insert("reason", value(reason));
        let mut list: toml_edit::Array = changes.iter().map(String::as_str).collect();
        list.iter_mut().for_each(|change| change.decor_mut().set_prefix("\n    "));
        list.set_trailing("\n");
        list.set_trailing_comma(true);
        entry.insert("changes", value(list));
        if let Some(history) = history.as_array_of_tables_mut() {
            history.push(entry);
        }
    }

    /// The history of landed figures, oldest first.
    #[must_use]
    pub fn history(&self) -> Vec<Entry> {
        let text = |item: Option<&Item>| item.and_then(Item::as_str).unwrap_or_default().to_owned();
        let entry = |entry: &Table| {
            let changes = entry.get("changes").and_then(Item::as_array).into_iter().flatten();
            let changes = changes.filter_map(|change| change.as_str()).map(str::to_owned).collect();
            Entry { date: text(entry.get("date")), reason: text(entry.get("reason")), changes }
        };
        let history = self.document.get("history").and_then(Item::as_array_of_tables);
        history.into_iter().flatten().map(entry).collect()
    }

    /// The file's text. What people wrote in it is unchanged.
    #[must_use]
    pub fn text(&self) -> String {
        self.document.to_string()
    }
}

fn budget(machine: &str, name: &str, row: &Item) -> Result<Budget, String> {
    let at = format!("{machine} {name:?}");
    let kind = match kind(name) {
        None => return Err(format!("{at}: there is no such figure; `nodeos measure` shows those there are")),
        Some(kind) => kind,
    };
    let Some(usual) = within(name) else {
        return Err(format!("{at}: {} differ from run to run, they can be no budget", kind.title));
    };
    let row = row.as_table_like().ok_or_else(|| format!("{at}: expected {{ limit = …, landed = … }}"))?;
    if let Some((key, _)) = row.iter().find(|(key, _)| !["limit", "landed", "within"].contains(key)) {
        return Err(format!("{at}: {key} is unknown; known are limit, landed and within"));
    }
    let number = |key: &str| {
        let number = row.get(key).and_then(Item::as_integer).and_then(|number| u64::try_from(number).ok());
        number.ok_or_else(|| format!("{at}: {key} is not a number of {}", kind.unit))
    };
    let within = match row.get("within") {
        None => usual,
        Some(within) => within.as_float().or(within.as_integer().map(|whole| whole as f64)).unwrap_or(-1.0),
    };
    if !(0.0..=100.0).contains(&within) {
        return Err(format!("{at}: within is a part of a hundred, from 0 to 100"));
    }
    Ok(Budget { limit: number("limit")?, landed: number("landed")?, within })
}

fn target_table<'a>(document: &'a mut DocumentMut, measured: &Measured) -> Option<&'a mut Table> {
    document.get_mut(&measured.arch)?.get_mut(&measured.target)?.as_table_mut()
}

fn write_row(document: &mut DocumentMut, measured: &Measured, name: &str, budget: Budget) {
    let arch = document.entry(&measured.arch).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let Some(arch) = arch.as_table_mut() else { return };
    let target = arch.entry(&measured.target).or_insert_with(|| Item::Table(Table::new()));
    let Some(target) = target.as_table_mut() else { return };
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    if let Some(row) = target.get_mut(name).and_then(Item::as_table_like_mut) {
        // keep the comments and spaces around the number
        if let Some(landed) = row.get_mut("landed").and_then(Item::as_value_mut) {
            let around = landed.decor().clone();
            *landed = whole(budget.landed).into();
            *landed.decor_mut() = around;
        }
        return;
    }
    let row = [("limit", budget.limit), ("landed", budget.landed)];
    let row: InlineTable = row.into_iter().map(|(key, number)| (key, whole(number))).collect();
    target.insert(name, value(row));
}
