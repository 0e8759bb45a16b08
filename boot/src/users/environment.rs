//! Environment variables for an app: `NAME=VALUE` words, and files with such lines. Pure.

use shim::layout::MAX_ENVIRONMENT;
use shim::variables::MOST_VARIABLES;

use super::shell::is_name;

/// A name and its value.
pub type Variable = (String, String);

/// Parses `NAME=VALUE`.
pub fn variable(text: &str) -> Result<Variable, String> {
    match text.split_once('=') {
        Some((name, value)) => named(name, value),
        None => Err(format!("expected NAME=VALUE, found {text:?}")),
    }
}

/// Checks that programs can read the variable.
pub fn named(name: &str, value: &str) -> Result<Variable, String> {
    if !is_name(name) {
        return Err(format!("{name:?} is not the name of a variable: write letters, digits and _"));
    }
    if value.contains('\0') {
        return Err(format!("the value of {name} has a NUL in it"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Parses a file as `node --env-file` does (src/node_dotenv.cc): `NAME=VALUE` lines, optionally with `export`; a value in
/// quotes may have several lines; the rest of a line from a `#` is a comment. What node ignores is an error here, and
/// names the line.
pub fn file(text: &str) -> Result<Vec<Variable>, String> {
    let text = text.replace('\r', "");
    let mut rest = text.as_str();
    let mut all = Vec::new();
    while let Some((line, after)) = next_line(rest) {
        let number = text.len() - rest.len();
        let number = text.get(..number).unwrap_or_default().matches('\n').count() + 1;
        let failed = |why: &str| format!("line {number}: {why}");
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            rest = after;
            continue;
        }
        let (name, _) = line.split_once('=').ok_or_else(|| failed("expected NAME=VALUE"))?;
        let value = rest.get(name.len() + 1..).unwrap_or_default().trim_start_matches([' ', '\t']);
        let name = name.trim();
        let value = match value.chars().next().filter(|first| "\"'`".contains(*first)) {
            Some(quote) => {
                let (inside, behind) = value
                    .get(1..)
                    .and_then(|text| text.split_once(quote))
                    .ok_or_else(|| failed("a quote has no end"))?;
                rest = next_line(behind).map_or("", |(_, after)| after);
                if quote == '"' { inside.replace("\\n", "\n") } else { inside.to_owned() }
            }
            None => {
                rest = after;
                let (line, _) = next_line(value).unwrap_or_default();
                line.split('#').next().unwrap_or_default().trim().to_owned()
            }
        };
        let name = name.strip_prefix("export ").unwrap_or(name).trim();
        all.push(named(name, &value).map_err(|why| failed(&why))?);
    }
    Ok(all)
}

/// The first line, and what follows it; `None` at the end.
fn next_line(text: &str) -> Option<(&str, &str)> {
    (!text.is_empty()).then(|| text.split_once('\n').unwrap_or((text, "")))
}

/// Variables as lines of a file that a machine reads. Refuses those that it would not take.
pub fn lines<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>) -> Result<String, String> {
    let mut text = String::new();
    for (name, value) in variables {
        text += &line(name, value)?;
    }
    count(&text).map(|_| text)
}

fn line(name: &str, value: &str) -> Result<String, String> {
    match value.contains('\n') {
        true => Err(format!("the value of {name} has a line break")),
        false => Ok(format!("{name}={value}\n")),
    }
}

/// The name that a line of such a file sets.
fn name_of(line: &str) -> Option<&str> {
    line.split_once('=').map(|(name, _)| name).filter(|name| !name.is_empty() && !name.starts_with('#'))
}

/// Whether such a file sets that variable.
pub fn sets(text: &str, name: &str) -> bool {
    text.lines().filter_map(name_of).any(|other| other == name)
}

/// How many variables a machine reads in such a file. Refuses more than it takes.
pub fn count(text: &str) -> Result<usize, String> {
    let count = text.lines().filter_map(name_of).count();
    if count > MOST_VARIABLES || text.len() >= MAX_ENVIRONMENT {
        let why = format!("{count} variables with {} bytes", text.len());
        return Err(format!("{why}: a machine takes {MOST_VARIABLES}, with less than {MAX_ENVIRONMENT} bytes"));
    }
    Ok(count)
}

/// The file without some variables and with others. All other lines stay: a person may have written comments.
pub fn changed(text: &str, unset: &[String], set: &[Variable]) -> Result<String, String> {
    let goes = |name: &str| unset.iter().chain(set.iter().map(|(name, _)| name)).any(|other| other == name);
    let stays = text.lines().filter(|line| !name_of(line).is_some_and(goes));
    let mut new: String = stays.map(|line| format!("{line}\n")).collect();
    for (at, (name, value)) in set.iter().enumerate() {
        // of one name, the last value counts
        if !set.iter().skip(at + 1).any(|(later, _)| later == name) {
            new += &line(name, value)?;
        }
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::{changed, file, lines, sets, variable};

    #[test]
    fn a_variable_has_a_name_and_a_value() {
        assert_eq!(variable("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(variable("A="), Ok(("A".to_owned(), String::new())));
        assert!(variable("A").unwrap_err().contains("expected NAME=VALUE"));
        assert!(variable("1A=b").unwrap_err().contains("is not the name of a variable"));
        assert!(variable("A=\0").unwrap_err().contains("NUL"));
    }

    #[test]
    fn a_file_is_read_as_node_reads_it() {
        let read = |text: &str| -> Vec<String> {
            file(text).unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect()
        };
        let text = "# comment\n\nA=1\nexport B = two words # comment\nC=\"x # y\"\nD='#'\nE=\n";
        assert_eq!(read(text), ["A=1", "B=two words", "C=x # y", "D=#", "E="]);
        let text = "A=a#b\r\nB=\"a\\nb\" # comment\n  C='a\\n\nb=\n'\nD=`'\"`\nE=#\nF=\n\nG=last";
        assert_eq!(read(text), ["A=a", "B=a\nb", "C=a\\n\nb=\n", "D='\"", "E=", "F=", "G=last"]);
        assert_eq!(file("A=1\nB"), Err("line 2: expected NAME=VALUE".to_owned()));
        assert_eq!(file("B='1\n2'\nA=\"x\nC=1"), Err("line 3: a quote has no end".to_owned()));
        assert!(file("a b=1").unwrap_err().starts_with("line 1: \"a b\" is not the name"));
    }

    #[test]
    fn variables_that_a_machine_would_not_take_are_refused() {
        assert_eq!(lines([("A", "1"), ("B", "")].into_iter()), Ok("A=1\nB=\n".to_owned()));
        assert!(lines([("A", "1\n2")].into_iter()).unwrap_err().contains("A has a line break"));
        let large = "x".repeat(40_000);
        assert!(lines([("A", large.as_str())].into_iter()).unwrap_err().starts_with("1 variables with 40003 bytes"));
        assert!(lines(std::iter::repeat_n(("A", ""), 121)).unwrap_err().contains("a machine takes 120"));
    }

    #[test]
    fn a_change_keeps_comments_and_other_variables() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let text = "# ports\nA=1\nno variable\nB=2\n#C=3\nC=4";
        let new = changed(text, &["B".to_owned()], &[pair("A", "x"), pair("D", "5"), pair("A", "6")]).unwrap();
        assert_eq!(new, "# ports\nno variable\n#C=3\nC=4\nD=5\nA=6\n");
        assert_eq!(changed("A=1\n", &["A".to_owned()], &[]).unwrap(), "");
        assert_eq!(["A", "B", "#C", "D"].map(|name| sets(text, name)), [true, true, false, false]);
        assert!(changed("", &[], &[pair("A", "1\n2")]).unwrap_err().contains("A has a line break"));
    }
}
