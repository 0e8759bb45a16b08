//! Tiny programs and libraries for either architecture, compiled into a temporary folder.

use shim::arches::Arch;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A temporary folder of compiled programs and libraries.
pub struct Tiny {
    pub arch: &'static Arch,
    folder: tempfile::TempDir,
}

impl Tiny {
    pub fn new(arch: &'static Arch) -> Self {
        Self { arch, folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// A shared library at `name`, linked against other such libraries.
    pub fn library(&self, name: &str, needs: &[&Path]) -> PathBuf {
        let soname = format!("-Wl,-soname,{}", name.rsplit('/').next().unwrap());
        self.compile(name, "int f(void){return 0;}", &["-shared", "-fPIC", &soname], needs)
    }

    /// A dynamic program.
    pub fn program(&self, name: &str, flags: &[&str], needs: &[&Path]) -> PathBuf {
        let loader = format!("-Wl,--dynamic-linker={}", self.arch.loader);
        let flags = [&["-pie", "-fPIE", &loader], flags].concat();
        self.compile(name, "void _start(void){for(;;);}", &flags, needs)
    }

    /// A static program.
    pub fn fixed(&self, name: &str, source: &str) -> PathBuf {
        self.compile(name, source, &["-static"], &[])
    }

    fn compile(&self, name: &str, source: &str, flags: &[&str], needs: &[&Path]) -> PathBuf {
        let (out, file) = (self.path(name), self.path(&format!("{name}.c")));
        fs::write(&file, source).unwrap();
        let compiler = self.arch.compiler();
        // libraries are recorded as needed even if nothing of them is used, and symbols may stay
        // unresolved
        let linking = ["-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", "-Wl,--unresolved-symbols=ignore-all"];
        let mut command = Command::new(compiler);
        command.args(["-nostdlib", "-O1"]).args(flags).args(linking).arg("-o").arg(&out).arg(&file).args(needs);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
        out
    }

    /// A sysroot with a loader and the libraries of this folder below `name`.
    pub fn sysroot(&self, name: &str) -> PathBuf {
        let loader = self.arch.loader.rsplit('/').next().unwrap();
        fs::write(self.path(&format!("{name}/lib/{}/{loader}", self.arch.multiarch)), "loader").unwrap();
        self.path(name)
    }
}
