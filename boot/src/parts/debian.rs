//! The sysroot: Debian's shared libraries for either architecture, fetched without root.
//!
//! apt runs with a private state in the cache and with the machine's own sources. Some of these may lack the target
//! architecture, so a failed update of one source is no error, but a missing package is. Once fetched, a sysroot needs
//! no network.

use crate::host::Host;
use crate::host::cache::{Cache, write_whole};
use crate::host::digest::Key;
use crate::host::error::{Error, Result, Tried};
use crate::host::run::Run;
use crate::parts::Versions;
use shim::arches::Arch;
use std::fs;
use std::path::{Path, PathBuf};

/// The packages that node and its addons link against. Other files get into the guest by `include`.
pub const PACKAGES: [&str; 4] = ["libatomic1", "libc6", "libgcc-s1", "libstdc++6"];
/// The file in a sysroot with the packages and their versions, one per line.
pub const LIST: &str = "PACKAGES";

/// The folder with `lib/MULTIARCH/*`, from the cache or fetched now.
pub fn sysroot(host: &Host, arch: &Arch) -> Result<PathBuf> {
    host.cache.entry("sysroot", &key(arch), |new| {
        let phase = host.progress.start("sysroot", &format!("fetch glibc and libstdc++ for {arch}"));
        let list = fetch(&host.cache, arch, new)
            .map_err(|error| error.within(format!("fetch Debian's libraries for {arch}")))?;
        phase.done(&format!("{arch}: {}", list.join(", ")));
        Ok(())
    })
}

/// The name of a sysroot in the cache. It depends on the requested packages; `LIST` in it has the versions that were
/// found.
#[must_use]
pub fn key(arch: &Arch) -> String {
    let key = Key::default().with("layout", "1").with("packages", PACKAGES.join(" ")).name();
    format!("{arch}-{key}")
}

/// A package for that architecture, unpacked. It may be in a component that the machine's own sources leave out.
pub fn unpacked(host: &Host, arch: &Arch, package: &str, component: &str) -> Result<PathBuf> {
    host.cache.entry("debian", &format!("{package}-{arch}"), |new| {
        let phase = host.progress.start("debian", &format!("fetch {package}"));
        let name = format!("{component}-{package}");
        let state = host.cache.root().join("apt").join(&name);
        let _lock = host.cache.lock("apt", &name)?;
        prepare(&state)?;
        let sources = state.join("sources.list");
        write_whole(&sources, sources_of(component)?.as_bytes())?;
        let work = tempfile::tempdir_in(&state).tried("make a folder in", &state)?;
        let only = |run: Run| {
            let list = format!("Dir::Etc::SourceList={}", sources.display());
            run.args(["-o", &list, "-o", "Dir::Etc::SourceParts=/dev/null"])
        };
        let fetched = only(apt(&state, arch))
            .arg("update")
            .ok()
            .and_then(|()| only(apt(&state, arch)).args(["download", package]).within(work.path()).ok());
        fetched.map_err(|error| {
            let tried = format!("fetch {package} for {arch} of Debian's {component}");
            // apt's own message is the last line; an error with a hint of its own stays as it is
            match error.why.lines().last().and_then(|line| line.trim().strip_prefix("E: ")) {
                Some(said) if error.next.is_none() => Error::new(tried, format!("apt says: {said}"))
                    .next("check that the network and `apt-get update` work, then try again"),
                _ => error.within(tried),
            }
        })?;
        let packages = sorted(work.path())?;
        for package in &packages {
            Run::new("dpkg").arg("-x").arg(package).arg(new).ok()?;
        }
        let list = listed(&packages);
        write_whole(&new.join(LIST), list.join("\n").as_bytes())?;
        phase.done(&format!("fetched {}", list.join(", ")));
        Ok(())
    })
}

