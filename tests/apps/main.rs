//! npm packages that boot, do their job and print one line: what runs on NodeOS, and what does not.
//!
//! ```text
//! rows.rs   a row for each folder beside this file: what it prints, what it needs, what fails
//! run.rs    row → Boot → the line and exit status 0, or the failure that the row names
//! page.rs   rows and lock files → docs/compatibility.md
//! ```
//!
//! 1. A folder is an ordinary app with its versions pinned. It is installed as `nodeos run` does.
//! 2. A row says what is true now. A package that begins to work fails its test until its row says
//!    so.
//! 3. `cargo apps -- NAME` runs one, `./nodeos test apps` all, `./nodeos test` those in `quick`.

mod page;
mod rows;
mod run;
