//! `/setup`: executes the plans for everything before the first user, from the first mount to the users partition.
//!
//! It is a program of its own and not a part of PID 1: its memory is freed when it ends, and PID 1 is not the first to
//! read what is on a disk. PID 1 runs it once, in its own namespaces and with all capabilities, and waits. Its exit
//! status is an `Upper`, or another number if the machine cannot go on; its standard output is a pipe for `handover`.

mod clock;
mod device;
mod execute;
mod grow;
mod homes;
mod keymap;
mod mend;
mod own;
mod partition;

use core::mem::ManuallyDrop;

use heapless::Vec;
use rustix::{
    fs::{Gid, Uid},
    io::Errno,
};

use crate::{
    cmdline::Options,
    guest::{
        execute::{Stopped, steps},
        homes::{Plain, folder, scan},
        log::Log,
        machine::{Console, consoles, host},
        place,
        terminal::Line,
    },
    handover::{Record, Settings, Writer},
    layout::{self, MAX_CONSOLES},
    machine_file::{MAX_FILE, MachineFile},
    op::Upper,
    plan::{self, InRam, Own, Run, Step},
    say,
    say::Text,
    sys::{self, Start, Stream},
    users::Homes,
};

/// The program.
pub fn main(start: Start) -> ! {
    let log = Log::PID1;
    let options = Options::of(start.environment());
    sys::exit(setup(&options, &log).map_or(Upper::FAILED, Upper::status))
}

fn setup(options: &Options<'_>, log: &Log) -> Result<Upper, Stopped> {
    steps(&plan::guarded(plan::boot(options), options.guards), log)?;
    mend::panic();
    if let Some(word) = options.refused {
        error!(log, word, ": not understood; ", Options::hint(word));
    }
    let upper = users(options, log)?;
    clock::set(log);
    steps(&plan::homes(options), log)?;
    let consoles = consoles();
    devices(&consoles, log)?;
    let (mut bytes, mut own) = ([0; MAX_FILE], MachineFile::default());
    own::settings(&mut own, &mut bytes, log);
    steps(&plan::host(&host(), &own), log)?;
    hand_over(options, &consoles, log)?;
    Ok(upper)
}

/// Tells PID 1 what it has to know. Each refused home gets a line in the log; the other homes are not affected.
fn hand_over(options: &Options<'_>, consoles: &[Console], log: &Log) -> Result<(), Stopped> {
    let Options { single, apps, unattended, size, guards, .. } = *options;
    let Some(room) = sys::room(1).ok().and_then(|room| room.first_mut()) else {
        error!(log, "no memory to read the users partition");
        return Err(Stopped);
    };
    let homes = room.write(Homes::new());
    let mut refused = |name: &[u8], why| {
        let name = Plain(name);
        error!(log, "home ", name, " refused: ", why);
    };
    // open until the program ends: a call less
    let scanned = folder().map(ManuallyDrop::new);
    if let Err(errno) = scanned.and_then(|users| scan(&users, homes, apps.is_some(), guards, &mut refused)) {
        error!(log, "cannot read the users partition: ", errno);
    }
    // PID 1 finds out if a piece is missing at the end, and stops
    let mut sent = true;
    let mut send = |piece: &[u8]| sent = sent && rustix::io::write(Stream(1), piece) == Ok(piece.len());
    let settings = Settings {
        single,
        apps: apps.is_some(),
        unattended,
        consoles: u8::try_from(consoles.len()).unwrap_or(0),
        users: u32::try_from(homes.count()).unwrap_or(0),
    };
    let mut writer = Writer::new(settings, &mut send);
    for name in consoles {
        writer.push(Record { numbers: Line::of(name, size).numbers(), name });
    }
    writer.users(homes);
    Ok(())
}

/// Mounts the users partition: for writing if possible, else read-only; without one, the session is in RAM.
fn users(options: &Options<'_>, log: &Log) -> Result<Upper, Stopped> {
    let carried = place::open(layout::HOMES).is_ok();
    if carried && place::open(layout::HOMES_WHOLE).is_err() {
        error!(log, "the initramfs is truncated: not all homes are there; give the machine more memory");
        return Err(Stopped);
    }
    if let Some(upper) = options.users.and_then(|device| partition::mounted(device, carried, options, log)) {
        return Ok(upper);
    }
    let (whose, says) = match (carried, options.apps) {
        (true, _) => (InRam::Carried, ", with the homes of the boot medium: changes are lost at power off"),
        (false, Some(_)) => (InRam::Apps, ": no users partition, changes are lost at power off"),
        (false, None) => (InRam::Guest, ": no users partition, changes are lost at power off; log on as guest"),
    };
    error!(log, "RAM session", says);
    steps(&plan::ram(whose), log)?;
    if whose == InRam::Guest
        && let Err(errno) = plan::own_guest(&mut Owner)
    {
        error!(log, "cannot make the home of guest: ", errno);
    }
    Ok(Upper::Home)
}

struct Owner;

impl Run<Own<'_>> for Owner {
    type Error = Errno;

    #[inline(always)]
    fn run(&mut self, step: Step<Own<'_>>) -> Result<(), Errno> {
        let Own(path, user) = step.op;
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        rustix::fs::chown(path, Some(uid), Some(gid))
    }
}

/// Makes the nodes of every user's /dev, with a place for each console.
fn devices(consoles: &[Console], log: &Log) -> Result<(), Stopped> {
    let place = |console| {
        let mut place = Text::new();
        say!(&mut place, layout::DEVICES, "/", console);
        place
    };
    let places: Vec<Text, MAX_CONSOLES> = consoles.iter().map(place).collect();
    let places: Vec<&str, MAX_CONSOLES> = places.iter().map(|place| place.as_str()).collect();
    steps(&plan::devices(&places), log)
}
