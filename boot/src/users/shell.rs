//! A line of `scripts` in package.json, read as a shell would read it: words, quotes, variables (POSIX 2.2, 2.6.2).
//!
//! Nothing is expanded here, because the variables are those of the machine. Syntax that needs a shell is refused by
//! name.

use serde_json::Value;

/// A word: its parts in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word(pub Vec<Part>);

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text(String),
    /// `$NAME`, or `${NAME:-default}`: the default is used if the variable is unset or empty. Outside of quotes, its
    /// value may become several words, or none.
    Variable {
        name: String,
        default: String,
        quoted: bool,
    },
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self(vec![Part::Text(text.to_owned())])
    }
}

impl Word {
    /// The text of a word without variables.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// `NAME=VALUE` as a name and the word after it.
    #[must_use]
    pub fn assignment(&self) -> Option<(&str, Self)> {
        let [Part::Text(first), rest @ ..] = self.0.as_slice() else { return None };
        let (name, value) = first.split_once('=').filter(|(name, _)| is_name(name))?;
        let value = (!value.is_empty()).then(|| Part::Text(value.to_owned()));
        Some((name, Self(value.into_iter().chain(rest.iter().cloned()).collect())))
    }

    /// The word as a JavaScript expression.
    #[must_use]
    pub fn expression(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => Value::from(text.as_str()).to_string(),
            Part::Variable { name, default, .. } => {
                format!("(process.env[{}] || {})", Value::from(name.as_str()), Value::from(default.as_str()))
            }
        };
        if self.0.is_empty() { "\"\"".to_owned() } else { self.0.iter().map(part).collect::<Vec<_>>().join(" + ") }
    }

    /// The word as elements of a JavaScript array: a word of unquoted variables only is split as a shell does it (POSIX
    /// 2.6.5).
    #[must_use]
    pub fn element(&self) -> String {
        let splits =
            !self.0.is_empty() && self.0.iter().all(|part| matches!(part, Part::Variable { quoted: false, .. }));
        let expression = self.expression();
        if splits { format!("...({expression}).split(/[ \\t\\n]+/).filter(Boolean)") } else { expression }
    }

    fn push(&mut self, c: char) {
        match self.0.last_mut() {
            Some(Part::Text(text)) => text.push(c),
            _ => self.0.push(Part::Text(c.into())),
        }
    }
}

