//! Whether anybody may log on. Each invalid logon file gets one line in the log.

use crate::{
    cmdline::Options,
    guest::{
        each_user,
        log::Log,
        logon::{
            file,
            password::{Useless, usable},
        },
        privilege,
    },
    layout, say,
    say::Text,
};

/// Reads the users from the standard input. Status 0 if some user may log on, 1 if none may.
pub fn check(options: &Options<'_>) -> u8 {
    if privilege::become_logon().is_err() {
        return 1;
    }
    let mut status = 1;
    each_user::take(|user| {
        if may_log_on(user.name, options) {
            status = 0;
        }
    });
    status
}

fn may_log_on(name: &str, options: &Options<'_>) -> bool {
    let log = Log::PID1;
    let root = name == layout::ROOT_USER;
    let mut why = Text::new();
    match file::of(name) {
        Ok(file) => match file.password.as_deref() {
            None => return false,
            Some("") if root => {
                error!(log, "home root: its password is empty, so root cannot log on; set one");
                return false;
            }
            Some("") => return !options.single,
            Some(hash) => match usable(hash, options.guards) {
                Ok(_) => return root || !options.single,
                Err(Useless::Malformed) => {
                    say!(&mut why, "its password is not an argon2id hash that this machine accepts")
                }
                Err(Useless::TooLarge(kib, most)) => say!(
                    &mut why,
                    "its password takes ",
                    kib,
                    " KiB to check, and this machine has ",
                    most,
                    " KiB for that; set it again"
                ),
            },
        },
        Err(error) => say!(&mut why, error),
    }
    error!(log, "home ", name, ": ", layout::LOGON_FILE, ": ", why, "; the user cannot log on");
    false
}
