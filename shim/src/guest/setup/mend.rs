//! Runs `/mend`.

use rustix::{fs::OFlags, process::WaitOptions};

use crate::{guest::place, layout, say, say::Text, sys};

/// Has it do that with a device, and waits for it: no longer than e2fsck may take. `/mend` logs its own findings.
/// `guest::mend` has the table of its statuses.
pub fn run(what: &str, device: &str) -> i32 {
    let mut arguments = Text::new();
    say!(&mut arguments, "mend\0", what, "\0", device, "\0");
    match sys::fork() {
        Ok(Some((pid, _))) => {
            let ended = rustix::process::waitpid(rustix::process::Pid::from_raw(pid), WaitOptions::empty());
            ended.ok().flatten().and_then(|(_, status)| status.exit_status()).unwrap_or(1)
        }
        Ok(None) => {
            let program = place::file(layout::MEND, OFlags::PATH);
            let _ = program.map(|program| sys::exec(&program, c"", sys::strings(&arguments), core::iter::empty()));
            sys::exit(127)
        }
        Err(_) => 1,
    }
}
