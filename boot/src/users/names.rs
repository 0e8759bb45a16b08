//! Which names and uids homes may have. Pure; the shim's own table decides.

use crate::host::error::{Error, Result};
use shim::layout::{FIRST_UID, ROOT_USER};
use shim::users::{Found, Homes, is_ours};

/// The user that runs `nodeos run APP`.
pub const APP: &str = "app";

/// Checks that the shim accepts a home of that name, and ext4 a folder.
pub fn check(name: &str) -> Result<()> {
    let refused = |why: &str| Err(Error::new(format!("use {name:?} as a user name"), why));
    if name.is_empty() {
        refused("it is empty")
    } else if name.len() > 255 {
        refused(&format!("it has {} bytes, and a directory's name has at most 255", name.len()))
    } else if name.contains('/') {
        refused("it has a slash; it is one directory at the top of the users partition")
    } else if is_ours(name.as_bytes()) {
        refused("names that start with a dot, and lost+found, are the system's own")
    } else {
        admit(&mut Homes::new(), name, if name == ROOT_USER { 0 } else { FIRST_UID })
    }
}

/// The uid of a new user: 0 for root; for others the wanted one, or the smallest free one from 1000 on.
pub fn pick_uid(name: &str, wanted: Option<u32>, taken: &[(String, u32)]) -> Result<u32> {
    let tried = || format!("give {name} a uid");
    if taken.iter().any(|(other, _)| other == name) {
        return Err(Error::new(format!("add {name}"), "there is a home of that name")
            .next(format!("choose another name, or change how the user logs on: nodeos users passwd FILE {name}")));
    }
    let first = if name == ROOT_USER { 0 } else { FIRST_UID };
    let mut free = (first..u32::MAX).filter(|uid| taken.iter().all(|(_, other)| other != uid));
    let uid = wanted.or_else(|| free.next()).unwrap_or(u32::MAX);
    let mut next = (FIRST_UID..u32::MAX).filter(|uid| taken.iter().all(|(_, other)| other != uid));
    let hint = next.next().map_or_else(String::new, |uid| format!("--uid {uid} is free"));
    if name == ROOT_USER && uid != 0 {
        return Err(Error::new(tried(), format!("root is uid 0, not {uid}")).next("leave --uid out"));
    }
    if name != ROOT_USER && uid == 0 {
        return Err(Error::new(tried(), "uid 0 is reserved for root").next(hint));
    }
    if uid == u32::MAX {
        return Err(Error::new(tried(), format!("{uid} means nobody to the kernel (chown(2))")).next(hint));
    }
    match taken.iter().find(|(_, other)| *other == uid) {
        Some((other, _)) => {
            Err(Error::new(tried(), format!("{uid} is {other}'s, and homes that share a uid are refused at boot"))
                .next(hint))
        }
        None => Ok(uid),
    }
}

/// Checks that all these homes can be on one partition.
pub fn check_all<'a>(homes: impl IntoIterator<Item = (&'a str, u32)>) -> Result<()> {
    let mut table = Homes::new();
    let mut seen: Vec<(String, u32)> = Vec::new();
    for (name, uid) in homes {
        check(name)?;
        pick_uid(name, Some(uid), &seen)?;
        admit(&mut table, name, uid)?;
        seen.push((name.to_owned(), uid));
    }
    Ok(())
}

/// Checks an entry with the shim's table.
fn admit(table: &mut Homes, name: &str, uid: u32) -> Result<()> {
    let found = Found { directory: true, uid, gid: uid, has_init: false };
    let refused = |refusal| Error::new(format!("use {name:?} as a user name"), refusal);
    table.admit(name.as_bytes(), found).map(|_| ()).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::{check, check_all, pick_uid};
    use std::collections::BTreeMap;

    fn taken() -> Vec<(String, u32)> {
        [("root", 0), ("ana", 1000), ("bo", 1002)].map(|(name, uid)| (name.to_owned(), uid)).to_vec()
    }

    #[test]
    fn the_smallest_free_uid_is_picked() {
        assert_eq!(pick_uid("eve", None, &taken()).unwrap(), 1001);
        assert_eq!(pick_uid("eve", None, &[]).unwrap(), 1000);
        assert_eq!(pick_uid("root", None, &[]).unwrap(), 0);
        assert_eq!(pick_uid("eve", Some(7), &taken()).unwrap(), 7);
    }

    #[test]
    fn a_uid_that_the_shim_would_refuse_is_refused_with_a_suggestion() {
        let error = |name, uid| pick_uid(name, Some(uid), &taken()).unwrap_err().to_string();
        assert_eq!(
            error("eve", 1000),
            "give eve a uid: 1000 is ana's, and homes that share a uid are refused at boot\n  next: --uid 1001 is free"
        );
        assert_eq!(error("eve", 0), "give eve a uid: uid 0 is reserved for root\n  next: --uid 1001 is free");
        assert!(error("eve", u32::MAX).contains("means nobody to the kernel"));
        assert!(error("ana", 1001).contains("there is a home of that name"));
        assert!(pick_uid("root", Some(1001), &[]).unwrap_err().to_string().contains("root is uid 0, not 1001"));
    }

    #[test]
    fn names_that_the_shim_refuses_are_refused() {
        for name in ["", ".overlay", "..", "lost+found", "a/b", "a:b", "a\nb", "a\u{7f}", &"x".repeat(256)] {
            assert!(check(name).is_err(), "{name:?}");
        }
        for name in ["#ana", "+ana", "-ana", " ana", "ana ", "\tana"] {
            assert!(check(name).is_err(), "{name:?}");
        }
        for name in ["root", "a,b", "a\\b", "a b", "a\"b", "<7>", "n-#+", "7", "ñandú", &"x".repeat(255)] {
            check(name).unwrap();
        }
    }

    /// The shell's tests read the same list.
    #[test]
    fn useradd_in_the_shell_judges_names_as_the_shim_does() {
        let names = include_str!("../../../examples/demo/shell/test/names.json");
        let names: BTreeMap<String, Vec<String>> = serde_json::from_str(names).unwrap();
        assert!(names["good"].len() > 5 && names["bad"].len() > 5);
        for (kind, name) in names.iter().flat_map(|(kind, names)| names.iter().map(move |name| (kind, name))) {
            assert_eq!(check(name).is_ok(), kind == "good", "{name:?}");
        }
    }

    #[test]
    fn duplicate_uids_and_names_are_refused() {
        check_all([("root", 0), ("ana", 1000)]).unwrap();
        assert!(check_all([("ana", 1000), ("bo", 1000)]).is_err());
        assert!(check_all([("ana", 1000), ("ana", 1001)]).is_err());
    }
}
