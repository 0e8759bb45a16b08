//! Measures the cost of a machine: bytes, system calls, instructions, memory, time.
//!
//! ```text
//! sizes of what was assembled                    sizes.rs, packages.rs
//! image + meter → machines → console → figures   guest.rs, floor.rs; read in crate::readings
//! image + app, trace.js → a machine → timeline   app.rs
//! ```
//!
//! Measurements in a machine use our own homes (`init.js`, `shell.js`), because an app may do anything. An app counts
//! for the sizes, and has a timeline of its own.

mod app;
mod floor;
mod guest;
mod packages;
mod sizes;
mod symbols;

use std::collections::BTreeMap;

use crate::figures::{FORMAT, Figures, Measured, middle, spread};
use shim::arches::Arch;

use boot::assembly::{self, Users, Wanted};
use boot::host::Host;
use boot::host::error::Result;
use boot::image::Image;
use boot::image::carbon::Placement;
use boot::image::erofs::Packing;
use boot::image::manifest::Manifest;
use boot::media::Medium;

pub use self::floor::floor;
pub use self::guest::{Guest, MOMENTS, meter, with_program};
pub use self::sizes::{options, program, size};

/// The profile of the kernel in machines that are booted to measure.
pub const PROFILE: &str = "virt";

/// The machine to measure.
pub struct Subject {
    /// The machine.
    pub arch: &'static Arch,
    /// The kind of medium, for the sizes.
    pub target: &'static Medium,
    /// The homes to measure.
    pub users: Users,
    /// Node, includes, kernel options and words.
    pub manifest: Manifest,
}

impl Subject {
    /// The image for the medium.
    fn image(&self, host: &Host) -> Result<Image> {
        let placement = self.target.placement.unwrap_or(Placement::Medium);
        let apps = self.users.code(host, self.arch, self.target.packing)?;
        Ok(Image { apps, ..self.image_at(host, self.target.profile, placement, self.target.packing)? })
    }

    /// The image that is booted in QEMU to measure, for any medium.
    pub fn booted(&self, host: &Host, place: Placement) -> Result<Image> {
        self.image_at(host, PROFILE, place, Packing::Stored)
    }

    fn image_at(&self, host: &Host, profile: &'static str, place: Placement, packing: Packing) -> Result<Image> {
        let wanted = Wanted { arch: self.arch, placement: place, packing, profile, manifest: self.manifest.clone() };
        assembly::image(host, &wanted)
    }
}

/// The kinds of measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Bytes.
    Sizes,
    /// System calls.
    Calls,
    /// Instructions.
    Instructions,
    /// Memory at four moments.
    Memory,
    Time,
    /// The smallest memory.
    Floor,
}

/// The kinds by name, in the order in which they are measured.
pub const WHATS: [(&str, What); 6] = [
    ("sizes", What::Sizes),
    ("calls", What::Calls),
    ("instructions", What::Instructions),
    ("memory", What::Memory),
    ("time", What::Time),
    ("floor", What::Floor),
];

/// Measures it. Also returns the spread, in thousandths, of figures that were measured more than once.
pub fn measure(
    host: &Host,
    subject: &Subject,
    whats: &[What],
    runs: usize,
) -> Result<(Measured, BTreeMap<String, u64>)> {
    let image = subject.image(host)?;
    let mut measured = Measured {
        format: FORMAT,
        arch: subject.arch.name.to_owned(),
        target: subject.target.name.to_owned(),
        app: subject.users.app().map(|app| app.path.display().to_string()),
        versions: image.versions.iter().map(|(name, version)| ((*name).to_owned(), version.clone())).collect(),
        figures: Figures::new(),
        timeline: vec![],
        curves: vec![],
    };
    let has = |what: What| whats.contains(&what);
    if has(What::Sizes) {
        measured.figures.extend(sizes::sizes(host, subject, &image)?);
    }
    let mut spreads = BTreeMap::new();
    if [What::Calls, What::Instructions, What::Memory, What::Time].into_iter().any(has) {
        let image = subject.booted(host, Placement::Medium)?;
        let guest = Guest::new(&image, host.progress)?;
        let mut repeated = |what: What, take: &dyn Fn() -> Result<Figures>| -> Result<Figures> {
            if !has(what) {
                return Ok(Figures::new());
            }
            let all = (0..runs.max(1)).map(|_| take()).collect::<Result<Vec<_>>>()?;
            spreads.extend(spread(&all));
            Ok(if what == What::Memory { least_used(all) } else { middle(all) })
        };
        measured.figures.extend(repeated(What::Calls, &|| guest.calls(&[]))?);
        measured.figures.extend(repeated(What::Instructions, &|| guest.instructions(&[]))?);
        measured.figures.extend(repeated(What::Memory, &|| guest.memory())?);
        if has(What::Time) {
            measured.timeline = match subject.users.app() {
                Some(app) => app::timeline(host, subject, app, &image)?,
                None => guest.time()?,
            };
        }
    }
    if has(What::Floor) {
        measured.curves = floor::curves(host, subject)?;
        for curve in &measured.curves {
            if let Some(floor) = curve.floor {
                measured.figures.insert(format!("floor.{}", curve.placement), u64::from(floor).into());
            }
        }
    }
    Ok((measured, spreads))
}

/// The run that used the least memory. It is taken as a whole, because minimums of several runs would not add up.
fn least_used(runs: Vec<Figures>) -> Figures {
    let available = |run: &Figures| run.get("memory.idle.available").map_or(0, |figure| figure.value);
    runs.into_iter().max_by_key(available).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::least_used;
    use crate::figures::Figures;

    #[test]
    fn memory_figures_come_from_one_run() {
        let run = |available: u64, slab: u64| -> Figures {
            [("memory.idle.available", available), ("memory.idle.slab", slab)]
                .map(|(name, value)| (name.to_owned(), value.into()))
                .into()
        };
        assert_eq!(least_used(vec![run(5, 1), run(7, 2), run(6, 0)]), run(7, 2));
    }
}
