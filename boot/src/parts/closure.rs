//! The libraries that a program needs, found as glibc's loader finds them. It only reads headers, so it works on any
//! host.
//!
//! For each name, in the order of `_dl_map_object` (glibc, elf/dl-load.c):
//!
//! 1. a library that is already loaded, by its name or its soname;
//! 2. a name with a slash is a path;
//! 3. `DT_RPATH` of the object, then of those that loaded it; each only if it has no `DT_RUNPATH`;
//! 4. `DT_RUNPATH` of the object only;
//! 5. Debian's default folders, unless `DF_1_NODEFLIB`.
//!
//! A file for another architecture is skipped, as the loader does. Absent on purpose: `ld.so.cache`, `LD_LIBRARY_PATH`
//! and `glibc-hwcaps`, which no image has; `dlopen`, because headers do not list it.

use crate::host::error::{Error, Result};
use crate::parts::elf::Elf;
use shim::arches::Arch;
use std::collections::BTreeSet;

/// The facts of the file at a path of the guest; `None` if there is no ELF file.
pub type Lookup<'a> = dyn FnMut(&str) -> Result<Option<Elf>> + 'a;

/// A loaded object, the object that loaded it, and the name by which that one requested it.
struct Object {
    name: String,
    path: String,
    elf: Elf,
    by: Option<usize>,
}

/// The paths in the guest of all libraries that the program at `path` loads, without the program itself and the loader.
pub fn closure(arch: &Arch, path: &str, lookup: &mut Lookup<'_>) -> Result<BTreeSet<String>> {
    let elf = lookup(path)?
        .ok_or_else(|| Error::new(format!("find the libraries of {path}"), "it is missing, or no ELF file"))?;
    check_machine(arch, path, &elf)?;
    if let Some(interpreter) = elf.interpreter.as_deref().filter(|interpreter| *interpreter != arch.loader) {
        let why = format!("it asks for the loader {interpreter}, the image has {}", arch.loader);
        return Err(Error::new(format!("find the libraries of {path}"), why).next("use a build for glibc"));
    }
    let mut objects = vec![Object { name: path.to_owned(), path: path.to_owned(), elf, by: None }];
    let loader = arch.loader.rsplit('/').next().unwrap_or_default();
    let mut at = 0;
    while let Some(object) = objects.get(at) {
        for name in object.elf.needed.clone() {
            let loaded = |object: &Object| object.name == name || object.elf.soname.as_ref() == Some(&name);
            if name != loader && !objects.iter().any(loaded) {
                let (path, elf) = find(arch, &objects, at, &name, lookup)?;
                objects.push(Object { name, path, elf, by: Some(at) });
            }
        }
        at += 1;
    }
    Ok(objects.into_iter().skip(1).map(|object| object.path).collect())
}

/// Refuses a program of another architecture.
pub fn check_machine(arch: &Arch, path: &str, elf: &Elf) -> Result<()> {
    if elf.machine == arch.elf_machine {
        return Ok(());
    }
    let found = Arch::of_elf(elf.machine).map_or_else(
        || format!("a machine that NodeOS has no port for (e_machine {})", elf.machine),
        |a| a.to_string(),
    );
    Err(Error::new(format!("use {path}"), format!("it is for {found}, the image is for {arch}")))
}

fn find(arch: &Arch, objects: &[Object], by: usize, name: &str, lookup: &mut Lookup<'_>) -> Result<(String, Elf)> {
    let mut passed_over = Vec::new();
    for path in candidates(arch, objects, by, name) {
        match lookup(&path)? {
            Some(elf) if elf.machine == arch.elf_machine => return Ok((path, elf)),
            Some(_) => passed_over.push(path),
            None => {}
        }
    }
    let chain: Vec<_> = ancestors(objects, by).map(|object| object.path.as_str()).collect();
    let why = match passed_over.as_slice() {
        [] => "it is nowhere in the loader's search path".to_owned(),
        paths => format!("{} is for another machine than {arch}", paths.join(", ")),
    };
    Err(Error::new(format!("find the library {name}, needed by {}", chain.join(" <- ")), why).next(format!(
        "include = [\"/usr/lib/{}/{name}\"] in nodeos.toml; the Debian package that has it may be {}",
        arch.multiarch,
        debian_package(name)
    )))
}

