//! Finds the npm package of a file.

use std::collections::BTreeMap;

/// Bytes by package; other files count as the home's own.
pub fn by_package<'a>(files: impl Iterator<Item = (&'a str, u64)>) -> BTreeMap<String, u64> {
    let mut packages = BTreeMap::new();
    for (path, bytes) in files {
        *packages.entry(package(path)).or_insert(0) += bytes;
    }
    packages
}

/// The innermost package: `/ana/node_modules/a/node_modules/@s/b/x.js` belongs to `@s/b`.
fn package(path: &str) -> String {
    let inside = path.rsplit_once("node_modules/").map(|(_, inside)| inside);
    let Some(inside) = inside.filter(|inside| inside.contains('/')) else {
        let home = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        return format!("({home}'s own)");
    };
    let names = if inside.starts_with('@') { 2 } else { 1 };
    inside.split('/').take(names).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::by_package;

    #[test]
    fn a_file_belongs_to_the_innermost_package() {
        let files = [
            ("/ana/node_modules/a/x.js", 1),
            ("/ana/node_modules/a/node_modules/@s/b/x.js", 2),
            ("/ana/lib/node_modules/a/y.js", 4),
            ("/ana/x.js", 8),
            ("/ana/node_modules/.package-lock.json", 16),
        ];
        let expected = [("(ana's own)", 24), ("@s/b", 2), ("a", 5)].map(|(name, bytes)| (name.to_owned(), bytes));
        assert_eq!(by_package(files.into_iter()), expected.into());
    }
}
