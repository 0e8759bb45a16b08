//! `nodeos man`: manual pages, generated from the definitions that parse the command line.
//!
//! ```text
//! Cli → Command → a page for each verb → files
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use boot::host::cache::write_whole;
use boot::host::error::Tried;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::Cli;
use crate::common::{Act, Common, Failed, exit};

/// Write a manual page for each command
#[derive(clap::Args)]
#[command(after_help = "\
DIR gets nodeos.1, nodeos-run.1, nodeos-users-add.1 and so on. It is created if it is missing. Pages
that an earlier run wrote are replaced; another file with the name of a page is an error.

Where to put them:
  ~/.local/share/man/man1      for yourself; man looks there if ~/.local/bin is in PATH
  /usr/local/share/man/man1    for everybody

Examples:
  nodeos man --out ~/.local/share/man/man1 && man nodeos-run
  nodeos man --out pages && man -l pages/nodeos-users.1

Exit status: 0 the pages are written, 64 DIR cannot be used, 71 a page could not be written.")]
pub struct Args {
    /// The folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// A page, and the name of its file.
struct Page {
    name: String,
    text: Vec<u8>,
}

/// The first line of each page. It tells our pages from other files.
const MARK: &[u8] = b".\\\" Written by nodeos man.\n";

const WRITABLE: &str = "name a folder that you may write to";

impl Act for Args {
    fn run(self, common: Common) -> Result<u8, Failed> {
        let Self { out } = self;
        let pages = pages().map_err(|error| Failed::new(format!("cannot make the manual pages: {error}")))?;
        free(&out, &pages)?;
        fs::create_dir_all(&out)
            .tried("make the folder", &out)
            .map_err(|error| Failed::usage(format!("--out {}: {}", out.display(), error.next(WRITABLE))))?;
        for page in &pages {
            write_whole(&out.join(&page.name), &page.text).map_err(|error| match error.next {
                Some(_) => error,
                None => error.next(WRITABLE),
            })?;
        }
        let first = out.join("nodeos.1");
        common.progress.say("man", &format!("wrote {} pages; to read one: man -l {}", pages.len(), first.display()));
        Ok(exit::DONE)
    }
}

/// Refuses a place that is no folder, or where a file that is no page of ours has the name of one.
fn free(out: &Path, pages: &[Page]) -> Result<(), Failed> {
    let refused = |why: &str| {
        let next = "name a new folder, or one that holds manual pages";
        Err(Failed::usage(format!("--out {}: {why}\n  next: {next}", out.display())))
    };
    if out.exists() && !out.is_dir() {
        return refused("it is a file, not a folder");
    }
    for page in pages {
        let path = out.join(&page.name);
        // only regular files are opened: a pipe would block
        let ours = || path.is_file() && fs::read(&path).is_ok_and(|text| text.starts_with(MARK));
        if path.exists() && !ours() {
            return refused(&format!("{} is there, and nodeos man did not write it", page.name));
        }
    }
    Ok(())
}

/// All pages, sorted as `nodeos --help` lists the verbs.
fn pages() -> io::Result<Vec<Page>> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, &[], &mut pages)?;
    Ok(pages)
}

/// Adds the page of a command and those of its verbs. `above` has the names of the pages that lead here.
fn add(command: &Command, above: &[String], pages: &mut Vec<Page>) -> io::Result<()> {
    let title = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    pages.push(Page { name: format!("{title}.1"), text: page(command, above)? });
    let path = [above, &[title]].concat();
    let mut verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    verbs.try_for_each(|verb| add(verb, &path, pages))
}

