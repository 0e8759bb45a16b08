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

/// Parses a file as `node --env-file` does: `NAME=VALUE` lines, optionally with `export` and with quotes around the
/// value, and comments. An error names the line.
pub fn file(text: &str) -> Result<Vec<Variable>, String> {
    let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let read = |(number, line): (usize, &str)| {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or_else(|| format!("line {}: expected NAME=VALUE", number + 1))?;
        let value = unquoted(value.trim()).ok_or_else(|| format!("line {}: a quote has no end", number + 1))?;
        named(name.trim(), value).map_err(|why| format!("line {}: {why}", number + 1))
    };
    lines.map(read).collect()
}

/// A value without its quotes, or without the comment after it.
fn unquoted(value: &str) -> Option<&str> {
    for quote in ['"', '\'', '`'] {
        if let Some(inside) = value.strip_prefix(quote) {
            return inside.split_once(quote).map(|(inside, _)| inside);
        }
    }
    Some(value.split_once(" #").map_or(value, |(value, _)| value.trim_end()))
}

/// Variables as lines of a file that a machine reads. Refuses those that it would not take.
pub fn lines<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>) -> Result<String, String> {
    let (mut text, mut count) = (String::new(), 0);
    for (name, value) in variables {
        if value.contains('\n') {
            return Err(format!("the value of {name} has a line break"));
        }
        text += &format!("{name}={value}\n");
        count += 1;
    }
    if count > MOST_VARIABLES || text.len() >= MAX_ENVIRONMENT {
        let why = format!("{count} variables with {} bytes", text.len());
        return Err(format!("{why}: a machine takes {MOST_VARIABLES}, with less than {MAX_ENVIRONMENT} bytes"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{file, lines, variable};

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
        let text = "# comment\n\nA=1\nexport B = two words # comment\nC=\"x # y\"\nD='#'\nE=\n";
        let read: Vec<String> = file(text).unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(read, ["A=1", "B=two words", "C=x # y", "D=#", "E="]);
        assert_eq!(file("A=1\nB"), Err("line 2: expected NAME=VALUE".to_owned()));
        assert_eq!(file("A=\"x"), Err("line 1: a quote has no end".to_owned()));
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
}
