//! `users policy`: a policy that is set is the one that is shown and that the machine reads. The
//! image stays clean.

use crate::roots_files::{self, change, nodeos};
use crate::users::{Scratch, fsck, homes};
use boot::users::image::del;
use boot::users::policy::{policy, set_policy};
use boot::users::read::{Image, inspect, list};
use shim::policy::{Network, Policy};
use std::path::Path;

/// Runs `users policy` for the guest. Returns stdout, or the exit status and stderr.
fn command(scratch: &Scratch, words: &[&str]) -> Result<String, (Option<i32>, String)> {
    nodeos(scratch, &["users", "policy"], &[&["guest"], words].concat())
}

/// The content of the folder of policies.
fn policies(image: &Path) -> Vec<String> {
    let members = inspect(image).unwrap().members;
    members.iter().filter(|member| member.path.starts_with("/.policy")).map(ToString::to_string).collect()
}

/// Writes a policy into the image as a person could by hand.
fn by_hand(scratch: &Scratch, text: &str) {
    roots_files::by_hand(scratch, "/.policy", "guest.json", text);
}

#[test]
fn a_policy_that_is_set_is_stored_and_shown() {
    let scratch = Scratch::with(&homes());
    assert_eq!(command(&scratch, &[]), Ok("{\"network\": \"shared\"}\n".to_owned()), "the default");
    let words = ["--memory", "64M", "--device", "i2c-1", "--device", "ttyUSB*"];
    assert_eq!(command(&scratch, &words), Ok(String::new()));
    let shown =
        command(&scratch, &["--network", "private", "--pids", "64"]).and_then(|_| command(&scratch, &[])).unwrap();
    let read = Policy::parse(shown.trim_end().as_bytes()).unwrap();
    assert_eq!((read.memory, read.pids, read.network), (Some(64 << 20), Some(64), Network::Private));
    assert_eq!(read.devices, ["i2c-1", "ttyUSB*"]);
    assert_eq!(Image::open(&scratch.image()).unwrap().policy("guest").unwrap(), Some(Ok(read)));
    let listed = policies(&scratch.image());
    assert!(listed[0].starts_with("drwx------      0      0 "), "{listed:?}");
    assert!(
        listed[1].starts_with("-rw-------      0      0 ") && listed[1].ends_with(" /.policy/guest.json"),
        "{listed:?}"
    );

    command(&scratch, &["--device", "rtc0"]).unwrap();
    assert_eq!(policy(&scratch.image(), "guest").unwrap().devices, ["rtc0"], "the list is a new one");
    assert_eq!(policy(&scratch.image(), "root").unwrap(), Policy::default(), "others have theirs");
}

#[test]
fn the_default_policy_has_no_file() {
    let scratch = Scratch::with(&homes());
    command(&scratch, &["--pids", "64"]).unwrap();
    command(&scratch, &["--default", "--memory", "96M"]).unwrap();
    assert_eq!(policy(&scratch.image(), "guest").unwrap(), Policy { memory: Some(96 << 20), ..Policy::default() });
    command(&scratch, &["--default"]).unwrap();
    assert_eq!(policies(&scratch.image()).len(), 1, "the folder alone");
    command(&scratch, &["--default"]).unwrap();
    assert_eq!(policy(&scratch.image(), "guest").unwrap(), Policy::default());
}

#[test]
fn high_must_be_below_memory() {
    let scratch = Scratch::with(&homes());
    for words in [["--memory", "96M", "--high", "96M"], ["--high", "128M", "--memory", "96M"]] {
        let (status, said) = command(&scratch, &words).unwrap_err();
        assert!(status == Some(64) && said.contains("not below --memory, 100663296"), "{status:?}: {said}");
    }
    assert_eq!(policy(&scratch.image(), "guest").unwrap(), Policy::default(), "nothing was kept of it");
    command(&scratch, &["--high", "95M", "--memory", "96M"]).unwrap();
    let (_, said) = command(&scratch, &["--memory", "95M"]).unwrap_err();
    assert!(said.contains("not below --memory, 99614720"), "what was said before counts: {said}");
}

