//! What root keeps about a user of a users partition image: the policy, `.policy/USER.json`, and variables, `.policy/USER.env`.

use super::edit::{Staged, home_of, to_change};
use super::environment;
use super::ext4::Work;
use super::read::Image;
use super::script::Script;
use crate::host::error::{Error, Result};
use shim::layout::{MAX_ENVIRONMENT, POLICY, POLICY_SUFFIX, VARIABLES_SUFFIX};
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
    store(path, name, POLICY_SUFFIX, policy.map(|policy| format!("{policy}\n")))
}

/// The file of the variables with which a user's programs start; empty if there is none.
pub fn variables(path: &Path, name: &str) -> Result<String> {
    let image = Image::open(path)?;
    home_of(&image, path, name)?;
    let Some(found) = image.look(&at(name, VARIABLES_SUFFIX)?)? else { return Ok(String::new()) };
    let text = image.content(&found, MAX_ENVIRONMENT as u64)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Writes that file. Its variables replace those of an app's medium. Refuses more than a machine would set.
pub fn set_variables(path: &Path, name: &str, text: &str) -> Result<()> {
    environment::count(text)
        .map_err(|why| Error::new(format!("set the variables of {name} in {}", path.display()), why))?;
    store(path, name, VARIABLES_SUFFIX, Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// Writes a file below `.policy`, or removes it.
fn store(path: &Path, name: &str, suffix: &str, text: Option<String>) -> Result<()> {
    let (_lock, image) = to_change(path)?;
    home_of(&image, path, name)?;
    let folder = image.look(&[b"/", POLICY.as_bytes()].concat())?;
    if folder.as_ref().is_some_and(|folder| !folder.is_dir() || folder.uid != 0) {
        let tried = format!("change the policy of {name} in {}", path.display());
        return Err(Error::new(tried, format!("{POLICY} is not a folder that belongs to root")).next("remove it there"));
    }
    let there = image.look(&at(name, suffix)?)?.is_some();
    let mut staged = Staged::new()?;
    let from = text.map(|text| staged.file(text.as_bytes())).transpose()?;
    let work = Work::copy(path)?;
    let mut script = Script::default();
    script.policy(&file_name(name, suffix)?, folder.is_some(), there, from.as_deref())?;
    work.change(&script)?;
    work.keep()
}

/// The paths of what root keeps about a user.
pub fn files(name: &str) -> Vec<Vec<u8>> {
    // a name that is too long for them has none
    [POLICY_SUFFIX, VARIABLES_SUFFIX].iter().filter_map(|suffix| at(name, suffix).ok()).collect()
}

fn at(name: &str, suffix: &str) -> Result<Vec<u8>> {
    Ok([b"/", POLICY.as_bytes(), b"/", file_name(name, suffix)?.as_bytes()].concat())
}

/// The name of a file below `.policy`.
fn file_name(name: &str, suffix: &str) -> Result<String> {
    let file = format!("{name}{suffix}");
    if file.len() > 255 {
        return Err(Error::new(format!("name the policy of {name}"), "a file's name has at most 255 bytes")
            .next("give the home a shorter name"));
    }
    Ok(file)
}
