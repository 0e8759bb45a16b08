//! The machines that have budgets, and their measurements.

use boot::assembly::Homes;
use boot::host::Host;
use boot::host::error::Result;
use boot::image::manifest::Manifest;
use boot::media::{self, Medium, Starts};
use shim::arches::{ALL, Arch};

use crate::figures::Measured;
use crate::measure::{self, Subject, What};

/// Every medium, for every architecture that it is made for.
pub fn all() -> impl Iterator<Item = (&'static Arch, &'static Medium)> {
    let all = ALL.iter().flat_map(|arch| media::ALL.iter().map(move |target| (arch, target)));
    all.filter(|(arch, target)| target.archs.contains(&arch.name))
}

/// The name of a machine in budgets and records.
#[must_use]
pub fn name(arch: &str, target: &str) -> String {
    format!("{arch}.{target}")
}

/// Measures the figures with budgets, of one machine without homes. Instructions are the median of `runs` runs; the
/// others are measured once.
pub fn measured(host: &Host, arch: &'static Arch, target: &'static Medium, runs: u8) -> Result<Measured> {
    let subject = Subject { arch, target, users: Homes::None.into(), manifest: Manifest::default() };
    // these do not vary between runs, or hardly
    let is_booted = target.starts == Starts::Loaded;
    let once = if is_booted { &[What::Sizes, What::Calls, What::Memory][..] } else { &[What::Sizes] };
    let mut measured = measure::measure(host, &subject, once, 1)?.0;
    if !is_booted {
        // the shim and the carbon copy are the same as for direct
        measured.figures.retain(|name, _| ["bytes.kernel", "bytes.initramfs", "bytes.medium"].contains(&name.as_str()));
    } else {
        let counted = measure::measure(host, &subject, &[What::Instructions], runs.into())?.0;
        measured.figures.extend(counted.figures);
    }
    Ok(measured)
}
