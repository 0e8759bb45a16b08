//! Counts the system calls of PID 1, and those between its forks and the programs that these start.

use linux_raw_sys::general as raw;
use rustix::fd::OwnedFd;
use rustix::io::{Errno, Result};
use shim::programs;
use shim::sys::trace::{self, How, Stop};

use crate::process::{Line, proc, program};

/// Larger than any system call number of an architecture.
const NUMBERS: usize = 512;

/// A traced process; pid 0 marks a free place.
#[derive(Clone, Copy)]
struct Followed {
    pid: i32,
    calls: [u16; NUMBERS],
}

const NOBODY: Followed = Followed { pid: 0, calls: [0; NUMBERS] };

pub fn follow(ready: &mut dyn FnMut()) -> Result<()> {
    let proc = proc()?;
    let mut all = [NOBODY; 16];
    trace::seize(trace::CALLS)?;
    ready();
    loop {
        let (pid, stop) = trace::next()?;
        let over = match stop {
            Stop::Gone => {
                all.iter_mut().filter(|one| one.pid == pid).for_each(|one| *one = NOBODY);
                continue;
            }
            Stop::Call => entered(&proc, &mut all, pid)?,
            Stop::Exit if pid != 1 => Some(program(&proc, pid)),
            // the meter itself becomes the shim: its own calls before that do not count
            Stop::Exec if pid == 1 => {
                all.iter_mut().for_each(|one| *one = NOBODY);
                None
            }
            Stop::Exec | Stop::Exit | Stop::Other(_) => None,
        };
        if let Some(what) = &over {
            say(what, &mut all, pid);
            all.iter_mut().filter(|one| one.pid == pid).for_each(|one| *one = NOBODY);
            // nobody waits for a service: what PID 1 has done by then is chance
            if !programs::is_service(what) {
                say("init", &mut all, 1);
            }
        }
        trace::go(pid, if over.is_some() { How::Alone } else { How::ToCall }, stop);
    }
}

/// Counts the call that the process enters. Returns what the process has become, if this is the last call that counts.
fn entered(proc: &OwnedFd, all: &mut [Followed], pid: i32) -> Result<Option<shim::say::Text>> {
    let Some((number, fifth)) = trace::entering(pid)? else { return Ok(None) };
    let one = place(all, pid).ok_or(Errno::NOMEM)?;
    if let Some(count) = usize::try_from(number).ok().and_then(|number| one.calls.get_mut(number)) {
        *count = count.saturating_add(1);
    }
    // an exec by path: our own programs are executed by descriptor
    let by_path = fifth & u64::from(raw::AT_EMPTY_PATH) == 0;
    let what = match number {
        raw::__NR_execveat if by_path && pid != 1 => "program",
        raw::__NR_rt_sigtimedwait if pid != 1 => "sandbox",
        // it waits for something to do
        raw::__NR_ppoll if pid != 1 => {
            let what = program(proc, pid);
            return Ok(programs::is_service(&what).then_some(what));
        }
        _ => return Ok(None),
    };
    shim::say::Text::try_from(what).map(Some).map_err(|_| Errno::NOMEM)
}

fn place(all: &mut [Followed], pid: i32) -> Option<&mut Followed> {
    let at = all.iter().position(|one| one.pid == pid).or_else(|| all.iter().position(|one| one.pid == 0))?;
    let one = all.get_mut(at)?;
    one.pid = pid;
    Some(one)
}

fn say(what: &str, all: &mut [Followed], pid: i32) {
    let Some(one) = all.iter().find(|one| one.pid == pid) else { return };
    let made = || (0_u64..).zip(one.calls).filter(|(_, count)| *count > 0);
    let mut line = Line::new("calls", what);
    line.value("Total", made().map(|(_, count)| u64::from(count)).sum());
    made().for_each(|(number, count)| {
        line.value(number, count.into());
    });
    line.print();
}
