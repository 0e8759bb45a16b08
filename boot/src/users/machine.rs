//! One machine's own settings on a users partition image: `.machine.json`, root's alone.

use super::edit::{Staged, to_change};
use super::ext4::Work;
use super::read::Image;
use super::script::Script;
use crate::host::error::{Error, Result};
use shim::layout::MACHINE;
use shim::machine_file::MachineFile;
use std::path::Path;

/// The settings in JSON; `{}` if there is no file.
pub fn settings(path: &Path) -> Result<String> {
    match Image::open(path)?.settings()? {
        None => Ok(MachineFile::default().to_string()),
        Some(read) => read.map_err(|why| {
            Error::new(format!("read {MACHINE} in {}", path.display()), format!("{why}\n  nothing in it counts"))
                .next(format!("nodeos machine {} --default takes it away", path.display()))
        }),
    }
}

/// Writes the settings; `None` removes the file, so that the defaults apply.
pub fn set_settings(path: &Path, file: Option<&MachineFile<'_>>) -> Result<()> {
    let tried = || format!("change {MACHINE} in {}", path.display());
    let text = file.map(|file| format!("{file}\n"));
    // the shim itself parses it here: a text that it would read differently is not written
    if let (Some(text), Some(file)) = (&text, file)
        && MachineFile::parse(text.as_bytes()).as_ref() != Ok(file)
    {
        return Err(Error::new(tried(), "the machine would read it differently"));
    }
    let (_lock, image) = to_change(path)?;
    let there = image.look(MACHINE.as_bytes())?;
    if there.as_ref().is_some_and(|there| there.is_dir()) {
        return Err(Error::new(tried(), "it is a folder").next("remove it there"));
    }
    let mut staged = Staged::new()?;
    let from = text.map(|text| staged.file(text.as_bytes())).transpose()?;
    let work = Work::copy(path)?;
    let mut script = Script::default();
    script.of_root(MACHINE, there.is_some(), from.as_deref())?;
    work.change(&script)?;
    work.keep()
}

#[cfg(test)]
mod tests {
    use super::MachineFile;

    /// The shell's tests read the same list.
    #[test]
    fn machine_in_the_shell_judges_settings_as_the_shim_does() {
        let list = include_str!("../../../examples/demo/shell/test/settings.json");
        let list: Vec<(String, Option<String>)> = serde_json::from_str(list).unwrap();
        assert!(list.len() > 50);
        for (text, why) in list {
            assert_eq!(MachineFile::parse(text.as_bytes()).err(), why.as_deref(), "{text}");
        }
    }
}
