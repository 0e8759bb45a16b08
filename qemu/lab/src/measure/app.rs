//! The boot of an app's own machine, as a timeline.
//!
//! Its homes are those of `nodeos run APP`, except that `/init` first runs `trace.js`. The machine is stopped when the
//! app listens, or when it neither listens nor exits for a while.

use std::slice;
use std::time::Duration;

use crate::figures::Event;
use crate::readings::{FIRST, listens};
use boot::host::size::memory_mib;
use qemu::failure::Failure;
use qemu::machine::Machine;
use qemu::vm::Vm;
use shim::last_word::LastWord;

use super::Subject;
use super::guest::{machine, timed};
use boot::host::Host;
use boot::host::error::{Error, Result};
use boot::host::interrupt::{self, Making};
use boot::image::Image;
use boot::image::erofs::Packing;
use boot::users::app::{self, App};
use boot::users::image::DEFAULT_SIZE;

/// How long after its first line an app may neither listen nor exit.
const PATIENCE: Duration = Duration::from_secs(60);

/// What ended the machine.
enum End {
    Listens,
    Itself(u8),
    Patience,
}

/// The timeline of that app's boot; `image` is the image of its machine.
pub fn timeline(host: &Host, subject: &Subject, app: &App, image: &Image) -> Result<Vec<Event>> {
    let tried = || format!("time the boot of {}", app.path.display());
    let _making = Making::start();
    let homes = app::homes(host, slice::from_ref(app), DEFAULT_SIZE)?;
    let apps = Some(app::layer(host, slice::from_ref(app), image.arch, include_str!("trace.js"), Packing::Stored)?);
    interrupt::check(tried)?;
    let image = &Image { apps, ..image.clone() };
    let mut machine = machine(image, &image.initramfs, &homes, "loglevel=7")?;
    if let Some(memory) = &subject.manifest.memory {
        machine = Machine { memory_mib: memory_mib(memory).map_err(|why| Error::new(tried(), why))?, ..machine };
    }
    let phase = host.progress.quick("measure", "the timeline of the app's boot");
    let failed = |failure: Failure| Error::new(tried(), failure).next(format!("nodeos run {}", app.path.display()));
    let (events, end) = timed(machine, end).map_err(failed)?;
    interrupt::check(tried)?;
    phase.done("the timeline of the app's boot");
    match end {
        End::Listens | End::Itself(0) => {}
        End::Itself(status) => host.progress.say("measure", &format!("the app ended by itself, status {status}")),
        End::Patience => {
            let seconds = PATIENCE.as_secs();
            let text = format!(
                "the app neither listened nor ended within {seconds} s of its first line: its machine was ended"
            );
            host.progress.say("measure", &text);
        }
    }
    Ok(events)
}

/// Waits until the machine has ended or may be stopped.
fn end(vm: &mut Vm) -> std::result::Result<End, Failure> {
    if let Err(failure) = vm.expect(FIRST) {
        return Err(if vm.has_ended() {
            vm.failure("the app ended before its first line of JavaScript")
        } else {
            failure
        });
    }
    let first = format!("{FIRST}{}", vm.rest_of_line()?);
    let listens = listens(&first).ok_or_else(|| vm.failure(format!("node said: {first}")))?;
    if vm.expect_within(PATIENCE, &listens).is_ok() {
        vm.rest_of_line()?;
        return Ok(End::Listens);
    }
    if !vm.has_ended() {
        return Ok(End::Patience);
    }
    match vm.ending()?.last_word {
        Some(LastWord::PowerOff(status)) => Ok(End::Itself(status)),
        _ => Err(vm.failure("the machine did not power off by itself")),
    }
}