/// The paths where the loader looks for `name`, in its order.
fn candidates(arch: &Arch, objects: &[Object], by: usize, name: &str) -> Vec<String> {
    let Some(object) = objects.get(by) else { return vec![] };
    if name.contains('/') {
        return vec![normal(&expanded(arch, object, name))];
    }
    let mut folders = Vec::new();
    if object.elf.runpath.is_empty() {
        let chain = ancestors(objects, by).filter(|ancestor| ancestor.elf.runpath.is_empty());
        for ancestor in chain {
            folders.extend(ancestor.elf.rpath.iter().map(|folder| expanded(arch, ancestor, folder)));
        }
    }
    folders.extend(object.elf.runpath.iter().map(|folder| expanded(arch, object, folder)));
    if !object.elf.no_default_folders {
        folders.extend(default_folders(arch));
    }
    folders.iter().map(|folder| normal(&format!("{folder}/{name}"))).collect()
}

/// Debian's default folders in order (glibc, debian/patches: multiarch trusted directories).
fn default_folders(arch: &Arch) -> [String; 4] {
    let multiarch = arch.multiarch;
    [format!("/lib/{multiarch}"), format!("/usr/lib/{multiarch}"), "/lib".to_owned(), "/usr/lib".to_owned()]
}

/// An object and those that loaded it, up to the program.
fn ancestors(objects: &[Object], from: usize) -> impl Iterator<Item = &Object> {
    std::iter::successors(objects.get(from), |object| objects.get(object.by?))
}

/// Replaces dynamic string tokens (ld.so(8)); the form with braces first. `$LIB` is not a prefix of another token.
fn expanded(arch: &Arch, object: &Object, text: &str) -> String {
    let origin = object.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let lib = format!("lib/{}", arch.multiarch);
    [("ORIGIN", origin), ("LIB", &lib), ("PLATFORM", arch.name)].iter().fold(text.to_owned(), |text, (token, value)| {
        text.replace(&format!("${{{token}}}"), value).replace(&format!("${token}"), value)
    })
}

