//! Why a user whose password is right has no home that PID 1 knows.

use crate::{
    cmdline::Options,
    guest::{homes::scan, log::Log, privilege},
    users::Homes,
};

/// Logs the reason, from the homes as they are now: PID 1 does not remember those that it refused. A function of its
/// own, because its stack takes pages.
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
    let read = scan(&mut Homes::new(), options.apps.is_some(), options.guards, &mut refused);
    match (refusal, read) {
        (Some(why), _) => {
            error!(log, user, " cannot log on: it has no home since the boot, and its home is refused now: ", why);
        }
        (None, Ok(())) => error!(
            log,
            user, " cannot log on: its home was not there, or was refused, at boot; restart the machine to use it"
        ),
        (None, Err(errno)) => error!(log, user, " cannot log on: cannot read the users partition: ", errno),
    }
    0
}
