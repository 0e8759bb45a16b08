//! The kernel: Debian's source, our fragments, `boot/kernel/build.sh`. It is cached by all of its inputs.
//!
//! The source is unpacked once, and each architecture has one output tree below it, so a change of configuration
//! compiles only the affected files. A kernel enters the cache only when it is finished.

use crate::host::Host;
use crate::host::cache::{Cache, write_whole};
use crate::host::digest::Key;
use crate::host::error::{Error, Result, Tried};
use crate::host::run::{Run, find, package_of};
use crate::parts::kconfig::{Fragment, merged, unmet};
use crate::parts::steps::{Build, Steps};
use shim::arches::{ALL, Arch};
use std::fs;
use std::path::{Path, PathBuf};

macro_rules! patch {
    ($name:literal) => {
        ($name, include_str!(concat!("../../kernel/patches/", $name)))
    };
}

/// The Debian package with the source, and the file in it.
pub const PACKAGE: &str = "linux-source-6.12";
const TARBALL: &str = "/usr/src/linux-source-6.12.tar.xz";
const SCRIPT: &str = include_str!("../../kernel/build.sh");
const COMMON: &str = include_str!("../../kernel/common.config");
/// Our changes to the source, applied in this order. Each file explains why it is needed.
const PATCHES: [(&str, &str); 6] = [
    patch!("0001-charge-what-a-user-holds.patch"),
    patch!("0002-abstract-names-are-a-sandboxs.patch"),
    patch!("0003-descriptors-stay-with-a-user.patch"),
    patch!("0004-erofs-reads-a-file-of-a-tmpfs.patch"),
    patch!("0005-fewer-files-at-boot.patch"),
    patch!("0006-no-padding-behind-the-bss.patch"),
];

/// Describes a kernel.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The machine.
    pub arch: &'static Arch,
    /// The kernel profile: a name in the architecture's `KERNEL_PROFILES`.
    pub profile: String,
    /// More options, `CONFIG_X=y`, from the manifest.
    pub options: Vec<String>,
}

impl Spec {
    /// The fragments in the order in which they are merged.
    pub fn fragments(&self) -> Result<Vec<Fragment>> {
        let arch = self.arch;
        let known = || arch.kernel_profiles.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let profile = arch.kernel_profiles.iter().find(|(name, _)| *name == self.profile).ok_or_else(|| {
            Error::new(format!("find the kernel profile {} of {arch}", self.profile), "it does not exist")
                .next(format!("use one of: {}", known()))
        })?;
        let fragment = |name: String, text: &str| Fragment { name, text: text.to_owned() };
        Ok(vec![
            fragment("boot/kernel/common.config".to_owned(), COMMON),
            fragment(format!("arch-{arch}/kernel/base.config"), arch.kernel_base),
            fragment(format!("arch-{arch}/kernel/{}.config", profile.0), profile.1),
            fragment("nodeos.toml, [kernel] options".to_owned(), &self.options.join("\n")),
        ])
    }
}

/// The kernel, from the cache or built now.
pub fn kernel(host: &Host, spec: &Spec) -> Result<PathBuf> {
    let arch = spec.arch;
    let fragments = spec.fragments()?;
    let (version, compiler) = (source_version()?, compiler_version(arch)?);
    let key = Key::default()
        .with("source", source_key(&version))
        .with("fragments", merged(&fragments))
        .with("script", SCRIPT)
        .with("compiler", &compiler);
    let key = format!("{arch}-{}-{}", spec.profile, key.name());
    host.cache.entry("kernel", &key, |new| {
        let _tree = host.cache.lock("kernel-source", arch.name)?;
        let source = unpacked(host, &version)?;
        let out = source.join(format!("out-{arch}"));
        configure(&host.cache, arch, &fragments, &source, &out)?;
        compile(host, spec, &source, &out)?;
        let built = out.join(arch.kernel_image);
        fs::copy(&built, new).tried("copy", &built)?;
        check(new, arch)
    })
}

/// A folder with these device trees, `NAME.dtb`, from the kernel's source. Programs may change them by overlays.
pub fn device_trees(host: &Host, spec: &Spec, names: &[&str]) -> Result<PathBuf> {
    let arch = spec.arch;
    let (version, fragments) = (source_version()?, spec.fragments()?);
    let key = Key::default()
        .with("source", source_key(&version))
        .with("names", names.join(" "))
        .with("script", SCRIPT)
        .name();
    host.cache.entry("device-trees", &key, |new| {
        let _tree = host.cache.lock("kernel-source", arch.name)?;
        let source = unpacked(host, &version)?;
        let out = source.join(format!("out-{arch}"));
        configure(&host.cache, arch, &fragments, &source, &out)?;
        let phase = host.progress.start("kernel", &format!("compile {} device trees for {arch}", names.len()));
        fs::create_dir(new).tried("make the folder", new)?;
        for name in names {
            // -@: includes the names to which overlays refer (dtc(1))
            let run = script(&host.cache)?.env("DTC_FLAGS", "-@").arg("compile").arg(&source).arg(&out);
            run.args([arch.kernel_arch, cross(arch), &format!("broadcom/{name}.dtb"), "1"]).ok()?;
            let file = format!("{name}.dtb");
            let built = out.join("arch/arm64/boot/dts/broadcom").join(&file);
            fs::copy(&built, new.join(&file)).tried("copy", &built)?;
        }
        phase.done(&format!("compiled {} device trees for {arch}", names.len()));
        Ok(())
    })
}

