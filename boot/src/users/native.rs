//! Native code in an app's packages: checks whether the machine's node can load it, by headers only.

use std::collections::BTreeMap;
use std::path::PathBuf;

use shim::arches::Arch;

use super::home::{Content, Home};
use crate::host::error::{Error, Result};
use crate::image::manifest::Include;
use crate::image::origin::{LIBRARIES, elf_facts, files};
use crate::parts::closure::closure;
use crate::parts::elf::Elf;
use crate::parts::node::INTERFACES;

/// An addon: its path in the home, and the facts in its headers.
type Addon = (String, Elf);

/// A warning for each package with addons of which node can load none. Packages contain addons for several machines and
/// C libraries, so it is enough if one can be loaded.
pub fn warnings(home: &Home, arch: &Arch, includes: &[Include], node: Option<u32>) -> Result<Vec<String>> {
    let mut included = BTreeMap::new();
    for include in includes {
        included.append(&mut files(include)?);
    }
    let mut packages: BTreeMap<String, Vec<Addon>> = BTreeMap::new();
    for path in home.paths().filter(|path| path.ends_with(".node")) {
        // files of other systems and damaged files are ignored
        if let Some(elf) = facts(home, &path) {
            packages.entry(package_of(&path)).or_default().push((path, elf));
        }
    }
    // npm may install the package for musl too, which is not loaded where that for glibc is
    let unused = |package: &str| package.contains("musl") && packages.contains_key(&package.replace("musl", "gnu"));
    let wanted = packages.iter().filter(|(package, _)| !unused(package));
    Ok(wanted.filter_map(|(package, addons)| warning(home, arch, &included, node, package, addons)).collect())
}

fn warning(
    home: &Home,
    arch: &Arch,
    included: &BTreeMap<String, PathBuf>,
    node: Option<u32>,
    package: &str,
    addons: &[Addon],
) -> Option<String> {
    let mut why = None;
    for (path, elf) in addons.iter().filter(|(_, elf)| elf.machine == arch.elf_machine) {
        if let Some(node) = node.filter(|node| !elf.node_modules.is_empty() && !elf.node_modules.contains(node)) {
            why = why.or_else(|| Some(other_node(path, &elf.node_modules, node)));
            continue;
        }
        match closure(arch, &format!("/{path}"), &mut |path| Ok(lookup(home, arch, included, path))) {
            Ok(_) => return None,
            Err(error) => why = why.or(Some(error)),
        }
    }
    Some(match why {
        Some(error) => format!("{package} will not load: cannot {error}"),
        None => {
            let machines = addons.iter().filter_map(|(_, elf)| Arch::of_elf(elf.machine));
            let is = machines.map(|arch| arch.name).next().unwrap_or("another machine");
            let next = format!(
                "next: without node_modules, NodeOS installs it for {arch}; or allow-scripts = [\"{package}\"] in nodeos.toml"
            );
            format!("{package} has native code for {is}, not for {arch}: it will not load\n  {next}")
        }
    })
}

/// An addon for another node.
fn other_node(path: &str, made_for: &[u32], node: u32) -> Error {
    let named = |interface: u32| match INTERFACES.iter().find(|(_, known)| *known == interface) {
        Some((major, _)) => format!("node {major} (NODE_MODULE_VERSION {interface})"),
        None => format!("NODE_MODULE_VERSION {interface}"),
    };
    let made_for: Vec<_> = made_for.iter().map(|interface| named(*interface)).collect();
    let made_for = made_for.join(" and ");
    Error::new(format!("load /{path}"), format!("it is made for {made_for}, and the image has {}", named(node)))
        .next("install the app's dependencies with that node, or choose another: --node VERSION")
}

/// The file at a path of the machine: the app's own, an included one, or a library of every machine. For the last two,
/// the image also contains the libraries that they load.
fn lookup(home: &Home, arch: &Arch, included: &BTreeMap<String, PathBuf>, path: &str) -> Option<Elf> {
    let library = || Elf { machine: arch.elf_machine, dynamic: true, ..Elf::default() };
    let name = path.strip_prefix(&format!("/lib/{}/", arch.multiarch));
    if included.contains_key(path) || name.is_some_and(|name| LIBRARIES.contains(&name)) {
        return Some(library());
    }
    facts(home, path.trim_start_matches('/'))
}

/// The ELF machine of a file in the home.
pub fn machine(home: &Home, path: &str) -> Option<u16> {
    facts(home, path).map(|elf| elf.machine)
}

fn facts(home: &Home, path: &str) -> Option<Elf> {
    match home.file_at(path)? {
        (_, Content::File(file)) => elf_facts(file).ok().flatten(),
        (_, Content::Bytes(_)) => None,
    }
}

