//! Reads `etc/logon.json` of a home. Its owner wrote it, so this follows no links, never blocks, and limits the size.

use core::mem::ManuallyDrop;

use rustix::{fd::OwnedFd, fs::CWD, io::Errno};

use crate::{guest::place, layout, logon_file::LogonFile, say, say::Text};

/// The logon settings of the home `name` in `/tmp`; an error text if the file exists but is invalid.
pub fn of(name: &str) -> core::result::Result<LogonFile, &'static str> {
    let mut path = Text::new();
    say!(&mut path, layout::USERS, "/", name, "/", layout::LOGON_FILE);
    found(&path)?.map_or_else(|| Ok(LogonFile::default()), |file| read(&file))
}

/// The same for the user whose root is `/`, or the default.
pub fn own() -> LogonFile {
    // open until the next exec: a call less
    let file = ManuallyDrop::new(found(layout::LOGON_FILE));
    file.as_ref().ok().and_then(|file| read(file.as_ref()?).ok()).unwrap_or_default()
}

fn found(path: &str) -> core::result::Result<Option<OwnedFd>, &'static str> {
    match place::regular(CWD, path) {
        Err(Errno::NOENT) => Ok(None),
        file => file.map(Some).map_err(place::why),
    }
}

#[inline(never)]
fn read(file: &OwnedFd) -> core::result::Result<LogonFile, &'static str> {
    let mut bytes = [0; layout::MAX_LOGON_FILE + 1];
    let content = place::content(file, &mut bytes).map_err(place::why)?;
    LogonFile::parse(content).ok_or("it is malformed")
}