/// Refuses a kernel of another architecture.
pub fn check(kernel: &Path, arch: &Arch) -> Result<()> {
    let tried = || format!("use the kernel {}", kernel.display());
    let head = read_head(kernel).tried("read", kernel)?;
    match arch_of(&head) {
        Some(found) if found == arch => Ok(()),
        Some(found) => Err(Error::new(tried(), format!("it is for {found}, the image is for {arch}"))),
        None => {
            let known: Vec<_> = ALL.iter().map(|arch| format!("{arch} ({})", arch.kernel_target)).collect();
            Err(Error::new(tried(), format!("it is not a kernel for {}", known.join(" or "))))
        }
    }
}

/// The architecture of a kernel, by its first KiB.
#[must_use]
pub fn arch_of(head: &[u8]) -> Option<&'static Arch> {
    let has = |(at, bits, value): &(usize, u8, u8)| head.get(*at).is_some_and(|byte| byte & bits == *value);
    ALL.iter().find(|arch| arch.kernel_head.iter().all(has))
}

fn read_head(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut head = Vec::new();
    fs::File::open(path)?.take(1024).read_to_end(&mut head)?;
    Ok(head)
}

/// The prefix that kbuild adds to the names of its tools.
fn cross(arch: &Arch) -> &str {
    arch.compiler().strip_suffix("gcc").unwrap_or_default()
}

/// The version of the source that kernels are built from.
pub fn source_version() -> Result<String> {
    let missing = |_| {
        Error::new("find the kernel's source", format!("{TARBALL} is missing"))
            .next(format!("apt-get install {PACKAGE}"))
    };
    if !Path::new(TARBALL).is_file() {
        return Err(missing(()));
    }
    Run::new("dpkg-query").args(["-W", "-f", "${Version}", PACKAGE]).output().map(|text| text.trim().to_owned())
}

/// The version line of the compiler.
pub fn compiler_version(arch: &Arch) -> Result<String> {
    let compiler = arch.compiler();
    if find(compiler).is_none() {
        let package = package_of(compiler).unwrap_or(compiler);
        return Err(Error::new(format!("compile a kernel for {arch}"), format!("{compiler} is missing"))
            .next(format!("apt-get install {package}")));
    }
    let text = Run::new(compiler).arg("--version").output()?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn script(cache: &Cache) -> Result<Run> {
    let path = cache.root().join("kernel-source").join("build.sh");
    write_whole(&path, SCRIPT.as_bytes())?;
    let run = Run::new("sh").arg(path);
    Ok(match std::env::var_os("CCACHE_DIR") {
        Some(_) => run,
        None => run.env("CCACHE_DIR", cache.root().join("ccache")),
    })
}

/// Identifies the source that we build: Debian's version, and our patches.
fn source_key(version: &str) -> String {
    let patches = PATCHES.iter().fold(Key::default(), |key, (name, text)| key.with(name, text));
    format!("{version}-{}", patches.name())
}

fn unpacked(host: &Host, version: &str) -> Result<PathBuf> {
    let key = source_key(version);
    let source = host.cache.entry("kernel-source", &key, |new| {
        let phase = host.progress.start("kernel", &format!("unpack {PACKAGE} {version}"));
        script(&host.cache)?.arg("unpack").arg(TARBALL).arg(new).ok()?;
        for (name, text) in PATCHES {
            let patch = host.cache.root().join("kernel-source").join(name);
            write_whole(&patch, text.as_bytes())?;
            script(&host.cache)?.arg("patch").arg(new).arg(patch).ok()?;
        }
        phase.done(&format!("unpacked {PACKAGE} {version}"));
        Ok(())
    })?;
    host.cache.prune("kernel-source", version);
    Ok(source)
}

fn configure(cache: &Cache, arch: &Arch, fragments: &[Fragment], source: &Path, out: &Path) -> Result<()> {
    let wanted = cache.root().join("kernel-source").join(format!("{arch}.config"));
    write_whole(&wanted, merged(fragments).as_bytes())?;
    let run = script(cache)?.arg("configure").arg(source).arg(out).args([arch.kernel_arch, cross(arch)]);
    run.arg(wanted).ok()?;
    let config = out.join(".config");
    let config = fs::read_to_string(&config).tried("read", &config)?;
    let unmet: Vec<_> = unmet(fragments, &config).iter().map(|unmet| format!("\n    {unmet}")).collect();
    if unmet.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!("configure the kernel for {arch}"), format!("kconfig refused:{}", unmet.concat()))
        .next("see what each symbol depends on in the source's Kconfig files; add that, or remove the symbol"))
}

