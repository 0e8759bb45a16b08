//! The smallest memory with which node reaches its first line fast enough.

use std::time::Duration;

use crate::figures::Curve;
use crate::readings::{self, FIRST};
use qemu::failure::Failure;
use qemu::machine::Machine;
use qemu::vm::{DEADLINE, Vm};

use super::Subject;
use super::guest::{homes_of_init, machine};
use boot::host::Host;
use boot::host::error::{Error, Result, Tried};
use boot::host::interrupt::{self, Making};
use boot::host::progress::Progress;
use boot::image::carbon::Placement;

/// Plenty of memory, in MiB: other results are compared with it.
const PLENTY: u32 = 512;
/// The smallest memory that is tried, in MiB: QEMU's loader and the kernel's image need it.
const LEAST: u32 = 24;
/// The smallest difference between two sizes, in MiB.
const STEP: u32 = 8;
/// How long it may take compared with plenty of memory, in per cent.
const SLOWER: u64 = 125;
/// A factor for other load on the host, before a machine is given up.
const PATIENCE: u32 = 3;

/// A curve for each placement of the carbon copy.
pub fn curves(host: &Host, subject: &Subject) -> Result<Vec<Curve>> {
    let _making = Making::start();
    let folder = tempfile::tempdir().tried("make a folder in", std::env::temp_dir())?;
    let homes = folder.path().join("homes.ext4");
    homes_of_init(&homes, &[])?;
    let curve = |placement: Placement| -> Result<Curve> {
        let image = subject.booted(host, placement)?;
        let what = format!("carbon copy as {placement}");
        let machine = machine(&image, &image.initramfs, &homes, "")?;
        let (points, floor) = floor(&what, &machine, host.progress)?;
        Ok(Curve { placement: placement.to_string(), points, floor })
    };
    [Placement::Medium, Placement::Image, Placement::Plain].into_iter().map(curve).collect()
}

type Points = Vec<(u32, Option<u64>)>;

/// The smallest memory of such a machine, and all measured points.
pub fn floor(what: &str, machine: &Machine, progress: Progress) -> Result<(Points, Option<u32>)> {
    bisect(|mib, within| first_line(what, Machine { memory_mib: mib, ..machine.clone() }, within, progress))
}

/// Milliseconds from the kernel's start to the first line of JavaScript. `None` if the machine ends before it, or takes
/// far too long. With plenty of memory, while no other result is known yet, that is an error.
fn first_line(what: &str, machine: Machine, within: Option<u64>, progress: Progress) -> Result<Option<u64>> {
    let what = format!("{} MiB, {what}", machine.memory_mib);
    let tried = || format!("boot a machine with {what}");
    interrupt::check(tried)?;
    let phase = progress.quick("measure", &what);
    let deadline = within.map_or(DEADLINE, |ms| Duration::from_millis(ms) * PATIENCE + Duration::from_secs(10));
    let failed = |failure: Failure| Error::new(tried(), failure);
    let mut vm = Vm::start(machine).map_err(failed)?;
    let line = match vm.expect_within(deadline, FIRST) {
        Ok(_) => Some(vm.rest_of_line().map_err(failed)?),
        Err(failure) if within.is_none() => return Err(failed(failure)),
        Err(_) => None,
    };
    interrupt::check(tried)?;
    let unread = |line: &str| Error::new(tried(), format!("node said: {line}"));
    let read = |line: String| readings::first_line(&format!("{FIRST}{line}")).ok_or_else(|| unread(&line));
    let took = line.map(read).transpose()?.map(|microseconds| microseconds / 1000);
    phase.done(&match took {
        Some(ms) => format!("{what}: {ms} ms"),
        None => format!("{what}: no first line"),
    });
    Ok(took)
}

/// A binary search for the smallest memory. `take` measures with so much memory; it also gets the time with plenty of
/// memory, once that is known.
fn bisect(mut take: impl FnMut(u32, Option<u64>) -> Result<Option<u64>>) -> Result<(Points, Option<u32>)> {
    let plenty = take(PLENTY, None)?;
    let mut points = vec![(PLENTY, plenty)];
    let Some(plenty) = plenty else { return Ok((points, None)) };
    let (mut little, mut enough) = (LEAST - STEP, PLENTY);
    while enough - little > STEP {
        let middle = ((little + enough) / 2).next_multiple_of(STEP).min(enough - STEP);
        let took = take(middle, Some(plenty))?;
        points.push((middle, took));
        match took {
            Some(took) if took * 100 <= plenty * SLOWER => enough = middle,
            _ => little = middle,
        }
    }
    points.sort_unstable();
    Ok((points, Some(enough)))
}

#[cfg(test)]
mod tests {
    use super::{Error, LEAST, PLENTY, bisect};

    #[test]
    fn the_smallest_memory_that_is_fast_enough_is_found() {
        for floor in (LEAST..=PLENTY).step_by(8) {
            let took = |mib| if mib >= floor { 1250 } else { 1251 };
            let (points, found) = bisect(|mib, plenty| {
                assert_eq!(plenty.is_none(), mib == PLENTY);
                Ok(Some(if mib == PLENTY { 1000 } else { took(mib) }))
            })
            .unwrap();
            assert_eq!(found, Some(floor));
            assert!(points.len() < 9 && points.is_sorted(), "{points:?}");
        }
    }

    #[test]
    fn a_machine_that_does_not_come_up_has_too_little_memory() {
        assert_eq!(bisect(|mib, _| Ok((mib >= 64).then_some(5))).unwrap().1, Some(64));
        assert_eq!(bisect(|_, _| Ok(None)).unwrap(), (vec![(PLENTY, None)], None));
    }

    #[test]
    fn a_failed_boot_is_an_error_and_not_a_point() {
        let fails = |mib, _| if mib == PLENTY { Ok(Some(5)) } else { Err(Error::new("boot", "no QEMU")) };
        assert!(bisect(fails).is_err());
    }
}
