//! A node of a device that may be granted. PID 1 makes it at the broker's word: no other process can, once users run.
//!
//! The word is a name and no more. What number it has is the kernel's own list's to say, and what is not on our list of
//! names, or is a console, has none made.

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, Stat},
    io::{Errno, Result},
};

use crate::{
    guest::place::{self, Name},
    layout, policy, say,
    say::Text,
};

/// The consoles that the kernel names, which belong to logon.
pub struct Consoles(Text);

impl Consoles {
    pub fn read() -> Self {
        Self(place::text("/sys/class/tty/console/active").unwrap_or_default())
    }

    /// Whether the device, by its name below /dev, may be granted.
    pub fn leave(&self, device: &str) -> bool {
        policy::is_device(device) && !self.0.split_ascii_whitespace().any(|console| console == device)
    }
}

/// Makes one at `layout::NEW`, for uid 0 alone.
pub fn make(device: &str) -> Result<()> {
    if !Consoles::read().leave(device) {
        return Err(Errno::PERM);
    }
    let number = look(device)?.st_rdev;
    let new = Name::new(layout::NEW)?;
    let _ = rustix::fs::unlink(new.c());
    rustix::fs::mknodat(CWD, new.c(), FileType::CharacterDevice, Mode::RUSR | Mode::WUSR, number)
}

/// What the kernel lists by that name.
fn look(device: &str) -> Result<Stat> {
    let mut path = Text::new();
    say!(&mut path, "/dev/", device);
    let stat = rustix::fs::fstat(&place::open_at(CWD, &path, OFlags::PATH)?)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice { Ok(stat) } else { Err(Errno::NODEV) }
}
