//! A word of the kernel's command line, in whose place the machine's own settings may say something.

use rustix::fs::CWD;

use crate::{guest::place, layout, machine_file, say::Text, sys::Start};

/// What both say of a word.
pub struct Word {
    own: Option<Text>,
    kernels: Option<&'static str>,
}

impl Word {
    /// The word of that name. A service asks before it leaves `layout::LIVE` behind.
    #[inline(never)]
    pub fn of(name: &str, start: Start) -> Self {
        let words = start.environment().filter_map(|word| word.to_str().ok());
        let kernels = words.filter_map(|word| word.strip_prefix(name)?.strip_prefix('=')).last();
        Self { own: own(name), kernels }
    }

    /// What counts: the settings come first.
    pub fn value(&self) -> Option<&str> {
        self.own.as_deref().or(self.kernels)
    }
}

fn own(name: &str) -> Option<Text> {
    let file = place::regular(CWD, layout::WORDS).ok()?;
    let mut bytes = [0; 1024];
    let words = core::str::from_utf8(place::content(&file, &mut bytes).ok()?).ok()?;
    Text::try_from(machine_file::word(words, name)?).ok()
}