/// Whether a shell could set a variable of that name.
pub fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The words of a line; an error names the part that needs a shell.
pub fn words(line: &str) -> Result<Vec<Word>, String> {
    if let Some(letter) = line.chars().find(|letter| letter.is_control() && *letter != '\t') {
        return Err(format!("{letter:?} is a control character"));
    }
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' => words.extend(word.take()),
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '`' | '*' | '?' | '[' | '{' => {
                return Err(format!("`{letter}` needs a shell"));
            }
            '~' | '#' if word.is_none() => return Err(format!("`{letter}` needs a shell")),
            '\\' => word.get_or_insert_default().push(letters.next().ok_or("it ends with a backslash")?),
            '\'' => single(&mut letters, word.get_or_insert_default())?,
            '"' => double(&mut letters, word.get_or_insert_default())?,
            '$' => variable(&mut letters, word.get_or_insert_default(), false)?,
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Ok(words)
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn single(letters: &mut Letters<'_>, word: &mut Word) -> Result<(), String> {
    loop {
        match letters.next().ok_or("a ' has no end")? {
            '\'' => return Ok(()),
            letter => word.push(letter),
        }
    }
}

fn double(letters: &mut Letters<'_>, word: &mut Word) -> Result<(), String> {
    loop {
        match letters.next().ok_or("a \" has no end")? {
            '"' => return Ok(()),
            '`' => return Err("'`' needs a shell".to_owned()),
            '$' => variable(letters, word, true)?,
            '\\' => match letters.next().ok_or("a \" has no end")? {
                letter @ ('$' | '`' | '"' | '\\') => word.push(letter),
                letter => ['\\', letter].into_iter().for_each(|letter| word.push(letter)),
            },
            letter => word.push(letter),
        }
    }
}

/// Parses the text after a `$`.
fn variable(letters: &mut Letters<'_>, word: &mut Word, quoted: bool) -> Result<(), String> {
    let (name, default) = match letters.peek().copied() {
        Some('{') => {
            letters.next();
            let inside: String = letters.by_ref().take_while(|letter| *letter != '}').collect();
            let (name, default) = inside.split_once(":-").unwrap_or((&inside, ""));
            let plain = is_name(name) && !default.contains(['$', '`', '"', '\'', '\\']);
            plain
                .then(|| (name.to_owned(), default.to_owned()))
                .ok_or_else(|| format!("`${{{inside}}}` needs a shell"))?
        }
        Some(first) if first.is_ascii_alphabetic() || first == '_' => {
            let mut name = String::new();
            while let Some(letter) = letters.next_if(|letter| letter.is_ascii_alphanumeric() || *letter == '_') {
                name.push(letter);
            }
            (name, String::new())
        }
        Some(other) if other == '(' || other.is_ascii_digit() || "@*#?-$!".contains(other) => {
            return Err(format!("`${other}` needs a shell"));
        }
        _ => {
            word.push('$');
            return Ok(());
        }
    };
    word.0.push(Part::Variable { name, default, quoted });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::words;

    fn read(line: &str) -> Result<Vec<String>, String> {
        words(line).map(|words| words.iter().map(|word| word.expression()).collect())
    }

    #[test]
    fn words_are_read_as_a_shell_reads_them() {
        for (line, expected) in [
            ("node  server.js", &[r#""node""#, r#""server.js""#][..]),
            (r#"a --name "John Doe" 'x $Y'"#, &[r#""a""#, r#""--name""#, r#""John Doe""#, r#""x $Y""#]),
            (
                r#"--port=$PORT "$A b""#,
                &[r#""--port=" + (process.env["PORT"] || "")"#, r#"(process.env["A"] || "") + " b""#],
            ),
            ("${PORT:-3000}x", &[r#"(process.env["PORT"] || "3000") + "x""#]),
            (r#"a\ b "c\"d\n" '' $"#, &[r#""a b""#, r#""c\"d\\n""#, r#""""#, r#""$""#]),
        ] {
            assert_eq!(read(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn what_needs_a_shell_is_named() {
        for (line, named) in [
            ("a | b", "`|`"),
            ("a && b", "`&`"),
            ("a > log.txt", "`>`"),
            ("a $(date)", "`$(`"),
            ("a \"`date`\"", "'`'"),
            ("a *.js", "`*`"),
            ("a ~/x", "`~`"),
            ("a ${B%x}", "`${B%x}`"),
            ("a 'b", "a ' has no end"),
            ("a $1", "`$1`"),
            ("a\nb", "'\\n' is a control character"),
            ("A='b\0c' node x", "'\\0' is a control character"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(named), "{line}: {error}");
        }
    }

    #[test]
    fn a_variable_alone_may_become_several_words() {
        let one = |word: &str| words(word).unwrap()[0].element();
        let split = |inside: &str| format!("...({inside}).split(/[ \\t\\n]+/).filter(Boolean)");
        assert_eq!(one("$A"), split(r#"(process.env["A"] || "")"#));
        assert_eq!(one("\"$A\""), r#"(process.env["A"] || "")"#);
        assert_eq!(one("x$A"), r#""x" + (process.env["A"] || "")"#);
        assert_eq!(one("''"), r#""""#);
    }

    #[test]
    fn an_assignment_has_a_name() {
        let one = |line: &str| {
            let words = words(line).unwrap();
            words[0].assignment().map(|(name, value)| (name.to_owned(), value.expression()))
        };
        assert_eq!(one("A=b"), Some(("A".to_owned(), r#""b""#.to_owned())));
        assert_eq!(one("A="), Some(("A".to_owned(), r#""""#.to_owned())));
        assert_eq!(one("A=$B"), Some(("A".to_owned(), r#"(process.env["B"] || "")"#.to_owned())));
        assert_eq!((one("1=x"), one("a.js"), one("--a=b")), (None, None, None));
    }
}