/// A path without `.`, `..` and double slashes; it cannot leave the root.
#[must_use]
pub fn normal(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The package of a shared library by Debian's policy (8.1): `libfoo.so.1` is in `libfoo1`.
fn debian_package(soname: &str) -> String {
    let name = soname.rsplit('/').next().unwrap_or(soname);
    let (base, version) = name.split_once(".so").unwrap_or((name, ""));
    let dash = if base.ends_with(|c: char| c.is_ascii_digit()) && !version.is_empty() { "-" } else { "" };
    format!("{base}{dash}{}", version.trim_start_matches('.')).to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::{closure, debian_package, normal};
    use crate::parts::elf::Elf;
    use shim::arches::Arch;
    use std::collections::BTreeMap;

    /// A guest with these files.
    #[derive(Default)]
    struct Guest(BTreeMap<String, Elf>);

    impl Guest {
        fn with(mut self, path: &str, needed: &[&str], change: impl FnOnce(&mut Elf)) -> Self {
            let mut elf = Elf { machine: 62, dynamic: true, ..Elf::default() };
            elf.needed = needed.iter().map(ToString::to_string).collect();
            change(&mut elf);
            self.0.insert(path.to_owned(), elf);
            self
        }

        fn closure(&self) -> Result<Vec<String>, String> {
            let found = closure(Arch::named("x86_64").unwrap(), "/bin/a", &mut |path| Ok(self.0.get(path).cloned()));
            found.map(|found| found.into_iter().collect()).map_err(|error| error.to_string())
        }
    }

    fn paths(text: &[&str]) -> Vec<String> {
        text.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn transitive_libraries_are_found_and_the_loader_is_excluded() {
        let guest = Guest::default()
            .with("/bin/a", &["libb.so.1", "ld-linux-x86-64.so.2"], |_| {})
            .with("/usr/lib/libb.so.1", &["libc.so.6", "libb.so.1"], |_| {})
            .with("/lib/x86_64-linux-gnu/libc.so.6", &[], |_| {})
            .with("/lib/libc.so.6", &[], |_| {});
        assert_eq!(guest.closure().unwrap(), paths(&["/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/libb.so.1"]));
    }

    #[test]
    fn rpath_applies_to_transitive_libraries_and_runpath_does_not() {
        let guest = |change: fn(&mut Elf)| {
            Guest::default().with("/bin/a", &["libb.so"], change).with("/opt/libb.so", &["libc.so"], |_| {}).with(
                "/opt/libc.so",
                &[],
                |_| {},
            )
        };
        let with_rpath = guest(|elf| elf.rpath = vec!["${ORIGIN}/../opt".to_owned()]);
        assert_eq!(with_rpath.closure().unwrap(), paths(&["/opt/libb.so", "/opt/libc.so"]));
        let with_runpath = guest(|elf| elf.runpath = vec!["$ORIGIN/../opt".to_owned()]);
        let error = with_runpath.closure().unwrap_err();
        assert!(
            error.starts_with("find the library libc.so, needed by /opt/libb.so <- /bin/a: it is nowhere"),
            "{error}"
        );
    }

    #[test]
    fn an_rpath_is_ignored_beside_a_runpath() {
        let guest = Guest::default()
            .with("/bin/a", &["libb.so"], |elf| {
                elf.rpath = vec!["/r".to_owned()];
                elf.runpath = vec!["/u".to_owned()];
            })
            .with("/r/libb.so", &[], |_| {})
            .with("/lib/libb.so", &[], |_| {});
        assert_eq!(guest.closure().unwrap(), paths(&["/lib/libb.so"]));
    }

    #[test]
    fn a_library_of_another_architecture_is_skipped() {
        let guest =
            Guest::default()
                .with("/bin/a", &["libb.so"], |_| {})
                .with("/lib/x86_64-linux-gnu/libb.so", &[], |elf| elf.machine = 183);
        let error = guest.closure().unwrap_err();
        assert!(error.contains("/lib/x86_64-linux-gnu/libb.so is for another machine than x86_64"), "{error}");
        let guest = guest.with("/usr/lib/libb.so", &[], |_| {});
        assert_eq!(guest.closure().unwrap(), paths(&["/usr/lib/libb.so"]));
    }

    #[test]
    fn a_missing_library_names_the_chain_and_its_debian_package() {
        let guest = Guest::default().with("/bin/a", &["libatomic.so.1"], |_| {});
        assert_eq!(
            guest.closure().unwrap_err(),
            "find the library libatomic.so.1, needed by /bin/a: it is nowhere in the loader's search path\n  next: \
             include = [\"/usr/lib/x86_64-linux-gnu/libatomic.so.1\"] in nodeos.toml; the Debian package that has it may \
             be libatomic1"
        );
        for (soname, package) in
            [("libstdc++.so.6", "libstdc++6"), ("libglib-2.0.so.0", "libglib-2.0-0"), ("libX11.so.6", "libx11-6")]
        {
            assert_eq!(debian_package(soname), package);
        }
    }

    #[test]
    fn a_program_of_another_architecture_or_libc_is_refused() {
        let error = Guest::default().with("/bin/a", &[], |elf| elf.machine = 183).closure().unwrap_err();
        assert_eq!(error, "use /bin/a: it is for aarch64, the image is for x86_64");
        let musl = |elf: &mut Elf| elf.interpreter = Some("/lib/ld-musl-x86_64.so.1".to_owned());
        let error = Guest::default().with("/bin/a", &[], musl).closure().unwrap_err();
        assert!(error.contains("ld-musl-x86_64.so.1, the image has /lib64/ld-linux-x86-64.so.2"), "{error}");
        assert!(Guest::default().closure().is_err());
    }

    #[test]
    fn no_default_folders_disables_the_default_search_path() {
        let guest = Guest::default().with("/bin/a", &["libb.so"], |elf| elf.no_default_folders = true).with(
            "/lib/libb.so",
            &[],
            |_| {},
        );
        assert!(guest.closure().is_err());
    }

    #[test]
    fn paths_are_normalised_and_stay_within_the_root() {
        assert_eq!(normal("/bin/../../lib//./x"), "/lib/x");
    }
}
