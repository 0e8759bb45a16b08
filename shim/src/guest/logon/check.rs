//! Whether anybody may log on: one line in the log for each logon file that is no good.

use crate::{
    cmdline::Options,
    guest::{each_user, log::Log, logon::file, privilege},
    layout,
};

/// Reads names of homes from the standard input, a packet each. Status 0 if somebody may log on, 1 if nobody.
pub fn check(options: &Options<'_>) -> u8 {
    if privilege::become_logon().is_err() {
        return 1;
    }
    let mut status = 1;
    each_user::take(|name| {
        if may_log_on(name, options.single) {
            status = 0;
        }
    });
    status
}

fn may_log_on(name: &str, single: bool) -> bool {
    let log = Log::PID1;
    let root = name == layout::ROOT_USER;
    match file::of(name) {
        Ok(file) if root && file.password.as_deref() == Some("") => {
            error!(log, "home root: an empty password opens no root prompt; give it one");
            false
        }
        Ok(file) => file.password.is_some() && (root || !single),
        Err(why) => {
            error!(log, "home ", name, ": ", layout::LOGON_FILE, ": ", why, "; nobody logs on there");
            false
        }
    }
}
