//! How an app is started, by its package.json: variables, node's flags, a file, its arguments.
//!
//! A `"start"` that node alone cannot do is refused, even if another file could be run, because that would be another
//! program.

mod lines;

use self::lines::Line;
use serde_json::Value;

use super::flags::at_front;
use super::shell::{Word, words};
use super::{environment, packages};

/// The extensions of files that node runs.
pub const EXTENSIONS: [&str; 4] = ["js", "mjs", "cjs", "ts"];

/// The kernel cuts a longer `#!` line (Linux, include/uapi/linux/binfmts.h: `BINPRM_BUF_SIZE`).
const LONGEST_LINE: usize = 255;

/// How node is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Variables to set before node starts.
    pub variables: Vec<(String, Word)>,
    /// Node's own flags.
    pub flags: Vec<String>,
    /// A path below the app's folder.
    pub entry: String,
    pub args: Vec<Word>,
    /// Lines for `/bin/sh` in place of node and the entry: the arguments go to the one that is "start".
    pub lines: Vec<Line>,
}

/// Access to the app's folder.
pub trait Files {
    /// Whether there is a file at that path.
    fn is_file(&self, path: &str) -> bool;
    /// The "main" of the package.json in a folder of the app.
    fn main(&self, folder: &str) -> Option<String>;
    /// The path of a program in the app's packages that node runs.
    fn program(&self, name: &str) -> Option<String>;
}

/// The start command in nodeos.toml, else `npm start`, else `main`, the only `bin`, and the usual names. With a `shell`,
/// what needs one runs there.
pub fn of(own: Option<&str>, manifest: &Value, files: &impl Files, shell: bool) -> Result<Start, String> {
    let scripts = &manifest["scripts"];
    let Some(line) = own.or_else(|| scripts["start"].as_str()) else {
        return main(manifest, files).map(|entry| Start { entry, ..Start::default() });
    };
    let other = |name: &str| scripts[name].as_str().filter(|_| own.is_none());
    let around = [other("prestart"), other("poststart")];
    if shell && (around.iter().any(Option::is_some) || lines::need_sh(line, files)) {
        let [before, after] = around.map(|line| line.map(|text| Line { text: text.to_owned(), is_start: false }));
        let start = Line { text: line.to_owned(), is_start: true };
        let lines = before.into_iter().chain([start]).chain(after).collect();
        return Ok(Start { lines, ..Start::default() });
    }
    for (name, when) in [("prestart", "before"), ("poststart", "after")] {
        if let Some(other) = other(name) {
            let next =
                "do on this machine, or in the app, what it does; then write start = \"node FILE\" in nodeos.toml";
            return Err(format!(
                "{name:?}: {other:?} would run {when} \"start\", and one program runs\n  next: {next}"
            ));
        }
    }
    script(line, manifest, files).map_err(|why| {
        let next = "write \"start\": \"node FILE\" in package.json, or start = \"node FILE\" in nodeos.toml; variables go \
                    before node, arguments behind the file; or set shell = true there";
        format!("\"start\": {line:?}: {why}\n  next: {next}")
    })
}

/// Parses a command that starts an app.
fn script(line: &str, manifest: &Value, files: &impl Files) -> Result<Start, String> {
    let mut start = Start::default();
    let mut rest = words(line)?.into_iter().peekable();
    while let Some((name, value)) = rest.peek().and_then(Word::assignment) {
        start.variables.push((name.to_owned(), value));
        rest.next();
    }
    let first = rest.next().ok_or("it names no program")?;
    let first = first.text().ok_or("the program is a variable")?.to_owned();
    if first != "node" {
        let none = || format!("`{first}` is neither node nor a program of the app's dependencies that node runs");
        start.entry = files.program(&first).ok_or_else(none)?;
        start.args = rest.collect();
        return Ok(start);
    }
    start.flags = at_front(&mut rest)?;
    let file = rest.next().ok_or("node is given no file")?;
    let file = file.text().ok_or("the file is a variable")?;
    let file = match file.strip_prefix('/') {
        None => file,
        Some(whole) => whole.strip_prefix("app/").ok_or_else(|| format!("{file} is not in the app's folder, /app"))?,
    };
    start.entry = match packages::clean(file).as_str() {
        // node does not try other names for a folder
        "" => resolve(manifest["main"].as_str().unwrap_or("index.js"), files)
            .ok_or("there is no \"main\" and no index.js")?,
        _ => resolve(file, files).ok_or_else(|| format!("there is no file {file}"))?,
    };
    start.args = rest.collect();
    Ok(start)
}

