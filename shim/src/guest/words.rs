//! What the machine's own settings say to a service: words that come in place of the kernel's.

use rustix::fs::CWD;

use crate::{guest::place, layout, machine_file, say::Text};

/// The value of that word, if the settings have one. A service asks before it leaves `layout::LIVE` behind.
#[inline(never)]
pub fn own(name: &str) -> Option<Text> {
    let file = place::regular(CWD, layout::WORDS).ok()?;
    let mut bytes = [0; 1024];
    let words = core::str::from_utf8(place::content(&file, &mut bytes).ok()?).ok()?;
    Text::try_from(machine_file::word(words, name)?).ok()
}
