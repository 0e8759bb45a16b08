//! Settings in the environment: which QEMU runs, and how long to wait for a machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shim::arches::Arch;

/// A QEMU to use in place of the one on `PATH`: a program, or a folder with programs of the default names.
const QEMU: &str = "NODEOS_QEMU";
/// A factor for every wait for a console, for example 3 on a slow machine.
const SCALE: &str = "NODEOS_TIMEOUT_SCALE";

/// The emulator of an architecture.
pub fn emulator(arch: &Arch) -> PathBuf {
    emulator_of(arch.qemu, std::env::var_os(QEMU))
}

fn emulator_of(name: &str, said: Option<OsString>) -> PathBuf {
    match said.filter(|said| !said.is_empty()).map(PathBuf::from) {
        Some(folder) if folder.is_dir() => folder.join(name),
        Some(program) => program,
        None => Path::new(name).to_owned(),
    }
}

/// The factor for waits.
pub fn scale() -> Result<f64, String> {
    scale_of(std::env::var(SCALE).ok().as_deref())
}

fn scale_of(said: Option<&str>) -> Result<f64, String> {
    let Some(said) = said.filter(|said| !said.is_empty()) else { return Ok(1.0) };
    let number = said.parse::<f64>().ok().filter(|number| (0.1..=100.0).contains(number));
    number.ok_or_else(|| format!("{SCALE}={said}: expected a number from 0.1 to 100"))
}

/// A wait multiplied by the factor.
pub fn scaled(wait: Duration, scale: f64) -> Duration {
    wait.mul_f64(scale)
}

#[cfg(test)]
mod tests {
    use super::{emulator_of, scale_of, scaled};
    use std::path::Path;
    use std::time::Duration;

    #[test]
    fn the_emulator_can_be_given_as_a_program_or_a_folder() {
        let name = "qemu-system-x86_64";
        assert_eq!(emulator_of(name, None), Path::new(name));
        assert_eq!(emulator_of(name, Some("".into())), Path::new(name));
        assert_eq!(emulator_of(name, Some("/opt/qemu".into())), Path::new("/opt/qemu"));
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(emulator_of(name, Some(folder.path().into())), folder.path().join(name));
    }

    #[test]
    fn timeouts_are_scaled_by_a_factor_within_bounds() {
        assert_eq!((scale_of(None), scale_of(Some(""))), (Ok(1.0), Ok(1.0)));
        assert_eq!(scaled(Duration::from_secs(10), scale_of(Some("2.5")).unwrap()), Duration::from_secs(25));
        for wrong in ["0", "-1", "101", "NaN", "inf", "fast"] {
            assert!(scale_of(Some(wrong)).unwrap_err().contains("from 0.1 to 100"), "{wrong}");
        }
    }
}