/// Resolves as node resolves a main module: the path itself, with .js, the "main" of that folder, or its index.js.
fn resolve(path: &str, files: &impl Files) -> Option<String> {
    let path = packages::clean(path);
    let main = files.main(&path).map(|main| packages::clean(&format!("{path}/{main}"))).unwrap_or_default();
    let found = [path.clone(), format!("{path}.js"), main.clone(), format!("{main}.js"), format!("{main}/index.js")];
    let found = found.into_iter().chain([format!("{path}/index.js")]).find(|path| files.is_file(path));
    found.filter(|path| !path.split('/').any(|part| part == ".."))
}

fn main(manifest: &Value, files: &impl Files) -> Result<String, String> {
    if let Some(main) = manifest["main"].as_str() {
        let next = "name a file of the folder in \"main\"; if a build makes it, run the build first";
        let why = || format!("package.json says \"main\": {main:?}, and there is no such file\n  next: {next}");
        return resolve(main, files).ok_or_else(why);
    }
    let bins = packages::programs(manifest);
    let only = match bins.as_slice() {
        [(_, path)] => resolve(path, files),
        _ => None,
    };
    let usual = ["index", "server", "app", "main"];
    let usual = usual.iter().flat_map(|name| EXTENSIONS.iter().map(move |extension| format!("{name}.{extension}")));
    only.or_else(|| usual.into_iter().find(|path| files.is_file(path))).ok_or_else(|| {
        let next = "\"main\" in package.json names the file";
        format!("it has no entry: no \"start\": \"node FILE\", no \"main\", no index.js or server.js\n  next: {next}")
    })
}

impl Start {
    /// The variables that are set before node starts: the last of each name, unless the machine has to expand it.
    pub fn environment(&self) -> Result<String, String> {
        let fixed = self.last_variables().filter_map(|(name, value)| Some((name, fixed(value)?)));
        environment::lines(fixed)
    }

    /// The program that starts node with the app. It first runs `first`, which is JavaScript.
    pub fn init(&self, first: &str) -> Result<String, String> {
        // relative paths of flags start from the app's folder
        let line = ["#!/usr/bin/env -S -C /app /bin/node"].into_iter().chain(self.flags.iter().map(String::as_str));
        let line = line.collect::<Vec<_>>().join(" ");
        if let Some(flag) = self.flags.iter().find(|flag| flag.contains(char::is_whitespace)) {
            return Err(format!("the flag {flag:?} has a space in it, which a `#!` line cannot have"));
        }
        if line.len() > LONGEST_LINE {
            let next = "put flags into a file: node --import ./FILE";
            return Err(format!(
                "node's flags take {} bytes, a `#!` line has {LONGEST_LINE}\n  next: {next}",
                line.len()
            ));
        }
        let expanded = self.last_variables().filter(|(_, value)| fixed(value).is_none());
        let expanded: String = expanded
            .map(|(name, value)| format!("process.env[{}] = {}\n", Value::from(name), value.expression()))
            .collect();
        if !self.lines.is_empty() {
            let args: Vec<_> = self.args.iter().map(Word::element).collect();
            return Ok(format!(
                "{line}\n{first}\
                 // made by nodeos: as npm start does it\n\
                 {expanded}process.env.PATH = '/app/node_modules/.bin:' + process.env.PATH\n\
                 process.execve('/bin/sh', ['sh', '-c', {}, 'sh', {}], process.env)\n",
                Value::from(lines::text(&self.lines, !self.args.is_empty())),
                args.join(",")
            ));
        }
        let entry = Value::from(format!("/app/{}", self.entry)).to_string();
        let argv: Vec<_> = [entry].into_iter().chain(self.args.iter().map(Word::element)).collect();
        Ok(format!(
            "{line}\n{first}\
             // made by nodeos: as if node had been told to run the app\n\
             {expanded}process.argv.splice(1, Infinity, ...[{}])\n\
             require('node:module').runMain()\n",
            argv.join(",")
        ))
    }

    /// The last of each name, in their order.
    fn last_variables(&self) -> impl Iterator<Item = (&str, &Word)> {
        let later = |at: usize, name: &str| self.variables.iter().skip(at + 1).any(|(other, _)| other == name);
        let all = self.variables.iter().enumerate().filter(move |(at, (name, _))| !later(*at, name));
        all.map(|(_, (name, value))| (name.as_str(), value))
    }
}

/// The value of a variable that a line of a file can have.
fn fixed(value: &Word) -> Option<&str> {
    value.text().filter(|text| !text.contains('\n'))
}

