//! Paths of this host that package.json files and lock files name as packages. Pure.

use serde_json::Value;

/// The paths that a package.json names as packages, also in its overrides: `file:../outer`, `link:`, `portal:`,
/// `./x.tgz`.
pub fn locals(manifest: &Value) -> Vec<String> {
    const KINDS: [&str; 6] =
        ["dependencies", "optionalDependencies", "devDependencies", "overrides", "resolutions", "pnpm"];
    let mut found = Vec::new();
    for kind in KINDS {
        texts(&manifest[kind], &mut |text| found.extend(local(text)));
    }
    found.sort();
    found.dedup();
    found
}

/// The path that a version names, if it is one of this host.
pub fn local(text: &str) -> Option<String> {
    const SCHEMES: [&str; 6] = ["file:", "link:", "portal:", "git+file:", "directory:", "tarball:"];
    let named = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
    let plain = || Some(text).filter(|text| ["./", "../", "/", "~/"].iter().any(|start| text.starts_with(start)));
    let path = named.or_else(plain)?;
    // file:///path
    let path = if path.starts_with("//") { format!("/{}", path.trim_start_matches('/')) } else { path.to_owned() };
    Some(path.split("::").next().unwrap_or_default().split('#').next().unwrap_or_default().to_owned())
}

/// All texts of a value.
fn texts(value: &Value, each: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => each(text),
        Value::Array(all) => all.iter().for_each(|value| texts(value, each)),
        Value::Object(all) => all.values().for_each(|value| texts(value, each)),
        _ => {}
    }
}

/// The paths of this host that a lock file names, as it names them.
pub fn locked(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| letter.is_whitespace() || "\"'`,{}()[]".contains(letter));
    let mut found: Vec<String> = words.clone().filter_map(in_word).collect();
    // `directory: ../x` of pnpm
    let after = |key: &'static str| words.clone().zip(words.clone().skip(1)).filter(move |(word, _)| *word == key);
    found.extend(after("directory:").map(|(_, path)| path.to_owned()));
    found.retain(|path| !path.is_empty());
    found.sort();
    found.dedup();
    found
}

/// The path in a word that is `SCHEME:PATH`, or ends with it behind an `@`, as `outer@file:../outer`.
fn in_word(word: &str) -> Option<String> {
    const SCHEMES: [&str; 4] = ["file:", "link:", "portal:", "git+file:"];
    let after = word.match_indices('@').map(|(at, _)| at + 1);
    let texts = [0].into_iter().chain(after).filter_map(|at| word.get(at..));
    texts.filter(|text| SCHEMES.iter().any(|scheme| text.starts_with(scheme))).find_map(local)
}

#[cfg(test)]
mod tests {
    use super::{locals, locked};
    use serde_json::json;

    #[test]
    fn paths_in_package_json_are_packages_of_the_host() {
        let manifest = json!({
            "dependencies": {"a": "file:../a", "b": "^1", "c": "workspace:*", "d": "../d"},
            "devDependencies": {"e": "portal:./e::locator=x", "f": "npm:x@1"},
            "overrides": {"g": {"h": "file:///h"}},
            "pnpm": {"overrides": {"i": "link:~/i"}},
            "resolutions": {"j": "git+file:///j#1"}
        });
        assert_eq!(locals(&manifest), ["../a", "../d", "./e", "/h", "/j", "~/i"]);
    }

    #[test]
    fn paths_in_a_lock_file_are_of_the_host_too() {
        for (text, paths) in [
            (r#"{"resolved": "file:/abs/x", "version": "1.0.0"}"#, &["/abs/x"][..]),
            ("\"y@^1\":\n  resolved \"file:///abs/y.tgz#1\"", &["/abs/y.tgz"]),
            ("resolution: {directory: ../../z, type: directory}", &["../../z"]),
            ("  version: link:packages/b", &["packages/b"]),
            ("\"@s/z@file:../z\":", &["../z"]),
            ("/outer@link:../o(react@18.0.0):", &["../o"]),
            ("resolved \"git+file:///j#1\"", &["/j"]),
            ("\"p@portal:./e::locator=x@workspace:.\"", &["./e"]),
            ("resolved \"https://r/profile:x\"", &[]),
            ("unlink:x", &[]),
            ("resolved \"https://r/x.tgz\"", &[]),
        ] {
            assert_eq!(locked(text), paths, "{text}");
        }
    }
}
