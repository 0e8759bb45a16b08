//! Puts a keyboard layout into the kernel's tables, which all virtual terminals share.

use rustix::{
    fs::OFlags,
    io::{Errno, Result},
};

use crate::{
    guest::{log::Log, place},
    keymap::{self, Keymap, Table},
    layout, say,
    say::Text,
    sys::terminal::{key_entry, set_key_entry},
};

/// Loads the layout of that name. If there is none, the log lists all layouts.
pub fn load(name: &str, log: &Log) -> Result<()> {
    let mut bytes = [0; 8192];
    let file = place::file(layout::KEYMAPS, OFlags::RDONLY)?;
    let text = core::str::from_utf8(place::content(&file, &mut bytes)?).map_err(|_| Errno::INVAL)?;
    let Some(keymap) = keymap::find(text, name) else {
        let mut all = Text::new();
        keymap::names(text).for_each(|name| say!(&mut all, " ", name));
        error!(log, "keymap=", name, ": there is no such layout; there are", all);
        return Err(Errno::INVAL);
    };
    let screen = place::file("/dev/tty1", OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK)?;
    // the kernel has no table for Shift with AltGr; in a new one, the other keys need entries too, or releasing Shift
    // has no effect
    for key in (1..=127).filter(|key| !Keymap::has(*key)) {
        let value = key_entry(&screen, Table::Shift as u8, key)?;
        set_key_entry(&screen, Table::ShiftAltGr as u8, key, value)?;
    }
    keymap.entries(|table, key, value| set_key_entry(&screen, table as u8, key, value))?;
    info!(log, "keyboard layout ", name);
    Ok(())
}
