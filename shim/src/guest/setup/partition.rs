//! The users partition: repaired if necessary, and mounted as the result of e2fsck allows.

use rustix::io::Errno;

use crate::{
    cmdline::Options,
    device::Device,
    ext4::Asked,
    fsck::{Fsck, Try},
    guards::Guard,
    guest::{
        execute::{failed, mount, steps},
        log::Log,
        place,
        setup::{device, mend},
    },
    layout,
    op::{Attr, Boot, Upper},
    plan,
};

/// Waits for the users partition and mounts it; `None` if it is missing or cannot even be read. An image that carries
/// homes needs no users partition, unless the command line names one other than the default.
pub fn mounted(device: Device<'_>, carried: bool, options: &Options<'_>, log: &Log) -> Option<Upper> {
    let little = carried && device == Device::Label(layout::USERS_LABEL);
    let seconds = if little { device::LITTLE_PATIENCE } else { device::PATIENCE };
    let found = device::find(device, seconds, log).and_then(|path| Ok((device::whole(&path, log)?.unclean, path)));
    match found {
        Ok((unclean, path)) => tried(&path, unclean, options, log),
        Err(errno) => {
            if !little || errno != Errno::TIMEDOUT {
                failed(&Boot::Device("ext4", device, layout::USERS, Attr::FILES, options.users_flags), errno, log);
            }
            None
        }
    }
}

/// Executes the steps of `fsck::Try`.
fn tried(path: &str, unclean: bool, options: &Options<'_>, log: &Log) -> Option<Upper> {
    let flags = options.users_flags;
    let asked = Asked::of(flags);
    let checks = unclean && !asked.read_only && options.guards.hold(Guard::Mend);
    let mut fsck = if checks { mend::e2fsck("unclean", path) } else { Fsck::Clean };
    let mut this = Try::first(fsck);
    loop {
        let mounts = this.options(flags);
        match this {
            Try::Asked | Try::Kept => {
                let wanted = Options { users: Some(Device::Path(path)), users_flags: mounts, ..*options };
                if steps(&plan::guarded(plan::users(&wanted), options.guards), log).is_ok() {
                    if this == Try::Kept {
                        let (with, kept) = if mounts.is_empty() { ("without", "") } else { ("with ", mounts) };
                        error!(log, "usersflags=", flags, " was refused: the users partition is mounted ", with, kept);
                    }
                    return Some(upper(path, asked, log));
                }
            }
            Try::Mend => fsck = mend::e2fsck("damaged", path),
            Try::Why => mend::why(path),
            Try::Read | Try::Untouched => match mount("ext4", path, layout::USERS, Attr::READ_ONLY, mounts) {
                Ok(()) => {
                    if this == Try::Untouched && fsck.writable() {
                        error!(log, "its journal was not replayed: the last writes may be missing");
                    }
                    return Some(read_only("", log));
                }
                Err(errno) if this == Try::Untouched => error!(log, "it cannot be read either: ", errno),
                Err(_) => {}
            },
        }
        this = this.next(fsck, flags)?;
    }
}

/// Where users' writes go. Even a partition that was mounted for writing may turn out to be read-only.
fn upper(path: &str, asked: Asked, log: &Log) -> Upper {
    if !place::is_read_only(layout::USERS) {
        return Upper::Home;
    }
    if asked.read_only {
        return read_only(", as usersflags= says", log);
    }
    mend::why(path);
    read_only("", log)
}

#[inline(never)]
fn read_only(why: &str, log: &Log) -> Upper {
    error!(log, "the users partition is read-only", why, ": changes are lost at power off");
    Upper::Ram
}
