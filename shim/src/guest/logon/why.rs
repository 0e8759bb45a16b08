//! Why a user whose password is right has no home that PID 1 knows.

use crate::{
    cmdline::Options,
    guest::{homes::scan, log::Log, privilege},
    users::Homes,
};

/// Logs it. The homes as they are now tell. A function of its own, because its stack takes pages.
#[inline(never)]
pub fn why(user: &str, options: &Options<'_>) -> u8 {
    let log = Log::PID1;
    if privilege::become_logon().is_err() {
        return 1;
    }
    let mut refusal = None;
    let mut refused = |name: &[u8], why| {
        if name == user.as_bytes() {
            refusal = Some(why);
        }
    };
    let _ = scan(&mut Homes::new(), options.apps.is_some(), options.guards, &mut refused);
    match refusal {
        Some(why) => error!(log, user, " cannot log on: the home was refused at boot: ", why),
        None => {
            error!(log, user, " cannot log on: the home was not there at boot; restart the machine to use it");
        }
    }
    0
}