#[cfg(test)]
mod tests {
    use super::{Files, Start, of};
    use crate::users::packages;

    impl Files for &[&str] {
        fn is_file(&self, path: &str) -> bool {
            self.contains(&path)
        }

        fn main(&self, folder: &str) -> Option<String> {
            (folder == "sub").then(|| "./deep/start".to_owned())
        }

        fn program(&self, name: &str) -> Option<String> {
            let path = format!("node_modules/{name}/cli.js");
            self.is_file(&path).then_some(path)
        }
    }

    fn start(manifest: &str, files: &[&str]) -> Result<Start, String> {
        of(None, &packages::parse(manifest).unwrap(), &files, false)
    }

    /// Node's flags, the variables, and the program that node then runs.
    fn lines_of(manifest: &str) -> Vec<String> {
        let files = ["server.js", "index.js", "lib/index.js", "cli.js", "node_modules/next/cli.js"];
        let start = start(manifest, &files).unwrap();
        let (init, environment) = (start.init("").unwrap(), start.environment().unwrap());
        let (line, rest) = init.split_once('\n').unwrap();
        let lines = [line].into_iter().chain(environment.lines()).chain(rest.lines());
        let lines = lines.filter(|line| !line.starts_with("//") && !line.contains("runMain"));
        let cut = |line: &str| {
            let line = line.strip_prefix("process.argv.splice(1, Infinity, ...[").unwrap_or(line);
            line.trim_start_matches("#!/usr/bin/env -S -C /app /bin/node").trim().trim_end_matches("])").to_owned()
        };
        lines.map(cut).collect()
    }

