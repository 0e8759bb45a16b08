//! What each program executes, in the processor's time.

use rustix::io::Result;
use shim::sys::trace::{self, How, Stop};

use crate::process::{Line, proc, program, used};

/// Processes that live at once; one more is not followed by name.
const LIVING: usize = 32;

pub fn follow(ready: &mut dyn FnMut()) -> Result<()> {
    let proc = proc()?;
    trace::seize(trace::PROGRAMS)?;
    ready();
    // 0 for a place that is free
    let mut living = [0_i32; LIVING];
    loop {
        let (pid, stop) = trace::next()?;
        match stop {
            Stop::Gone => {
                forget(&mut living, pid);
                continue;
            }
            Stop::Exec => {
                note(&mut living, pid);
                for other in living.into_iter().filter(|other| *other != 0 && *other != pid) {
                    Line::new("alive", &program(&proc, other)).value("Own", used(other).unwrap_or(0)).print();
                }
                let kind = if pid == 1 { "begin" } else { "exec" };
                Line::new(kind, &program(&proc, pid)).value("Own", used(pid)?).print();
            }
            Stop::Exit => {
                Line::new("exit", &program(&proc, pid)).value("Own", used(pid)?).print();
                // until it is buried it is said no more
                forget(&mut living, pid);
            }
            Stop::Call | Stop::Other(_) => note(&mut living, pid),
        }
        trace::go(pid, How::On, stop);
    }
}

fn forget(living: &mut [i32], pid: i32) {
    living.iter_mut().filter(|one| **one == pid).for_each(|one| *one = 0);
}

fn note(living: &mut [i32], pid: i32) {
    let at = living.iter().position(|one| *one == pid).or_else(|| living.iter().position(|one| *one == 0));
    if let Some(one) = at.and_then(|at| living.get_mut(at)) {
        *one = pid;
    }
}
