//! What root grants a user: `.policy/USER.json` of a users partition image.

use super::edit::{Staged, home_of, to_change};
use super::ext4::Work;
use super::read::Image;
use super::script::Script;
use crate::host::error::{Error, Result};
use shim::layout::{POLICY, POLICY_SUFFIX};
use shim::policy::Policy;
use std::path::Path;

/// The policy of a user with a home, or the default if there is none.
pub fn policy(path: &Path, name: &str) -> Result<Policy> {
    let image = Image::open(path)?;
    home_of(&image, path, name)?;
    match image.policy(name)? {
        None => Ok(Policy::default()),
        Some(read) => read.map_err(|why| {
            let why = format!("{why}\n  the strictest policy counts: {}", Policy::STRICTEST);
            Error::new(format!("read {POLICY}/{name}.json in {}", path.display()), why)
                .next(format!("nodeos users policy {} {name} --default takes it away", path.display()))
        }),
    }
}

/// Writes a policy; `None` removes it, so that the default applies.
pub fn set_policy(path: &Path, name: &str, policy: Option<&Policy>) -> Result<()> {
    let (_lock, image) = to_change(path)?;
    home_of(&image, path, name)?;
    let folder = image.look(&[b"/", POLICY.as_bytes()].concat())?;
    if folder.as_ref().is_some_and(|folder| !folder.is_dir() || folder.uid != 0) {
        let tried = format!("change the policy of {name} in {}", path.display());
        return Err(Error::new(tried, format!("{POLICY} is not a folder that belongs to root")).next("remove it there"));
    }
    let there = image.look(&[b"/", POLICY.as_bytes(), b"/", file_name(name)?.as_bytes()].concat())?.is_some();
    let mut staged = Staged::new()?;
    let from = policy.map(|policy| staged.file(format!("{policy}\n").as_bytes())).transpose()?;
    let work = Work::copy(path)?;
    let mut script = Script::default();
    script.policy(&file_name(name)?, folder.is_some(), there, from.as_deref())?;
    work.change(&script)?;
    work.keep()
}

/// The name of the file below `.policy`.
pub fn file_name(name: &str) -> Result<String> {
    let file = format!("{name}{POLICY_SUFFIX}");
    if file.len() > 255 {
        return Err(Error::new(format!("name the policy of {name}"), "a file's name has at most 255 bytes")
            .next("give the home a shorter name"));
    }
    Ok(file)
}
