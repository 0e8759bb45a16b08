//! Keeps homes between two runs: the demo's, and with `--keep` an app's. Each has a file below the user's state folder.
//!
//! `--fresh` keeps the homes that it replaces, as `demo.before-fresh-1.ext4` and so on. Nothing here removes a kept
//! file.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::host::digest::Key;
use crate::host::error::{Result, Tried};
use crate::host::folder::{self, Kept, above};
use crate::host::interrupt::{self, Making};
use crate::host::progress::Progress;
use crate::host::run::Run;
use crate::users::ext4::{self, not_in_use};

/// The name of the file with the demo's homes.
pub const DEMO: &str = "demo.ext4";

/// What a run does with the homes.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// Start over with homes that nobody wrote to.
    pub fresh: bool,
    /// Only print what would be done.
    pub dry_run: bool,
}

/// The folder: `$XDG_STATE_HOME/nodeos`, else `$HOME/.local/state/nodeos`.
pub fn folder() -> Result<PathBuf> {
    folder::own(Kept::State)
}

/// The name of the file with the home of that app: another app of the same name has another one.
pub fn of_app(app: &Path) -> Result<String> {
    let whole = fs::canonicalize(app).tried("find", app)?;
    let name = whole.file_name().unwrap_or_default().to_string_lossy();
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || "._-".contains(*letter);
    let name: String = name.chars().filter(plain).take(64).collect();
    let key = Key::default().with("app", whole.as_os_str().as_bytes()).name();
    Ok(format!("app-{name}-{}.ext4", key.get(..8).unwrap_or_default()))
}

/// Makes sure that a file has homes: as the last run left them, or a copy of `made` if there is none, or if `fresh`.
pub fn ready(homes: &Path, made: &Path, how: How, progress: Progress) -> Result<()> {
    let say = |text: String| progress.say("users", &text);
    let there = homes.exists();
    if there && !how.fresh {
        say(format!("the homes as you left them, {}; --fresh starts over", homes.display()));
        return Ok(());
    }
    not_in_use("start over with new homes", homes)?;
    let folder = above(homes);
    if how.dry_run {
        if there {
            say(format!("--fresh would keep {} as {}", homes.display(), unused(homes)?.display()));
        } else {
            let (made, homes, folder) = (made.display(), homes.display(), folder.display());
            say(format!(
                "{homes} is not there yet; a run does: mkdir -p {folder} && cp --sparse=always {made} {homes}"
            ));
        }
        return Ok(());
    }
    fs::create_dir_all(folder).tried("make the folder", folder)?;
    let _making = Making::start();
    let new = folder.join(format!(".{}.{}", stem(homes), std::process::id()));
    let replaced = Run::new("cp")
        .args(["--reflink=auto", "--sparse=always", "--"])
        .arg(made)
        .arg(&new)
        .ok()
        .and_then(|()| interrupt::check(|| format!("make {}", homes.display())))
        .and_then(|()| if there { replace(homes, &new).map(Some) } else { first(homes, &new).map(|()| None) });
    let _ = fs::remove_file(&new); // `first` has linked it to its name; after an error it is useless
    let kept = replaced?;
    if let Some(kept) = kept {
        let (kept, now) = (kept.display(), homes.display());
        say(format!("the previous homes are kept: {kept}; to go back: mv {kept} {now}"));
        let older = numbers(homes)?.len().saturating_sub(1);
        if older > 0 {
            say(format!("{older} older ones lie beside it; remove what you no longer need"));
        }
    }
    Ok(())
}

/// The name without `.ext4`.
fn stem(homes: &Path) -> std::borrow::Cow<'_, str> {
    homes.file_stem().unwrap_or_default().to_string_lossy()
}

/// Puts the new file in place if there is none. If another run did so meanwhile, that file stays, because its machine
/// uses it.
fn first(homes: &Path, new: &Path) -> Result<()> {
    match fs::hard_link(new, homes) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        done => done.tried("link to", homes),
    }
}

/// Replaces the homes by the new file, and keeps the old ones. The lock ensures that no machine runs on them.
fn replace(homes: &Path, new: &Path) -> Result<PathBuf> {
    let _lock = ext4::lock(homes)?;
    let kept = keep(homes)?;
    fs::rename(new, homes).tried("rename to", homes)?;
    Ok(kept)
}