/// Packages with version and architecture, in the format of their file names.
fn listed(packages: &[PathBuf]) -> Vec<String> {
    let named = |path: &PathBuf| path.file_stem()?.to_str().map(|name| name.replace("%3a", ":"));
    packages.iter().filter_map(named).collect()
}

/// The version of a fetched package.
pub fn fetched(folder: &Path) -> Result<String> {
    let list = folder.join(LIST);
    let text = fs::read_to_string(&list).tried("read", &list)?;
    // raspi-firmware_1.20220830+ds-1_all
    Ok(text.split('_').nth(1).unwrap_or(&text).to_owned())
}

/// The versions of packages that are installed on this host.
pub fn installed(packages: &[&'static str]) -> Result<Versions> {
    let version = |package: &&'static str| {
        let text = Run::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output()?;
        Ok((*package, text.trim().to_owned()))
    };
    packages.iter().map(version).collect()
}

/// The Debian release of this host.
#[must_use]
pub fn release() -> String {
    let said = fs::read_to_string("/etc/os-release").unwrap_or_default();
    said.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or("bookworm").to_owned()
}

/// Lines for apt: a component at the sources from which this host gets Debian's `main`.
pub fn sources_of(component: &str) -> Result<String> {
    let format = "$(REPO_URI) $(RELEASE)";
    let known = Run::new("apt-get")
        .args(["indextargets", "--format", format, "Created-By: Packages", "Component: main"])
        .output()?;
    let release = release();
    let lines = lines_of(&known, &release, component);
    if lines.is_empty() {
        let why = format!("apt knows no source of Debian's {release}, main");
        return Err(Error::new(format!("find Debian's {component}"), why).next("see sources.list(5)"));
    }
    Ok(lines)
}

/// Turns each line `URI RELEASE` into a line of sources.list.
fn lines_of(known: &str, release: &str, component: &str) -> String {
    const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let ours = |name: &str| name == release || name.strip_prefix(release).is_some_and(|rest| rest.starts_with('-'));
    let mut lines: Vec<String> = known
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, name)| ours(name))
        .map(|(uri, name)| format!("deb [signed-by={KEYS}] {uri} {name} {component}\n"))
        .collect();
    lines.sort();
    lines.dedup();
    lines.concat()
}

/// Makes the folders that apt needs, and an empty list of installed packages.
fn prepare(state: &Path) -> Result<()> {
    for folder in ["lists/partial", "archives/partial"] {
        let folder = state.join(folder);
        fs::create_dir_all(&folder).tried("make the folder", &folder)?;
    }
    write_whole(&state.join("status"), b"")
}

fn fetch(cache: &Cache, arch: &Arch, new: &Path) -> Result<Vec<String>> {
    let state = cache.root().join("apt").join(arch.debian);
    let _lock = cache.lock("apt", arch.debian)?;
    prepare(&state)?;
    let work = tempfile::tempdir_in(&state).tried("make a folder in", &state)?;
    // the update fails if one source lacks this architecture, which does not matter
    let updated = apt(&state, arch).arg("update").ok();
    let download = apt(&state, arch).arg("download").args(PACKAGES).within(work.path()).ok();
    download.map_err(|error| match updated {
        Err(update) => Error { why: format!("{}\n{update}", error.why), ..error },
        Ok(()) => error,
    })?;
    let packages = sorted(work.path())?;
    let (tree, libraries) = (work.path().join("tree"), new.join("lib").join(arch.multiarch));
    for package in &packages {
        Run::new("dpkg").arg("-x").arg(package).arg(&tree).ok()?;
    }
    fs::create_dir_all(&libraries).tried("make the folder", &libraries)?;
    for folder in ["lib", "usr/lib"] {
        for file in sorted(&tree.join(folder).join(arch.multiarch))? {
            collect(&tree, &file, &libraries)?;
        }
    }
    let list = listed(&packages);
    write_whole(&new.join(LIST), list.join("\n").as_bytes())?;
    Ok(list)
}

