//! Environment variables for an app: `NAME=VALUE` words, and files with such lines. Pure.

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

#[cfg(test)]
mod tests {
    use super::{file, variable};

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
}
