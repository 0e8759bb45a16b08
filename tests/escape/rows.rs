//! Attacks as a table.

use shim::arches::Arch;

use crate::{ROWS, machine};

/// One attack: its name, the user who makes it, and the guards that are left out in the second
/// boot.
#[derive(Clone, Copy)]
pub struct Row {
    pub attack: &'static str,
    pub by: &'static str,
    pub without: &'static str,
}

/// Makes `ROWS` and a test of each row for every architecture. Rows behind `@x86_64` attack what
/// only x86_64 has.
macro_rules! rows {
    ($($attack:ident: $by:literal, $without:literal;)+ $(@x86_64 $($x86:ident: $x86_by:literal, $x86_without:literal;)+)?) => {
        const ROWS: &[crate::rows::Row] = &[
            $(crate::rows::Row { attack: stringify!($attack), by: $by, without: $without },)+
            $($(crate::rows::Row { attack: stringify!($x86), by: $x86_by, without: $x86_without },)+)?
        ];

        tests::on_each! {
            $($attack => crate::rows::both_sides, stringify!($attack);)+
            $(@x86_64 $($x86 => crate::rows::both_sides, stringify!($x86);)+)?
        }
    };
}

/// The attack fails in an ordinary machine and works without its guards.
pub fn both_sides(arch: &'static Arch, attack: &str) {
    let row = ROWS.iter().find(|row| row.attack == attack).unwrap();
    let worked = format!("attack {attack}: worked");
    let held = machine::said(arch, "");
    assert!(!held.contains(&worked), "{attack} by {} works:\n{held}", row.by);
    let tried = format!("attack {attack}: failed");
    let silent = ["foreign_init", "linked_init"].contains(&attack);
    assert!(silent || held.contains(&tried), "{attack} was not tried:\n{held}");
    let open = machine::said(arch, row.without);
    assert!(
        open.contains(&worked),
        "{attack} by {} fails without {}, so nothing is known:\n{open}",
        row.by,
        row.without
    );
}
