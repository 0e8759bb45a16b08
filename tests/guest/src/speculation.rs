//! Runs instead of `/init` (`rdinit=/speculation`), because users see no sysfs. Prints what the
//! kernel reports about vulnerabilities of the processor, and powers the machine off.

use core::mem::MaybeUninit;

use linux_raw_sys::general as raw;
use rustix::{
    fs::{Mode, OFlags, RawDir, openat},
    io::Result,
    mount::{MountFlags, mount},
};
use shim::{
    say,
    say::Text,
    sys::{self, Stream},
};

use crate::call::{call, open};

pub fn tell() -> ! {
    let mut line = Text::new();
    match vulnerabilities() {
        Ok(()) => say!(&mut line, "speculation: told\n"),
        Err(errno) => say!(&mut line, "speculation: failed (", errno, ")\n"),
    }
    Stream(1).put(&line);
    let _ = call(raw::__NR_reboot, [0xfee1_dead, 0x2812_1969, 0x4321_fedc, 0, 0, 0]); // POWER_OFF
    sys::exit(1)
}

/// Prints a line for each file (Documentation/ABI/testing/sysfs-devices-system-cpu).
fn vulnerabilities() -> Result<()> {
    mount(c"none", c"/sys", c"sysfs", MountFlags::RDONLY, None)?;
    let folder = open(c"/sys/devices/system/cpu/vulnerabilities", OFlags::RDONLY | OFlags::DIRECTORY)?;
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(&folder, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_str().unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        let mut says = [0; 256];
        let length = rustix::io::read(openat(&folder, entry.file_name(), OFlags::RDONLY, Mode::empty())?, &mut says)?;
        let says = says.get(..length).and_then(|says| core::str::from_utf8(says).ok()).unwrap_or_default();
        let mut line = Text::new();
        say!(&mut line, "speculation ", name, ": ", says.trim_end(), "\n");
        Stream(1).put(&line);
    }
    Ok(())
}