fn compile(host: &Host, spec: &Spec, source: &Path, out: &Path) -> Result<()> {
    let arch = spec.arch;
    let jobs = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let run = script(&host.cache)?.arg("compile").arg(source).arg(out).args([arch.kernel_arch, cross(arch)]);
    let run = run.args([arch.kernel_target, &jobs]);
    let record = host.cache.root().join("kernel-source").join(format!("{arch}.steps"));
    let known = Steps::parse(&fs::read_to_string(&record).unwrap_or_default()); // empty: the first build
    let total = if known.total() > 0 { Some(known.total()) } else { first_steps(spec, out) };
    let text = format!("compile Linux for {arch}, {jobs} at a time");
    let mut phase =
        total.map_or_else(|| host.progress.start("kernel", &text), |total| host.progress.steps("kernel", &text, total));
    let (counted, mut build) = (known.total() == 0, Build::new(known));
    run.lines(|line| {
        let done = build.line(line);
        phase.at(if counted { build.count() } else { done });
        if line.starts_with("  ") {
            phase.now(line.trim());
        }
    })?;
    write_whole(&record, build.done().text().as_bytes())?;
    phase.done(&format!("compiled Linux for {arch}"));
    Ok(())
}

/// The number of steps of a build from scratch. If objects are left from an earlier build, the number is unknown.
fn first_steps(spec: &Spec, out: &Path) -> Option<u64> {
    let steps = (spec.profile == "virt").then_some(spec.arch.kernel_steps);
    steps.filter(|_| !out.join("vmlinux.o").exists() && !out.join("init/main.o").exists())
}

#[cfg(test)]
mod tests {
    use super::{PATCHES, Spec, arch_of};
    use crate::parts::kconfig::setting;
    use shim::arches::{ALL, Arch};

    #[test]
    fn the_architecture_of_a_kernel_is_read_from_its_header() {
        let mut x86 = vec![0; 1024];
        x86[0x202..0x206].copy_from_slice(b"HdrS");
        assert_eq!(arch_of(&x86), None, "a 32-bit kernel");
        x86[0x236] = 1;
        assert_eq!(arch_of(&x86), Arch::named("x86_64"));
        let mut arm = vec![0; 64];
        arm[56..60].copy_from_slice(b"ARM\x64");
        assert_eq!(arch_of(&arm), Arch::named("aarch64"));
        for len in 0..60 {
            assert_eq!(arch_of(&arm[..len]), None);
        }
    }

    /// We must port the patches to each newer kernel, so they must be few and small, and explain themselves before the
    /// changes.
    #[test]
    fn patches_are_few_and_say_why() {
        let changed = |line: &&str| {
            let changed = line.starts_with(['+', '-']) && line.len() > 1; // empty lines do not count
            changed && !line.starts_with("+++ b/") && !line.starts_with("--- a/")
        };
        let lines: usize = PATCHES.iter().map(|(_, text)| text.lines().filter(changed).count()).sum();
        assert!((1..=75).contains(&lines), "{lines} lines");
        for (name, text) in PATCHES {
            let (reason, _) = text.split_once("\n--- a/").unwrap();
            assert!(reason.lines().count() > 3, "{name} does not say why");
        }
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/kernel/patches")).unwrap();
        assert_eq!(files.count(), PATCHES.len(), "a patch that nobody applies");
    }

    #[test]
    fn every_kernel_profile_has_fragments_and_the_manifest_comes_last() {
        for arch in ALL {
            for (profile, _) in arch.kernel_profiles {
                let spec = Spec { arch, profile: (*profile).to_owned(), options: vec!["CONFIG_X=y".to_owned()] };
                let fragments = spec.fragments().unwrap();
                assert!(fragments.iter().all(|f| f.text.lines().any(|line| setting(line).is_some())), "{arch}");
                assert_eq!(fragments.last().unwrap().text, "CONFIG_X=y");
            }
        }
    }

    #[test]
    fn an_unknown_profile_error_lists_the_known_ones() {
        let spec = Spec { arch: &ALL[0], profile: "toaster".to_owned(), options: vec![] };
        let text = spec.fragments().unwrap_err().to_string();
        assert!(text.contains("toaster") && text.contains("use one of: virt"), "{text}");
    }
}
