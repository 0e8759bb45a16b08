//! Rules of ARCHITECTURE.md that are checked in the source: which module may use which, where
//! `unsafe` and `cfg(target_arch)` are allowed, and how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ExprUnsafe, File, ImplItemFn, Item, ItemFn, ItemImpl, ItemUse, Macro, UseTree};

use crate::tracked::{source, tracked};

/// Crates whose modules must not depend on each other in a cycle.
const CRATES: [&str; 5] = ["boot/src", "boot/cli/src", "qemu/src", "qemu/lab/src", "shim/src"];
/// The rooms of `boot`. Each may only use those before it.
const ROOMS: [&str; 9] = ["host", "parts", "image", "users", "assembly", "media", "inspect", "update", "tools"];
/// Where `unsafe` is allowed.
const UNSAFE: [&str; 5] =
    ["arch-aarch64/", "arch-x86_64/", "shim/src/sys.rs", "shim/src/sys/", "tests/guest/src/call.rs"];
/// Where `cfg(target_arch)` is allowed.
const ARCHITECTURE: [&str; 3] = ["arch-aarch64/", "arch-x86_64/", "shim/src/lib.rs"];
/// The most lines of a file.
const LINES: usize = 400;

/// Modules by name (such as `users::read`), each with the modules that it uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// The facts about a file that the rules need.
#[derive(Default)]
struct Seen {
    paths: Vec<Vec<String>>,
    has_unsafe: bool,
    asks_architecture: bool,
}

impl Seen {
    fn of(text: &str) -> Self {
        let file: File = syn::parse_str(text).unwrap_or_else(|error| panic!("{error} in:\n{text}"));
        let mut seen = Self::default();
        seen.visit_file(&file);
        seen
    }

    fn tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.paths.push(with(&name.ident)),
            UseTree::Rename(name) => self.paths.push(with(&name.ident)),
            UseTree::Glob(_) => self.paths.push(before.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
        }
    }
}

impl<'a> Visit<'a> for Seen {
    fn visit_item(&mut self, item: &'a Item) {
        // unit tests may use any module
        if !matches!(item, Item::Mod(module) if module.attrs.iter().any(is_test)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        self.tree(&[], &item.tree);
        visit::visit_item_use(self, item);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        self.paths.push(path.segments.iter().map(|part| part.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_attribute(&mut self, attribute: &'a Attribute) {
        self.asks_architecture |= quoted(attribute).contains("target_arch");
        self.has_unsafe |= quoted(attribute).starts_with("unsafe");
        visit::visit_attribute(self, attribute);
    }

    fn visit_expr_unsafe(&mut self, block: &'a ExprUnsafe) {
        self.has_unsafe = true;
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_item_fn(&mut self, function: &'a ItemFn) {
        self.has_unsafe |= function.sig.unsafety.is_some();
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'a ImplItemFn) {
        self.has_unsafe |= function.sig.unsafety.is_some();
        visit::visit_impl_item_fn(self, function);
    }

    // the arguments of a macro are not parsed into a tree, so their words are searched
    fn visit_macro(&mut self, call: &'a Macro) {
        let text = without_literals(call.tokens.clone());
        let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
        self.has_unsafe |= text.split(|letter| !is_name(letter)).any(|word| word == "unsafe");
        self.asks_architecture |= text.split(|letter| !is_name(letter)).any(|word| word == "target_arch");
        let text = text.replace(" :: ", "::").replace(":: ", "::");
        for (at, _) in text.match_indices("crate::") {
            let path = text[at..].split(|letter| !is_name(letter) && letter != ':').next();
            self.paths.extend(path.map(|path| path.split("::").map(str::to_owned).collect()));
        }
        visit::visit_macro(self, call);
    }

    fn visit_item_impl(&mut self, item: &'a ItemImpl) {
        self.has_unsafe |= item.unsafety.is_some();
        visit::visit_item_impl(self, item);
    }
}

fn without_literals(tokens: TokenStream) -> String {
    let text = |token| match token {
        TokenTree::Group(group) => format!("( {} )", without_literals(group.stream())),
        TokenTree::Literal(_) => "_".to_owned(),
        TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint => punct.to_string(),
        other => format!("{other} "),
    };
    tokens.into_iter().map(text).collect()
}

fn quoted(attribute: &Attribute) -> String {
    match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("unsafe") => "unsafe".to_owned(),
        syn::Meta::List(list) => list.tokens.to_string(),
        _ => String::new(),
    }
}

fn is_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && quoted(attribute) == "test"
}

/// The name of a file's module: `users::read` for `users/read.rs`, empty for the root.
fn module(file: &str) -> String {
    let path = file.strip_suffix(".rs").unwrap();
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if matches!(path, "lib" | "main") { String::new() } else { path.replace('/', "::") }
}

/// The module of a crate that a path in module `from` refers to.
fn target(from: &str, path: &[String], modules: &BTreeSet<String>) -> Option<String> {
    let mut at: Vec<&str> = from.split("::").filter(|name| !name.is_empty()).collect();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => at.clear(),
        "self" => {}
        "super" => {
            at.pop();
        }
        _ => return None,
    }
    rest = &rest[1..];
    while rest.first().is_some_and(|name| name == "super") {
        at.pop();
        rest = &rest[1..];
    }
    at.extend(rest.iter().map(String::as_str));
    (1..=at.len()).rev().map(|length| at[..length].join("::")).find(|name| modules.contains(name))
}

/// Which modules of a crate use which, from the texts of its files. A module and its submodules may
/// use each other, so that is left out.
fn uses(files: &BTreeMap<String, String>) -> Uses {
    let modules: BTreeSet<String> = files.keys().map(|file| module(file)).collect();
    let of = |(file, text): (&String, &String)| {
        let from = module(file);
        let own = |other: &String| {
            let (one, two) = (format!("{from}::"), format!("{other}::"));
            one.starts_with(&two) || two.starts_with(&one) || from.is_empty()
        };
        let paths = Seen::of(text).paths;
        let used = paths.iter().filter_map(|path| target(&from, path, &modules)).filter(|other| !own(other)).collect();
        (from, used)
    };
    files.iter().map(of).collect()
}

/// The modules that are part of a cycle.
fn circles(uses: &Uses) -> BTreeSet<&str> {
    let reaches = |start: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
        while let Some(at) = next.pop() {
            next.extend(uses.get(at).into_iter().flatten().map(String::as_str).filter(|name| seen.insert(*name)));
        }
        seen.contains(start)
    };
    uses.keys().map(String::as_str).filter(|name| reaches(name)).collect()
}

/// Uses of a room by an earlier one.
fn upward(uses: &Uses) -> Vec<String> {
    let floor = |module: &str| ROOMS.iter().position(|room| module.split("::").next() == Some(room));
    let upward = |(from, to): &(&String, &String)| floor(from) < floor(to) && !from.is_empty();
    let all = uses.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)));
    all.filter(upward).map(|(from, to)| format!("{from} uses {to}")).collect()
}