/// What a page says: clap's description and options, then the sections of the help text below them.
fn page(command: &Command, above: &[String]) -> io::Result<Vec<u8>> {
    let help = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string);
    let (prose, mut sections) = sections(help.as_deref().unwrap_or_default());
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let description = format!("{}.\n\n{prose}", about.trim_end_matches('.'));
    let command = command.clone().long_about(description.trim_end().to_owned());
    let command = command.after_help(None).after_long_help(None);
    if let Some(top) = above.first() {
        if !sections.iter().any(|(title, _)| title == "EXIT STATUS") {
            sections.push(("EXIT STATUS".to_owned(), format!("{top}(1) lists them.")));
        }
        let pages: Vec<_> = above.iter().map(|title| format!("{title}(1)")).collect();
        sections.push(("SEE ALSO".to_owned(), pages.join(", ")));
    }
    let mut text = MARK.to_vec();
    // roff drops an empty argument unless it is quoted. A date would change the bytes from day to day.
    let man = Man::new(command).date("\"\"").manual("NodeOS");
    man.source(concat!("nodeos ", env!("CARGO_PKG_VERSION"))).render(&mut text)?;
    roff(&sections).to_writer(&mut text)?;
    Ok(text)
}

/// Splits a help text: paragraphs of prose, and sections. `Examples:` above indented lines begins a section, and so
/// does `Exit status: …`.
fn sections(help: &str) -> (String, Vec<(String, String)>) {
    let (mut prose, mut sections) = (Vec::new(), Vec::new());
    for paragraph in help.split("\n\n") {
        let (first, rest) = paragraph.split_once('\n').unwrap_or((paragraph, ""));
        match first.split_once(':') {
            Some((title, "")) if title.split(' ').count() <= 4 => {
                sections.push((title.to_uppercase(), rest.to_owned()))
            }
            Some((title @ "Exit status", _)) => {
                let text = paragraph.trim_start_matches(title).trim_start_matches(':').trim_start();
                sections.push((title.to_uppercase(), text.to_owned()));
            }
            _ => prose.push(paragraph),
        }
    }
    (prose.join("\n\n"), sections)
}

/// Indented lines stay as they are; other lines are filled.
fn roff(sections: &[(String, String)]) -> Roff {
    let mut roff = Roff::new();
    for (title, text) in sections {
        roff.control("SH", [title.as_str()]);
        for line in text.lines() {
            match line.strip_prefix("  ") {
                Some(line) => roff.control("nf", []).text([roman(line)]).control("fi", []),
                None => roff.text([roman(line)]),
            };
        }
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::{Cli, MARK, pages, roff, sections};
    use clap::{Command, CommandFactory};

    fn names(command: &Command, path: &str) -> Vec<String> {
        let verbs = command.get_subcommands();
        let below = verbs.flat_map(|verb| names(verb, &format!("{path}-{}", verb.get_name())));
        std::iter::once(format!("{path}.1")).chain(below).collect()
    }

    #[test]
    fn every_verb_has_a_man_page_with_its_name_as_title() {
        let pages = pages().unwrap();
        let found: Vec<_> = pages.iter().map(|page| page.name.clone()).collect();
        assert_eq!(found, names(&Cli::command(), "nodeos"));
        assert!(found.contains(&"nodeos-users-add.1".to_owned()), "{found:?}");
        for page in &pages {
            let text = String::from_utf8(page.text.clone()).unwrap();
            let title = page.name.trim_end_matches(".1");
            let heading = format!(".TH {title} 1 \"\" \"nodeos {}\" NodeOS\n", env!("CARGO_PKG_VERSION"));
            assert!(text.as_bytes().starts_with(MARK) && text.contains(&heading), "{text}");
            assert!(text.contains(".SH \"EXIT STATUS\"\n"), "{text}");
        }
    }

    #[test]
    fn a_help_text_becomes_prose_and_sections() {
        let help = "It boots.\nThen it ends.\n\nExamples:\n  nodeos run 'a'\n  nodeos run b\n\nExit status: 0 done.";
        let (prose, sections) = sections(help);
        assert_eq!(prose, "It boots.\nThen it ends.");
        let expected = [("EXAMPLES", "  nodeos run 'a'\n  nodeos run b"), ("EXIT STATUS", "0 done.")];
        assert_eq!(sections, expected.map(|(title, text)| (title.to_owned(), text.to_owned())));
        let text = roff(&sections).render();
        assert!(text.contains(".SH EXAMPLES\n.nf\nnodeos run \\*(Aqa\\*(Aq\n.fi\n"), "{text}");
        assert!(text.ends_with(".SH \"EXIT STATUS\"\n0 done.\n"), "{text}");
    }
}
