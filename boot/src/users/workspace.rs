//! Workspaces: a folder with a lock file for all packages below it.

use super::packages;
use crate::host::error::{Error, Result, Tried};
use crate::host::foreign;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders in which no package of a workspace is looked for.
const SKIPPED: [&str; 3] = ["node_modules", ".git", ".yarn"];

/// A workspace: its folder, and the folders of its packages, relative to that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workspace {
    pub root: PathBuf,
    pub members: Vec<PathBuf>,
}

/// The workspace that a folder is the root of, or a package of. Its path has no links.
pub fn of(app: &Path) -> Result<Option<Workspace>> {
    for root in app.ancestors() {
        let Some(patterns) = patterns(root)? else { continue };
        let members = members(root, &patterns)?;
        let inside = app.strip_prefix(root).unwrap_or(Path::new(""));
        if root == app || members.iter().any(|member| member == inside) {
            return Ok(Some(Workspace { root: root.to_owned(), members }));
        }
        // a workspace that does not count this folder as its own
        return Ok(None);
    }
    Ok(None)
}

/// The patterns of a folder's packages, if it is the root of a workspace.
fn patterns(folder: &Path) -> Result<Option<Vec<String>>> {
    // other people's folders above may not be readable
    let read = |name: &str| foreign::text(&folder.join(name)).ok();
    if let Some(text) = read("pnpm-workspace.yaml") {
        // the file may also hold settings alone
        return Ok(Some(of_yaml(&text)).filter(|patterns| !patterns.is_empty()));
    }
    let Some(manifest) = read("package.json").and_then(|text| packages::parse(&text).ok()) else { return Ok(None) };
    Ok(of_manifest(&manifest))
}

/// `"workspaces"` of a package.json.
fn of_manifest(manifest: &Value) -> Option<Vec<String>> {
    let workspaces = &manifest["workspaces"];
    let list = workspaces.as_array().or_else(|| workspaces["packages"].as_array())?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// `packages:` of a pnpm-workspace.yaml, whose items are plain or quoted.
fn of_yaml(text: &str) -> Vec<String> {
    let plain = |item: &str| item.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned();
    let mut lines = text.lines().skip_while(|line| !line.starts_with("packages:"));
    let first = lines.next().unwrap_or_default().trim_start_matches("packages:").trim();
    if let Some(list) = first.strip_prefix('[') {
        return list.trim_end_matches(']').split(',').map(plain).filter(|item| !item.is_empty()).collect();
    }
    let lines = lines.filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#'));
    lines.map_while(|line| line.trim().strip_prefix('-')).map(plain).collect()
}

/// The folders that the patterns name, each with a package.json.
fn members(root: &Path, patterns: &[String]) -> Result<Vec<PathBuf>> {
    let wrong = |error| Error::new(format!("read the workspaces of {}", root.display()), error);
    let mut builder = GitignoreBuilder::new(root);
    for pattern in patterns {
        let (not, path) = pattern.strip_prefix('!').map_or(("", pattern.as_str()), |path| ("!", path));
        let path = path.trim_start_matches("./").trim_matches('/');
        builder.add_line(None, &format!("{not}/{path}")).map_err(wrong)?;
    }
    let mut found = Vec::new();
    // as deep as the deepest pattern, or anywhere
    let deep = patterns.iter().any(|pattern| pattern.contains("**"));
    let depth = patterns.iter().map(|pattern| packages::clean(pattern).split('/').count()).max().unwrap_or_default();
    let depth = if deep { usize::MAX } else { depth };
    below(root, root, depth, &builder.build().map_err(wrong)?, &mut found)?;
    found.sort();
    Ok(found)
}

fn below(root: &Path, folder: &Path, depth: usize, patterns: &Gitignore, found: &mut Vec<PathBuf>) -> Result<()> {
    if depth == 0 {
        return Ok(());
    }
    for entry in fs::read_dir(folder).tried("list", folder)? {
        let entry = entry.tried("list", folder)?;
        let path = entry.path();
        // a member that is a link is followed when somebody needs it
        if SKIPPED.iter().any(|name| path.ends_with(name)) || !entry.file_type().tried("look at", &path)?.is_dir() {
            continue;
        }
        if patterns.matched(&path, true).is_ignore() && path.join("package.json").is_file() {
            found.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
        }
        below(root, &path, depth.saturating_sub(1), patterns, found)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Workspace, of, of_yaml};
    use std::fs;
    use std::path::PathBuf;

    #[test]
    fn the_workspace_of_a_folder_is_the_one_that_counts_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        for (name, text) in [
            ("package.json", r#"{"workspaces": ["packages/*", "./tools/cli", "!packages/old"]}"#),
            ("packages/api/package.json", "{}"),
            ("packages/api/lib/package.json", "{}"),
            ("packages/old/package.json", "{}"),
            ("packages/notes/text", ""),
            ("packages/node_modules/package.json", "{}"),
            ("tools/cli/package.json", "{}"),
            ("other/package.json", "{}"),
        ] {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), text).unwrap();
        }
        let members = ["packages/api", "tools/cli"].map(PathBuf::from).to_vec();
        let whole = Some(Workspace { root: root.clone(), members });
        for inside in ["", "packages/api", "tools/cli"] {
            assert_eq!(of(&root.join(inside)).unwrap(), whole, "{inside}");
        }
        for outside in ["other", "packages/old", "packages/api/lib"] {
            assert_eq!(of(&root.join(outside)).unwrap(), None, "{outside}");
        }
        fs::write(root.join("package.json"), r#"{"workspaces": {"packages": ["**"]}}"#).unwrap();
        assert_eq!(of(&root).unwrap().unwrap().members.len(), 5);
        fs::write(root.join("pnpm-workspace.yaml"), "packages:\n  - other\n").unwrap();
        assert_eq!(of(&root).unwrap().unwrap().members, [PathBuf::from("other")]);
    }

    #[test]
    fn the_packages_of_pnpm_are_read_in_both_forms() {
        let text = "# all\npackages:\n  # ours\n  - 'packages/*'\n\n  - \"!x\" # no\n  - apps/api\ncatalog:\n  - no\n";
        assert_eq!(of_yaml(text), ["packages/*", "!x", "apps/api"]);
        assert_eq!(of_yaml("packages: ['a/*', b]\n"), ["a/*", "b"]);
        assert_eq!(of_yaml("onlyBuiltDependencies:\n  - x\n"), [""; 0]);
    }
}
