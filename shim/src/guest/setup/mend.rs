//! Runs `/mend`.

use rustix::{fs::OFlags, process::WaitOptions};

use crate::{cut, guest::place, layout, say, say::Text, sys};

/// Whether it may write: `ro` also forbids e2fsck.
pub fn may_write(options: &str) -> bool {
    let mut words = Some(options);
    core::iter::from_fn(|| cut::next(&mut words, b',')).all(|word| word != "ro")
}

/// Has it do that with a device, and waits for it: no longer than e2fsck may take. `/mend` logs its own findings. Its
/// status is 0 where that is true: `guest::mend` has the table.
pub fn run(what: &str, device: &str) -> bool {
    let mut arguments = Text::new();
    say!(&mut arguments, "mend\0", what, "\0", device, "\0");
    match sys::fork() {
        Ok(Some((pid, _))) => {
            let ended = rustix::process::waitpid(rustix::process::Pid::from_raw(pid), WaitOptions::empty());
            ended.is_ok_and(|ended| ended.and_then(|(_, status)| status.exit_status()) == Some(0))
        }
        Ok(None) => {
            let program = place::file(layout::MEND, OFlags::PATH);
            let _ = program.map(|program| sys::exec(&program, c"", sys::strings(&arguments), core::iter::empty()));
            sys::exit(127)
        }
        Err(_) => false,
    }
}