/// Copies a shared library (a link: the file that it leads to, under the link's name); ignores gconv modules and so on.
fn collect(tree: &Path, file: &Path, libraries: &Path) -> Result<()> {
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
    let mut real = file.to_owned();
    while let Ok(target) = fs::read_link(&real) {
        let below = target.strip_prefix("/").map(|target| tree.join(target));
        real = below.unwrap_or_else(|_| real.parent().unwrap_or(tree).join(target));
    }
    let shared = name.ends_with(".so") || name.contains(".so.");
    if shared && real.is_file() {
        fs::copy(&real, libraries.join(name)).tried("copy", &real)?;
    }
    Ok(())
}

/// apt-get with its own state and the machine's sources, for one architecture.
fn apt(state: &Path, arch: &Arch) -> Run {
    let dir = |name: &str, path: &str| format!("Dir::{name}={}", state.join(path).display());
    let options = [
        format!("APT::Architecture={}", arch.debian),
        format!("APT::Architectures::={}", arch.debian),
        "APT::Sandbox::User=root".to_owned(), // apt's own user cannot write into a private folder
        "APT::Get::List-Cleanup=0".to_owned(),
        "Acquire::Languages=none".to_owned(),
        "Acquire::Retries=3".to_owned(),
        dir("State", ""),
        dir("State::Lists", "lists"),
        dir("State::status", "status"),
        dir("Cache", ""),
        dir("Cache::archives", "archives"),
    ];
    let run = Run::new("apt-get").args(["-q", "-o", "APT::Architectures="]);
    options.iter().fold(run, |run, option| run.arg("-o").arg(option))
}

/// The entries of a folder, sorted by name; none if it is missing.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(vec![]);
    }
    let entries = fs::read_dir(folder).tried("list", folder)?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.tried("list", folder)?.path());
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::{apt, collect};
    use shim::arches::Arch;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    #[test]
    fn symlinks_become_files_even_absolute_ones() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, out) = (folder.path().join("tree"), folder.path().join("out"));
        fs::create_dir_all(tree.join("lib/x/gconv")).unwrap();
        fs::create_dir(&out).unwrap();
        fs::write(tree.join("lib/x/libb.so.1.2"), "b").unwrap();
        symlink("libb.so.1.2", tree.join("lib/x/libb.so.1")).unwrap();
        symlink("/lib/x/libb.so.1", tree.join("lib/x/libabsolute.so")).unwrap();
        symlink("/no/where", tree.join("lib/x/libdangling.so")).unwrap();
        for file in super::sorted(&tree.join("lib/x")).unwrap() {
            collect(&tree, &file, &out).unwrap();
        }
        let names: Vec<_> = super::sorted(&out).unwrap().iter().map(|p| p.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["libabsolute.so", "libb.so.1", "libb.so.1.2"]);
        assert_eq!(fs::read(out.join("libabsolute.so")).unwrap(), b"b");
    }

    #[test]
    fn another_component_uses_the_same_debian_mirrors() {
        let known = "http://m/debian/ bookworm\nhttp://m/debian/ bookworm\nhttp://s/ bookworm-security\n\
                     https://other/ nodistro\nhttps://other/ bookwormish\n";
        let lines = super::lines_of(known, "bookworm", "non-free-firmware");
        let lines: Vec<&str> = lines.lines().map(|line| line.split_once("] ").unwrap().1).collect();
        assert_eq!(
            lines,
            ["http://m/debian/ bookworm non-free-firmware", "http://s/ bookworm-security non-free-firmware"]
        );
    }

    #[test]
    fn apt_is_confined_to_one_architecture_and_a_private_state() {
        let said = apt(Path::new("/c"), Arch::named("aarch64").unwrap()).arg("update").to_string();
        for word in ["APT::Architecture=arm64", "Dir::State::status=/c/status", "Dir::Cache=/c/", "update"] {
            assert!(said.contains(word), "{said}");
        }
    }
}
