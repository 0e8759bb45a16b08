//! npm packages in a home, laid out as `npm install -g` does: `lib/node_modules`, links in `bin` and `share/man`.
//!
//! npm itself fetches them, using a lock file with an integrity for each. The links are made here, because npm would
//! make them relative to a prefix of the host.

use super::home::Home;
use crate::host::Host;
use crate::host::digest::Key;
use crate::host::error::{Error, Result, Tried};
use crate::host::foreign;
use crate::host::run::Run;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A file that npm writes beside packages for itself; npm in the machine makes its own.
pub const OF_NPM: &str = ".package-lock.json";

/// A folder whose `node_modules` holds the packages in the lock file. `whose` names them for a person.
pub fn install(host: &Host, whose: &str, manifest: &str, lock: &str) -> Result<PathBuf> {
    let key = Key::default().with("package.json", manifest).with("package-lock.json", lock).name();
    host.cache.entry("packages", &key, |new| {
        let phase = host.progress.start("npm", &format!("fetch the packages of {whose}"));
        fs::create_dir(new).tried("make the folder", new)?;
        for (name, text) in [("package.json", manifest), ("package-lock.json", lock)] {
            fs::write(new.join(name), text).tried("write", new.join(name))?;
        }
        npm(new, "ci", &["--no-bin-links", "--install-strategy=shallow"])?;
        phase.done(&format!("fetched the packages of {whose}"));
        Ok(())
    })
}

/// Runs npm in a folder, but not the scripts of packages: they would run on this host, and for this host.
pub fn npm(folder: &Path, verb: &str, more: &[&str]) -> Result<()> {
    Run::new("npm")
        .arg(verb)
        .args(["--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"])
        .args(more)
        .within(folder)
        .ok()
        .map_err(|error| error.next("is the registry reachable? npm ping"))
}

/// Puts a package into a home, and links its programs and manual pages. It is at `folder`/`node_modules`/`name`.
pub fn global(home: &mut Home, folder: &Path, name: &str, leave_out: &[&str]) -> Result<()> {
    let from = folder.join("node_modules").join(name);
    let at = format!("lib/node_modules/{name}");
    home.copy(&from, &at, leave_out)?;
    let manifest = from.join("package.json");
    let text = foreign::text(&manifest)?;
    links(home, name, &parse(&text).map_err(|why| Error::new(format!("read {}", manifest.display()), why))?);
    Ok(())
}

/// Links the programs and manual pages of a package that is in the home.
pub fn links(home: &mut Home, name: &str, manifest: &Value) {
    let at = format!("lib/node_modules/{name}");
    for (program, path) in programs(manifest) {
        let target = format!("{at}/{path}");
        if home.runnable(&target) {
            home.link(&format!("bin/{program}"), &format!("../{target}"));
        }
    }
    let folder = manifest["directories"]["man"].as_str().map(|folder| format!("{at}/{}/", clean(folder)));
    let listed: Vec<_> = match &manifest["man"] {
        Value::String(page) => vec![format!("{at}/{}", clean(page))],
        Value::Array(pages) => {
            pages.iter().filter_map(Value::as_str).map(|page| format!("{at}/{}", clean(page))).collect()
        }
        _ => home.paths().filter(|path| folder.as_ref().is_some_and(|folder| path.starts_with(folder))).collect(),
    };
    for page in listed {
        let file = page.rsplit('/').next().unwrap_or_default();
        if let Some(section) = file.rsplit('.').next().filter(|section| section.parse::<u8>().is_ok()) {
            home.link(&format!("share/man/man{section}/{file}"), &format!("../../../{page}"));
        }
    }
}

/// `"bin"` of a package.json: one path, named after the package, or several by name.
pub fn programs(manifest: &Value) -> Vec<(String, String)> {
    let own = manifest["name"].as_str().and_then(|name| name.rsplit('/').next()).unwrap_or_default();
    match &manifest["bin"] {
        Value::String(path) => vec![(own.to_owned(), clean(path))],
        Value::Object(all) => {
            all.iter().filter_map(|(name, path)| Some((name.clone(), clean(path.as_str()?)))).collect()
        }
        _ => Vec::new(),
    }
}

/// Parses a package.json. An error is the reason why it is invalid.
pub fn parse(text: &str) -> std::result::Result<Value, String> {
    let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| error.to_string())?;
    if value.is_object() { Ok(value) } else { Err("it is not a JSON object".to_owned()) }
}

/// A path of a package.json without the `./` before it.
pub fn clean(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::{Home, links, parse};

    #[test]
    fn programs_and_manual_pages_are_linked_as_npm_does() {
        let mut home = Home::new("ana", 1000);
        for path in ["cli.js", "man/man1/x.1", "man/man5/y.5", "man/notes"] {
            home.file(&format!("lib/node_modules/x/{path}"), "");
        }
        let text = r#"{"name": "@scope/x", "bin": "./cli.js", "directories": {"man": "./man"}}"#;
        links(&mut home, "x", &parse(text).unwrap());
        let text = home.to_string();
        assert!(text.contains("100755 lib/node_modules/x/cli.js"), "{text}");
        let of: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("  120777 ")).collect();
        assert_eq!(
            of,
            [
                "bin/x -> ../lib/node_modules/x/cli.js",
                "share/man/man1/x.1 -> ../../../lib/node_modules/x/man/man1/x.1",
                "share/man/man5/y.5 -> ../../../lib/node_modules/x/man/man5/y.5"
            ]
        );
    }

    #[test]
    fn a_missing_program_is_not_linked() {
        let mut home = Home::new("ana", 1000);
        links(&mut home, "x", &parse(r#"{"name": "x", "bin": {"x": "gone.js"}}"#).unwrap());
        assert_eq!(home.to_string(), "ana 1000:1000\n");
    }
}
