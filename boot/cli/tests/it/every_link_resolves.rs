//! Links in the Markdown files that git tracks: every relative link and anchor resolves, and
//! `docs/` is a complete book.

use std::collections::BTreeMap;
use std::fs;

use crate::tracked::{source, tracked};

/// Tracked files by path, with the text of those that are Markdown.
type Tree = BTreeMap<String, String>;

#[test]
fn every_relative_link_and_anchor_resolves() {
    let broken = broken(&tree());
    assert!(broken.is_empty(), "these links lead nowhere:\n{}", broken.join("\n"));
}

/// The book consists of the pages of `docs/` that SUMMARY.md lists, so links to other files would
/// break.
#[test]
fn the_book_lists_every_page_and_links_only_within_docs() {
    let tree = tree();
    let chapters: Vec<String> =
        links(&tree["docs/SUMMARY.md"]).map(|target| resolved("docs/SUMMARY.md", target)).collect();
    for (name, text) in tree.iter().filter(|(name, _)| name.starts_with("docs/") && name.ends_with(".md")) {
        assert!(name == "docs/SUMMARY.md" || chapters.contains(name), "docs/SUMMARY.md does not name {name}");
        let outside = links(text).find(|target| !is_external(target) && !resolved(name, target).starts_with("docs/"));
        assert_eq!(outside, None, "{name} links out of docs/: name the file in backquotes instead");
    }
}

#[test]
fn broken_links_are_found_and_code_is_ignored() {
    let page = "# One `two`\n[a](docs/b.md#three-four), [b](#one-two)\n[c](none.md) `[d](code.md)`\n\n```\n# e\n[f](code.md)\n```\n\
                [g](docs/b.md#five) [h](docs) [i](https://example.org/none) ![j](docs/none.svg)\n\n[k]: none.txt\n";
    let tree = [("a.md", page), ("docs/b.md", "## Three, four\n## Three, four\n[l](../a.md#e) [m](#three-four-1)")];
    let tree = tree.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let wrong =
        ["a.md: none.md", "a.md: docs/b.md#five", "a.md: docs/none.svg", "a.md: none.txt", "docs/b.md: ../a.md#e"];
    assert_eq!(broken(&tree), wrong);
}

fn tree() -> Tree {
    let text = |path: &str| match path.ends_with(".md") {
        true => fs::read_to_string(source().join(path)).unwrap(),
        false => String::new(),
    };
    let there = tracked("").into_iter().filter(|path| source().join(path).is_file());
    there.map(|path| (path.clone(), text(&path))).collect()
}

fn broken(tree: &Tree) -> Vec<String> {
    let is_there = |from: &str, target: &str| {
        let path = resolved(from, target);
        let anchor = target.split_once('#').map(|(_, anchor)| anchor);
        let is_folder = || tree.keys().any(|name| name.starts_with(&format!("{path}/")));
        tree.get(&path)
            .map_or_else(is_folder, |text| anchor.is_none_or(|anchor| anchors(text).iter().any(|it| it == anchor)))
    };
    let all = tree.iter().flat_map(|(name, text)| links(text).map(move |target| (name, target)));
    let wrong = all.filter(|(name, target)| !is_external(target) && !is_there(name, target));
    wrong.map(|(name, target)| format!("{name}: {target}")).collect()
}

fn is_external(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

/// The path of a link's target from the root of the tree.
fn resolved(from: &str, target: &str) -> String {
    let path = target.split('#').next().unwrap_or_default();
    if path.is_empty() {
        return from.to_owned();
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/').filter(|part| !["", "."].contains(part)) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// The text outside of fenced code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    page.split("```").step_by(2)
}

/// Targets of links and images. An unpaired backquote affects only its own paragraph.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let inline = prose(page).flat_map(|text| text.split("\n\n")).flat_map(|text| text.split('`').step_by(2));
    let inline =
        inline.flat_map(|text| ["](", "src=\"", "href=\""].into_iter().flat_map(|start| text.split(start).skip(1)));
    let definitions = prose(page).flat_map(str::lines).filter(|line| line.starts_with('['));
    let definitions = definitions.filter_map(|line| Some(line.split_once("]: ")?.1));
    inline.chain(definitions).map(|rest| rest.split([')', '"', ' ', '\n']).next().unwrap_or_default())
}

/// Anchors of headings as GitHub and mdBook make them. A repeated heading gets a number.
fn anchors(page: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for heading in prose(page).flat_map(str::lines).filter(|line| line.starts_with('#')) {
        let kept = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        let base: String = kept.chars().filter(|it| it.is_alphanumeric() || "-_".contains(*it)).collect();
        let numbered = (1..).map(|number| format!("{base}-{number}"));
        let anchor = std::iter::once(base.clone()).chain(numbered).find(|it| !anchors.contains(it));
        anchors.extend(anchor);
    }
    anchors
}
