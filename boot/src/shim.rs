//! The shim's binaries, built by cargo for an architecture: `/init` and `/usr/bin/env` of the guest.

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::run::Run;
use serde_json::Value;
use shim::arches::Arch;
use std::path::{Path, PathBuf};

/// The guest's own programs, static.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shim {
    /// PID 1.
    pub init: PathBuf,
    /// `/usr/bin/env`.
    pub env: PathBuf,
}

/// Builds them from this source tree; cargo knows what is fresh.
pub fn build(arch: &Arch, progress: Progress) -> Result<Shim> {
    let tried = || format!("build the shim for {arch}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    if !root.join("shim/Cargo.toml").is_file() {
        let why = format!("its source is not at {}", root.display());
        return Err(Error::new(tried(), why).next("run nodeos from the clone that it was built in"));
    }
    let phase = progress.start("shim", &format!("build the shim for {arch}"));
    let words = ["build", "--quiet", "--package", "shim", "--bins", "--profile", "guest", "--target", arch.triple];
    let run = Run::new("cargo").args(words).args(["--message-format", "json-render-diagnostics"]).within(root);
    // flags of the caller would replace those of .cargo/config.toml
    let run = run.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let messages = run.output().map_err(|error| {
        error
            .within(tried())
            .next(format!("rustup target add {}, if cargo says that the target is missing", arch.triple))
    })?;
    let found = |name: &str| {
        let path = messages.lines().find_map(|line| executable(line, name));
        path.ok_or_else(|| Error::new(tried(), format!("cargo built no program {name}")))
    };
    let shim = Shim { init: found("init")?, env: found("env")? };
    phase.done(&format!("the shim for {arch}"));
    Ok(shim)
}

/// The path in one of cargo's messages (`compiler-artifact`), if it is about that program.
fn executable(message: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let ours = message.get("target")?.get("name")?.as_str()? == name;
    message.get("executable")?.as_str().filter(|_| ours).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::executable;
    use std::path::PathBuf;

    #[test]
    fn cargo_says_where_a_program_is() {
        let message = r#"{"reason":"compiler-artifact","target":{"name":"init"},"executable":"/t/init"}"#;
        assert_eq!(executable(message, "init"), Some(PathBuf::from("/t/init")));
        assert_eq!(executable(message, "env"), None);
        let library = r#"{"reason":"compiler-artifact","target":{"name":"init"},"executable":null}"#;
        assert_eq!(executable(library, "init"), None);
        assert_eq!(executable("not json", "init"), None);
    }
}
