//! Makes a node of a device that may be granted. PID 1 does this at the broker's request; no other process can make
//! nodes once users run.
//!
//! The request is only a name. No node is made for a name that is not on our list, or for a console. sysfs must confirm
//! that the node in /dev belongs to the device of that name, because uid 0 can rename files in /dev.

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags},
    io::{Errno, Result},
};

use crate::{
    cut,
    guest::place::{self, Name},
    layout, policy, say,
    say::Text,
};

/// The consoles that the kernel lists. They belong to logon.
pub struct Consoles(Text);

impl Consoles {
    /// An error if the kernel has no list: then nothing may be granted.
    pub fn read() -> Result<Self> {
        place::text("/sys/class/tty/console/active").map(Self).ok_or(Errno::NODATA)
    }

    /// Whether the device, by its name below /dev, may be granted.
    pub fn leave(&self, device: &str) -> bool {
        policy::is_device(device) && !cut::has(self.0.trim_ascii_end(), b' ', device)
    }
}

/// Makes a node at `layout::NEW`, for uid 0 only.
pub fn make(device: &str) -> Result<()> {
    if !Consoles::read()?.leave(device) {
        return Err(Errno::PERM);
    }
    let number = number(device)?;
    let folder = place::open_at(CWD, layout::HIDDEN, OFlags::PATH | OFlags::DIRECTORY)?;
    let new = Name::new(layout::NEW)?;
    let _ = rustix::fs::unlinkat(&folder, new.c(), AtFlags::empty());
    rustix::fs::mknodat(&folder, new.c(), FileType::CharacterDevice, Mode::RUSR | Mode::WUSR, number)
}

/// The number of the device of that name, from the kernel. Reading it does not wait for a driver (drivers/base/core.c,
/// `uevent_show`).
fn number(device: &str) -> Result<u64> {
    let mut path = Text::new();
    say!(&mut path, "/dev/", device);
    let stat = rustix::fs::fstat(&place::open_at(CWD, &path, OFlags::PATH)?)?;
    let (major, minor) = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    path.clear();
    say!(&mut path, "/sys/dev/char/", major, ":", minor, "/uevent");
    let says = place::text(&path).ok_or(Errno::NODEV)?;
    path.clear();
    say!(&mut path, "DEVNAME=", device);
    let named = cut::has(&says, b'\n', &path);
    if named && FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice {
        Ok(stat.st_rdev)
    } else {
        Err(Errno::NODEV)
    }
}