fn files(folder: &str) -> BTreeMap<String, String> {
    let below = format!("{folder}/");
    let texts = tracked(".rs").into_iter().filter_map(|path| Some((path.strip_prefix(&below)?.to_owned(), path)));
    texts.map(|(name, path)| (name, fs::read_to_string(source().join(path)).unwrap())).collect()
}

#[test]
fn no_modules_depend_on_each_other_in_a_cycle() {
    for folder in CRATES {
        let uses = uses(&files(folder));
        assert!(uses.values().any(|uses| !uses.is_empty()), "nothing was read of {folder}");
        assert_eq!(circles(&uses), BTreeSet::new(), "in {folder}");
    }
}

#[test]
fn a_room_of_boot_only_uses_earlier_rooms() {
    let uses = uses(&files("boot/src"));
    for module in uses.keys().filter(|module| !module.is_empty()) {
        assert!(ROOMS.contains(&module.split("::").next().unwrap()), "{module} is in no room");
    }
    assert_eq!(upward(&uses), Vec::<String>::new());
    for (file, text) in files("boot/src") {
        assert!(!Seen::of(&text).paths.iter().any(|path| path[0] == "qemu"), "boot/src/{file} uses qemu");
    }
}

#[test]
fn unsafe_target_arch_and_file_lengths_stay_within_the_rules() {
    let allowed = |path: &str, list: &[&str]| list.iter().any(|start| path.starts_with(start));
    for path in tracked(".rs") {
        let text = fs::read_to_string(source().join(&path)).unwrap();
        let seen = Seen::of(&text);
        assert!(!seen.has_unsafe || allowed(&path, &UNSAFE), "{path} has unsafe");
        assert!(!seen.asks_architecture || allowed(&path, &ARCHITECTURE), "{path} has cfg(target_arch)");
        assert!(text.lines().count() <= LINES, "{path} has {} lines, at most {LINES}", text.lines().count());
    }
    for start in UNSAFE.iter().chain(&ARCHITECTURE) {
        assert!(source().join(start).exists(), "{start} is gone: take it from the list");
    }
}

#[test]
fn each_broken_rule_is_detected() {
    let house = |texts: &[(&str, &str)]| -> Uses {
        uses(&texts.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect())
    };
    let uses = house(&[
        ("lib.rs", "pub mod host; pub mod media;"),
        ("host/mod.rs", "mod run; use crate::media::{self, iso};"),
        ("host/run.rs", "use super::Host; fn f() { crate::media::make() }"),
        ("media/mod.rs", "mod iso; #[cfg(test)] mod tests { use crate::inspect; }"),
        ("media/iso.rs", "use crate::host::run::Run;"),
        ("inspect.rs", ""),
    ]);
    assert_eq!(uses["host::run"], BTreeSet::from(["media".to_owned()]));
    assert_eq!(circles(&uses), BTreeSet::new(), "a module and its parts are one");
    assert_eq!(upward(&uses), ["host uses media", "host uses media::iso", "host::run uses media"]);
    let uses = house(&[("a.rs", "use crate::b::B;"), ("b.rs", "use crate::c;"), ("c.rs", "type A = crate::a::A;")]);
    assert_eq!(circles(&uses), BTreeSet::from(["a", "b", "c"]));
    assert!(Seen::of("fn f() { unsafe { g() } }").has_unsafe && Seen::of("unsafe fn f() {}").has_unsafe);
    assert!(Seen::of("impl A { unsafe fn f() {} }").has_unsafe && Seen::of("a! { unsafe { g() } }").has_unsafe);
    assert!(Seen::of("fn f() { cfg!(target_arch = \"x\") }").asks_architecture);
    let seen = Seen::of("fn f() { format!(\"{}\", crate::media::x()) }");
    assert!(seen.paths.contains(&["crate", "media", "x"].map(str::to_owned).to_vec()));
    assert!(Seen::of("#[unsafe(no_mangle)] fn f() {}").has_unsafe && !Seen::of("fn f() { g() }").has_unsafe);
    assert!(Seen::of("#[cfg(target_arch = \"x86_64\")] use a as b;").asks_architecture);
}
