//! Why a user whose password is right has no home that PID 1 knows.

use crate::{
    cmdline::Options,
    guest::{
        homes::{folder, scan},
        log::Log,
        privilege,
    },
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
    let read = folder()
        .and_then(|users| scan(&users, &mut Homes::new(), options.apps.is_some(), options.guards, &mut refused));
    match (refusal, read) {
        (Some(why), _) => {
            error!(log, user, " cannot log on: its home is refused: ", why);
        }
        (None, Ok(())) => error!(
            log,
            user,
            " cannot log on: the home is new, try again in some seconds; or root has stopped this user, until root renames \
             the home and back, or the machine restarts"
        ),
        (None, Err(errno)) => error!(log, user, " cannot log on: cannot read the users partition: ", errno),
    }
    0
}
