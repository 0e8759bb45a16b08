//! Sets the clock forward before anything looks at it: a machine without a real-time clock starts in 1970.

use rustix::{
    fs::{CWD, Mode, OFlags},
    io::Errno,
};

use crate::{
    clock::{SECOND, at_boot, saved},
    guest::{
        log::Log,
        place::{self, Name},
    },
    layout,
    sys::clock,
};

/// Sets the clock if it is before the last time that is known. Makes the file for later times: PID 1 opens it for
/// `/clock`.
pub fn set(log: &Log) {
    let saved = match place::regular(CWD, layout::TIME_FILE) {
        Ok(file) => {
            let mut bytes = [0; saved::LENGTH + 1];
            place::content(&file, &mut bytes).ok().and_then(|bytes| saved::read(bytes))
        }
        Err(Errno::NOENT) => {
            // a read-only partition has none
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            let path = Name::new(layout::TIME_FILE);
            drop(path.and_then(|path| rustix::fs::open(path.c(), flags, Mode::RUSR | Mode::WUSR)));
            None
        }
        Err(_) => None,
    };
    if let Some(seconds) = at_boot(clock::now() / SECOND, saved)
        && let Err(errno) = clock::set(seconds.saturating_mul(SECOND))
    {
        error!(log, "cannot set the clock: ", errno);
    }
}