/// Gives the homes a second name that is not in use. They always have at least one name.
fn keep(homes: &Path) -> Result<PathBuf> {
    loop {
        let kept = unused(homes)?;
        match fs::hard_link(homes, &kept) {
            // another run took that name meanwhile
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            done => return done.map(|()| kept).tried("keep the homes until now, link", homes),
        }
    }
}

/// The next unused name for kept homes.
fn unused(homes: &Path) -> Result<PathBuf> {
    let next = numbers(homes)?.into_iter().max().map_or(1, |last| last + 1);
    Ok(homes.with_extension(format!("before-fresh-{next}.ext4")))
}

/// The numbers of the kept homes.
fn numbers(homes: &Path) -> Result<Vec<u32>> {
    let (folder, name) = (above(homes), stem(homes));
    let number =
        |file: &str| file.strip_prefix(&*name)?.strip_prefix(".before-fresh-")?.strip_suffix(".ext4")?.parse().ok();
    let entries = fs::read_dir(folder).tried("list", folder)?.flatten();
    Ok(entries.filter_map(|entry| number(entry.file_name().to_str()?)).collect())
}

#[cfg(test)]
mod tests {
    use super::{DEMO as NAME, How, first, of_app, ready, replace};
    use crate::host::progress::Progress;
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    fn files(folder: &Path) -> BTreeMap<String, String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let file = |path: std::path::PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        };
        entries.map(|entry| file(entry.path())).collect()
    }

    #[test]
    fn concurrent_runs_do_not_replace_each_others_homes() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path();
        let [homes, mine, other] = [NAME, "mine", "other"].map(|name| state.join(name));
        fs::write(&mine, "mine").unwrap();
        fs::write(&other, "other").unwrap();
        // both runs saw no file, and this one needed more time to copy
        first(&homes, &other).unwrap();
        first(&homes, &mine).unwrap();
        assert_eq!(fs::read_to_string(&homes).unwrap(), "other");
        // --fresh has made its copy, and meanwhile a machine started
        let machine = crate::users::ext4::lock(&homes).unwrap();
        let before = files(state);
        let error = replace(&homes, &mine).unwrap_err().to_string();
        assert!(error.contains("another program has it open") && error.contains("next: stop the machine"), "{error}");
        assert_eq!(files(state), before);
        drop(machine);
        let kept = replace(&homes, &mine).unwrap();
        let [now, then] = [homes, kept].map(|path| fs::read_to_string(path).unwrap());
        assert_eq!((now.as_str(), then.as_str()), ("mine", "other"));
    }

    #[test]
    fn apps_of_the_same_name_have_homes_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let app = |above: &str| {
            let app = folder.path().join(above).join("shop");
            fs::create_dir_all(&app).unwrap();
            (of_app(&app).unwrap(), app)
        };
        let ((one, path), (two, _)) = (app("a"), app("b"));
        assert!(one.starts_with("app-shop-") && two.starts_with("app-shop-") && one != two, "{one} {two}");
        std::os::unix::fs::symlink(path, folder.path().join("link")).unwrap();
        assert_eq!(of_app(&folder.path().join("link")).unwrap(), one);
    }

    #[test]
    fn fresh_keeps_the_homes_it_replaces_and_dry_run_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (state, made) = (folder.path().join("state"), folder.path().join("made"));
        fs::write(&made, "made").unwrap();
        let run = |fresh, dry_run| {
            ready(&state.join(NAME), &made, How { fresh, dry_run }, Progress::Silent).unwrap();
            files(&state)
        };
        let expected = |files: &[(&str, &str)]| -> BTreeMap<String, String> {
            files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        for fresh in [false, true] {
            run(fresh, true);
            assert!(!state.exists(), "a dry run makes no folder");
        }
        assert_eq!(run(false, false), expected(&[(NAME, "made")]));
        for (number, text) in ["mine", "mine again"].into_iter().enumerate() {
            fs::write(state.join(NAME), text).unwrap();
            let before = files(&state);
            assert_eq!(
                (run(false, true), run(true, true), run(false, false)),
                (before.clone(), before.clone(), before)
            );
            let after = run(true, false);
            assert_eq!(after.get(&format!("demo.before-fresh-{}.ext4", number + 1)).unwrap(), text);
        }
        let [one, two] = ["demo.before-fresh-1.ext4", "demo.before-fresh-2.ext4"];
        assert_eq!(files(&state), expected(&[(NAME, "made"), (one, "mine"), (two, "mine again")]));
        // a later write does not change the kept files
        fs::write(state.join(NAME), "new").unwrap();
        assert_eq!(files(&state).get(two).unwrap(), "mine again");
    }
}