    #[test]
    fn a_start_script_is_read_as_a_shell_reads_it() {
        for (script, line, rest) in [
            ("node ./server.js --port 80", "", &[r#""/app/server.js","--port","80""#][..]),
            ("node server", "", &[r#""/app/server.js""#]),
            ("node .", "", &[r#""/app/index.js""#]),
            ("NODE_ENV=production node server.js", "", &["NODE_ENV=production", r#""/app/server.js""#]),
            ("node --import ./pre.mjs server.js", "--import ./pre.mjs", &[r#""/app/server.js""#]),
            ("node --max-old-space-size=100 lib", "--max-old-space-size=100", &[r#""/app/lib/index.js""#]),
            ("node --env-file=.env server.js", "--env-file=.env", &[r#""/app/server.js""#]),
            (
                r#"node server.js --name "John Doe" --port $PORT"#,
                "",
                &[
                    r#""/app/server.js","--name","John Doe","--port",...((process.env["PORT"] || "")).split(/[ \t\n]+/).filter(Boolean)"#,
                ],
            ),
            ("NAME='a b' node server.js", "", &["NAME=a b", r#""/app/server.js""#]),
            (
                "A=1 B=$A A=2 B=3 C=$A NODE_OPTIONS='--a --b=\"c d\"' node server.js",
                "",
                &[
                    "A=2",
                    "B=3",
                    r#"NODE_OPTIONS=--a --b="c d""#,
                    r#"process.env["C"] = (process.env["A"] || "")"#,
                    r#""/app/server.js""#,
                ],
            ),
            (
                "next start -p ${PORT:-80}",
                "",
                &[
                    r#""/app/node_modules/next/cli.js","start","-p",...((process.env["PORT"] || "80")).split(/[ \t\n]+/).filter(Boolean)"#,
                ],
            ),
        ] {
            let manifest = serde_json::json!({"scripts": {"start": script}}).to_string();
            let lines = lines_of(&manifest);
            assert_eq!(
                (lines[0].as_str(), &lines[1..]),
                (line, &*rest.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()),
                "{script}"
            );
        }
    }

    #[test]
    fn a_start_script_that_needs_a_shell_is_refused_despite_an_index_file() {
        for (script, why) in [
            ("node server.js && echo done", "`&` needs a shell"),
            ("node server.js > log.txt", "`>` needs a shell"),
            ("tsx src/x.ts", "`tsx` is neither node nor a program of the app's dependencies"),
            ("node gone.js", "there is no file gone.js"),
            ("node /server.js", "/server.js is not in the app's folder, /app"),
            ("node -e '1'", "with the flag -e node does not simply run a file"),
            ("node --eval=1 server.js", "with the flag --eval node does not"),
            ("node --test server.js", "with the flag --test node does not"),
            ("node -pe 1", "with the flag -pe node does not"),
            ("node server.js\nnode index.js", "is a control character"),
            ("node", "node is given no file"),
            ("$RUN x", "the program is a variable"),
            ("node --build_snapshot server.js", "with the flag --build-snapshot node does not"),
            ("node --watch-path=. server.js", "with the flag --watch-path node does not"),
            ("node -r", "the flag -r has no value"),
        ] {
            let manifest = serde_json::json!({"scripts": {"start": script}}).to_string();
            let error = start(&manifest, &["server.js", "index.js"]).unwrap_err();
            assert!(error.contains(why) && error.contains("next: write \"start\": \"node FILE\""), "{script}: {error}");
        }
        let manifest = r#"{"scripts": {"prestart": "tsc", "start": "node server.js"}}"#;
        assert!(start(manifest, &["server.js"]).unwrap_err().contains("\"prestart\": \"tsc\" would run before"));
    }

    #[test]
    fn a_dot_is_the_main_file_or_index_js_and_no_other() {
        let entry = |more: &str, files: &[&str]| {
            start(&format!(r#"{{"name": "x", "scripts": {{"start": "node ."}} {more}}}"#), files)
                .map(|start| start.entry)
        };
        let bin = r#", "bin": "./cli.js""#;
        assert_eq!(entry(bin, &["cli.js", "index.js"]), Ok("index.js".to_owned()));
        let sub = |files: &[&str]| start(r#"{"scripts": {"start": "node /app/sub"}}"#, files).map(|start| start.entry);
        assert_eq!(sub(&["sub/deep/start.js", "sub/index.js"]), Ok("sub/deep/start.js".to_owned()));
        assert_eq!(sub(&["sub/index.js"]), Ok("sub/index.js".to_owned()));
        assert_eq!(entry(r#", "main": "lib""#, &["lib/index.js", "index.js"]), Ok("lib/index.js".to_owned()));
        assert!(entry(bin, &["cli.js", "server.js"]).unwrap_err().contains("there is no \"main\" and no index.js"));
    }

    #[test]
    fn a_start_of_nodeos_toml_comes_before_that_of_package_json() {
        let manifest = packages::parse(r#"{"scripts": {"prestart": "tsc", "start": "tsc && node x.js"}}"#).unwrap();
        let start = |own| of(own, &manifest, &["dist/x.js"].as_slice(), false);
        assert!(start(None).unwrap_err().contains("start = \"node FILE\" in nodeos.toml"));
        assert_eq!(start(Some("node dist/x.js")).unwrap().entry, "dist/x.js");
        assert!(start(Some("tsc")).unwrap_err().starts_with("\"start\": \"tsc\": `tsc` is neither node nor"));
    }

    #[test]
    fn without_a_start_script_main_bin_or_a_usual_name_runs() {
        let entry = |manifest: &str, files: &[&str]| start(manifest, files).map(|start| start.entry);
        let files = ["index.js", "lib/index.js", "cli.js"];
        for (manifest, expected) in [
            (r#"{"main": "./lib"}"#, "lib/index.js"),
            (r#"{"main": "cli"}"#, "cli.js"),
            (r#"{"name": "x", "bin": "./cli.js"}"#, "cli.js"),
            ("{}", "index.js"),
        ] {
            assert_eq!(entry(manifest, &files), Ok(expected.to_owned()), "{manifest}");
        }
        assert_eq!(entry("{}", &["server.ts"]), Ok("server.ts".to_owned()));
        assert!(entry("{}", &["x.js"]).unwrap_err().contains("it has no entry"));
        let error = entry(r#"{"main": "gone.js"}"#, &["index.js"]).unwrap_err();
        assert!(
            error.starts_with("package.json says \"main\": \"gone.js\", and there is no such file\n  next: "),
            "{error}"
        );
        assert!(entry(r#"{"main": "../x.js"}"#, &["../x.js"]).is_err());
    }

    #[test]
    fn flags_that_a_shebang_line_cannot_hold_are_refused() {
        let init =
            |flag: &str| Start { flags: vec![flag.to_owned()], entry: "x.js".to_owned(), ..Start::default() }.init("");
        assert!(init("--title=a b").unwrap_err().contains("has a space in it"));
        assert!(init(&format!("--title={}", "a".repeat(300))).unwrap_err().contains("a `#!` line has 255"));
        let plain = Start { entry: "a \"b\".js".to_owned(), ..Start::default() };
        let text = plain.init("").unwrap();
        assert!(
            text.starts_with("#!/usr/bin/env -S -C /app /bin/node\n// made") && text.contains(r#"["/app/a \"b\".js"]"#),
            "{text}"
        );
        assert_eq!(plain.init("first()\n").unwrap(), text.replacen('\n', "\nfirst()\n", 1));
    }
}
