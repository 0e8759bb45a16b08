//! The shim's programs (`shim::programs`), built by cargo for an architecture.

use crate::host::error::Tried;
use crate::host::error::{Error, Result};
use crate::host::progress::Progress;
use crate::host::run::Run;
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, elf};
use serde_json::Value;
use shim::arches::Arch;
use shim::programs::{ALL, Place, Program};
use std::path::{Path, PathBuf};

/// The guest's own programs, static: one file for each row of `programs::ALL`, in that order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shim(Vec<PathBuf>);

impl Shim {
    /// Collects the file of each program.
    pub fn of<E>(
        file: impl FnMut(&'static Program) -> std::result::Result<PathBuf, E>,
    ) -> std::result::Result<Self, E> {
        ALL.iter().map(file).collect::<std::result::Result<_, E>>().map(Self)
    }

    /// All of them, PID 1 first.
    pub fn programs(&self) -> impl Iterator<Item = (&'static Program, &Path)> {
        ALL.iter().zip(self.0.iter().map(PathBuf::as_path))
    }

    /// One of them.
    #[must_use]
    pub fn file(&self, program: &Program) -> Option<&Path> {
        self.programs().find(|(row, _)| *row == program).map(|(_, path)| path)
    }

    /// The programs in that place.
    pub fn in_place(&self, place: Place) -> impl Iterator<Item = (&'static Program, &Path)> {
        self.programs().filter(move |(program, _)| program.place == place)
    }
}

/// Builds the programs from this source tree; cargo builds only what changed.
pub fn build(arch: &Arch, progress: Progress) -> Result<Shim> {
    let phase = progress.quick("shim", &format!("build the shim for {arch}"));
    let shim = shim(arch, &[])?;
    for (program, path) in shim.programs() {
        let bytes = std::fs::metadata(path).tried("look at", path)?.len();
        if bytes > program.limit {
            let why = format!("{} is {bytes} bytes; the limit is {}", path.display(), program.limit);
            return Err(Error::new(format!("build the shim for {arch}"), why));
        }
    }
    phase.done(&format!("the shim for {arch}"));
    Ok(shim)
}

/// Builds a shim that leaves out guards if its command line asks for it. It is only for tests of those guards, never
/// for an image that is kept. It has a target folder of its own, so that the two cannot be confused.
pub fn weak(arch: &Arch) -> Result<Shim> {
    shim(arch, &["--features", "weak", "--target-dir", "target/weak"])
}

/// The programs with their symbols, to analyze their size. Code and data are the same.
pub fn named(arch: &Arch) -> Result<Shim> {
    shim(arch, &["--config", "profile.guest.strip=false", "--target-dir", "target/named"])
}

/// The same for `weak`.
pub fn weak_named(arch: &Arch) -> Result<Shim> {
    shim(arch, &["--features", "weak", "--config", "profile.guest.strip=false", "--target-dir", "target/weak-named"])
}

fn shim(arch: &Arch, words: &[&str]) -> Result<Shim> {
    let messages = guest_programs(arch, "shim", words)?;
    Shim::of(|program| guest_program(&messages, program.name, arch))
}

/// Builds a package of this source tree for the guest. Returns cargo's messages.
fn guest_programs(arch: &Arch, package: &str, words: &[&str]) -> Result<String> {
    let tried = || format!("build {package} for {arch}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    if !root.join("shim/Cargo.toml").is_file() {
        let why = format!("its source is not at {}", root.display());
        return Err(Error::new(tried(), why).next("run nodeos from the clone that it was built in"));
    }
    let run = Run::new("cargo").args(["build", "--quiet", "--package", package, "--bins", "--profile", "guest"]);
    let run =
        run.args(["--target", arch.triple, "--message-format", "json-render-diagnostics"]).args(words).within(root);
    // the caller's flags would replace those in .cargo/config.toml
    let run = run.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    run.output().map_err(|error| {
        error
            .within(tried())
            .next(format!("rustup target add {}, if cargo says that the target is missing", arch.triple))
    })
}

/// Builds a package of this source tree that consists of one program for the guest.
pub fn only_program(arch: &Arch, package: &str, name: &str) -> Result<PathBuf> {
    guest_program(&guest_programs(arch, package, &[])?, name, arch)
}

/// The path of a program in cargo's messages, if the kernel can run it.
fn guest_program(messages: &str, name: &str, arch: &Arch) -> Result<PathBuf> {
    let tried = || format!("build {name} for {arch}");
    let path = messages.lines().find_map(|line| executable(line, name));
    let path = path.ok_or_else(|| Error::new(tried(), "cargo built no such program"))?;
    alone(&std::fs::read(&path).tried("read", &path)?, arch).map_err(|why| {
        let next = "look at .cargo/config.toml: its flags make the guest's programs static";
        Error::new(format!("use {} in the guest", path.display()), why).next(next)
    })?;
    Ok(path)
}

/// Checks that the kernel can run this program alone: the right architecture, fixed addresses, and no loader. A build
/// with other flags would make an initramfs that panics the kernel.
fn alone(bytes: &[u8], arch: &Arch) -> std::result::Result<(), String> {
    let file: ElfFile64<'_> = ElfFile64::parse(bytes).map_err(|error| error.to_string())?;
    let header = file.elf_header();
    let machine = header.e_machine(Endianness::Little).0;
    if machine != arch.elf_machine {
        return Err(format!("it is for ELF machine {machine}, {arch} is {}", arch.elf_machine));
    }
    if header.e_type(Endianness::Little) != elf::ET_EXEC {
        return Err("it is no static executable (ET_EXEC)".to_owned());
    }
    let loader = |segment: &&elf::ProgramHeader64<Endianness>| segment.p_type(Endianness::Little) == elf::PT_INTERP;
    match file.elf_program_headers().iter().find(loader) {
        Some(_) => Err("it asks for a loader (PT_INTERP)".to_owned()),
        None => Ok(()),
    }
}

/// The path in one of cargo's messages (`compiler-artifact`), if it is for that program.
fn executable(message: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let ours = message.get("target")?.get("name")?.as_str()? == name;
    message.get("executable")?.as_str().filter(|_| ours).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::{alone, executable};
    use shim::arches::{ALL, Arch};
    use std::path::PathBuf;

    #[test]
    fn a_host_program_is_refused_as_a_shim() {
        let test = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let why = alone(&test, Arch::host()).unwrap_err();
        assert!(why.contains("ET_EXEC") || why.contains("PT_INTERP"), "{why}");
        let other = ALL.iter().find(|arch| !arch.is_host()).unwrap();
        assert!(alone(&test, other).unwrap_err().contains("ELF machine"));
        assert!(alone(b"#!/bin/sh", Arch::host()).is_err());
    }

    #[test]
    fn the_path_of_a_program_is_read_from_cargo_messages() {
        let message = r#"{"reason":"compiler-artifact","target":{"name":"init"},"executable":"/t/init"}"#;
        assert_eq!(executable(message, "init"), Some(PathBuf::from("/t/init")));
        assert_eq!(executable(message, "env"), None);
        let library = r#"{"reason":"compiler-artifact","target":{"name":"init"},"executable":null}"#;
        assert_eq!(executable(library, "init"), None);
        assert_eq!(executable("not json", "init"), None);
    }
}