#[test]
fn a_broken_policy_is_an_error_until_default_replaces_it() {
    for (text, why) in [
        ("{\"memory\": ", "it is malformed"),
        ("{\"memroy\": \"64M\"}", "it has a key that is none of"),
        ("{\"memory\": \"1M\"}", "memory and high are sizes from 64M"),
        (&" ".repeat(2000), "it is too long"),
    ] {
        let scratch = Scratch::with(&homes());
        by_hand(&scratch, text);
        for words in [&[][..], &["--pids", "64"]] {
            let (status, said) = command(&scratch, words).unwrap_err();
            assert_eq!(status, Some(71), "{said}");
            assert!(said.contains(why) && said.contains(" guest --default"), "{said}");
        }
        let listed = list(&scratch.image()).unwrap().into_iter().find(|user| user.name == "guest").unwrap();
        assert!(listed.to_string().contains(&format!("the strictest policy counts: in .policy/guest.json, {why}")));
        command(&scratch, &["--default", "--pids", "64"]).unwrap();
        assert_eq!(policy(&scratch.image(), "guest").unwrap().pids, Some(64));
    }
}

#[test]
fn a_policy_that_users_can_write_is_an_error() {
    for field in ["uid 1001", "mode 0100622", "mode 0100660"] {
        let scratch = Scratch::with(&homes());
        by_hand(&scratch, "{}");
        assert_eq!(policy(&scratch.image(), "guest").unwrap(), Policy::default());
        change(&scratch, &format!("set_inode_field /.policy/guest.json {field}\n"));
        let error = policy(&scratch.image(), "guest").unwrap_err().to_string();
        assert!(error.contains("others than root can write it"), "{field}: {error}");
        command(&scratch, &["--default"]).unwrap();
        assert_eq!(policies(&scratch.image()).len(), 1, "{field}");
    }
}

#[test]
fn removing_a_user_removes_the_policy() {
    let scratch = Scratch::with(&homes());
    let image = scratch.image();
    let strict = Policy { pids: Some(32), ..Policy::default() };
    for name in ["guest", "ana, \"la\" <7>"] {
        set_policy(&image, name, Some(&strict)).unwrap();
        assert_eq!((policy(&image, name).unwrap(), fsck(&image)), (strict.clone(), String::new()));
    }
    del(&image, "guest").unwrap();
    assert_eq!(fsck(&image), "");
    assert_eq!(policies(&image).len(), 2, "the folder and the other's");
    del(&image, "ana, \"la\" <7>").unwrap();
    assert_eq!((policies(&image).len(), fsck(&image)), (1, String::new()));
}

#[test]
fn a_missing_policy_folder_is_created() {
    let scratch = Scratch::with(&homes());
    change(&scratch, "rmdir /.policy\n");
    assert_eq!(policy(&scratch.image(), "guest").unwrap(), Policy::default());
    command(&scratch, &["--pids", "64"]).unwrap();
    assert_eq!(policy(&scratch.image(), "guest").unwrap().pids, Some(64));
    assert!(policies(&scratch.image())[0].starts_with("drwx------      0      0 "));
}

#[test]
fn a_policy_folder_not_owned_by_root_is_refused() {
    let scratch = Scratch::with(&homes());
    change(&scratch, "set_inode_field /.policy uid 1001\n");
    let (status, said) = command(&scratch, &["--pids", "64"]).unwrap_err();
    assert_eq!(status, Some(71));
    assert!(said.contains(".policy is not a folder that belongs to root"), "{said}");
}

#[test]
fn a_policy_needs_an_existing_user_and_valid_values() {
    let scratch = Scratch::with(&homes());
    for name in ["eve", "", ".policy", "guest/etc"] {
        let errors = [policy(&scratch.image(), name).map(drop), set_policy(&scratch.image(), name, None)];
        for error in errors {
            assert!(error.unwrap_err().to_string().contains("there is no such home"), "{name}");
        }
    }
    for words in [&["--memory", "1M"][..], &["--pids", "1"], &["--device", "../sda"], &["--network", "none"]] {
        assert_eq!(command(&scratch, words).unwrap_err().0, Some(64), "{words:?}");
    }
}
