//! The smallest memory in which node comes to its first line in good time.

use std::time::Duration;

use qemu::figures::Curve;
use qemu::machine::Machine;
use qemu::vm::Vm;

use super::Subject;
use super::guest::machine;
use crate::cache::Cache;
use crate::carbon::Placement;
use crate::error::{Result, Tried};
use crate::image::Image;
use crate::progress::Progress;
use crate::users::home::Home;
use crate::users::image::{Create, create};

/// Where there is plenty, MiB: what the others are held against.
const PLENTY: u32 = 512;
/// Less is not asked for: QEMU's loader and the kernel's image need it.
const LEAST: u32 = 24;
/// Machines differ by so many MiB at least.
const STEP: u32 = 8;
/// How much longer it may take, in hundredths.
const SLOWER: u64 = 125;
/// What a host that does other things too adds, at most, before a machine is given up.
const PATIENCE: u32 = 3;

/// A curve for each place of the carbon copy.
pub fn curves(cache: &Cache, subject: &Subject, progress: Progress) -> Result<Vec<Curve>> {
    let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
    let homes = folder.path().join("homes.ext4");
    let mut ana = Home::new("ana", 1000);
    ana.program("init", include_str!("init.js"));
    create(&homes, Create { size: 64 << 20, force: true }, &[ana])?;
    let curve = |placement: Placement| -> Result<Curve> {
        let image = subject.booted(cache, placement, progress)?;
        let take = |mib: u32, within: Option<u64>| first_line(&image, &homes, mib, within, progress);
        let (points, floor) = bisect(take);
        Ok(Curve { placement: placement.to_string(), points, floor })
    };
    [Placement::Medium, Placement::Image, Placement::Plain].into_iter().map(curve).collect()
}

/// Milliseconds from the kernel's start to the first line of JavaScript, `None` if it does not come in time.
fn first_line(
    image: &Image,
    homes: &std::path::Path,
    mib: u32,
    within: Option<u64>,
    progress: Progress,
) -> Option<u64> {
    let machine = Machine { memory_mib: mib, ..machine(image, &image.initramfs, homes, "") };
    let phase = progress.quick("measure", &format!("{} MiB, carbon copy as {}", mib, image.placement));
    let deadline =
        within.map_or(qemu::vm::DEADLINE, |ms| Duration::from_millis(ms) * PATIENCE + Duration::from_secs(10));
    let run = || {
        let mut vm = Vm::start(machine).ok()?;
        vm.expect_within(deadline, "meter: node first").ok()?;
        let line = vm.expect("\n").ok()?;
        let (_, now) = line.split_once("Now=")?;
        now.split(' ').next()?.parse::<u64>().ok()
    };
    let took = run().map(|microseconds| microseconds / 1000);
    phase.done(&match took {
        Some(ms) => format!("{mib} MiB, carbon copy as {}: {ms} ms", image.placement),
        None => format!("{mib} MiB, carbon copy as {}: no first line", image.placement),
    });
    took
}

type Points = Vec<(u32, Option<u64>)>;

/// Halves the distance between too little and enough. `take` measures with so much memory, and is told what it took with
/// plenty.
fn bisect(mut take: impl FnMut(u32, Option<u64>) -> Option<u64>) -> (Points, Option<u32>) {
    let plenty = take(PLENTY, None);
    let mut points = vec![(PLENTY, plenty)];
    let Some(plenty) = plenty else { return (points, None) };
    let (mut little, mut enough) = (LEAST - STEP, PLENTY);
    while enough - little > STEP {
        let middle = ((little + enough) / 2).next_multiple_of(STEP).min(enough - STEP);
        let took = take(middle, Some(plenty));
        points.push((middle, took));
        match took {
            Some(took) if took * 100 <= plenty * SLOWER => enough = middle,
            _ => little = middle,
        }
    }
    points.sort_unstable();
    (points, Some(enough))
}

#[cfg(test)]
mod tests {
    use super::{LEAST, PLENTY, bisect};

    #[test]
    fn the_smallest_that_is_quick_enough_is_found() {
        for floor in (LEAST..=PLENTY).step_by(8) {
            let took = |mib| if mib >= floor { 1250 } else { 1251 };
            let (points, found) = bisect(|mib, plenty| {
                assert_eq!(plenty.is_none(), mib == PLENTY);
                if mib == PLENTY { Some(1000) } else { Some(took(mib)) }
            });
            assert_eq!(found, Some(floor));
            assert!(points.len() < 9 && points.is_sorted(), "{points:?}");
        }
    }

    #[test]
    fn one_that_does_not_come_is_too_little() {
        assert_eq!(bisect(|mib, _| (mib >= 64).then_some(5)).1, Some(64));
        assert_eq!(bisect(|_, _| None), (vec![(PLENTY, None)], None));
    }
}
