//! `/setup`: what the plans say that is done before there is a user, from the first mount to the users partition.
//!
//! A program, not a part of PID 1: it ends, and what it was made of goes with it; and whatever lies on a disk, it is not
//! PID 1 that reads it first. PID 1 runs it once, in its own namespaces and with all capabilities, and waits. Its status
//! is an `Upper`'s, or another where the machine cannot go on.

mod device;
mod execute;
mod grow;
mod keymap;
mod mend;

use heapless::Vec;
use rustix::io::Errno;

use crate::{
    cmdline::{Device, Options},
    ext4::Asked,
    guest::{
        execute::{Stopped, mount, steps},
        log::Log,
        machine::{consoles, host},
        place,
    },
    layout,
    op::{Attr, Upper},
    plan::{self, InRam},
    say,
    say::Text,
    supervise::MAX_CONSOLES,
    sys::{self, Start},
};

/// The program.
pub fn main(start: Start) -> ! {
    let log = Log::PID1;
    sys::exit(setup(&Options::of(start.environment()), &log).map_or(Upper::FAILED, Upper::status))
}

fn setup(options: &Options<'_>, log: &Log) -> Result<Upper, Stopped> {
    steps(&options.guards.guarded(plan::boot(options)), log)?;
    if let Some(word) = options.refused {
        error!(log, word, ": not understood; ", Options::hint(word));
    }
    let upper = users(options, log)?;
    devices(log)?;
    steps(&plan::host(&host()), log)?;
    Ok(upper)
}

/// Mounts the users partition: written to if it can be, else read, else a session in RAM.
fn users(options: &Options<'_>, log: &Log) -> Result<Upper, Stopped> {
    let carried = place::open(layout::HOMES).is_ok();
    if carried && place::open(layout::HOMES_WHOLE).is_err() {
        error!(log, "the initramfs is truncated: not all homes are there; give the machine more memory");
        return Err(Stopped);
    }
    // an image that carries homes needs no partition unless one is named
    let awaited = |device: &Device<'_>| {
        let seconds =
            if *device == Device::Label(layout::USERS_LABEL) { device::LITTLE_PATIENCE } else { device::PATIENCE };
        !carried || device::find(*device, seconds, log).is_ok()
    };
    let wanted = options.users.filter(awaited);
    if let Some(device) = wanted {
        let tried = || mounted(options, log) || mounted_without_flags(options, device, log);
        let mended = || device::look(device).is_some_and(|path| was_damaged_and_mended(&path, options));
        if tried() || (mended() && tried()) {
            if !place::is_read_only(layout::USERS) {
                return Ok(Upper::Home);
            }
            let why = if options.users_flags.is_empty() { "" } else { ", as usersflags= says" };
            if let Some(path) = device::look(device).filter(|_| why.is_empty()) {
                mend::run("why", &path);
            }
            error!(log, "the users partition is read-only", why, ": what you write is gone at power off");
            return Ok(Upper::Ram);
        }
        if let Some(path) = device::look(device) {
            match users_read_only(&path, log) {
                Ok(()) => {
                    error!(log, "the users partition is read-only: what you write is gone at power off");
                    return Ok(Upper::Ram);
                }
                Err(errno) => error!(log, "it cannot be read either: ", errno),
            }
        }
    }
    if carried {
        error!(log, "RAM session, with the homes of the boot medium: what you write is gone at power off");
        steps(&plan::ram(InRam::Carried), log)?;
        return Ok(Upper::Home);
    }
    error!(log, "RAM session: no users partition, what you write is gone at power off; log on as guest");
    steps(&plan::ram(InRam::Guest), log)?;
    let (uid, gid) = (rustix::fs::Uid::from_raw(1000), rustix::fs::Gid::from_raw(1000));
    if let Err(errno) = rustix::fs::chown(c"/tmp/guest", Some(uid), Some(gid)) {
        error!(log, "no guest: ", errno);
    }
    Ok(Upper::Home)
}

fn mounted(options: &Options<'_>, log: &Log) -> bool {
    steps(&options.guards.guarded(plan::users(options)), log).is_ok()
}

/// What users write is worth more than a word that the filesystem does not know; but where they are to write nothing,
/// that stays so.
fn mounted_without_flags(options: &Options<'_>, device: Device<'_>, log: &Log) -> bool {
    let flags = options.users_flags;
    let kept = Asked::of(flags).kept();
    let done =
        flags != kept && device::look(device).is_some() && mounted(&Options { users_flags: kept, ..*options }, log);
    if done {
        let (with, kept) = if kept.is_empty() { ("without", "") } else { ("with ", kept) };
        error!(log, "usersflags=", flags, " was not taken: the users partition is mounted ", with, kept);
    }
    done
}

/// Says why the kernel refused a whole partition. If nothing was in the way, it is damaged: whether it could be mended.
fn was_damaged_and_mended(path: &str, options: &Options<'_>) -> bool {
    let whole = device::sizes(path).is_ok_and(|sizes| sizes.filesystem <= sizes.device);
    whole && mend::run("why", path) == 0 && !Asked::of(options.users_flags).read_only && mend::run("damaged", path) == 0
}

/// Mounts the users partition read-only after it refused to be written: without its journal where that cannot be
/// replayed, for the medium takes no writes or the journal is no whole one.
fn users_read_only(device: &str, log: &Log) -> Result<(), Errno> {
    let mount = |options| mount("ext4", device, layout::USERS, Attr::READ_ONLY, options);
    mount("").or_else(|_| {
        mount("noload")?;
        error!(log, "its journal was not replayed: what was written last may be missing");
        Ok(())
    })
}

/// What every user's /dev is made of, with a place for each console.
fn devices(log: &Log) -> Result<(), Stopped> {
    let place = |console| {
        let mut place = Text::new();
        say!(&mut place, layout::DEVICES, "/", console);
        place
    };
    let places: Vec<Text, MAX_CONSOLES> = consoles().iter().map(place).collect();
    let places: Vec<&str, MAX_CONSOLES> = places.iter().map(|place| place.as_str()).collect();
    steps(&plan::devices(&places), log)
}
