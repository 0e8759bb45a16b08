//! Finds the devices that are plugged in and may be granted.

use core::mem::MaybeUninit;

use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, OFlags, RawDir},
    io::Result,
};

use super::nodes::Kernel;
use crate::{
    claims::{Claims, MAX_DEVICES, program::bit},
    guest::{log::Log, node::Consoles, place},
    say,
    say::Text,
};

/// Looks through the kernel's own list of devices.
pub fn scan(claims: &mut Claims, kernel: &mut Kernel<'_>, log: &Log) -> Result<()> {
    let consoles = Consoles::read()?;
    claims.begin();
    folder("", &mut |name, number| {
        if consoles.leave(name) {
            let granted = kernel.users().iter().zip(1..).filter(|(user, _)| user.policy.grants(name));
            let granted = granted.map(|(_, slot)| bit(slot)).fold(0, core::ops::BitOr::bitor);
            if granted != 0 && !claims.found(name, number, granted, kernel) {
                error!(
                    log,
                    name,
                    " is not offered to users: its name is too long, or there are ",
                    MAX_DEVICES,
                    " devices already"
                );
            }
        }
    })?;
    claims.end(kernel);
    Ok(())
}

/// Calls `each` for each character device in a folder below /dev, and in its subfolders.
fn folder(name: &str, each: &mut dyn FnMut(&str, (u32, u32))) -> Result<()> {
    let mut path = Text::new();
    say!(&mut path, "/dev/", name);
    let folder: OwnedFd = place::file(&path, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(&folder, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let mut inside = Text::new();
        say!(&mut inside, name, if name.is_empty() { "" } else { "/" }, entry.file_name().to_str().unwrap_or_default());
        match entry.file_type() {
            FileType::CharacterDevice => {
                // it may be gone meanwhile
                if let Ok(stat) = rustix::fs::statat(&folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                    each(&inside, (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)));
                }
            }
            FileType::Directory if name.is_empty() && !inside.starts_with('.') => {
                // a folder disappears with its last device
                let _ = self::folder(&inside, each);
            }
            _ => {}
        }
    }
    Ok(())
}
