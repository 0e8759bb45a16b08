//! Reads the machine's own settings, `.machine.json`, if only root can write to them.

use rustix::{fs::CWD, io::Errno};

use crate::{
    guest::{log::Log, place},
    layout,
    machine_file::{MAX_FILE, MachineFile, NO_FILE, NOT_ROOTS},
};

/// Reads what the file says. If it is invalid, this logs a line, and nothing in it counts.
#[inline(never)]
pub fn settings<'a>(file: &mut MachineFile<'a>, bytes: &'a mut [u8; MAX_FILE], log: &Log) {
    if let Err(why) = read(file, bytes) {
        error!(log, layout::MACHINE, ": ", why, "; nothing in it counts");
        *file = MachineFile::default();
    }
}

fn read<'a>(into: &mut MachineFile<'a>, bytes: &'a mut [u8; MAX_FILE]) -> Result<(), &'static str> {
    let file = match place::regular(CWD, layout::MACHINE_FILE) {
        Err(Errno::NOENT) => return Ok(()),
        // a link is not followed
        Err(Errno::INVAL | Errno::LOOP) => return Err(NO_FILE),
        file => file.map_err(place::why)?,
    };
    place::roots_alone(&file).map_err(|_| NOT_ROOTS)?;
    into.read(place::content(&file, bytes).map_err(place::why)?)
}
