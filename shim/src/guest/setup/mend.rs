//! Runs `/mend`.

use rustix::{fs::OFlags, process::WaitOptions};

use crate::{fsck::Fsck, guest::place, layout, programs, say, say::Text, sys};

/// Has `/mend` run e2fsck on a device, as the word `what` requires, and waits for it: at most as long as e2fsck may
/// take.
pub fn e2fsck(what: &str, device: &str) -> Fsck {
    Fsck::of_status(run(what, device))
}

/// Has `/mend` log why the kernel refuses a device.
pub fn why(device: &str) {
    let _ = run("why", device);
}

/// Has `/mend` log what the kernel said before it panicked, on a machine that keeps it.
pub fn panic() {
    if place::open(layout::PANICS).is_ok() {
        let _ = run("panic", "-");
    }
}

/// The exit status of `/mend`, which logs its own findings.
fn run(what: &str, device: &str) -> Option<i32> {
    let mut arguments = Text::new();
    say!(&mut arguments, "mend\0", what, "\0", device, "\0");
    match sys::fork() {
        Ok(Some((pid, _))) => {
            let ended = rustix::process::waitpid(rustix::process::Pid::from_raw(pid), WaitOptions::empty());
            ended.ok().flatten().and_then(|(_, status)| status.exit_status())
        }
        Ok(None) => {
            let program = place::file(programs::MEND.path, OFlags::PATH);
            let _ = program.map(|program| sys::exec(&program, c"", sys::strings(&arguments), core::iter::empty()));
            sys::exit(Fsck::NeverBegan.status())
        }
        Err(_) => Some(Fsck::NeverBegan.status().into()),
    }
}
