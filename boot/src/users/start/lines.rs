//! Lines of `"scripts"` that a shell runs: for apps with `shell = true`.

use super::Files;
use crate::users::shell::{Word, words};

/// A line of `"scripts"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub text: String,
    pub is_start: bool,
}

/// Whether a line needs a shell: for its syntax, or because its program is neither node nor one of the app's packages.
pub fn need_sh(line: &str, files: &impl Files) -> bool {
    let Ok(words) = words(line) else { return true };
    let program = words.iter().find(|word| word.assignment().is_none()).and_then(Word::text);
    program.is_none_or(|program| program != "node" && files.program(program).is_none())
}

/// The lines as one text for sh: each runs only after a success of the one before it. `"start"` gets the arguments.
pub fn text(lines: &[Line], has_args: bool) -> String {
    let one = |line: &Line| {
        let args = if line.is_start && has_args { " \"$@\"" } else { "" };
        format!("{}{args}", line.text)
    };
    match lines {
        [only] => one(only),
        lines => lines.iter().map(|line| format!("({}\n)", one(line))).collect::<Vec<_>>().join(" && "),
    }
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::users::packages;
    use crate::users::start::of;

    #[test]
    fn with_a_shell_only_what_needs_it_runs_there() {
        let files: &[&str] = &["server.js", "node_modules/next/cli.js"];
        let of = |scripts: &str| {
            let manifest = packages::parse(&format!("{{\"scripts\": {scripts}}}")).unwrap();
            let start = of(None, &manifest, &files, true)?;
            Ok::<_, String>(if start.lines.is_empty() { start.entry.clone() } else { text(&start.lines, true) })
        };
        for (scripts, runs) in [
            (r#"{"start": "A=1 node server.js x"}"#, "server.js"),
            (r#"{"start": "next start"}"#, "node_modules/next/cli.js"),
            (r#"{"start": "node server.js && echo done"}"#, "node server.js && echo done \"$@\""),
            (r#"{"start": "(a) && (b)"}"#, "(a) && (b) \"$@\""),
            (r#"{"start": "mkdir -p /x"}"#, "mkdir -p /x \"$@\""),
            (r#"{"start": "node server.js;", "prestart": "a || b"}"#, "(a || b\n) && (node server.js; \"$@\"\n)"),
        ] {
            assert_eq!(of(scripts).as_deref(), Ok(runs), "{scripts}");
        }
        assert!(of(r#"{"start": "node gone.js"}"#).unwrap_err().contains("there is no file gone.js"));
    }
}