/// `app/node_modules/a/node_modules/@b/c/build/x.node` belongs to `@b/c`.
fn package_of(path: &str) -> String {
    let Some((_, inside)) = path.rsplit_once("node_modules/") else { return path.to_owned() };
    let parts = if inside.starts_with('@') { 2 } else { 1 };
    inside.split('/').take(parts).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::{Home, package_of, warnings};
    use crate::image::manifest::Include;
    use shim::arches::Arch;
    use std::fs;
    use std::path::Path;

    fn put(folder: &Path, path: &str, bytes: &[u8]) {
        let path = folder.join("node_modules").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn of(folder: &Path, arch: &str, includes: &[Include]) -> Vec<String> {
        let mut home = Home::new("app", 1000);
        home.copy(folder, "app", &[]).unwrap();
        warnings(&home, Arch::named(arch).unwrap(), includes, Some(137)).unwrap()
    }

    #[test]
    fn native_code_for_another_architecture_is_reported_unless_the_right_one_exists() {
        let folder = tempfile::tempdir().unwrap();
        let elf = |machine: u16| {
            let mut header = vec![0; 64];
            header[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
            header[16] = 3;
            header[18..20].copy_from_slice(&machine.to_le_bytes());
            header[20] = 1;
            header[52] = 64;
            header
        };
        for (path, machine) in [("one/a.node", 62), ("@two/b/x64.node", 62), ("@two/b/arm64.node", 183)] {
            put(folder.path(), path, &elf(machine));
        }
        put(folder.path(), "one/mac.node", b"\0Mach-O");
        assert_eq!(of(folder.path(), "x86_64", &[]), [""; 0]);
        let found = of(folder.path(), "aarch64", &[]);
        let [text] = found.as_slice() else { panic!("{found:?}") };
        let expected =
            "one has native code for x86_64, not for aarch64: it will not load\n  next: without node_modules, ";
        assert!(text.starts_with(expected) && text.ends_with("or allow-scripts = [\"one\"] in nodeos.toml"), "{text}");
        assert_eq!(package_of("app/node_modules/a/node_modules/@b/c/build/x.node"), "@b/c");
    }

    /// Real addons, made by this machine's compiler.
    #[test]
    fn a_library_that_an_addon_lacks_is_named_with_the_line_that_includes_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join("node_modules").join(path);
        let compile = |out: &str, words: &[&str]| {
            fs::create_dir_all(at(out).parent().unwrap()).unwrap();
            let mut run = std::process::Command::new("cc");
            let text = "-shared -nostdlib -fPIC -x c /dev/null -x none -Wl,--no-as-needed";
            run.args(text.split(' ')).arg("-o").arg(at(out)).args(words).current_dir(folder.path());
            let done = run.output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        };
        let arch = Arch::host();
        compile("b/lib/libown.so.1", &["-Wl,-soname,libown.so.1"]);
        let own = at("b/lib/libown.so.1").to_str().unwrap().to_owned();
        compile("small/x.node", &["-l:librt.so.1", "-l:libresolv.so.2", "-l:libpthread.so.0"]);
        compile("b/build/x.node", &[&own, "-Wl,-rpath,$ORIGIN/../lib"]);
        compile("c/x.node", &[&own]);
        compile("@d/linux-gnu/x.node", &[]);
        compile("@d/linux-musl/x.node", &[&own]);
        let found = of(folder.path(), arch.name, &[]);
        let [text] = found.as_slice() else { panic!("{found:?}") };
        assert!(
            text.starts_with(
                "c will not load: cannot find the library libown.so.1, needed by /app/node_modules/c/x.node"
            ),
            "{text}"
        );
        let line = format!("include = [\"/usr/lib/{}/libown.so.1\"]", arch.multiarch);
        assert!(text.contains(&line), "{text}");
        let include = Include { from: own.into(), to: format!("/usr/lib/{}/libown.so.1", arch.multiarch) };
        assert_eq!(of(folder.path(), arch.name, &[include]), [""; 0]);
    }

    #[test]
    fn an_addon_for_another_node_is_named_with_both_versions() {
        let folder = tempfile::tempdir().unwrap();
        for (name, symbols) in [
            ("old", "node_register_module_v115"),
            ("right", "node_register_module_v137"),
            ("api", "napi_register_module_v1"),
        ] {
            let source = folder.path().join(name).with_extension("c");
            fs::write(&source, format!("void {symbols}(void) {{}}")).unwrap();
            let out = folder.path().join("node_modules").join(name).join("x.node");
            fs::create_dir_all(out.parent().unwrap()).unwrap();
            let words = ["-shared", "-nostdlib", "-fPIC", "-o"];
            let done = std::process::Command::new("cc").args(words).arg(&out).arg(&source).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        let found = of(folder.path(), Arch::host().name, &[]);
        let [text] = found.as_slice() else { panic!("{found:?}") };
        assert!(
            text.starts_with(
                "old will not load: cannot load /app/node_modules/old/x.node: it is made for node 20 \
                 (NODE_MODULE_VERSION 115), and the image has node 24 (NODE_MODULE_VERSION 137)"
            ),
            "{text}"
        );
        assert!(text.contains("next: ") && text.contains("--node VERSION"), "{text}");
    }
}
